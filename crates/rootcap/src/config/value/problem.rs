//! What is wrong with a value, and where in it.

/// A step from a value into a value that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) enum Step {
    /// The element of a list.
    Index(usize),
    /// The entry of a map.
    Key(String),
}

/// One thing that is wrong with a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::config) struct Problem {
    /// The way from the setting's value to the one that is wrong, innermost step last.
    pub(in crate::config) path: Vec<Step>,
    /// What is wrong, where it does not follow from what is accepted.
    pub(in crate::config) detail: Option<String>,
    /// What is accepted there, where it is not what the whole setting accepts.
    pub(in crate::config) accepts: Option<String>,
}

/// All that is wrong with a value; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct Problems(pub(in crate::config) Vec<Problem>);

impl Problems {
    /// The value is none of those that are accepted, and there is no more to say.
    pub(in crate::config) fn plain() -> Self {
        Self(vec![Problem::default()])
    }

    /// The value is not accepted, for a reason worth a phrase.
    pub(in crate::config) fn because(detail: impl Into<String>) -> Self {
        Self(vec![Problem { detail: Some(detail.into()), ..Problem::default() }])
    }

    /// The same, seen from the value that holds this one.
    pub(in crate::config) fn under(mut self, step: &Step) -> Self {
        for problem in &mut self.0 {
            problem.path.insert(0, step.clone());
        }
        self
    }

    /// The same, of a value that accepts something else than the setting that holds it.
    pub(in crate::config) fn expecting(mut self, accepts: &str) -> Self {
        for problem in &mut self.0 {
            problem.accepts.get_or_insert_with(|| accepts.to_owned());
        }
        self
    }

    /// Gathers results: all values, or all problems.
    pub(in crate::config) fn gather<T, C: FromIterator<T>>(
        results: impl IntoIterator<Item = Result<T, Self>>,
    ) -> Result<C, Self> {
        let mut problems = Vec::new();
        let values = results
            .into_iter()
            .filter_map(|result| result.map_err(|found| problems.extend(found.0)).ok())
            .collect();
        if problems.is_empty() { Ok(values) } else { Err(Self(problems)) }
    }

    /// The problems in one sentence, for where only one error can be reported.
    pub(in crate::config) fn sentence(&self, accepts: &str) -> String {
        let all: Vec<_> = self.0.iter().map(|problem| problem.sentence(accepts)).collect();
        all.join("; ")
    }
}

impl Problem {
    /// What is wrong and what would be right.
    pub(in crate::config) fn sentence(&self, accepts: &str) -> String {
        let mut sentence = String::new();
        match self.path.last() {
            Some(Step::Index(index)) => sentence += &format!("element {}: ", index + 1),
            Some(Step::Key(key)) => sentence += &format!("entry {key:?}: "),
            None => {}
        }
        if let Some(detail) = &self.detail {
            sentence += &format!("{detail}; ");
        }
        sentence + "expected " + self.accepts.as_deref().unwrap_or(accepts)
    }
}

//! What a run of the benchmark gives: all measurements have one shape, which is also that of the JSON.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Result;
use super::statistics::Summary;

/// The version of the JSON's shape.
const FORMAT: u32 = 2;

/// All that a run has measured.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Results {
    format: u32,
    pub(crate) plan: String,
    /// On what: name and value, such as the processor and the compiler.
    pub(crate) machine: Vec<(String, String)>,
    pub(crate) numbers: Vec<Number>,
    /// What was not measured, and why.
    pub(crate) not_measured: Vec<String>,
    /// Why rounds did not count.
    pub(crate) discarded: Vec<String>,
    /// What was to be measured, and gave no number at all.
    pub(crate) failed: Vec<String>,
}

/// One number that several contenders are compared by.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Number {
    /// What it was measured on or with, such as `unary 10x10`: the title of its table.
    pub(crate) of: String,
    /// Its name, with its unit.
    pub(crate) name: String,
    /// The contender that ratios are to.
    pub(crate) base: String,
    /// The rounds that were made; those that count are the samples.
    pub(crate) rounds: usize,
    pub(crate) contenders: Vec<Reached>,
}

/// What one contender has reached.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reached {
    pub(crate) contender: String,
    pub(crate) value: Summary,
    /// To the base, round by round. None where the base is 0.
    pub(crate) ratio: Option<Summary>,
    /// A value for each round that counts, in the order of the rounds.
    pub(crate) samples: Vec<f64>,
}

impl Results {
    pub(crate) fn new(plan: &str, machine: Vec<(String, String)>) -> Self {
        Self {
            format: FORMAT,
            plan: plan.to_owned(),
            machine,
            numbers: Vec::new(),
            not_measured: Vec::new(),
            discarded: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// Reads the results of an earlier run.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is not what [`Self::write`] writes.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&text).map_err(|error| format!("{}: {error}", path.display()).into())
    }

    fn parse(text: &str) -> std::result::Result<Self, String> {
        let wanted = format!("results that `cargo xtask bench --json` writes, of format {FORMAT}");
        let value: serde_json::Value = serde_json::from_str(text)
            .map_err(|error| format!("this is no JSON ({error}); it must be {wanted}"))?;
        if value["format"] != FORMAT {
            let format = &value["format"];
            return Err(format!("this is of format {format}; it must be {wanted}"));
        }
        serde_json::from_value(value)
            .map_err(|error| format!("this does not read as {wanted}: {error}"))
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()).into())
    }

    /// Takes note of something that this machine cannot measure.
    pub(crate) fn not_measured(&mut self, what: String) {
        println!("not measured: {what}");
        self.not_measured.push(what);
    }

    pub(crate) fn number(&self, of: &str, name: &str) -> Option<&Number> {
        self.numbers.iter().find(|number| number.of == of && number.name == name)
    }
}

impl Number {
    /// From the samples of each contender, of which the first is the base: as many for each, those of one round at the
    /// same place.
    pub(crate) fn new(
        of: &str,
        name: &str,
        rounds: usize,
        samples: Vec<(&str, Vec<f64>)>,
    ) -> Option<Self> {
        let (base, base_samples) = samples.first().cloned()?;
        let reached = |(contender, samples): (&str, Vec<f64>)| {
            let pairs = samples.iter().copied().zip(base_samples.iter().copied());
            Some(Reached {
                contender: contender.to_owned(),
                value: Summary::of(samples.iter().copied())?,
                ratio: Summary::of_ratios(pairs),
                samples,
            })
        };
        Some(Self {
            of: of.to_owned(),
            name: name.to_owned(),
            base: base.to_owned(),
            rounds,
            contenders: samples.into_iter().map(reached).collect::<Option<_>>()?,
        })
    }

    pub(crate) fn reached(&self, contender: &str) -> Option<&Reached> {
        self.contenders.iter().find(|reached| reached.contender == contender)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// Two contenders, of which the second needs half of the time, or another part.
    pub(crate) fn results(part: f64) -> Results {
        let mut results = Results::new("smoke", vec![("processor".to_owned(), "fast".to_owned())]);
        let samples = vec![
            ("bare", vec![8.0, 12.0, 16.0]),
            ("rootcap", vec![8.0 * part, 12.0 * part, 16.0 * part]),
        ];
        results.numbers.push(Number::new("unary 10x10", "CPU us/call", 4, samples).unwrap());
        let samples = vec![("bare", vec![37.0; 3]), ("rootcap", vec![18.5; 3])];
        results.numbers.push(Number::new("heap", "allocations/call", 3, samples).unwrap());
        results.not_measured.push("instructions: valgrind is missing".to_owned());
        results.discarded.push("unary 10x10: rootcap: it fell over".to_owned());
        results
    }

    #[test]
    fn numbers_hold_medians_ratios_and_samples() {
        let results = results(0.5);
        let rootcap = results.number("unary 10x10", "CPU us/call").unwrap().reached("rootcap");
        let rootcap = rootcap.unwrap();
        assert!((rootcap.value.median - 6.0).abs() < 1e-9);
        assert!((rootcap.ratio.unwrap().high - 0.5).abs() < 1e-9);
        assert_eq!(rootcap.samples, [4.0, 6.0, 8.0]);
    }

    #[test]
    fn there_is_no_ratio_to_nothing() {
        let number = Number::new("a", "b", 1, vec![("bare", vec![0.0]), ("rootcap", vec![1.0])]);
        assert_eq!(number.unwrap().contenders[1].ratio, None);
        assert_eq!(Number::new("a", "b", 1, vec![("bare", vec![])]), None);
    }

    #[test]
    fn what_is_written_can_be_read() {
        let text = serde_json::to_string(&results(0.5)).unwrap();
        assert_eq!(Results::parse(&text), Ok(results(0.5)));
    }

    #[test]
    fn another_file_is_named_as_what_it_is() {
        let refused = |text: &str, expected: &str| {
            let error = Results::parse(text).unwrap_err();
            assert!(error.contains(expected) && error.contains("of format 2"), "{error}");
        };
        refused("no", "no JSON");
        refused("{}", "format null");
        refused("{\"format\": 1, \"cases\": []}", "format 1");
        refused("{\"format\": 2, \"plan\": \"full\"}", "missing field");
    }
}

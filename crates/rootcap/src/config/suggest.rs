//! The known name that an unknown one was meant to be.

/// The known key nearest to `wrong`, if one is near: a few letters off, or the same name in another section.
pub(super) fn nearest<'a>(
    wrong: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    let name = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let limit = (wrong.chars().count() / 3).clamp(1, 4);
    let near = within(limit, wrong, known.clone());
    near.or_else(|| known.into_iter().find(|key| name(key) == name(wrong)))
}

/// The known word nearest to `wrong`, if one is at most so many edits off. Upper and lower case are the same.
pub(crate) fn within<'a>(
    limit: usize,
    wrong: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let distances =
        known.into_iter().map(|key| (distance(&wrong.to_lowercase(), &key.to_lowercase()), key));
    let near = distances.filter(|(distance, _)| *distance <= limit);
    near.min_by_key(|(distance, _)| *distance).map(|(_, key)| key)
}

/// The number of edits that make one text of the other: a character inserted, deleted or replaced, or two neighbours
/// swapped. (The optimal string alignment distance: no part is edited twice.)
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // The distances to every beginning of `b` from three beginnings of `a`, each a character longer than the one before.
    let mut last = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut next = vec![i + 1];
        for j in 0..b.len() {
            let replaced = row[j] + usize::from(a[i] != b[j]);
            let mut least = replaced.min(next[j] + 1).min(row[j + 1] + 1);
            if i > 0 && j > 0 && (a[i - 1], a[i]) == (b[j], b[j - 1]) {
                least = least.min(last[j - 1] + 1);
            }
            next.push(least);
        }
        last = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("same", "same"), 0);
        assert_eq!(distance("inof", "info"), 1);
        assert_eq!(distance("niof", "info"), 2);
        assert_eq!(distance("", ""), 0);
    }

    #[test]
    fn a_near_name_or_the_same_name_elsewhere_is_suggested() {
        let known = ["listen", "limits.rate", "http2.max_frame_size"];
        assert_eq!(nearest("lisen", known), Some("listen"));
        assert_eq!(nearest("LISTEN", known), Some("listen"));
        assert_eq!(nearest("max_frame_size", known), Some("http2.max_frame_size"));
        assert_eq!(nearest("entirely.different", known), None);
    }
}

//! The known name that an unknown one was meant to be.

/// The known key nearest to `wrong`, if one is near: a few letters off, or the same name in another section.
pub(super) fn nearest<'a>(
    wrong: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    let name = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let limit = (wrong.chars().count() / 3).clamp(1, 4);
    let near = known
        .clone()
        .into_iter()
        .map(|key| (distance(&wrong.to_lowercase(), &key.to_lowercase()), key))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance);
    match near {
        Some((_, key)) => Some(key),
        None => known.into_iter().find(|key| name(key) == name(wrong)),
    }
}

/// The number of characters to insert, delete or replace to make one text of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    // The distances from the part of `a` read so far to every beginning of `b`.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
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

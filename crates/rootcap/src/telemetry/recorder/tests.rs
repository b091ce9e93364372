use ::metrics::{counter, describe_counter, describe_gauge, gauge, histogram, with_local_recorder};

use super::*;

/// What the recorder shows after `record`.
fn shown(record: impl FnOnce()) -> String {
    let recorder = Recorder::new(&[0.5, 1.0]);
    with_local_recorder(&recorder, record);
    page(&recorder)
}

fn page(recorder: &Recorder) -> String {
    let mut page = Exposition::default();
    recorder.write(&mut page);
    page.into_text()
}

#[test]
fn counters_and_gauges_are_shown_by_name_and_labels() {
    let text = shown(|| {
        gauge!("b", "of" => "y").set(1.5);
        gauge!("b", "of" => "y").decrement(2.0);
        gauge!("b", "of" => "x").increment(1.0);
        describe_counter!("a_total", "An a.");
        describe_counter!("a_total", "Another.");
        counter!("a_total").increment(1);
        counter!("a_total").increment(2);
        counter!("a_total").absolute(2);
    });
    let expected = "# HELP a_total An a.\n# TYPE a_total counter\na_total 3\n\
        # HELP b Recorded by the program, without a description.\n# TYPE b gauge\n\
        b{of=\"x\"} 1\nb{of=\"y\"} -0.5\n";
    assert_eq!(text, expected);
}

#[test]
fn a_histogram_counts_into_buckets_that_hold_those_below() {
    let text = shown(|| {
        for value in [0.5, 0.75, 2.0] {
            histogram!("h_seconds", "of" => "x").record(value);
        }
        histogram!("plain").record(f64::INFINITY);
    });
    let expected = "# HELP h_seconds Recorded by the program, without a description.\n\
        # TYPE h_seconds histogram\n\
        h_seconds_bucket{of=\"x\",le=\"0.5\"} 1\n\
        h_seconds_bucket{of=\"x\",le=\"1\"} 2\n\
        h_seconds_bucket{of=\"x\",le=\"+Inf\"} 3\n\
        h_seconds_sum{of=\"x\"} 3.25\n\
        h_seconds_count{of=\"x\"} 3\n\
        # HELP plain Recorded by the program, without a description.\n\
        # TYPE plain histogram\n\
        plain_bucket{le=\"0.5\"} 0\n\
        plain_bucket{le=\"1\"} 0\n\
        plain_bucket{le=\"+Inf\"} 1\n\
        plain_sum inf\n\
        plain_count 1\n";
    assert_eq!(text, expected);
}

#[test]
fn what_comes_after_a_page_is_on_the_next_and_values_are_those_of_now() {
    let recorder = Recorder::new(&[0.5]);
    with_local_recorder(&recorder, || gauge!("b").set(1.0));
    let head = |help| format!("# HELP b {help}\n# TYPE b gauge\n");
    let without = head("Recorded by the program, without a description.");
    assert_eq!(page(&recorder), format!("{without}b 1\n"));
    with_local_recorder(&recorder, || gauge!("b").set(2.0));
    assert_eq!(page(&recorder), format!("{without}b 2\n"));
    with_local_recorder(&recorder, || describe_gauge!("b", "A b."));
    assert_eq!(page(&recorder), format!("{}b 2\n", head("A b.")));
    with_local_recorder(&recorder, || gauge!("b", "of" => "x").set(3.0));
    assert_eq!(page(&recorder), format!("{}b 2\nb{{of=\"x\"}} 3\n", head("A b.")));
}

#[test]
fn whatever_the_program_says_is_one_line_of_the_format() {
    let text = shown(|| {
        describe_counter!("1-a.b:c", "One\\two\nthree");
        counter!("1-a.b:c", "the key" => "a\"b\\c\nd").increment(1);
    });
    let expected = "# HELP __a_b:c One\\\\two\\nthree\n# TYPE __a_b:c counter\n\
        __a_b:c{the_key=\"a\\\"b\\\\c\\nd\"} 1\n";
    assert_eq!(text, expected);
}

#[test]
fn names_that_become_one_are_one_family() {
    let text = shown(|| {
        counter!("a.b", "of" => "x").increment(1);
        counter!("a_b", "of" => "y").increment(2);
    });
    assert_eq!(text.matches("# TYPE a_b counter").count(), 1, "{text}");
    assert!(text.ends_with("a_b{of=\"x\"} 1\na_b{of=\"y\"} 2\n"), "{text}");
}

#[test]
fn a_label_is_there_once_and_le_is_the_histograms_own() {
    let text = shown(|| {
        counter!("c", "a" => "1", "b" => "2", "a" => "3").increment(1);
        histogram!("h", "le" => "x").record(0.1);
    });
    assert!(text.contains("c{a=\"3\",b=\"2\"} 1\n"), "{text}");
    assert!(text.contains("h_bucket{le_=\"x\",le=\"0.5\"} 1\n"), "{text}");
}

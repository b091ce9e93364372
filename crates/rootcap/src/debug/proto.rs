//! A profile as `profile.proto`, which `go tool pprof` and most other programs for profiles read.

mod message;

use std::{
    collections::HashMap,
    io::{self, Write},
    time::SystemTime,
};

use flate2::{Compression, write::GzEncoder};
use prost::Message;

use super::profile::{self, Function, MappedFile, Quantity};

/// A profile, compressed with gzip, as its readers expect it.
pub(crate) fn gzipped(profile: &profile::Profile) -> Vec<u8> {
    let bytes = Writing::of(profile).encode_to_vec();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    let written: io::Result<Vec<u8>> = gzip.write_all(&bytes).and_then(|()| gzip.finish());
    written.expect("a Vec takes all that is written to it")
}

/// What has a number by its place: each thing once.
struct Numbered<T>(HashMap<T, u64>);

impl<T: std::hash::Hash + Eq> Numbered<T> {
    /// The number of a thing, and whether it is a new one; the first has 0.
    fn number(&mut self, thing: T) -> (u64, bool) {
        let next = self.0.len() as u64;
        let number = *self.0.entry(thing).or_insert(next);
        (number, number == next)
    }
}

struct Writing {
    out: message::Profile,
    strings: Numbered<String>,
    functions: Numbered<(String, String)>,
}

impl Writing {
    fn of(profile: &profile::Profile) -> message::Profile {
        let (strings, functions) = (Numbered(HashMap::new()), Numbered(HashMap::new()));
        let mut writing = Self { out: message::Profile::default(), strings, functions };
        // The format asks for it: 0 is no string.
        writing.text("");
        writing.head(profile);
        profile.modules.iter().for_each(|module| writing.mapping(module));
        profile.places.iter().for_each(|(address, place)| writing.location(*address, place));
        let locations: HashMap<u64, u64> = profile.places.keys().copied().zip(1..).collect();
        profile.samples.iter().for_each(|sample| writing.sample(sample, &locations));
        writing.out
    }

    fn text(&mut self, text: &str) -> i64 {
        let (number, new) = self.strings.number(text.to_owned());
        if new {
            self.out.strings.push(text.to_owned());
        }
        number as i64
    }

    fn quantity(&mut self, Quantity { name, unit }: Quantity) -> message::ValueType {
        message::ValueType { name: self.text(name), unit: self.text(unit) }
    }

    fn head(&mut self, profile: &profile::Profile) {
        let types = profile.quantities.iter().map(|quantity| self.quantity(*quantity)).collect();
        self.out.sample_types = types;
        self.out.default_sample_type =
            profile.quantities.last().map_or(0, |quantity| self.text(quantity.name));
        self.out.period_type = Some(self.quantity(profile.period.0));
        self.out.period = profile.period.1 as i64;
        let since_1970 = profile.started.duration_since(SystemTime::UNIX_EPOCH);
        self.out.time_nanos = since_1970.unwrap_or_default().as_nanos() as i64;
        self.out.duration_nanos = profile.lasted.as_nanos() as i64;
        let comments = profile.comments.iter().map(|comment| self.text(comment)).collect();
        self.out.comments = comments;
    }

    fn mapping(&mut self, file: &MappedFile) {
        let mapping = message::Mapping {
            id: self.out.mappings.len() as u64 + 1,
            start: file.range.start,
            limit: file.range.end,
            offset: file.offset,
            file: self.text(&file.path),
            build_id: self.text(&file.build_id),
            has_functions: false,
        };
        self.out.mappings.push(mapping);
    }

    fn location(&mut self, address: u64, place: &profile::Place) {
        let lines = place.functions.iter().map(|function| self.line(function)).collect();
        if let Some(mapping) = place.module.and_then(|module| self.out.mappings.get_mut(module)) {
            mapping.has_functions |= !place.functions.is_empty();
        }
        let mapping = place.module.map_or(0, |module| module as u64 + 1);
        let id = self.out.locations.len() as u64 + 1;
        self.out.locations.push(message::Location { id, mapping, address, lines });
    }

    fn line(&mut self, Function { name, linkage, file, line }: &Function) -> message::Line {
        let (number, new) = self.functions.number((linkage.clone(), file.clone()));
        let id = number + 1;
        if new {
            let (name, linkage) = (self.text(name), self.text(linkage));
            let file = self.text(file);
            self.out.functions.push(message::Function { id, name, linkage, file });
        }
        message::Line { function: id, line: i64::from(*line) }
    }

    fn sample(&mut self, sample: &profile::Sample, locations: &HashMap<u64, u64>) {
        let label = |(key, text): &(&str, String)| message::Label {
            key: self.text(key),
            text: self.text(text),
        };
        let labels = sample.labels.iter().map(label).collect();
        self.out.samples.push(message::Sample {
            locations: sample.stack.iter().filter_map(|it| locations.get(it).copied()).collect(),
            values: sample.values.iter().map(|value| *value as i64).collect(),
            labels,
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::{io::Read, time::Duration};

    use super::*;
    use crate::debug::profile::{Place, Profile, Sample};

    fn function(name: &str) -> Function {
        Function { name: name.to_owned(), linkage: format!("_{name}"), ..Function::default() }
    }

    #[test]
    fn each_thing_is_written_once_and_found_by_its_number() {
        const CPU: Quantity = Quantity { name: "cpu", unit: "nanoseconds" };
        const SAMPLES: Quantity = Quantity { name: "samples", unit: "count" };
        let place = |names: &[&str], module| Place {
            functions: names.iter().map(|name| function(name)).collect(),
            module,
        };
        let sample = |stack: &[u64]| Sample {
            stack: stack.to_vec(),
            values: vec![5],
            labels: vec![("thread", "worker".to_owned())],
        };
        let profile = Profile {
            quantities: &[SAMPLES, CPU],
            period: (CPU, 10),
            samples: vec![sample(&[1, 2]), sample(&[2])],
            places: [(1, place(&["inlined", "f"], Some(0))), (2, place(&["f"], None))].into(),
            modules: vec![MappedFile {
                path: "/server".to_owned(),
                range: 1..2,
                ..Default::default()
            }],
            started: SystemTime::UNIX_EPOCH + Duration::from_secs(1),
            lasted: Duration::from_secs(2),
            comments: vec!["worker".to_owned()],
        };
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(&*gzipped(&profile)).read_to_end(&mut bytes).unwrap();
        let read = message::Profile::decode(&*bytes).unwrap();

        let text = |number: i64| read.strings[number as usize].as_str();
        assert_eq!(text(0), "");
        assert_eq!(text(read.default_sample_type), "cpu");
        assert_eq!(text(read.comments[0]), "worker");
        assert_eq!(text(read.samples[1].labels[0].text), "worker");
        assert_eq!(read.strings.iter().filter(|text| *text == "worker").count(), 1);
        assert_eq!((read.time_nanos, read.duration_nanos), (1_000_000_000, 2_000_000_000));
        assert_eq!(
            (&*read.samples[0].locations, &*read.samples[1].locations),
            (&[1, 2][..], &[2][..])
        );
        let name = |line: &message::Line| text(read.functions[line.function as usize - 1].name);
        let names = |at: usize| read.locations[at].lines.iter().map(name).collect::<Vec<_>>();
        assert_eq!((names(0), names(1)), (vec!["inlined", "f"], vec!["f"]));
        assert_eq!((read.functions.len(), read.locations[1].mapping), (2, 0));
        assert!(read.mappings[0].has_functions);
    }
}

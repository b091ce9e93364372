//! Reading Prometheus' text format.

use std::collections::BTreeMap;

/// What `/metrics` showed at one time.
#[derive(Debug, Clone)]
pub struct Metrics {
    text: String,
    /// Name and labels, as written, to the value.
    series: BTreeMap<String, f64>,
}

impl Metrics {
    /// Reads the text format.
    pub fn parse(text: String) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let series = lines.map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series.to_owned(), value.parse().unwrap())
        });
        Self { series: series.collect(), text }
    }

    /// The text that was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names and labels of all series that begin with `prefix`.
    pub fn series(&self, prefix: &str) -> Vec<&str> {
        self.series.keys().map(String::as_str).filter(|key| key.starts_with(prefix)).collect()
    }

    /// The values of all series of `name` that have these labels, added up.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels: Vec<_> =
            labels.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect();
        let of_name = self.series.iter().filter(|(key, _)| key.split('{').next() == Some(name));
        let chosen = of_name.filter(|(key, _)| labels.iter().all(|label| key.contains(label)));
        chosen.map(|(_, value)| value).sum()
    }

    /// How many calls of a method ended with this code.
    pub fn handled(&self, method: &str, code: &str) -> f64 {
        self.sum("grpc_server_handled_total", &[("grpc_method", method), ("grpc_code", code)])
    }

    /// How many calls of a method ended with each code, where there are any.
    pub fn codes(&self, method: &str) -> Vec<(&str, f64)> {
        let prefix = "grpc_server_handled_total{";
        let label = format!("grpc_method=\"{method}\"");
        let code = |key: &'_ str| key.find("grpc_code=\"").map(|at| at + 11);
        let chosen =
            self.series.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix));
        chosen
            .filter(|(key, value)| key.contains(&label) && **value > 0.0)
            .filter_map(|(key, value)| Some((key[code(key)?..].split('"').next()?, *value)))
            .collect()
    }
}

//! All settings and all metrics as JSON, for documentation and dashboards.
//!
//! `cargo xtask codegen` makes the tables in the README of this.

fn main() {
    let metric = |metric: rootcap::metrics::Metric| {
        serde_json::json!({
            "name": metric.name,
            "kind": metric.kind.as_str(),
            "labels": metric.labels,
            "help": metric.help,
        })
    };
    let reference = serde_json::json!({
        "settings": rootcap::config::Loaded::default().effective(),
        "example": rootcap::config::example(),
        "metrics": rootcap::metrics::all().map(metric).collect::<Vec<_>>(),
    });
    println!("{reference:#}");
}

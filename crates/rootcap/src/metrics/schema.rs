//! The macro behind the table of metrics.

/// Declares metrics: the one place that knows what the server records.
///
/// A row is the kind of a metric, its name without `rootcap_`, and its labels. Its documentation is its description
/// on `/metrics`. The macro makes a function of that name, which is the only way to record it, and `ROWS`.
///
/// A label's value is a `&'static str`, so that no caller of the server can make series. Where the program names
/// what is counted, the row says so: `counter checks_total(name: String);`.
macro_rules! metrics {
    (@handle counter) => { ::metrics::Counter };
    (@handle gauge) => { ::metrics::Gauge };
    (@handle histogram) => { ::metrics::Histogram };

    (@kind counter) => { rootcap_layers::metrics::MetricKind::Counter };
    (@kind gauge) => { rootcap_layers::metrics::MetricKind::Gauge };
    (@kind histogram) => { rootcap_layers::metrics::MetricKind::Histogram };

    (@type) => { &'static str };
    (@type $Type:ty) => { $Type };

    ($(
        $(#[doc = $help:literal])+
        $kind:ident $name:ident($($label:ident $(: $Type:ty)?),*);
    )+) => {
        /// Every metric of the table, in its order.
        pub(super) const ROWS: &[rootcap_layers::metrics::Metric] = &[$(
            rootcap_layers::metrics::Metric::new(
                metrics!(@kind $kind),
                concat!("rootcap_", stringify!($name)),
                &[$(stringify!($label)),*],
                concat!($($help),+).trim_ascii(),
            ),
        )+];

        $(
            $(#[doc = $help])+
            pub(crate) fn $name($($label: metrics!(@type $($Type)?)),*) -> metrics!(@handle $kind) {
                ::metrics::$kind!(
                    concat!("rootcap_", stringify!($name)) $(, stringify!($label) => $label)*
                )
            }
        )+
    };
}
pub(super) use metrics;

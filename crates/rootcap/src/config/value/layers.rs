//! Values that the layers parse themselves, from the same words as a page or a program of the user's.

use rootcap_layers::admission::{Cidr, Malformed, Match, Mode, Per, ShedCode};

use super::{Problems, Value};

macro_rules! parsed {
    ($($Type:ty: $accepts:expr;)+) => {$(
        impl Value for $Type {
            fn accepts() -> String {
                $accepts.to_owned()
            }

            fn from_text(text: &str) -> Result<Self, Problems> {
                text.parse().map_err(|error: Malformed| Problems::because(error.wrong()))
            }

            fn to_toml(&self) -> toml::Value {
                self.to_string().into()
            }
        }
    )+};
}

parsed! {
    Match: r#""*", "/package.Service/*" or "/package.Service/Method""#;
    Per: r#""all", "peer", "metadata:" and a key such as "metadata:x-tenant", or "tls-identity""#;
    Cidr: r#"an address or a network, such as "10.0.0.0/8" or "fd00::/8""#;
    ShedCode: r#""unavailable" or "resource-exhausted""#;
    Mode: r#""enforce" or "observe""#;
}

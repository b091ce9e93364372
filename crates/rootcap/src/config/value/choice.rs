//! Settings that are one of a few words.

use super::{Problems, Value, deserialize, word};

/// Declares an enum whose variants are written as words.
macro_rules! choices {
    ($(
        $(#[$about:meta])+
        pub enum $Choice:ident {
            $( $(#[$doc:meta])+ $Variant:ident = $word:literal, )+
        }
    )+) => {$(
        $(#[$about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $Choice {
            $( $(#[$doc])+ $Variant, )+
        }

        impl $Choice {
            /// The word for it in settings.
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$Variant => $word, )+ }
            }
        }

        impl Value for $Choice {
            fn accepts() -> String {
                let words = [$( concat!("\"", $word, "\"") ),+];
                format!("one of {}", words.join(", "))
            }

            fn from_text(text: &str) -> Result<Self, Problems> {
                match text {
                    $( $word => Ok(Self::$Variant), )+
                    _ => Err(Problems::plain()),
                }
            }

            fn from_toml(value: &toml::Value) -> Result<Self, Problems> {
                word(value).map_or_else(|| Err(Problems::plain()), Self::from_text)
            }

            fn to_toml(&self) -> toml::Value {
                self.as_str().into()
            }
        }

        deserialize!($Choice);
    )+};
}

choices! {
    /// Whether something is done.
    pub enum Switch {
        /// It is done.
        On = "on",
        /// It is not done.
        Off = "off",
    }

    /// Whether a client must have a certificate.
    pub enum ClientAuth {
        /// It must.
        Required = "required",
        /// It may.
        Optional = "optional",
    }

    /// How log lines are written.
    #[non_exhaustive]
    pub enum LogFormat {
        /// Text where the output is a terminal, else JSON.
        Auto = "auto",
        /// A JSON object on each line.
        Json = "json",
        /// Text for people.
        Text = "text",
    }

    /// Which lines are logged for a call.
    #[non_exhaustive]
    pub enum LogCalls {
        /// One when the call starts and one when it has ended.
        Both = "both",
        /// One when the call has ended.
        End = "end",
        /// One when the call has ended with another code than OK.
        Errors = "errors",
        /// None.
        Off = "off",
    }

    /// The headers that a trace comes in and goes on with, by their name in `OTEL_PROPAGATORS`.
    #[non_exhaustive]
    pub enum Propagator {
        /// W3C Trace Context: `traceparent` and `tracestate`.
        TraceContext = "tracecontext",
        /// B3 in one header: `b3`.
        B3 = "b3",
        /// B3 in several headers: `x-b3-traceid` and others.
        B3Multi = "b3multi",
    }
}

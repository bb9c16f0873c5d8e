//! Values as text: the names that stand on command lines, in reports and in saved options.

use std::fmt::Display;
use std::str::FromStr;

use crate::error::{Error, Result};

/// Gives an enum without fields its names: `ALL`, `name()`, `Display` and `FromStr`.
macro_rules! named {
    ($type:ident, $what:literal, $($variant:ident = $name:literal),+ $(,)?) => {
        impl $type {
            /// All values.
            pub const ALL: &'static [$type] = &[$($type::$variant),+];

            /// The name on command lines, in reports and in saved options; [`FromStr`](std::str::FromStr)
            /// reads it, [`Display`](std::fmt::Display) writes it.
            pub const fn name(self) -> &'static str {
                match self {
                    $($type::$variant => $name),+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = crate::error::Error;

            fn from_str(text: &str) -> crate::error::Result<Self> {
                let found = Self::ALL.iter().find(|value| value.name() == text);
                found.copied().ok_or_else(|| {
                    let names: Vec<&str> = Self::ALL.iter().map(|value| value.name()).collect();
                    crate::text::unreadable($what, text, &names.join(", "))
                })
            }
        }

        crate::text::saved_as_text!($type);
    };
}
pub(crate) use named;

/// `Serialize` and `Deserialize` through `Display` and `FromStr`.
macro_rules! saved_as_text {
    ($type:ident) => {
        #[cfg(feature = "serde")]
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use saved_as_text;

/// The error of a text that names no value.
pub(crate) fn unreadable(what: &'static str, text: &str, expected: &str) -> Error {
    Error::parameter(what, format!("{text:?}"), expected)
}

/// Numbers between commas.
pub(crate) fn numbers<T: FromStr>(
    what: &'static str,
    text: &str,
    expected: &str,
) -> Result<Vec<T>> {
    let number = |part: &str| {
        let number = part.trim().parse();
        number.map_err(|_| unreadable(what, text, expected))
    };
    text.split(',').map(number).collect()
}

/// The values with commas between them.
pub(crate) fn joined<T: Display>(values: &[T]) -> String {
    let values: Vec<String> = values.iter().map(T::to_string).collect();
    values.join(",")
}

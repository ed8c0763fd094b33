//! A value of the configuration as it was written.

use std::fmt;

use toml::de::DeValue;

/// A value as written, before its type is known.
#[derive(Debug, Clone)]
pub(super) enum Raw {
    Text(String),
    Number(String),
    Fraction(String),
    Flag(bool),
    List(Vec<Raw>),
    Other(&'static str),
}

impl Raw {
    pub(super) fn of(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.to_string()),
            DeValue::Integer(number) => Self::Number(number.as_str().to_owned()),
            DeValue::Boolean(flag) => Self::Flag(*flag),
            DeValue::Array(list) => Self::List(list.iter().map(|item| Self::of(item.get_ref())).collect()),
            DeValue::Float(number) => Self::Fraction(number.as_str().to_owned()),
            DeValue::Datetime(_) | DeValue::Table(_) => Self::Other(value.type_str()),
        }
    }

    /// A variable's text: TOML where it is TOML, else the text itself.
    pub(super) fn of_variable(text: &str) -> Self {
        DeValue::parse(text).map_or_else(|_| Self::Text(text.to_owned()), |value| Self::of(value.get_ref()))
    }

    pub(super) const fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Number(_) => "a number",
            Self::Fraction(_) => "a fraction",
            Self::Flag(_) => "true or false",
            Self::List(_) => "a list",
            Self::Other(name) => name,
        }
    }
}

/// As TOML; the password of a URL is masked.
impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{:?}", masked(text)),
            Self::Number(digits) | Self::Fraction(digits) => f.write_str(digits),
            Self::Flag(flag) => flag.fmt(f),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
            Self::Other(name) => f.write_str(name),
        }
    }
}

/// Without parsing, so that a password that spoils its URL is masked too.
fn masked(text: &str) -> String {
    let parts = text.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?)));
    match parts {
        None => text.to_owned(),
        Some((scheme, (login, host))) => {
            let user = login.split_once(':').map_or("", |(user, _)| user);
            format!("{scheme}://{user}:********@{host}")
        }
    }
}

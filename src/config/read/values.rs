//! TOML values as the types that keys want. Each function reports what is wrong and then returns `None`.

use super::reader::{Reader, VARIABLE_NOT_SET};
use crate::config::text::excerpt::quote;
use crate::config::text::syntax::Value;
use crate::model::duration;
use crate::model::suggest;
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;
use toml::de::{DeInteger, DeTable, DeValue};

/// A string with its place.
pub(crate) type Text = (String, Range<usize>);

/// Whether a duration may be zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zero {
    Allowed,
    Refused,
}

/// Takes over a value that could be read.
pub(crate) fn set<T>(into: &mut T, read: Option<T>) {
    if let Some(value) = read {
        *into = value;
    }
}

impl Reader<'_> {
    /// Reports a value of the wrong type. `wanted` has its article.
    pub fn wrong_type(&mut self, value: &Value<'_>, wanted: &str) {
        let found = value.get_ref();
        let help = match found {
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_)
                if wanted.starts_with("a string") =>
            {
                Some(match self.source.is_secret(&value.span()) {
                    true => "write it in quotes".into(),
                    false => format!("write it in quotes: {}", quote(self.written(value))),
                })
            }
            DeValue::Array(_) if wanted == "a table" && self.written(value).starts_with("[[") => {
                Some("write single brackets".into())
            }
            DeValue::String(name) if wanted.starts_with("an array of names") => {
                Some(match is_plain(name) && !self.source.is_secret(&value.span()) {
                    true => format!("write [\"{name}\"]"),
                    false => "write it in brackets".into(),
                })
            }
            DeValue::String(_) if wanted == "a boolean" => Some("write true or false, without quotes".into()),
            DeValue::String(_) if wanted.ends_with("number") => Some("write it without quotes".into()),
            _ => None,
        };
        let message = format!("expected {wanted}, found {}", with_article(found));
        self.report(&value.span(), &message, help);
    }

    /// A string without a NUL character, which no argument, path or variable can hold.
    pub fn string(&mut self, value: &Value<'_>) -> Option<String> {
        match value.get_ref() {
            DeValue::String(text) => self.without_nul(text, value).then(|| text.clone().into_owned()),
            _ => {
                self.wrong_type(value, "a string");
                None
            }
        }
    }

    /// The strings of an array. Every one that is none is reported.
    pub fn strings(&mut self, value: &Value<'_>, wanted: &str) -> Option<Vec<Text>> {
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(value, wanted);
            return None;
        };
        let before = self.count();
        let texts = array.iter().filter_map(|item| Some((self.string(item)?, item.span()))).collect();
        (self.count() == before).then_some(texts)
    }

    /// A string with the values of variables put in.
    pub fn text(&mut self, value: &Value<'_>) -> Option<String> {
        let text = self.string(value)?;
        self.put_in(value, &text, 0)
    }

    /// The strings of an array with the values of variables put in.
    pub fn texts(&mut self, value: &Value<'_>, wanted: &str) -> Option<Vec<Text>> {
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(value, wanted);
            return None;
        };
        let before = self.count();
        let texts = array.iter().filter_map(|item| Some((self.text(item)?, item.span()))).collect();
        (self.count() == before).then_some(texts)
    }

    /// The values of variables put into `text`, which stands at byte `offset` of a string.
    pub fn put_in(&mut self, value: &Value<'_>, text: &str, offset: usize) -> Option<String> {
        if !text.contains("${") {
            return Some(text.to_owned());
        }
        if self.is_full() || self.budget.is_spent() {
            return None;
        }
        match self.outside.variables.put_in(text, &mut self.budget) {
            Ok(done) => {
                self.put_in.push(value.span());
                Some(done)
            }
            Err(mistakes) => {
                for mistake in mistakes {
                    let Range { start, end } = mistake.span;
                    let span = self.inside(value, start.saturating_add(offset)..end.saturating_add(offset));
                    let message = match mistake.said {
                        Some(said) if !self.source.is_secret(&span) => format!("{}: {said}", mistake.message),
                        _ => mistake.message,
                    };
                    match mistake.is_unset {
                        true => self.report_of_image(&span, VARIABLE_NOT_SET, &message, mistake.help),
                        false => self.report(&span, &message, mistake.help),
                    }
                }
                None
            }
        }
    }

    /// A boolean.
    pub fn boolean(&mut self, value: &Value<'_>) -> Option<bool> {
        let found = value.get_ref().as_bool();
        if found.is_none() {
            self.wrong_type(value, "a boolean");
        }
        found
    }

    /// A table.
    pub fn as_table<'v, 's>(&mut self, value: &'v Value<'s>) -> Option<&'v DeTable<'s>> {
        let found = value.get_ref().as_table();
        if found.is_none() {
            self.wrong_type(value, "a table");
        }
        found
    }

    /// A number of at least 1.
    pub fn count_from_1(&mut self, value: &Value<'_>) -> Option<u32> {
        self.number(value, 1..=u32::MAX)
    }

    /// A whole number of a range.
    pub fn number<T>(&mut self, value: &Value<'_>, range: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<i64> + PartialOrd + Display,
    {
        let Some(integer) = value.get_ref().as_integer() else {
            self.wrong_type(value, "a whole number");
            return None;
        };
        let number = whole(integer).and_then(|n| T::try_from(n).ok()).filter(|n| range.contains(n));
        if number.is_none() {
            let message = format!("expected a whole number from {} to {}", range.start(), range.end());
            self.report(&value.span(), &message, None);
        }
        number
    }

    /// A number of at least 1 that need not be whole.
    pub fn factor(&mut self, value: &Value<'_>) -> Option<f64> {
        let number = match value.get_ref() {
            DeValue::Integer(integer) => whole(integer).and_then(|n| u32::try_from(n).ok()).map(f64::from),
            DeValue::Float(float) => decimal(float.as_str()),
            _ => {
                self.wrong_type(value, "a number");
                return None;
            }
        };
        let number = number.filter(|n: &f64| n.is_finite() && *n >= 1.0);
        if number.is_none() {
            self.report(
                &value.span(),
                "expected a number of at least 1",
                Some("for instance 2 or 1.5".into()),
            );
        }
        number
    }

    /// A duration such as `1m30s`.
    pub fn duration(&mut self, value: &Value<'_>, zero: Zero) -> Option<Duration> {
        let text = match value.get_ref() {
            DeValue::String(text) => text.as_ref(),
            DeValue::Integer(_) | DeValue::Float(_) => {
                self.without_unit(value);
                return None;
            }
            _ => {
                self.wrong_type(value, "a duration");
                return None;
            }
        };
        match humantime::parse_duration(text) {
            Ok(read) if read > duration::MAX => {
                let message =
                    format!("longer than {}, the longest duration", duration::format(duration::MAX));
                self.report(&value.span(), &message, None);
                None
            }
            Ok(Duration::ZERO) if zero == Zero::Refused => {
                self.report(&value.span(), "expected more than zero", None);
                None
            }
            Ok(read) => Some(read),
            Err(_) if is_number(text) => {
                self.without_unit(value);
                None
            }
            Err(_) => {
                let message = format!("{} is no duration", self.source.quote(&value.span(), text));
                let help = "write a number and a unit, for instance \"500ms\", \"10s\" or \"1m30s\"";
                self.report(&value.span(), &message, Some(help.into()));
                None
            }
        }
    }

    /// One of a few words.
    pub fn one_of<T: Copy>(&mut self, value: &Value<'_>, known: &[(&str, T)]) -> Option<T> {
        let text = self.string(value)?;
        let found = known.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
            self.unknown_word(&value.span(), &text, &words);
        }
        found
    }

    /// Reports a word that is none of those known.
    pub fn unknown_word(&mut self, span: &Range<usize>, word: &str, known: &[&str]) {
        let mut message = format!("expected one of {}", known.join(", "));
        if !self.source.is_secret(span) {
            message.push_str(&format!(", found {}", quote(word)));
        }
        self.report(span, &message, suggest::did_you_mean(word, known));
    }

    /// The place of some bytes of a string, where the string stands in the file as it is; else the whole value.
    pub fn inside(&self, value: &Value<'_>, bytes: Range<usize>) -> Range<usize> {
        let span = value.span();
        let (Some(text), Some(written)) = (value.get_ref().as_str(), self.source.text.get(span.clone()))
        else {
            return span;
        };
        // With escapes in it the string is not found, and there is no simple way from one to the other.
        let Some(offset) = written.find(text) else { return span };
        let start = span.start.saturating_add(offset);
        start.saturating_add(bytes.start)..start.saturating_add(bytes.end)
    }

    /// A value as it stands in the file.
    fn written(&self, value: &Value<'_>) -> &str {
        self.source.text.get(value.span()).unwrap_or_default()
    }

    fn without_unit(&mut self, value: &Value<'_>) {
        let number = match value.get_ref() {
            DeValue::Integer(integer) if !self.source.is_secret(&value.span()) => {
                whole(integer).filter(|number| *number > 0)
            }
            _ => None,
        };
        let help = match number {
            Some(number) => format!("write \"{number}s\""),
            None => "write a unit, for instance \"10s\"".to_owned(),
        };
        self.report(&value.span(), "a duration needs a unit", Some(help));
    }

    fn without_nul(&mut self, text: &str, value: &Value<'_>) -> bool {
        if text.contains('\0') {
            self.report(&value.span(), "a NUL character is not possible here", None);
            return false;
        }
        true
    }
}

/// The value of an integer, however it is written.
pub(crate) fn whole(integer: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// A number such as `1.5`, without an exponent. `str::parse` would cost 17 KB, for the last bit of precision.
fn decimal(text: &str) -> Option<f64> {
    let (whole, fraction) = text.split_once('.')?;
    let digits: u32 = fraction.parse().ok()?;
    let scale = fraction.bytes().fold(1.0, |scale, _| scale * 10.0);
    Some(f64::from(whole.parse::<u32>().ok()?) + f64::from(digits) / scale)
}

/// A name of a service or bundle, as far as its characters go.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-@".contains(&b))
}

fn is_number(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

fn with_article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals() {
        for (text, expected) in [
            ("1.5", Some(1.5)),
            ("+2.0", Some(2.0)),
            ("1.025", Some(1.025)),
            ("-1.5", None),
            ("1e3", None),
            ("inf", None),
            ("nan", None),
            ("1.99999999999999999999", None),
        ] {
            assert_eq!(decimal(text), expected, "{text}");
        }
    }
}

//! Control headers in the spelling of hosted relays (Mailgun, Amazon SES, Postmark, Mandrill, SendGrid, SparkPost), so that
//! who leaves one changes host and password, not the sending code.

use serde_json::{Map, Value};

use super::control::Control;
use super::header::{Field, HeaderBlock};
use super::vendor_names::{Meaning, POSTMARK_METADATA, Toggle, is_control, meaning};
use crate::domain::Timestamp;

/// A JSON value is read up to here, in octets.
const JSON_MAX: usize = 64 << 10;
/// Reads all of them. Where two contradict each other, the more private one holds.
pub fn read(header: &HeaderBlock<'_>) -> Control {
    let mut said = Said::default();
    for field in header.fields() {
        let bytes = header.name(field);
        let name = String::from_utf8_lossy(bytes).into_owned();
        if let Some(meaning) = meaning(bytes) {
            said.take(header, field, &name, meaning);
        } else if is_control(bytes) {
            let key = name.get(POSTMARK_METADATA.len()..).unwrap_or_default().to_ascii_lowercase();
            said.control.take_metadata(&name, &key, &header.text_of(field));
        }
    }
    said.control
}

/// What was said so far.
#[derive(Default)]
struct Said {
    control: Control,
}

impl Said {
    fn take(&mut self, header: &HeaderBlock<'_>, field: &Field, name: &str, meaning: Meaning) {
        let value = header.text_of(field);
        match meaning {
            Meaning::Tags => self.tags(name, &value),
            Meaning::Mailgun(toggle) => self.mailgun(name, toggle, &value),
            Meaning::PostmarkOpens => match yes_or_no(&value) {
                Some(on) => self.track(Some(on), None, None),
                None => self.unknown(name, &value, "true or false"),
            },
            Meaning::PostmarkLinks => self.postmark_links(name, &value),
            Meaning::MandrillTrack => self.mandrill(name, &value),
            Meaning::SesTags => self.ses_tags(name, &value),
            Meaning::Metadata => {
                if let Some(object) = self.object(header, field, name) {
                    self.metadata(name, &object);
                }
            }
            Meaning::SendGrid => {
                if let Some(object) = self.object(header, field, name) {
                    self.sendgrid(name, &object);
                }
            }
            Meaning::SparkPost => {
                if let Some(object) = self.object(header, field, name) {
                    self.sparkpost(name, &object);
                }
            }
            Meaning::SendAt => match date(&value) {
                Some(at) => self.control.send_at = Some(at),
                None => self.unknown(name, &value, "a date"),
            },
            Meaning::Drop => {
                // A trial that reaches people cannot be taken back.
                self.control.sandbox |= yes_or_no(&value).unwrap_or(true);
                if yes_or_no(&value).is_none() {
                    self.unknown(name, &value, "yes or no, so the mail stays in the inbox of the sandbox");
                }
            }
            Meaning::Unsupported => self.unsupported(name),
        }
    }

    /// Sets switches; of two contradicting headers the one that tracks less holds.
    fn track(&mut self, opens: Option<bool>, clicks: Option<bool>, text: Option<bool>) {
        let track = self.control.track.get_or_insert_default();
        for (known, said) in [(&mut track.opens, opens), (&mut track.clicks, clicks), (&mut track.text, text)] {
            if let Some(on) = said {
                *known = Some(known.unwrap_or(true) && on);
            }
        }
    }

    fn unknown(&mut self, name: &str, value: &str, wanted: &str) {
        let value: String = value.chars().take(60).collect();
        self.control.complain(&format!("{name}: {value:?} is not {wanted}"));
    }

    fn unsupported(&mut self, what: &str) {
        self.control.complain(&format!("{what} asks for something that this relay does not do; it was removed"));
    }

    fn tags(&mut self, name: &str, value: &str) {
        self.control.take_tags(name, value);
        self.control.category = self.control.category.take().or_else(|| self.control.tags.first().cloned());
    }

    fn mailgun(&mut self, name: &str, toggle: Toggle, value: &str) {
        let html_only = value.trim().eq_ignore_ascii_case("htmlonly");
        match (toggle, yes_or_no(value)) {
            (Toggle::All, Some(on)) => self.track(Some(on), Some(on), None),
            (Toggle::Opens, Some(on)) => self.track(Some(on), None, None),
            (Toggle::Clicks, Some(on)) => self.track(None, Some(on), text_too(on)),
            (Toggle::Clicks, None) if html_only => self.track(None, Some(true), Some(false)),
            (Toggle::PixelTop, Some(on)) => self.control.pixel_top = Some(on),
            (Toggle::All | Toggle::Clicks | Toggle::Opens | Toggle::PixelTop, None) => {
                self.unknown(name, value, "yes or no");
            }
        }
    }

    fn postmark_links(&mut self, name: &str, value: &str) {
        match value.trim().to_ascii_lowercase().as_str() {
            "none" => self.track(None, Some(false), Some(false)),
            "htmlandtext" => self.track(None, Some(true), Some(true)),
            "htmlonly" => self.track(None, Some(true), Some(false)),
            "textonly" => self.track(None, Some(false), Some(true)),
            _ => self.unknown(name, value, "None, HtmlAndText, HtmlOnly or TextOnly"),
        }
    }

    fn mandrill(&mut self, name: &str, value: &str) {
        let (mut opens, mut clicks, mut text) = (false, false, false);
        for word in value.split(',').map(|word| word.trim().to_ascii_lowercase()) {
            match word.as_str() {
                "opens" => opens = true,
                "clicks" | "clicks_htmlonly" => clicks = true,
                "clicks_all" => (clicks, text) = (true, true),
                "clicks_textonly" => text = true,
                "none" | "no" | "false" | "0" | "" => {}
                _ => return self.unknown(name, value, "made of opens, clicks_all, clicks_htmlonly, clicks_textonly"),
            }
        }
        self.track(Some(opens), Some(clicks), Some(text));
    }

    fn ses_tags(&mut self, name: &str, value: &str) {
        for pair in value.split(',').filter(|pair| !pair.trim().is_empty()) {
            match pair.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
                Some((key, value)) if key.eq_ignore_ascii_case("campaign") && !value.is_empty() => {
                    self.control.campaign = Some(value.to_owned());
                }
                Some((key, value)) if !key.is_empty() => self.control.take_metadata(name, key, value),
                _ => self.unknown(name, pair, "a pair such as campaign=spring"),
            }
        }
    }

    fn object(&mut self, header: &HeaderBlock<'_>, field: &Field, name: &str) -> Option<Map<String, Value>> {
        let text = header.long_text_of(field, JSON_MAX);
        match serde_json::from_str(&text) {
            Ok(Value::Object(object)) => Some(object),
            Ok(_) => {
                self.control.complain(&format!("{name} is no JSON object; the defaults were used"));
                None
            }
            Err(error) => {
                self.control.complain(&format!("{name} is broken JSON ({error}); the defaults were used"));
                None
            }
        }
    }

    fn metadata(&mut self, name: &str, object: &Map<String, Value>) {
        for (key, value) in object {
            // Mandrill's values of each recipient.
            if key == "_rcpt" {
                self.unsupported(&format!("{name}: _rcpt"));
            } else {
                self.control.take_metadata(name, key, &as_text(value));
            }
        }
    }

    fn list(&mut self, name: &str, value: &Value) {
        match value {
            Value::Array(all) => all.iter().for_each(|one| self.tag(name, &as_text(one))),
            one => self.tag(name, &as_text(one)),
        }
    }

    /// One tag, commas and all.
    fn tag(&mut self, name: &str, tag: &str) {
        self.control.take_tag(name, tag);
        self.control.category = self.control.category.take().or_else(|| self.control.tags.first().cloned());
    }

    fn sendgrid(&mut self, name: &str, object: &Map<String, Value>) {
        for (key, value) in object {
            match (key.as_str(), value) {
                ("category", value) => self.list(name, value),
                ("unique_args", Value::Object(own)) => self.metadata(name, own),
                ("send_at", value) => match value.as_i64().or_else(|| as_text(value).parse().ok()) {
                    Some(seconds) => self.control.send_at = Some(Timestamp::from_millis(seconds.saturating_mul(1_000))),
                    None => self.unknown(name, &as_text(value), "a time in seconds since 1970"),
                },
                ("filters", Value::Object(filters)) => self.sendgrid_filters(name, filters),
                ("to", _) => {
                    self.control
                        .complain(&format!("{name}: to is not read here; the recipients of the envelope were mailed"));
                }
                (key, _) => self.unsupported(&format!("{name}: {key}")),
            }
        }
    }

    fn sendgrid_filters(&mut self, name: &str, filters: &Map<String, Value>) {
        for (filter, value) in filters {
            let setting = |key: &str| value.get("settings").and_then(|all| all.get(key)).and_then(switch);
            match (filter.as_str(), setting("enable")) {
                ("clicktrack", Some(on)) => {
                    let text = setting("enable_text").map_or(text_too(on), |text| Some(on && text));
                    self.track(None, Some(on), text);
                }
                ("opentrack", Some(on)) => self.track(Some(on), None, None),
                ("clicktrack" | "opentrack", None) => self.unknown(name, &value.to_string(), "a filter with enable"),
                (filter, Some(true) | None) => self.unsupported(&format!("{name}: {filter}")),
                (_, Some(false)) => {}
            }
        }
    }

    fn sparkpost(&mut self, name: &str, object: &Map<String, Value>) {
        for (key, value) in object {
            match (key.as_str(), value) {
                ("campaign_id", Value::String(campaign)) if !campaign.trim().is_empty() => {
                    self.control.campaign = Some(campaign.trim().to_owned());
                }
                ("tags", value) => self.list(name, value),
                ("metadata", Value::Object(own)) => self.metadata(name, own),
                ("options", Value::Object(options)) => self.sparkpost_options(name, options),
                (key, _) => self.unsupported(&format!("{name}: {key}")),
            }
        }
    }

    fn sparkpost_options(&mut self, name: &str, options: &Map<String, Value>) {
        for (option, value) in options {
            match (option.as_str(), switch(value)) {
                ("open_tracking", Some(on)) => self.track(Some(on), None, None),
                ("click_tracking", Some(on)) => self.track(None, Some(on), text_too(on)),
                ("open_tracking" | "click_tracking", None) => self.unknown(name, &value.to_string(), "true or false"),
                (_, Some(false)) => {}
                (option, Some(true) | None) => self.unsupported(&format!("{name}: {option}")),
            }
        }
    }
}

/// A switch of all clicks turns those in text off; on, it leaves them to the configuration.
fn text_too(on: bool) -> Option<bool> {
    if on { None } else { Some(false) }
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "yes" | "true" | "1" | "on" => Some(true),
        "no" | "false" | "0" | "off" => Some(false),
        _ => None,
    }
}

/// `true`, 1 and "1" alike.
fn switch(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(on) => Some(*on),
        other => yes_or_no(&as_text(other)),
    }
}

/// A string as it is, anything else as its JSON.
fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// RFC 5322, RFC 3339, or `YYYY-MM-DD HH:MM:SS` in UTC.
fn date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let rfc5322 = || chrono::DateTime::parse_from_rfc2822(text).ok().map(|at| at.timestamp_millis());
    let plain = || chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok();
    let plain = || plain().map(|at| at.and_utc().timestamp_millis());
    Timestamp::parse_rfc3339(text).or_else(|| rfc5322().or_else(plain).map(Timestamp::from_millis))
}

#[cfg(test)]
#[path = "vendor_tests.rs"]
mod tests;

//! Control headers: what a sender says to the relay. All are removed before signing.

use super::header::HeaderBlock;
use super::vendor;
use crate::domain::Timestamp;

const PREFIX: &str = "x-postrider-";
const TAGS_MAX: usize = 20;
const TAG_CHARS_MAX: usize = 64;
const METADATA_MAX: usize = 20;
const KEY_CHARS_MAX: usize = 64;
const VALUE_CHARS_MAX: usize = 500;
const COMPLAINTS_MAX: usize = 20;
const COMPLAINT_CHARS_MAX: usize = 300;

/// What is to be tracked; `None` leaves it to the configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Track {
    /// The pixel.
    pub opens: Option<bool>,
    /// Links in HTML.
    pub clicks: Option<bool>,
    /// Links in plain text.
    pub text: Option<bool>,
}

/// The word `none`.
const NOTHING: Track = Track { opens: Some(false), clicks: Some(false), text: Some(false) };

/// What the control headers said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Control {
    /// The campaign.
    pub campaign: Option<String>,
    /// Tags, at most 20.
    pub tags: Vec<String>,
    /// What is to be tracked; `None` leaves it to the configuration.
    pub track: Option<Track>,
    /// Whether the pixel goes to the top; `None` leaves it to the configuration.
    pub pixel_top: Option<bool>,
    /// Key and value, at most 20.
    pub metadata: Vec<(String, String)>,
    /// A vendor's first tag: it names the campaign where nothing else does.
    pub category: Option<String>,
    /// Whether the mail is a trial that stays in the built-in inbox.
    pub sandbox: bool,
    /// Not before this time.
    pub send_at: Option<Timestamp>,
    /// What was not understood, one clause each: shown on the message's page, never a reason to refuse.
    pub complaints: Vec<String>,
}

/// Whether a field is one of ours, known or not.
pub fn is_control(name: &[u8]) -> bool {
    name.get(..PREFIX.len()).is_some_and(|head| head.eq_ignore_ascii_case(PREFIX.as_bytes()))
}

/// Reads all control headers, ours and (`vendors`) those of hosted relays. What ours say holds.
pub fn read(header: &HeaderBlock<'_>, vendors: bool) -> Control {
    let mut own = read_own(header);
    if !vendors {
        return own;
    }
    let theirs = vendor::read(header);
    own.campaign = own.campaign.or(theirs.campaign);
    own.track = own.track.or(theirs.track);
    own.send_at = own.send_at.or(theirs.send_at);
    own.pixel_top = own.pixel_top.or(theirs.pixel_top);
    (own.category, own.sandbox) = (theirs.category, theirs.sandbox);
    theirs.tags.iter().for_each(|tag| own.take_tag("a tag", tag));
    for (key, value) in theirs.metadata {
        if own.metadata.iter().all(|(known, _)| *known != key) {
            own.take_metadata("metadata", &key, &value);
        }
    }
    theirs.complaints.iter().for_each(|complaint| own.complain(complaint));
    own
}

fn read_own(header: &HeaderBlock<'_>) -> Control {
    let mut control = Control::default();
    for field in header.fields() {
        let name = header.name(field);
        if !is_control(name) {
            continue;
        }
        let name = String::from_utf8_lossy(name).into_owned();
        let value = header.text_of(field);
        let rest = name.get(PREFIX.len()..).unwrap_or_default().to_ascii_lowercase();
        control.take(&name, &rest, &value);
    }
    control
}

impl Control {
    fn take(&mut self, name: &str, rest: &str, value: &str) {
        match rest {
            "campaign" if value.is_empty() => self.complain(&format!("{name} is empty")),
            "campaign" => self.campaign = Some(value.to_owned()),
            "tag" | "tags" => self.take_tags(name, value),
            "track" => self.take_track(name, value),
            "send-at" => match Timestamp::parse_rfc3339(value) {
                Some(at) => self.send_at = Some(at),
                None => self.complain(&format!("{name}: {value:?} is no time such as 2026-11-23T21:04:05Z")),
            },
            _ => match rest.strip_prefix("metadata-").filter(|key| !key.is_empty()) {
                Some(key) => self.take_metadata(name, key, value),
                None => self.complain(&format!("{name} is no control header; it was removed")),
            },
        }
    }

    pub(super) fn take_tags(&mut self, name: &str, value: &str) {
        value.split(',').for_each(|tag| self.take_tag(name, tag));
    }

    pub(super) fn take_tag(&mut self, name: &str, tag: &str) {
        let tag: String = tag.trim().chars().take(TAG_CHARS_MAX).collect();
        if tag.is_empty() || self.tags.contains(&tag) {
            return;
        }
        if self.tags.len() >= TAGS_MAX {
            return self.complain(&format!("{name}: more than {TAGS_MAX} tags; the rest was left out"));
        }
        self.tags.push(tag);
    }

    fn take_track(&mut self, name: &str, value: &str) {
        let mut track = NOTHING;
        let mut top = None;
        for word in value.split(',').map(|word| word.trim().to_ascii_lowercase()) {
            match word.as_str() {
                "opens" => track.opens = Some(true),
                "clicks" => track.clicks = Some(true),
                "text" => track.text = Some(true),
                "top" => top = Some(true),
                "none" => {}
                _ => {
                    let words = "opens, clicks, text, top or none";
                    return self.complain(&format!("{name}: {word:?} is none of {words}; the defaults were used"));
                }
            }
        }
        self.track = Some(track);
        self.pixel_top = top.or(self.pixel_top);
    }

    pub(super) fn take_metadata(&mut self, name: &str, key: &str, value: &str) {
        if self.metadata.len() >= METADATA_MAX {
            return self.complain(&format!("{name}: more than {METADATA_MAX} keys; the rest was left out"));
        }
        let key = key.chars().take(KEY_CHARS_MAX).collect();
        self.metadata.push((key, value.chars().take(VALUE_CHARS_MAX).collect()));
    }

    pub(super) fn complain(&mut self, what: &str) {
        if self.complaints.len() < COMPLAINTS_MAX && !self.complaints.iter().any(|known| known == what) {
            self.complaints.push(what.chars().take(COMPLAINT_CHARS_MAX).collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(text: &str) -> Control {
        read(&HeaderBlock::read(format!("{text}\r\n\r\n").as_bytes()), true)
    }

    #[test]
    fn all_of_them_are_read() {
        let read = control(
            "From: a@b.example\r\nX-Postrider-Campaign: =?utf-8?q?Fr=C3=BChling?=\r\nx-postrider-tag: a, b\r\n\
             X-Postrider-Tags: b,\r\n c\r\nX-Postrider-Track: opens\r\nX-Postrider-Metadata-List: all\r\n\
             X-Postrider-Send-At: 2026-11-23T21:04:05Z",
        );
        assert_eq!(read.campaign.as_deref(), Some("Fr\u{fc}hling"));
        assert_eq!(read.tags, ["a", "b", "c"]);
        assert_eq!(read.track, Some(Track { opens: Some(true), ..NOTHING }));
        assert_eq!(read.pixel_top, None);
        assert_eq!(control("X-Postrider-Track: opens, Top").pixel_top, Some(true));
        assert_eq!(read.metadata, [("list".to_owned(), "all".to_owned())]);
        assert_eq!(read.send_at.map(Timestamp::rfc3339).as_deref(), Some("2026-11-23T21:04:05.000Z"));
        assert_eq!(read.complaints, Vec::<String>::new());
    }

    #[test]
    fn what_is_malformed_is_named_and_harmless() {
        let read = control(
            "X-Postrider-Track: opnes\r\nX-Postrider-Send-At: soon\r\nX-Postrider-Foo: 1\r\nX-Postrider-Campaign:",
        );
        assert_eq!((read.track, read.send_at, read.campaign), (None, None, None));
        assert_eq!(read.complaints.len(), 4);
        assert!(read.complaints[0].contains("opnes"));
        assert_eq!(control("X-Postrider-Track: none").track, Some(NOTHING));
    }
}

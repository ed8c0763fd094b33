//! What is sent and to whom.

use std::fmt::Write as _;

use postrider::domain::Timestamp;

const LINKS: usize = 12;
const FILLER: &str =
    "<p>The river was high that week and the roads were slow, so this letter is longer than most.</p>\r\n";

/// The addresses that are mailed.
pub enum Recipients {
    /// An address in which `{n}` is the recipient's number.
    Pattern(String),
    /// Addresses from a file.
    Listed(Vec<String>),
}

impl Recipients {
    /// One address a line; `None` when there is none.
    pub fn listed(text: &str) -> Option<Self> {
        let addresses: Vec<_> = text.lines().map(str::trim).filter(|line| line.contains('@')).map(Into::into).collect();
        (!addresses.is_empty()).then_some(Self::Listed(addresses))
    }

    /// The recipient with this number.
    pub fn get(&self, number: u64) -> String {
        match self {
            Self::Pattern(pattern) => pattern.replace("{n}", &format!("{number:06}")),
            Self::Listed(addresses) => {
                let at = usize::try_from(number % addresses.len() as u64).unwrap_or(0);
                addresses.get(at).cloned().unwrap_or_default()
            }
        }
    }
}

/// A message, ready to be sent but for its Message-ID and its To.
pub struct Template {
    /// Part of each Message-ID, so that two runs have none in common.
    run: u128,
    has_to: bool,
    campaign: Option<String>,
    /// From the first header that stays to the end; lines end in CRLF, dots are stuffed.
    rest: Vec<u8>,
}

impl Template {
    /// A message from a file, whatever its line ends.
    pub fn from_message(message: &[u8], campaign: Option<&str>) -> Self {
        let mut replaced = vec!["message-id"];
        replaced.extend(campaign.map(|_| "x-postrider-campaign"));
        let (mut in_head, mut skipping, mut has_to) = (true, false, false);
        let mut rest = Vec::with_capacity(message.len() + 1024);
        for line in message.split_inclusive(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if in_head && !line.starts_with(b" ") && !line.starts_with(b"\t") {
                let name = String::from_utf8_lossy(line.split(|byte| *byte == b':').next().unwrap_or(line));
                in_head = !line.is_empty();
                skipping = in_head && replaced.contains(&name.trim().to_ascii_lowercase().as_str());
                has_to |= in_head && name.trim().eq_ignore_ascii_case("to");
            }
            if skipping {
                continue;
            }
            if line.starts_with(b".") {
                rest.push(b'.');
            }
            rest.extend_from_slice(line);
            rest.extend_from_slice(b"\r\n");
        }
        let run = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_micros());
        Self { run, has_to, campaign: campaign.map(Into::into), rest }
    }

    /// A newsletter of about `size` bytes.
    pub fn newsletter(from: &str, size: usize, campaign: Option<&str>) -> Self {
        let now_ms = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis());
        let date = Timestamp::from_millis(i64::try_from(now_ms).unwrap_or(0)).rfc5322();
        let mut text = format!(
            "Date: {date}\r\nFrom: Letters <{from}>\r\nSubject: Letter from the river\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/alternative; boundary=\"=_river\"\r\n\r\n\
             --=_river\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nRead it at https://river.example/letter\r\n\
             --=_river\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body><h1>Letter from the river</h1>\r\n"
        );
        for link in 1..=LINKS {
            let _ = write!(
                text,
                "<p><a href=\"https://river.example/story/{link}?ref=letter&amp;n={link}\">Story {link}</a></p>\r\n"
            );
        }
        let end = "</body></html>\r\n--=_river--\r\n";
        while text.len() + FILLER.len() + end.len() <= size {
            text.push_str(FILLER);
        }
        text.push_str(end);
        Self::from_message(text.as_bytes(), campaign)
    }

    /// The bytes after DATA, with the line that ends them.
    pub fn stamp(&self, number: u64, recipients: &[String]) -> Vec<u8> {
        let mut head = format!("Message-ID: <{:x}.{number}@flood.example>\r\n", self.run);
        if let Some(campaign) = &self.campaign {
            let _ = write!(head, "X-Postrider-Campaign: {campaign}\r\n");
        }
        match recipients {
            _ if self.has_to => {}
            [only] => {
                let _ = write!(head, "To: <{only}>\r\n");
            }
            _ => head.push_str("To: undisclosed-recipients:;\r\n"),
        }
        let mut bytes = Vec::with_capacity(head.len() + self.rest.len() + 3);
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(&self.rest);
        bytes.extend_from_slice(b".\r\n");
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_all_but_its_message_id() {
        let template = Template::from_message(b"Message-ID:\n <old@x>\nSubject: s\nTo: a@b\n\nhi\n.dot\nTo: c", None);
        let bytes = template.stamp(7, &["ok-1@b.example".into()]);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("Message-ID: <") && text.contains(".7@flood.example>\r\n"));
        assert!(text.ends_with(">\r\nSubject: s\r\nTo: a@b\r\n\r\nhi\r\n..dot\r\nTo: c\r\n.\r\n"), "{text}");
    }

    #[test]
    fn a_newsletter_has_about_the_size_asked_for() {
        let bytes = Template::newsletter("a@b.example", 10_240, Some("spring")).stamp(1, &["ok@b.example".into()]);
        assert!((10_000..10_500).contains(&bytes.len()), "{}", bytes.len());
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.matches("<a href=").count(), LINKS);
        assert!(text.contains("\r\nX-Postrider-Campaign: spring\r\n"));
    }

    #[test]
    fn recipients_are_numbered_or_go_round() {
        assert_eq!(Recipients::Pattern("ok-{n}@b.example".into()).get(123), "ok-000123@b.example");
        let listed = Recipients::listed("a@b.example\n\n# none\n c@d.example \n").unwrap();
        assert_eq!([listed.get(0), listed.get(1), listed.get(2)], ["a@b.example", "c@d.example", "a@b.example"]);
        assert!(Recipients::listed("\n").is_none());
    }
}

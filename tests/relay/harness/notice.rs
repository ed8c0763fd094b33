//! Bounce messages, read by Python's own parser.

use serde_json::Value;

use super::{Received, Sink, python_text};

/// A delivery status notification, field by field.
pub struct Notice(Value);

impl Notice {
    /// Reads one; fails when it is not well formed.
    pub async fn read(mail: &Received) -> Self {
        assert_eq!(mail.mail_from, "", "a notice has a null reverse path");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notice.eml");
        std::fs::write(&path, &mail.bytes).unwrap();
        let json = python_text("read_notice.py", &[path.to_str().unwrap()]).await;
        Self(serde_json::from_str(&json).unwrap())
    }

    /// A header field; empty when there is none.
    pub fn header(&self, name: &str) -> String {
        self.0["header"][name].as_str().unwrap_or_default().to_owned()
    }

    /// What people read.
    pub fn text(&self) -> String {
        self.0["text"].as_str().unwrap().to_owned()
    }

    /// A field of the message's block of the report; empty when there is none.
    pub fn message(&self, field: &str) -> String {
        self.0["message"][field].as_str().unwrap_or_default().to_owned()
    }

    /// How many recipients it tells of.
    pub fn recipients(&self) -> usize {
        self.0["recipients"].as_array().unwrap().len()
    }

    /// A field of the block of the recipient whose address begins like this; empty when there is none.
    pub fn recipient(&self, begins: &str, field: &str) -> String {
        let is_it = |block: &&Value| {
            let address = block["Final-Recipient"].as_str().unwrap_or_default();
            address.strip_prefix("rfc822; ").is_some_and(|address| address.starts_with(begins))
        };
        let found = self.0["recipients"].as_array().unwrap().iter().find(is_it);
        let block = found.unwrap_or_else(|| panic!("no recipient {begins} in {}", self.0));
        block[field].as_str().unwrap_or_default().to_owned()
    }

    /// What comes back of the original: its type and its text.
    pub fn returned(&self) -> (String, String) {
        let text = |name: &str| self.0["returned"][name].as_str().unwrap_or_default().to_owned();
        (text("type"), text("text"))
    }
}

/// Waits for the first notice to an address, and reads it.
pub async fn notice_to(sink: &Sink, address: &str) -> Notice {
    let limit = std::time::Duration::from_secs(40);
    super::wait_until(&format!("a notice to {address}"), limit, async || !sink.received_by(address).is_empty()).await;
    Notice::read(&sink.received_by(address)[0]).await
}

//! Where the sink's mails go.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::{Shared, lock};

/// What happens to a mail that was taken.
#[derive(Clone, Debug)]
pub enum Keep {
    /// It is counted, nothing else.
    Count,
    /// Each recipient of it is a line of a file.
    List(Arc<Mutex<File>>),
    /// It stays in memory, with the lines of all conversations.
    Memory,
    /// It is written into a folder as `NNNNNN.eml` and `NNNNNN.json`, the second one last.
    Folder(PathBuf),
}

/// One mail as it came.
#[derive(Clone, Debug)]
pub struct Received {
    /// From 1, in the order of arrival.
    pub number: u64,
    /// The connection it came by, from 1.
    pub session: u64,
    /// The address it came from.
    pub peer: IpAddr,
    /// The name the client gave in EHLO or HELO.
    pub helo: String,
    /// The reverse path; empty for the null sender.
    pub mail_from: String,
    /// What stood behind the reverse path in MAIL.
    pub mail_parameters: String,
    /// The forward paths that were taken.
    pub rcpt_to: Vec<String>,
    /// Milliseconds since 1970 when its last byte was read.
    pub at_ms: u64,
    /// Whether it came over TLS.
    pub tls: bool,
    /// Whether the client was told 250.
    pub acknowledged: bool,
    /// Its bytes, the dots of transparency taken away (RFC 5321 section 4.5.2), nothing else changed.
    pub bytes: Vec<u8>,
}

impl Received {
    /// The message as text, for messages in UTF-8; other bytes become U+FFFD.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "number": self.number, "session": self.session, "helo": self.helo,
            "mail_from": self.mail_from, "mail_parameters": self.mail_parameters, "rcpt_to": self.rcpt_to,
            "time": self.at_ms, "tls": self.tls, "acknowledged": self.acknowledged, "bytes": self.bytes.len(),
        })
    }

    async fn write_into(&self, folder: &Path) -> io::Result<()> {
        let name = |ending: &str| folder.join(format!("{:06}.{ending}", self.number));
        write_whole(&name("eml"), &self.bytes).await?;
        write_whole(&name("json"), self.to_json().to_string().as_bytes()).await
    }
}

/// Who looks at the folder meanwhile sees a whole file or none.
async fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("part");
    tokio::fs::write(&unfinished, bytes).await?;
    tokio::fs::rename(&unfinished, path).await
}

impl Shared {
    /// Keeps a mail as the settings say and counts it. The number in it is given here.
    pub(super) async fn take(&self, mut mail: Received) -> io::Result<u64> {
        let number = {
            let mut tally = lock(&self.tally);
            tally.mails += 1;
            tally.recipients += mail.rcpt_to.len() as u64;
            tally.mails
        };
        mail.number = number;
        let recipients = mail.rcpt_to.len() as u64;
        match &self.settings.keep {
            Keep::Count => {}
            Keep::List(file) => {
                let lines: String = mail.rcpt_to.iter().map(|to| format!("{to}\n")).collect();
                lock(file).write_all(lines.as_bytes())?;
            }
            Keep::Memory => lock(&self.mails).push(mail),
            Keep::Folder(folder) => mail.write_into(folder).await?,
        }
        self.taken.send_modify(|taken| *taken += recipients);
        Ok(number)
    }
}

//! What the made-up senders, servers and readers did, one JSON object a line: the other side of the relay's own numbers.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::clock::Clock;

/// The file; clones share it.
#[derive(Clone)]
pub(super) struct Diary {
    out: Arc<Mutex<BufWriter<File>>>,
    clock: Clock,
}

impl Diary {
    /// A new one.
    pub(super) fn create(path: &Path, clock: Clock) -> io::Result<Self> {
        let file = File::create_new(path)?;
        Ok(Self { out: Arc::new(Mutex::new(BufWriter::new(file))), clock })
    }

    /// Writes down what happened to a campaign's mail to somebody; `more` is an object with what else is to be said.
    pub(super) fn note(&self, what: &str, campaign: &str, to: &str, more: &Value) {
        let mut line = json!({"at": self.clock.now().rfc3339(), "what": what, "campaign": campaign, "to": to});
        if let (Some(line), Some(more)) = (line.as_object_mut(), more.as_object()) {
            line.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = writeln!(out, "{line}") {
            tracing::warn!(%error, "the record of the demo's audience is not whole");
        }
    }

    /// Hands all of it to the file.
    pub(super) fn flush(&self) {
        if let Err(error) = self.out.lock().unwrap_or_else(PoisonError::into_inner).flush() {
            tracing::warn!(%error, "the record of the demo's audience is not whole");
        }
    }
}

//! Where a message's bytes are while they come: in memory within one budget for all sessions, else in a file.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const KIB: usize = 1024;
/// Memory is asked for in pieces of this many KiB.
const STEP_KIB: usize = 64;
/// A message that is whole in a file waits this long for memory to be handed on in.
const MEMORY_WAIT: Duration = Duration::from_mins(1);

/// Memory for messages on their way in, shared by all sessions.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Semaphore>);

impl Budget {
    /// So many bytes in all.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes / KIB)))
    }
}

/// Gathers one message.
pub(super) struct Collector {
    budget: Budget,
    spool_dir: PathBuf,
    memory: Vec<u8>,
    held: Option<OwnedSemaphorePermit>,
    file: Option<Spool>,
    length: u64,
}

/// A file that is gone when it is dropped.
struct Spool {
    file: File,
    path: PathBuf,
}

impl Drop for Spool {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A whole message and the memory it holds; to be kept until the message is handed on.
pub(super) struct Whole {
    pub(super) bytes: Vec<u8>,
    pub(super) held: Option<OwnedSemaphorePermit>,
}

impl Collector {
    pub(super) fn new(budget: Budget, spool_dir: &Path) -> Self {
        let spool_dir = spool_dir.to_owned();
        Self { budget, spool_dir, memory: Vec::new(), held: None, file: None, length: 0 }
    }

    /// How many bytes there are.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Forgets everything: the message will be refused, and its rest is read for nothing.
    pub(super) fn discard(&mut self) {
        (self.memory, self.held, self.file) = (Vec::new(), None, None);
    }

    /// Takes bytes.
    pub(super) async fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.length += bytes.len() as u64;
        if self.file.is_none() && !self.has_room(bytes.len()) {
            self.spill().await?;
        }
        if let Some(spool) = &mut self.file {
            spool.file.write_all(bytes).await
        } else {
            self.memory.extend(bytes);
            Ok(())
        }
    }

    fn has_room(&mut self, more: usize) -> bool {
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits) * KIB;
        if self.memory.len() + more <= held {
            return true;
        }
        let step = (more / KIB + 1).max(STEP_KIB);
        let asked = u32::try_from(step).ok().and_then(|n| Arc::clone(&self.budget.0).try_acquire_many_owned(n).ok());
        match (asked, &mut self.held) {
            (Some(more), Some(held)) => held.merge(more),
            (Some(more), none) => *none = Some(more),
            (None, _) => return false,
        }
        true
    }

    async fn spill(&mut self) -> io::Result<()> {
        tokio::fs::create_dir_all(&self.spool_dir).await?;
        let path = self.spool_dir.join(format!("{:016x}.part", rand::random::<u64>()));
        let file = File::options().create_new(true).read(true).write(true).mode(0o600).open(&path).await?;
        let mut spool = Spool { file, path };
        spool.file.write_all(&self.memory).await?;
        (self.memory, self.held, self.file) = (Vec::new(), None, Some(spool));
        Ok(())
    }

    /// The whole message in memory; waits for room when it is in a file.
    pub(super) async fn finish(mut self) -> io::Result<Whole> {
        let Some(mut spool) = self.file.take() else {
            return Ok(Whole { bytes: self.memory, held: self.held });
        };
        let length = usize::try_from(self.length).map_err(io::Error::other)?;
        let kib = u32::try_from(length / KIB + 1).map_err(io::Error::other)?;
        let waited = tokio::time::timeout(MEMORY_WAIT, Arc::clone(&self.budget.0).acquire_many_owned(kib)).await;
        let held = waited?.map_err(io::Error::other)?;
        let mut bytes = Vec::with_capacity(length);
        spool.file.flush().await?;
        tokio::io::AsyncSeekExt::rewind(&mut spool.file).await?;
        spool.file.read_to_end(&mut bytes).await?;
        Ok(Whole { bytes, held: Some(held) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_finds_no_room_in_memory_comes_back_from_a_file_that_is_gone_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let budget = Budget::new(256 * KIB);
        let mut first = Collector::new(budget.clone(), folder.path());
        first.push(&vec![b'a'; 150 * KIB]).await.unwrap();
        let mut second = Collector::new(budget.clone(), folder.path());
        for _ in 0..20 {
            second.push(&vec![b'b'; 10 * KIB]).await.unwrap();
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        drop(first);
        let whole = second.finish().await.unwrap();
        assert_eq!(whole.bytes, vec![b'b'; 200 * KIB]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        drop(whole);
        assert_eq!(budget.0.available_permits(), 256);
    }
}

//! Compiled messages, the least recently used out first, bounded by bytes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::recipe::Recipe;
use super::stencil::Stencil;
use crate::domain::{Address, MessageId, Wishes};

/// A message, ready to be stamped.
#[derive(Debug)]
pub struct Compiled {
    /// As it came.
    pub raw: Arc<[u8]>,
    /// Compiled from `raw` by `recipe`.
    pub stencil: Stencil,
    /// What it was compiled by.
    pub recipe: Recipe,
    /// `None` is the null reverse path.
    pub reverse_path: Option<Address>,
    /// What the sender asked to be told.
    pub wishes: Arc<Wishes>,
}

impl Compiled {
    fn bytes(&self) -> usize {
        self.raw.len()
            + self.stencil.memory_bytes()
            + self.recipe.prepend.len()
            + 512
            + 1_024 * self.wishes.recipients.len()
    }
}

/// The cache. A message larger than a quarter of it is never kept.
#[derive(Debug)]
pub struct StencilCache {
    bytes_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_message: HashMap<MessageId, (u64, Arc<Compiled>)>,
    by_use: BTreeMap<u64, MessageId>,
    uses: u64,
    bytes: usize,
}

impl StencilCache {
    /// At most `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, kept: Mutex::default() }
    }

    /// The compiled message, if it is kept.
    pub fn get(&self, message: MessageId) -> Option<Arc<Compiled>> {
        let mut guard = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = &mut *guard;
        let (used, compiled) = kept.by_message.get_mut(&message)?;
        kept.by_use.remove(used);
        kept.uses += 1;
        *used = kept.uses;
        kept.by_use.insert(kept.uses, message);
        Some(Arc::clone(compiled))
    }

    /// Keeps a compiled message.
    pub fn put(&self, message: MessageId, compiled: Arc<Compiled>) {
        let bytes = compiled.bytes();
        if bytes > self.bytes_max / 4 {
            return;
        }
        let mut guard = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = &mut *guard;
        kept.uses += 1;
        let uses = kept.uses;
        if let Some((used, old)) = kept.by_message.insert(message, (uses, compiled)) {
            kept.by_use.remove(&used);
            kept.bytes = kept.bytes.saturating_sub(old.bytes());
        }
        kept.by_use.insert(uses, message);
        kept.bytes += bytes;
        while kept.bytes > self.bytes_max {
            let Some((_, oldest)) = kept.by_use.pop_first() else { break };
            if let Some((_, gone)) = kept.by_message.remove(&oldest) {
                kept.bytes = kept.bytes.saturating_sub(gone.bytes());
            }
        }
    }
}

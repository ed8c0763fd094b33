//! Renders the copy of one delivery: the compiled message, stamped with its tokens, signed last.
//!
//! Reads only body and recipe, so every retry of a delivery has the same bytes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;

use crate::domain::{Address, DeliveryId, MessageId, TokenKeys, Wishes};
use crate::mail::cache::{Compiled, StencilCache};
use crate::mail::dkim::{Canonical, Signer};
use crate::mail::recipe::Recipe;
use crate::mail::sevenbit;
use crate::store::{BodyFault, Queue, StoreError};
use crate::work;

/// Copies being rendered take at most this, in KiB; a larger one has it to itself.
const RENDER_KIB_MAX: u32 = 64 << 10;

/// Signing keys by (domain, selector); swapped when a domain is added.
pub type Signers = ArcSwap<HashMap<(String, String), Arc<Signer>>>;

/// Renders copies. Clones share everything.
#[derive(Clone)]
pub struct Copies {
    queue: Queue,
    keys: Arc<TokenKeys>,
    signers: Arc<Signers>,
    cache: Arc<StencilCache>,
    permits: Arc<Semaphore>,
}

/// A rendered copy.
#[derive(Debug, Clone)]
pub struct Copy {
    /// The complete message.
    pub bytes: Vec<u8>,
    /// Whether it carries a pixel.
    pub pixel: bool,
    /// How many tracked links it carries.
    pub links: u16,
    /// Whether it is every recipient's.
    pub alike: bool,
    /// `None` is the null reverse path.
    pub reverse_path: Option<Address>,
    /// Whether its header fields are internationalised (RFC 6532), so that only a server with SMTPUTF8 may have it.
    pub utf8: bool,
    /// What the sender asked to be told.
    pub wishes: Arc<Wishes>,
    /// The addresses that it leaves from; empty for those of the settings.
    pub sources: Vec<IpAddr>,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyFault {
    /// The stored message is damaged or gone: no later try will help.
    #[error("{0}")]
    Unusable(String),
    /// The store could not be read now.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Copies {
    /// `cache` is shared with whoever compiles messages at their acceptance.
    pub fn new(queue: Queue, keys: TokenKeys, signers: Arc<Signers>, cache: Arc<StencilCache>) -> Self {
        let permits = Arc::new(Semaphore::new(RENDER_KIB_MAX as usize));
        Self { queue, keys: Arc::new(keys), signers, cache, permits }
    }

    /// The copy of one delivery.
    pub async fn render(&self, message: MessageId, delivery: DeliveryId) -> Result<Copy, CopyFault> {
        let compiled = self.compiled(message).await?;
        let kib = u32::try_from(compiled.raw.len() / 512 + 1).unwrap_or(u32::MAX).min(RENDER_KIB_MAX);
        let unusable = |why: &dyn std::fmt::Display| CopyFault::Unusable(why.to_string());
        let permit = Arc::clone(&self.permits).acquire_many_owned(kib).await.map_err(|e| unusable(&e))?;
        let (keys, signers) = (Arc::clone(&self.keys), self.signers.load_full());
        let octets = compiled.raw.len();
        let stamped = move || {
            let copy = stamp(&compiled, delivery, &keys, &signers);
            drop(permit);
            copy
        };
        work::on(octets, stamped).await.map_err(|e| unusable(&e))?
    }

    /// The message as it came.
    pub async fn original(&self, message: MessageId) -> Result<Arc<[u8]>, CopyFault> {
        Ok(Arc::clone(&self.compiled(message).await?.raw))
    }

    /// The copy for a server that takes no 8-bit text, signed anew. The error says why there is none without loss.
    pub async fn render_seven_bit(&self, message: MessageId, delivery: DeliveryId) -> Result<Vec<u8>, String> {
        let compiled = self.compiled(message).await.map_err(|e| e.to_string())?;
        let (keys, signers) = (Arc::clone(&self.keys), self.signers.load_full());
        let octets = compiled.raw.len();
        let converted = move || {
            let body = unsigned(&compiled, delivery, &keys).map_err(|e| e.to_string())?;
            Ok(sign(sevenbit::convert(&body)?, &compiled.recipe, &signers))
        };
        work::on(octets, converted).await?
    }

    async fn compiled(&self, message: MessageId) -> Result<Arc<Compiled>, CopyFault> {
        if let Some(compiled) = self.cache.get(message) {
            return Ok(compiled);
        }
        let stored = match self.queue.message(message).await? {
            Ok(stored) => stored,
            Err(BodyFault::Gone) => return Err(CopyFault::Unusable("its message is not in the store".to_owned())),
            Err(BodyFault::Damaged(why)) => return Err(CopyFault::Unusable(why)),
        };
        let recipe = Recipe::from_json(&stored.recipe).map_err(CopyFault::Unusable)?;
        let octets = stored.body.len();
        let compile = move || {
            let stencil = recipe.compile(&stored.body);
            let (raw, wishes) = (Arc::from(stored.body), Arc::new(stored.wishes));
            Arc::new(Compiled { raw, stencil, recipe, reverse_path: stored.reverse_path, wishes })
        };
        let compiled = work::on(octets, compile).await.map_err(CopyFault::Unusable)?;
        self.cache.put(message, Arc::clone(&compiled));
        Ok(compiled)
    }
}

fn stamp(
    compiled: &Compiled,
    delivery: DeliveryId,
    keys: &TokenKeys,
    signers: &HashMap<(String, String), Arc<Signer>>,
) -> Result<Copy, CopyFault> {
    let Compiled { stencil, recipe, reverse_path, wishes, .. } = compiled;
    let body = unsigned(compiled, delivery, keys)?;
    let header = memchr::memmem::find(&body, b"\r\n\r\n").and_then(|end| body.get(..end)).unwrap_or(&body);
    let utf8 = recipe.utf8 && !header.is_ascii();
    let links = u16::try_from(stencil.links().len()).unwrap_or(u16::MAX);
    let (reverse_path, wishes) = (reverse_path.clone(), Arc::clone(wishes));
    let bytes = sign(body, recipe, signers);
    let (pixel, alike) = (stencil.has_pixel(), stencil.is_alike());
    let sources = recipe.source_addresses.clone();
    Ok(Copy { bytes, pixel, links, alike, reverse_path, utf8, wishes, sources })
}

fn unsigned(compiled: &Compiled, delivery: DeliveryId, keys: &TokenKeys) -> Result<Vec<u8>, CopyFault> {
    let id = compiled.recipe.key;
    let key = keys.get(id).ok_or_else(|| CopyFault::Unusable(format!("signing secret {id} is missing")))?;
    let copy = compiled.stencil.stamp(&compiled.raw, delivery, key);
    let shortened = if compiled.recipe.short_lines { sevenbit::shorten(&copy).ok() } else { None };
    Ok(shortened.unwrap_or(copy))
}

/// Signatures go on top, over all that leaves.
fn sign(body: Vec<u8>, recipe: &Recipe, signers: &HashMap<(String, String), Arc<Signer>>) -> Vec<u8> {
    if recipe.signers.is_empty() {
        return body;
    }
    let canonical = match Canonical::read(&body) {
        Ok(canonical) => canonical,
        Err(error) => {
            tracing::error!(%error, "a copy could not be signed");
            return body;
        }
    };
    let mut bytes = Vec::with_capacity(body.len() + 1_024 * recipe.signers.len());
    for name in &recipe.signers {
        match signers.get(name).map(|signer| signer.sign(&canonical, recipe.signing_time())) {
            Some(Ok(lines)) => bytes.extend(lines),
            Some(Err(error)) => tracing::error!(domain = name.0, %error, "a copy could not be signed"),
            None => {
                tracing::error!(domain = name.0, selector = name.1, "the key that a message was accepted for is gone");
            }
        }
    }
    bytes.extend(body);
    bytes
}

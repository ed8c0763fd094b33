//! A message while it comes: its octets go through the receiver and are gathered, or read for nothing once it is refused.

use tokio::sync::OwnedSemaphorePermit;

use super::Received;
use super::body::Collector;
use super::listener::Server;
use crate::smtp::receiver::Receiver;

pub(super) struct Incoming {
    receiver: Receiver,
    body: Collector,
    refused: Option<Received>,
    piece: Vec<u8>,
}

impl Incoming {
    pub(super) fn new(receiver: Receiver, server: &Server) -> Self {
        let body = Collector::new(server.budget.clone(), &server.settings.spool_dir);
        Self { receiver, body, refused: None, piece: Vec::new() }
    }

    /// Takes octets of a message of at most `most`; `Some(n)` when the message ended with the n-th of them.
    pub(super) async fn push(&mut self, bytes: &[u8], most: u64) -> Option<usize> {
        self.piece.clear();
        let end = self.receiver.push(bytes, &mut self.piece);
        if self.refused.is_none() {
            self.refused =
                match (self.body.length() + self.piece.len() as u64 > most, self.body.push(&self.piece).await) {
                    (true, _) => Some(Received::TooLarge),
                    (false, Err(_)) => Some(Received::NoRoom),
                    (false, Ok(())) => None,
                };
            if self.refused.is_some() {
                self.body.discard();
            }
        }
        end
    }

    /// Why it will not be taken, if that is known already.
    pub(super) fn take_refusal(&mut self) -> Option<Received> {
        self.refused.take()
    }

    /// The whole message, and the memory that it holds until it is handed on.
    pub(super) async fn finish(self) -> (Received, Option<OwnedSemaphorePermit>) {
        if let Some(refused) = self.refused {
            return (refused, None);
        }
        if let Some(fault) = self.receiver.fault() {
            return (Received::Spoiled(fault), None);
        }
        let eight_bit = self.receiver.eight_bit();
        match self.body.finish().await {
            Ok(whole) => (Received::Message { bytes: whole.bytes, eight_bit }, whole.held),
            Err(_) => (Received::NoRoom, None),
        }
    }
}

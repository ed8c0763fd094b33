//! A command's way to the store: the relay that runs, or the store itself when none does.

use std::cell::OnceCell;
use std::sync::Arc;

use super::Failure;
use crate::app;
use crate::config::Config;
use crate::control::{self, Performer, Request, Response};
use crate::store::Store;

/// Held for as long as a command asks; a store that it opened is closed with it.
pub(super) struct Way<'c> {
    config: &'c Config,
    runtime: tokio::runtime::Runtime,
    alone: OnceCell<(Performer, Arc<Store>)>,
}

impl<'c> Way<'c> {
    pub(super) fn new(config: &'c Config) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { config, runtime, alone: OnceCell::new() })
    }

    /// Asks, or does it.
    pub(super) fn ask(&self, request: Request) -> Result<Response, Failure> {
        if self.alone.get().is_none() {
            let answered = self.runtime.block_on(control::ask(&self.config.data_dir, &request));
            let answered = answered.map_err(|e| Failure::failed(format!("the running relay cannot be asked: {e}")))?;
            if let Some(response) = answered {
                return Ok(response);
            }
            let opened = self.open()?;
            let _ = self.alone.set(opened);
        }
        match self.alone.get() {
            Some((performer, _)) => Ok(self.runtime.block_on(performer.perform(request))),
            None => Err(Failure::failed("the store is not open")),
        }
    }

    fn open(&self) -> Result<(Performer, Arc<Store>), Failure> {
        // What is found wrong with the store when it is opened must not pass unheard.
        app::log::start("warn");
        let store = Store::open(app::store_settings(self.config)).map_err(|e| Failure::failed(e.to_string()))?;
        let store = Arc::new(store);
        let performer = Performer::new(
            Arc::clone(&store),
            crate::clock::Clock,
            app::random,
            app::dashboard_url(self.config, None),
            crate::dashboard::hash_password,
            Arc::new(|| {}),
            app::orders_alone(&store),
        );
        Ok((performer, store))
    }
}

impl Drop for Way<'_> {
    fn drop(&mut self) {
        if let Some((_, store)) = self.alone.get() {
            store.close();
        }
    }
}

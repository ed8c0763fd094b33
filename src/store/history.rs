//! A ledger of any length in a new data folder, for benches: written past the writer and without syncing, so that what is
//! measured afterwards is the fold and the pages, over a ledger that could not be had otherwise.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::error::StoreError;
use super::ledger::{self, TextField};
use super::schema;
use crate::domain::{CampaignId, Event, Fact, MessageId, PersonId, Source, Timestamp};

/// A folder whose ledger is being written.
pub struct History {
    conn: Connection,
    path: PathBuf,
    seq: i64,
}

impl History {
    /// A new database in `data_dir`, which has to be there.
    pub fn new(data_dir: &Path) -> Result<Self, StoreError> {
        let path = data_dir.join(schema::FILE);
        let mut conn = schema::open_writer(&path)?;
        schema::migrate(&mut conn, Timestamp::from_millis(1))?;
        schema::own_source(&mut conn, 0, 1, false)?;
        conn.execute_batch("pragma synchronous = off; begin")?;
        Ok(Self { conn, path, seq: 0 })
    }

    /// The source's name, as events are known by it.
    pub fn source() -> Source {
        Source::new(0, 1)
    }

    /// Appends an event, with a user agent beside it where there is one.
    pub fn event(&mut self, at: Timestamp, fact: Fact, agent: &str) -> Result<(), StoreError> {
        self.seq += 1;
        ledger::insert(&self.conn, 1, &Event { seq: self.seq, at, fact }, &[(TextField::Agent, agent)])
    }

    /// A person's address.
    pub fn person(&mut self, person: PersonId, address: &str) -> Result<(), StoreError> {
        self.conn
            .prepare_cached("insert into person values (?1, ?2)")?
            .execute(params![person.raw(), address])
            .map(|_| Ok(()))?
    }

    /// What a message says of itself.
    pub fn message(
        &mut self,
        message: MessageId,
        campaign: CampaignId,
        at: Timestamp,
        subject: &str,
    ) -> Result<(), StoreError> {
        let sql = "insert into message (id, campaign, credential, accepted_at, size_in, size_out, reverse_path, \
                   from_text, subject, message_id, metadata, receipt) \
                   values (?1, ?2, 'bench', ?3, 20000, 24000, 'news@example.org', 'news@example.org', ?4, '', '{}', 0)";
        self.conn.prepare_cached(sql)?.execute(params![message.raw(), campaign.raw(), at.millis(), subject])?;
        Ok(())
    }

    /// What a link of a campaign is called.
    pub fn link(&mut self, campaign: CampaignId, position: u16, pattern: i64, url: &str) -> Result<(), StoreError> {
        let sql = "insert into campaign_link values (?1, ?2, ?3, ?4, 'A link')";
        self.conn.prepare_cached(sql)?.execute(params![campaign.raw(), position, pattern, url])?;
        Ok(())
    }

    /// Makes what was written so far lasting, and keeps the log short.
    pub fn commit(&mut self) -> Result<(), StoreError> {
        self.conn.execute_batch("commit")?;
        self.conn.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))?;
        Ok(self.conn.execute_batch("begin")?)
    }

    /// Ends; gives the database's size in octets.
    pub fn finish(self) -> Result<u64, StoreError> {
        self.conn.execute_batch("commit; pragma synchronous = full")?;
        self.conn.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))?;
        drop(self.conn);
        Ok(std::fs::metadata(&self.path).map_or(0, |file| file.len()))
    }
}

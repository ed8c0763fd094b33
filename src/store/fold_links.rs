//! In which row a link is counted. Rows are few, whatever the mails hold: addresses of each person's own must neither make a
//! row a person nor take the room of other links.

use std::collections::HashMap;

use rusqlite::{CachedStatement, OptionalExtension, params};

use super::error::StoreError;

/// Links of a campaign that have a row of their own.
pub(super) const LINKS_MAX: i64 = 1_000;
/// Rows of one place in a template; what more is counted there shares one, under no pattern.
pub(super) const PATTERNS_MAX: i64 = 50;
/// The row of other links.
const OTHER_LINKS: (u16, i64) = (0, 0);

/// The rows that one run of the fold counts in.
#[derive(Default)]
pub(super) struct LinkKeys {
    known: HashMap<(i64, u16, i64), (u16, i64)>,
    /// How many links of a campaign have no row yet.
    new: HashMap<i64, i64>,
    /// And how many at one of its positions.
    new_here: HashMap<(i64, u16), i64>,
}

impl LinkKeys {
    /// A link's row: its own, the one of its position when that has 50, or the one of others when the campaign has 1,000.
    pub(super) fn row<'c>(
        &mut self,
        campaign: i64,
        position: u16,
        pattern: i64,
        sql: impl Fn(&str) -> Result<CachedStatement<'c>, StoreError>,
    ) -> Result<(u16, i64), StoreError> {
        if let Some(key) = self.known.get(&(campaign, position, pattern)) {
            return Ok(*key);
        }
        let stored = sql("select 1 from v_link where campaign = ?1 and position = ?2 and pattern = ?3")?
            .query_row(params![campaign, position, pattern], |_| Ok(()))
            .optional()?;
        let key = if stored.is_some() {
            (position, pattern)
        } else {
            let counts = "select count(*), count(iif(position = ?2, 1, null)) from v_link \
                          where campaign = ?1 and pattern <> 0";
            let counts = sql(counts)?.query_row(params![campaign, position], |row| Ok((row.get(0)?, row.get(1)?)))?;
            self.new_row(campaign, position, pattern, counts)
        };
        self.known.insert((campaign, position, pattern), key);
        Ok(key)
    }

    /// Of a link without a row, where the campaign and the position have so many.
    fn new_row(&mut self, campaign: i64, position: u16, pattern: i64, (all, here): (i64, i64)) -> (u16, i64) {
        let (new, new_here) =
            (self.new.entry(campaign).or_default(), self.new_here.entry((campaign, position)).or_default());
        if here + *new_here >= PATTERNS_MAX {
            return (position, 0);
        }
        if all + *new >= LINKS_MAX {
            return OTHER_LINKS;
        }
        *new += 1;
        *new_here += 1;
        (position, pattern)
    }
}

//! Time that counts against no delivery's life, over restarts.

use rusqlite::params;

use super::error::StoreError;
use super::queue::Queue;
use super::writer::{Batch, Lane};
use crate::domain::Timestamp;

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SparedTime {
    /// From when to when, in their order.
    pub spans: Vec<(Timestamp, Timestamp)>,
    /// Since when something is lacking, and what.
    pub open: Option<(Timestamp, String)>,
}

impl Queue {
    /// What was kept last.
    pub async fn spared_time(&self) -> Result<SparedTime, StoreError> {
        self.readers
            .read_long(|conn| {
                let mut spared = SparedTime::default();
                let mut statement = conn.prepare("select began, ended, lack from spared order by rowid")?;
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    let began = Timestamp::from_millis(row.get(0)?);
                    match row.get::<_, Option<i64>>(1)? {
                        Some(ended) => spared.spans.push((began, Timestamp::from_millis(ended))),
                        None => spared.open = Some((began, row.get(2)?)),
                    }
                }
                Ok(spared)
            })
            .await
    }

    /// Keeps this and nothing else.
    pub async fn keep_spared_time(&self, spared: SparedTime) -> Result<(), StoreError> {
        let keep = move |batch: &mut Batch<'_>| {
            batch.tx.execute("delete from spared", [])?;
            let mut insert = batch.tx.prepare_cached("insert into spared (began, ended, lack) values (?1, ?2, ?3)")?;
            for (began, ended) in &spared.spans {
                insert.execute(params![began.millis(), ended.millis(), None::<&str>])?;
            }
            if let Some((began, lack)) = &spared.open {
                insert.execute(params![began.millis(), None::<i64>, lack])?;
            }
            Ok(())
        };
        self.writer.write(Lane::Urgent, 4096, keep).await
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::open;
    use super::*;

    #[tokio::test]
    async fn spared_time_comes_back_as_it_was_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let queue = store.queue();
        assert_eq!(queue.spared_time().await.unwrap(), SparedTime::default());
        let at = Timestamp::from_millis;
        let spans = vec![(at(5), at(9)), (at(2), at(3))];
        for open in [Some((at(10), "names".to_owned())), None] {
            let spared = SparedTime { spans: spans.clone(), open };
            queue.keep_spared_time(spared.clone()).await.unwrap();
            assert_eq!(queue.spared_time().await.unwrap(), spared);
        }
        store.close();
    }
}

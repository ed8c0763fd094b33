//! The secrets that sign tokens: a file beside the database, and a copy in it.
//!
//! The file outlives a lost database, so no link in delivered mail ever breaks; the copy lets a backup of the database
//! alone bring the links back. What is in one and not in the other is added to the other.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::{Connection, params};

use super::error::StoreError;
use crate::domain::{TokenKey, TokenKeys};

/// The file's name: one `number base64` a line.
pub const FILE: &str = "signing.key";

/// Loads all signing secrets, makes the first one at the first start, and brings file and copy together.
pub(super) fn load(conn: &Connection, data_dir: &Path, random: fn() -> u64) -> Result<TokenKeys, StoreError> {
    let path = data_dir.join(FILE);
    let in_file = read_file(&path)?;
    let in_database = read_copy(conn)?;
    let mut all = in_database.clone();
    for (id, secret) in &in_file {
        if all.insert(*id, *secret).is_some_and(|other| other != *secret) {
            return Err(StoreError::Schema(format!(
                "signing secret {id} in {} differs from its copy in the database: they are not of one data folder",
                path.display()
            )));
        }
    }
    if all.is_empty() {
        all.insert(1, fresh(random));
    }
    if all != in_file {
        write_file(&path, &all)?;
    }
    for (id, secret) in all.iter().filter(|(id, _)| !in_database.contains_key(id)) {
        conn.execute("insert into secret values (?1, ?2)", params![id, secret])?;
    }
    let mut keys: Vec<_> = all.into_iter().map(|(id, secret)| TokenKey::new(id, secret)).collect();
    let current = keys.pop().ok_or_else(|| StoreError::Schema("there is no signing secret".to_owned()))?;
    Ok(TokenKeys::new(current, keys))
}

fn fresh(random: fn() -> u64) -> [u8; 32] {
    let mut secret = [0; 32];
    for chunk in secret.chunks_mut(8) {
        chunk.copy_from_slice(&random().to_ne_bytes());
    }
    secret
}

fn read_copy(conn: &Connection) -> Result<BTreeMap<u8, [u8; 32]>, StoreError> {
    let mut statement = conn.prepare("select id, bytes from secret")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read_file(path: &Path) -> Result<BTreeMap<u8, [u8; 32]>, StoreError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(StoreError::file(path, &error)),
    };
    let open = fs::metadata(path).map_err(|e| StoreError::file(path, &e))?.permissions().mode() & 0o077;
    let fault = |why: String| StoreError::File { path: path.display().to_string(), why };
    if open != 0 {
        return Err(fault("other users may read it; make it private with: chmod 600".to_owned()));
    }
    let mut keys = BTreeMap::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let read = line.split_once(' ').and_then(|(id, secret)| {
            let secret: [u8; 32] = STANDARD.decode(secret.trim()).ok()?.try_into().ok()?;
            Some((id.parse().ok()?, secret))
        });
        let (id, secret) = read.ok_or_else(|| fault(format!("line {} is not `number base64`", number + 1)))?;
        keys.insert(id, secret);
    }
    Ok(keys)
}

fn write_file(path: &Path, keys: &BTreeMap<u8, [u8; 32]>) -> Result<(), StoreError> {
    let text: String = keys.iter().map(|(id, secret)| format!("{id} {}\n", STANDARD.encode(secret))).collect();
    let fresh = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
    };
    write().map_err(|e| StoreError::file(path, &e))
}

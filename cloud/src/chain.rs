//! `limen-cloud audit`: the log of what was done, out of the store, and whether it holds.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::audit::{Broken, Chain, Entry};
use crate::store::{Store, StoreError, TenantId};

/// Entries that are read at a time.
const PAGE: u32 = 1_000;

/// A line of an export: an entry of a tenant, or where its chain ends.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    tenant: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<Entry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<End>,
}

/// Where a chain ends.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    entries: u64,
    hash: String,
}

/// Why an audit log does not hold, or can't be read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The database refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It can't be read or written.
    #[error("the export cannot be read or written")]
    Io(#[from] io::Error),
    /// A line that is none of an export.
    #[error("line {line} is none of an export: {source}")]
    Line {
        /// Counts from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Something was changed.
    #[error("the audit log of {tenant} does not hold: {broken}")]
    Broken {
        /// Whose.
        tenant: Uuid,
        /// Where.
        broken: Broken,
    },
    /// Entries are missing at the end.
    #[error(
        "the audit log of {tenant} does not hold: it ends after {found} entries, and should after {wanted}"
    )]
    Cut {
        /// Whose.
        tenant: Uuid,
        /// How many there are.
        found: u64,
        /// How many there were.
        wanted: u64,
    },
}

/// Follows every tenant's chain in the store, and hands each entry over. Gives the tenants with how many entries
/// each has and the last one's hash.
///
/// # Errors
/// At the first entry that does not hold.
pub async fn follow(
    store: &dyn Store,
    mut each: impl FnMut(TenantId, &Entry) -> Result<(), AuditError>,
) -> Result<Vec<(Uuid, u64, String)>, AuditError> {
    let mut ends = Vec::new();
    for tenant in store.tenants().await? {
        let tenant = tenant.id;
        let mut chain = Chain::new(tenant);
        loop {
            let page = store.audit(tenant, chain.end().0, PAGE).await?;
            if page.is_empty() {
                break;
            }
            for entry in &page {
                chain.follow(entry).map_err(|broken| AuditError::Broken {
                    tenant: tenant.0,
                    broken,
                })?;
                each(tenant, entry)?;
            }
        }
        let (entries, hash) = chain.end();
        ends.push((tenant.0, entries, hash));
    }
    Ok(ends)
}

/// Writes everything as lines of JSON, each tenant's end last.
///
/// # Errors
/// When the log does not hold, or can't be written.
pub async fn export(store: &dyn Store, mut to: impl Write) -> Result<(), AuditError> {
    let mut write = |line: &Line| -> Result<(), AuditError> {
        serde_json::to_writer(&mut to, line).map_err(io::Error::from)?;
        Ok(to.write_all(b"\n")?)
    };
    let ends = follow(store, |tenant, entry| {
        write(&Line {
            tenant: tenant.0,
            entry: Some(entry.clone()),
            end: None,
        })
    })
    .await?;
    for (tenant, entries, hash) in ends {
        let end = Some(End { entries, hash });
        write(&Line {
            tenant,
            entry: None,
            end,
        })?;
    }
    Ok(())
}

/// Follows an export. Gives the tenants like [`follow`].
///
/// # Errors
/// At the first line that does not hold, and where a chain is shorter than its end says.
pub fn read(from: impl BufRead) -> Result<Vec<(Uuid, u64, String)>, AuditError> {
    let mut chains: Vec<(Uuid, Chain)> = Vec::new();
    let mut ends = Vec::new();
    for (at, line) in from.lines().enumerate() {
        let line: Line = serde_json::from_str(&line?).map_err(|source| AuditError::Line {
            line: at + 1,
            source,
        })?;
        let Line { tenant, entry, end } = line;
        let place = chains.iter().position(|(whose, _)| *whose == tenant);
        let place = place.unwrap_or_else(|| {
            chains.push((tenant, Chain::new(TenantId(tenant))));
            chains.len() - 1
        });
        let chain = &mut chains[place].1;
        if let Some(entry) = entry {
            let broken = |broken| AuditError::Broken { tenant, broken };
            chain.follow(&entry).map_err(broken)?;
        }
        if let Some(end) = end {
            let (found, hash) = chain.end();
            if (found, &hash) != (end.entries, &end.hash) {
                let wanted = end.entries;
                return Err(AuditError::Cut {
                    tenant,
                    found,
                    wanted,
                });
            }
            ends.push((tenant, found, hash));
        }
    }
    // A chain whose end is not told may be one that was cut.
    let is_told = |tenant: &Uuid| ends.iter().any(|(told, ..)| told == tenant);
    match chains.iter().find(|(tenant, _)| !is_told(tenant)) {
        None => Ok(ends),
        Some((tenant, chain)) => Err(AuditError::Cut {
            tenant: *tenant,
            found: chain.end().0,
            wanted: chain.end().0 + 1,
        }),
    }
}

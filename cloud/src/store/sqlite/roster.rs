//! What a site's terminals are to hold, in versions.
//!
//! A version belongs to contents, not to writers: whoever asks has the contents compared by hash with what
//! the last version said, and the version moves when they differ. So no method that changes people or
//! templates has to know of rosters, and none can forget to.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Transaction};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::rows::{id, integer};
use super::ways;
use crate::store::ledger::{RosterChanges, RosterPerson};
use crate::store::{AccountId, Hash, SealedTemplate, StoreError, TenantId};

type Result<T> = std::result::Result<T, StoreError>;

pub(super) fn changes(
    t: &Transaction<'_>,
    tenant: TenantId,
    site: Uuid,
    model: &str,
    held: u64,
) -> Result<RosterChanges> {
    let mut now = people(t, tenant, site, model)?;
    let before = entries(t, tenant, site)?;
    let mut version = version(t, tenant, site)?;
    let changed = changed(&now, &before);
    // The first version is 1, also of an empty site: 0 is what a terminal holds that was told nothing.
    if !changed.is_empty() || version == 0 {
        version += 1;
        t.execute(
            "INSERT INTO rosters (tenant, site, version) VALUES (?1, ?2, ?3)
             ON CONFLICT (tenant, site) DO UPDATE SET version = excluded.version",
            (tenant, id(site), version),
        )?;
        for (person, content) in changed {
            t.prepare_cached(
                "INSERT INTO roster_entries (tenant, site, person, version, content)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (tenant, site, person)
                 DO UPDATE SET version = excluded.version, content = excluded.content",
            )?
            .execute((tenant, id(site), person, version, content))?;
        }
    }
    let to = u64::try_from(version).map_err(|_| StoreError::Damaged("rosters.version"))?;
    let from = if held > to { 0 } else { held };
    let mut put = Vec::new();
    let mut forget = Vec::new();
    for (person, (_, content)) in entries_since(t, tenant, site, from)? {
        match (content, now.remove(&person)) {
            (Some(_), Some((known, _))) => put.push(known),
            _ if from > 0 => forget.push(person),
            _ => {}
        }
    }
    Ok(RosterChanges {
        from,
        to,
        put,
        forget,
    })
}

type Known = BTreeMap<AccountId, (RosterPerson, Hash)>;
type Entries = BTreeMap<AccountId, (i64, Option<Hash>)>;

/// Who works at the site now, each with the hash of all that a terminal is told about them.
fn people(t: &Transaction<'_>, tenant: TenantId, site: Uuid, model: &str) -> Result<Known> {
    let mut statement = t.prepare_cached(
        "SELECT p.id, p.name, x.version, x.photos, x.sealed FROM people p
         LEFT JOIN templates x ON x.tenant = p.tenant AND x.person = p.id AND x.model = ?3
         WHERE p.tenant = ?1 AND p.site = ?2 AND p.left_at IS NULL",
    )?;
    let mut rows = statement.query((tenant, id(site), model))?;
    let mut known = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let person: AccountId = row.get("id")?;
        let name: String = row.get("name")?;
        let sealed: Option<Vec<u8>> = row.get("sealed")?;
        let template = match sealed {
            Some(sealed) => Some(SealedTemplate {
                model: model.to_owned(),
                version: row.get("version")?,
                photos: row.get("photos")?,
                sealed,
            }),
            None => None,
        };
        let mut content = Sha256::new();
        let mut part = |bytes: &[u8]| {
            content.update((bytes.len() as u64).to_be_bytes());
            content.update(bytes);
        };
        part(name.as_bytes());
        if let Some(template) = &template {
            part(template.model.as_bytes());
            part(&template.version.to_be_bytes());
            part(&template.sealed);
        }
        let ways = ways::listed(t, tenant, person)?;
        // Where there are none, the content is what it was before there could be any.
        for way in [&ways.number, &ways.verifier].into_iter().flatten() {
            part(way.as_bytes());
        }
        for badge in &ways.badges {
            part(badge.as_bytes());
        }
        let told = RosterPerson {
            id: person,
            name,
            template,
            number: ways.number,
            pin_verifier: ways.verifier,
            badges: ways.badges,
        };
        known.insert(person, (told, content.finalize().into()));
    }
    Ok(known)
}

fn version(t: &Transaction<'_>, tenant: TenantId, site: Uuid) -> Result<i64> {
    Ok(
        t.prepare_cached("SELECT version FROM rosters WHERE tenant = ?1 AND site = ?2")?
            .query_row((tenant, id(site)), |row| row.get(0))
            .optional()?
            .unwrap_or(0),
    )
}

fn entries(t: &Transaction<'_>, tenant: TenantId, site: Uuid) -> Result<Entries> {
    entries_since(t, tenant, site, 0)
}

fn entries_since(
    t: &Transaction<'_>,
    tenant: TenantId,
    site: Uuid,
    version: u64,
) -> Result<Entries> {
    let mut statement = t.prepare_cached(
        "SELECT person, version, content FROM roster_entries
         WHERE tenant = ?1 AND site = ?2 AND version > ?3",
    )?;
    let rows = statement.query_map((tenant, id(site), integer(version)?), |row| {
        Ok((
            row.get::<_, AccountId>("person")?,
            (row.get("version")?, row.get("content")?),
        ))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Who is new, has changed (with the new hash) or is to be forgotten (without).
fn changed(now: &Known, before: &Entries) -> Vec<(AccountId, Option<Hash>)> {
    let news = now.iter().filter_map(|(person, (_, content))| {
        let same = matches!(before.get(person), Some((_, Some(held))) if held == content);
        (!same).then_some((*person, Some(*content)))
    });
    let gone = before.iter().filter_map(|(person, (_, held))| {
        (held.is_some() && !now.contains_key(person)).then_some((*person, None))
    });
    news.chain(gone).collect()
}

pub(super) fn settings_version(
    t: &Transaction<'_>,
    tenant: TenantId,
    site: Uuid,
    content: &Hash,
) -> Result<u64> {
    let held: Option<(i64, Hash)> = t
        .prepare_cached(
            "SELECT version, content FROM settings_versions WHERE tenant = ?1 AND site = ?2",
        )?
        .query_row((tenant, id(site)), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let version = match held {
        Some((version, held)) if held == *content => version,
        other => {
            let version = other.map_or(0, |(version, _)| version) + 1;
            t.execute(
                "INSERT INTO settings_versions (tenant, site, version, content)
                 VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (tenant, site)
                 DO UPDATE SET version = excluded.version, content = excluded.content",
                (tenant, id(site), version, content),
            )?;
            version
        }
    };
    u64::try_from(version).map_err(|_| StoreError::Damaged("settings_versions.version"))
}

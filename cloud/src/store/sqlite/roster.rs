//! What a site's terminals are to hold.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Transaction};
use uuid::Uuid;

use super::rows::id;
use super::ways;
use crate::store::forms::count;
use crate::store::ledger::{RosterChanges, RosterPerson};
use crate::store::rosters::{self, Entries, Known};
use crate::store::{AccountId, Hash, SealedTemplate, StoreError, TenantId};

type Result<T> = std::result::Result<T, StoreError>;

pub(super) fn changes(
    t: &Transaction<'_>,
    tenant: TenantId,
    site: Uuid,
    model: &str,
    held: u64,
) -> Result<RosterChanges> {
    let now = people(t, tenant, site, model)?;
    let mut entries = entries(t, tenant, site)?;
    let mut version = version(t, tenant, site)?;
    if let Some((next, changed)) = rosters::next_version(version, &now, &entries) {
        version = next;
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
            entries.insert(person, (version, content));
        }
    }
    rosters::since(held, version, now, entries)
}

/// Whom the site's doors know now.
fn people(t: &Transaction<'_>, tenant: TenantId, site: Uuid, model: &str) -> Result<Known> {
    let mut statement = t.prepare_cached(
        "SELECT p.id, p.name, x.version, x.photos, x.sealed,
                EXISTS (SELECT 1 FROM alike a WHERE a.tenant = p.tenant AND a.settled_as = 'twins'
                         AND (a.person = p.id OR a.other = p.id)) AS is_twin
         FROM people p
         LEFT JOIN templates x ON x.tenant = p.tenant AND x.person = p.id AND x.model = ?3
         WHERE p.tenant = ?1 AND p.left_at IS NULL
           AND (NOT EXISTS (SELECT 1 FROM person_sites s WHERE s.tenant = p.tenant AND s.person = p.id)
                OR EXISTS (SELECT 1 FROM person_sites s
                           WHERE s.tenant = p.tenant AND s.person = p.id AND s.site = ?2))",
    )?;
    let mut rows = statement.query((tenant, id(site), model))?;
    let mut known = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let person: AccountId = row.get("id")?;
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
        let ways = ways::listed(t, tenant, person)?;
        let (person, told) = rosters::hashed(RosterPerson {
            id: person,
            name: row.get("name")?,
            template,
            number: ways.number,
            pin_verifier: ways.verifier,
            badges: ways.badges,
            is_twin: row.get("is_twin")?,
        });
        known.insert(person, told);
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
    let mut statement = t.prepare_cached(
        "SELECT person, version, content FROM roster_entries WHERE tenant = ?1 AND site = ?2",
    )?;
    let rows = statement.query_map((tenant, id(site)), |row| {
        Ok((
            row.get::<_, AccountId>("person")?,
            (row.get("version")?, row.get("content")?),
        ))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
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
    let (version, is_new) = rosters::settings_version(held, content);
    if is_new {
        t.execute(
            "INSERT INTO settings_versions (tenant, site, version, content)
             VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (tenant, site)
             DO UPDATE SET version = excluded.version, content = excluded.content",
            (tenant, id(site), version, content),
        )?;
    }
    count(version, "settings_versions.version")
}

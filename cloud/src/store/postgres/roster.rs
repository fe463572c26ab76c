//! What a site's terminals are to hold.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::rows::{bytes32, bytes32_or_none};
use super::{Result, Tx};
use crate::store::ledger::{RosterChanges, RosterPerson};
use crate::store::rosters::{self, Entries, Known};
use crate::store::{AccountId, Hash, SealedTemplate, TenantId};

/// A site's versions are moved by one at a time.
async fn lock(t: &Tx<'_>, tenant: TenantId, site: Uuid) -> Result<()> {
    t.rows(
        "SELECT 1 FROM sites WHERE tenant = $1 AND id = $2 FOR NO KEY UPDATE",
        &[&tenant.0, &site],
    )
    .await?;
    Ok(())
}

pub(super) async fn changes(
    t: &Tx<'_>,
    tenant: TenantId,
    site: Uuid,
    model: &str,
    held: u64,
) -> Result<RosterChanges> {
    lock(t, tenant, site).await?;
    let now = people(t, tenant, site, model).await?;
    let mut entries = entries(t, tenant, site).await?;
    let version = t
        .row(
            "SELECT version FROM rosters WHERE tenant = $1 AND site = $2",
            &[&tenant.0, &site],
        )
        .await?;
    let mut version: i64 = match version {
        Some(row) => row.try_get("version")?,
        None => 0,
    };
    if let Some((next, changed)) = rosters::next_version(version, &now, &entries) {
        version = next;
        t.change(
            "INSERT INTO rosters (tenant, site, version) VALUES ($1, $2, $3)
             ON CONFLICT (tenant, site) DO UPDATE SET version = excluded.version",
            &[&tenant.0, &site, &version],
        )
        .await?;
        let people: Vec<Uuid> = changed.iter().map(|(person, _)| person.0).collect();
        let contents: Vec<Option<&[u8]>> = changed
            .iter()
            .map(|(_, content)| content.as_ref().map(Hash::as_slice))
            .collect();
        t.change(
            "INSERT INTO roster_entries (tenant, site, person, version, content)
             SELECT $1, $2, c.person, $3, c.content
             FROM unnest($4::uuid[], $5::bytea[]) AS c (person, content)
             ON CONFLICT (tenant, site, person)
             DO UPDATE SET version = excluded.version, content = excluded.content",
            &[&tenant.0, &site, &version, &people, &contents],
        )
        .await?;
        entries.extend(changed.iter().map(|(who, what)| (*who, (version, *what))));
    }
    rosters::since(held, version, now, entries)
}

/// Whom the site's doors know now. One statement, so that a person is told as they are at one moment.
async fn people(t: &Tx<'_>, tenant: TenantId, site: Uuid, model: &str) -> Result<Known> {
    let rows = t
        .rows(
            "SELECT p.id, p.name, x.version, x.photos, x.sealed, n.number, n.verifier,
                    ARRAY(SELECT b.listed FROM badges b
                          WHERE b.tenant = p.tenant AND b.person = p.id AND b.revoked IS NULL
                          ORDER BY b.issued, b.id) AS badges,
                    EXISTS (SELECT 1 FROM alike a WHERE a.tenant = p.tenant AND a.settled_as = 'twins'
                         AND (a.person = p.id OR a.other = p.id)) AS is_twin
             FROM people p
             LEFT JOIN templates x ON x.tenant = p.tenant AND x.person = p.id AND x.model = $3
             LEFT JOIN pins n ON n.tenant = p.tenant AND n.person = p.id AND n.verifier IS NOT NULL
             WHERE p.tenant = $1 AND p.left_at IS NULL
               AND (NOT EXISTS (SELECT 1 FROM person_sites s WHERE s.tenant = p.tenant AND s.person = p.id)
                    OR EXISTS (SELECT 1 FROM person_sites s
                               WHERE s.tenant = p.tenant AND s.person = p.id AND s.site = $2))",
            &[&tenant.0, &site, &model],
        )
        .await?;
    let mut known = BTreeMap::new();
    for row in rows {
        let sealed: Option<Vec<u8>> = row.try_get("sealed")?;
        let template = match sealed {
            Some(sealed) => Some(SealedTemplate {
                model: model.to_owned(),
                version: row.try_get("version")?,
                photos: row.try_get("photos")?,
                sealed,
            }),
            None => None,
        };
        let number: Option<i64> = row.try_get("number")?;
        let (person, told) = rosters::hashed(RosterPerson {
            id: AccountId(row.try_get("id")?),
            name: row.try_get("name")?,
            template,
            number: number.map(|number| number.to_string()),
            pin_verifier: row.try_get("verifier")?,
            badges: row.try_get("badges")?,
            is_twin: row.try_get("is_twin")?,
        });
        known.insert(person, told);
    }
    Ok(known)
}

async fn entries(t: &Tx<'_>, tenant: TenantId, site: Uuid) -> Result<Entries> {
    let rows = t
        .rows(
            "SELECT person, version, content FROM roster_entries WHERE tenant = $1 AND site = $2",
            &[&tenant.0, &site],
        )
        .await?;
    let mut entries = BTreeMap::new();
    for row in rows {
        let content = bytes32_or_none(&row, "content")?;
        entries.insert(
            AccountId(row.try_get("person")?),
            (row.try_get("version")?, content),
        );
    }
    Ok(entries)
}

pub(super) async fn settings_version(
    t: &Tx<'_>,
    tenant: TenantId,
    site: Uuid,
    content: &Hash,
) -> Result<i64> {
    lock(t, tenant, site).await?;
    let row = t
        .row(
            "SELECT version, content FROM settings_versions WHERE tenant = $1 AND site = $2",
            &[&tenant.0, &site],
        )
        .await?;
    let held = match row {
        Some(row) => Some((row.try_get("version")?, bytes32(&row, "content")?)),
        None => None,
    };
    let (version, is_new) = rosters::settings_version(held, content);
    if is_new {
        t.change(
            "INSERT INTO settings_versions (tenant, site, version, content) VALUES ($1, $2, $3, $4)
             ON CONFLICT (tenant, site)
             DO UPDATE SET version = excluded.version, content = excluded.content",
            &[&tenant.0, &site, &version, &content.as_slice()],
        )
        .await?;
    }
    Ok(version)
}

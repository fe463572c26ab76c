//! Sites, and what belongs to them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction};
use uuid::Uuid;

use super::rows::{Id, id, instant};
use super::{Sqlite, audit};
use crate::store::audit::Deed;
use crate::store::places::{MOST_SITES, Place, Placements, Places};
use crate::store::{AccountId, Answer, StoreError, TenantId};

type Result<T> = std::result::Result<T, StoreError>;

impl Places for Sqlite {
    fn sites(&self, tenant: TenantId) -> Answer<Vec<Place>> {
        self.read(move |t| sites(t, tenant))
    }

    fn add_site(&self, tenant: TenantId, site: Place, deed: Deed) -> Answer<()> {
        self.write(move |t| add(t, tenant, &site, deed))
    }

    fn change_site(&self, tenant: TenantId, site: Place, deed: Deed) -> Answer<()> {
        self.write(move |t| change(t, tenant, &site, deed))
    }

    fn place_terminal(&self, tenant: TenantId, site: Uuid, deed: Deed) -> Answer<()> {
        self.write(move |t| place(t, tenant, site, deed))
    }

    fn placements(&self, tenant: TenantId) -> Answer<Placements> {
        self.read(move |t| placements(t, tenant))
    }

    fn tie_person(&self, tenant: TenantId, sites: Vec<Uuid>, deed: Deed) -> Answer<()> {
        self.write(move |t| tie(t, tenant, &sites, deed))
    }

    fn ties(&self, tenant: TenantId) -> Answer<BTreeMap<AccountId, Vec<Uuid>>> {
        self.read(move |t| {
            by_account(
                t,
                tenant,
                "SELECT person, site FROM person_sites WHERE tenant = ?1 ORDER BY person, site",
            )
        })
    }

    fn numbers(&self, tenant: TenantId) -> Answer<BTreeMap<String, AccountId>> {
        self.read(move |t| {
            let mut all =
                t.prepare_cached("SELECT number, person FROM personnel_numbers WHERE tenant = ?1")?;
            let rows = all.query_map([tenant], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn set_number(&self, tenant: TenantId, number: String, deed: Deed) -> Answer<()> {
        self.write(move |t| set_number(t, tenant, &number, deed))
    }

    fn limit_manager(&self, tenant: TenantId, sites: Vec<Uuid>, deed: Deed) -> Answer<()> {
        self.write(move |t| limit(t, tenant, &sites, deed))
    }

    fn limits(&self, tenant: TenantId) -> Answer<BTreeMap<AccountId, Vec<Uuid>>> {
        self.read(move |t| {
            by_account(
                t,
                tenant,
                "SELECT account, site FROM manager_sites WHERE tenant = ?1 ORDER BY account, site",
            )
        })
    }
}

fn sites(t: &Transaction<'_>, tenant: TenantId) -> Result<Vec<Place>> {
    let mut statement = t.prepare_cached(
        "SELECT id, name, zone, day_start, doors FROM sites WHERE tenant = ?1
         ORDER BY id <> (SELECT id FROM sites WHERE tenant = ?1 ORDER BY created, id LIMIT 1), name, id",
    )?;
    let rows = statement.query_map([tenant], |row| {
        Ok(Place {
            id: row.get::<_, Id>("id")?.0,
            name: row.get("name")?,
            zone: row.get("zone")?,
            day_start: row.get("day_start")?,
            doors: row.get("doors")?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn add(t: &Transaction<'_>, tenant: TenantId, new: &Place, deed: Deed) -> Result<()> {
    if sites(t, tenant)?.len() >= MOST_SITES {
        return Err(StoreError::TooMany("sites"));
    }
    t.execute(
        "INSERT INTO sites
           (tenant, id, name, zone, signing_sealed, sealing_sealed, created, day_start, doors)
         VALUES (?1, ?2, ?3, ?4, x'', x'', ?5, ?6, ?7)",
        (
            tenant,
            id(new.id),
            &new.name,
            &new.zone,
            deed.at.as_microsecond(),
            &new.day_start,
            &new.doors,
        ),
    )?;
    let after = Some(new.told());
    audit::write_down(t, tenant, &Deed { after, ..deed })
}

fn site(t: &Transaction<'_>, tenant: TenantId, which: Uuid) -> Result<Place> {
    let mut all = sites(t, tenant)?.into_iter();
    all.find(|site| site.id == which)
        .ok_or(StoreError::Missing("site"))
}

fn change(t: &Transaction<'_>, tenant: TenantId, new: &Place, deed: Deed) -> Result<()> {
    let before = site(t, tenant, new.id)?;
    t.execute(
        "UPDATE sites SET name = ?3, zone = ?4, day_start = ?5, doors = ?6
         WHERE tenant = ?1 AND id = ?2",
        (
            tenant,
            id(new.id),
            &new.name,
            &new.zone,
            &new.day_start,
            &new.doors,
        ),
    )?;
    let (before, after) = (Some(before.told()), Some(new.told()));
    audit::write_down(
        t,
        tenant,
        &Deed {
            before,
            after,
            ..deed
        },
    )
}

fn place(t: &Transaction<'_>, tenant: TenantId, to: Uuid, deed: Deed) -> Result<()> {
    site(t, tenant, to)?;
    let terminal = deed.about.ok_or(StoreError::Missing("terminal"))?;
    let from: Option<Id> = t
        .prepare_cached(
            "SELECT coalesce((SELECT p.site FROM placements p WHERE p.tenant = x.tenant AND p.terminal = x.id
                              ORDER BY p.since DESC LIMIT 1), x.site)
             FROM terminals x
             WHERE x.tenant = ?1 AND x.id = ?2 AND x.kind = 'terminal' AND x.revoked IS NULL",
        )?
        .query_row((tenant, id(terminal)), |row| row.get(0))
        .optional()?;
    let from = from.ok_or(StoreError::Missing("terminal"))?.0;
    if from == to {
        return Ok(());
    }
    t.execute(
        "INSERT INTO placements (tenant, terminal, since, site) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (tenant, terminal, since) DO UPDATE SET site = excluded.site",
        (tenant, id(terminal), deed.at.as_microsecond(), id(to)),
    )?;
    // A terminal takes no lower version than it holds: those of its new site go on after those of the old one.
    t.execute(
        "INSERT INTO rosters (tenant, site, version)
         SELECT ?1, ?2, 1 + coalesce(max(version), 0) FROM rosters WHERE tenant = ?1 AND site IN (?2, ?3)
         ON CONFLICT (tenant, site) DO UPDATE SET version = excluded.version",
        (tenant, id(to), id(from)),
    )?;
    t.execute(
        "INSERT INTO settings_versions (tenant, site, version, content)
         SELECT ?1, ?2, 1 + coalesce(max(version), 0), zeroblob(32) FROM settings_versions
         WHERE tenant = ?1 AND site IN (?2, ?3)
         ON CONFLICT (tenant, site) DO UPDATE SET version = excluded.version, content = excluded.content",
        (tenant, id(to), id(from)),
    )?;
    // Whatever it holds is the other site's: it is told everything.
    t.execute(
        "UPDATE terminal_status SET roster = 0, settings = 0, digest = NULL WHERE tenant = ?1 AND terminal = ?2",
        (tenant, id(terminal)),
    )?;
    let (before, after) = (Some(format!("\"{from}\"")), Some(format!("\"{to}\"")));
    audit::write_down(
        t,
        tenant,
        &Deed {
            before,
            after,
            ..deed
        },
    )
}

fn placements(t: &Transaction<'_>, tenant: TenantId) -> Result<Placements> {
    let first: Option<Id> = t
        .prepare_cached("SELECT id FROM sites WHERE tenant = ?1 ORDER BY created, id LIMIT 1")?
        .query_row([tenant], |row| row.get(0))
        .optional()?;
    let mut statement =
        t.prepare_cached("SELECT terminal, since, site FROM placements WHERE tenant = ?1")?;
    let mut rows = statement.query([tenant])?;
    let mut placed: Vec<(Uuid, Timestamp, Uuid)> = Vec::new();
    while let Some(row) = rows.next()? {
        let terminal = row.get::<_, Id>("terminal")?.0;
        placed.push((
            terminal,
            instant(row, "since")?,
            row.get::<_, Id>("site")?.0,
        ));
    }
    Ok(Placements::new(
        first.map_or(Uuid::nil(), |first| first.0),
        placed,
    ))
}

fn by_account(
    t: &Transaction<'_>,
    tenant: TenantId,
    select: &str,
) -> Result<BTreeMap<AccountId, Vec<Uuid>>> {
    let mut statement = t.prepare_cached(select)?;
    let mut rows = statement.query([tenant])?;
    let mut sites: BTreeMap<AccountId, Vec<Uuid>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        sites
            .entry(row.get(0)?)
            .or_default()
            .push(row.get::<_, Id>(1)?.0);
    }
    Ok(sites)
}

/// Writes down which sites somebody has now.
fn told(
    t: &Transaction<'_>,
    tenant: TenantId,
    before: Option<&Vec<Uuid>>,
    after: &[Uuid],
    deed: Deed,
) -> Result<()> {
    let json = |sites: &[Uuid]| serde_json::json!(sites).to_string();
    let (before, after) = (before.map(|sites| json(sites)), Some(json(after)));
    audit::write_down(
        t,
        tenant,
        &Deed {
            before,
            after,
            ..deed
        },
    )
}

/// The person whom a deed is about.
fn person(t: &Transaction<'_>, tenant: TenantId, deed: &Deed) -> Result<AccountId> {
    let person = AccountId(deed.about.ok_or(StoreError::Missing("person"))?);
    let works = t
        .prepare_cached("SELECT 1 FROM people WHERE tenant = ?1 AND id = ?2 AND left_at IS NULL")?
        .exists((tenant, person))?;
    works.then_some(person).ok_or(StoreError::Missing("person"))
}

fn set_number(t: &Transaction<'_>, tenant: TenantId, number: &str, deed: Deed) -> Result<()> {
    let person = person(t, tenant, &deed)?;
    let owner: Option<AccountId> = t
        .prepare_cached("SELECT person FROM personnel_numbers WHERE tenant = ?1 AND number = ?2")?
        .query_row((tenant, number), |row| row.get(0))
        .optional()?;
    if owner.is_some_and(|owner| owner != person) {
        return Err(StoreError::Overtaken("the number is somebody else's"));
    }
    t.execute(
        "INSERT INTO personnel_numbers (tenant, person, number) VALUES (?1, ?2, ?3)
         ON CONFLICT (tenant, person) DO UPDATE SET number = excluded.number",
        (tenant, person, number),
    )?;
    let after = Some(serde_json::json!(number).to_string());
    audit::write_down(t, tenant, &Deed { after, ..deed })
}

fn tie(t: &Transaction<'_>, tenant: TenantId, to: &[Uuid], deed: Deed) -> Result<()> {
    let person = person(t, tenant, &deed)?;
    let select = "SELECT person, site FROM person_sites WHERE tenant = ?1 ORDER BY person, site";
    let before = by_account(t, tenant, select)?.remove(&person);
    t.execute(
        "DELETE FROM person_sites WHERE tenant = ?1 AND person = ?2",
        (tenant, person),
    )?;
    for one in to {
        site(t, tenant, *one)?;
        t.execute(
            "INSERT OR IGNORE INTO person_sites (tenant, person, site) VALUES (?1, ?2, ?3)",
            (tenant, person, id(*one)),
        )?;
    }
    told(t, tenant, before.as_ref(), to, deed)
}

/// Puts the sites of a manager in the place of those before.
pub(super) fn set_limit(
    t: &Transaction<'_>,
    tenant: TenantId,
    account: AccountId,
    to: &[Uuid],
) -> Result<()> {
    t.execute(
        "DELETE FROM manager_sites WHERE tenant = ?1 AND account = ?2",
        (tenant, account),
    )?;
    for one in to {
        site(t, tenant, *one)?;
        t.execute(
            "INSERT OR IGNORE INTO manager_sites (tenant, account, site) VALUES (?1, ?2, ?3)",
            (tenant, account, id(*one)),
        )?;
    }
    Ok(())
}

fn limit(t: &Transaction<'_>, tenant: TenantId, to: &[Uuid], deed: Deed) -> Result<()> {
    let account = AccountId(deed.about.ok_or(StoreError::Missing("account"))?);
    let is_there = t
        .prepare_cached("SELECT 1 FROM accounts WHERE tenant = ?1 AND id = ?2 AND disabled = 0")?
        .exists((tenant, account))?;
    if !is_there {
        return Err(StoreError::Missing("account"));
    }
    let select = "SELECT account, site FROM manager_sites WHERE tenant = ?1 ORDER BY account, site";
    let before = by_account(t, tenant, select)?.remove(&account);
    set_limit(t, tenant, account, to)?;
    told(t, tenant, before.as_ref(), to, deed)
}

//! Sites, and what belongs to them.

use std::collections::BTreeMap;

use tokio_postgres::Row;
use uuid::Uuid;

use super::rows::instant;
use super::{Postgres, Result, Tx, audit};
use crate::store::audit::Deed;
use crate::store::places::{MOST_SITES, Place, Placements, Places};
use crate::store::{AccountId, Answer, StoreError, TenantId};

const TIES: &str =
    "SELECT person AS whose, site FROM person_sites WHERE tenant = $1 ORDER BY person, site";
const LIMITS: &str =
    "SELECT account AS whose, site FROM manager_sites WHERE tenant = $1 ORDER BY account, site";

impl Places for Postgres {
    fn sites(&self, tenant: TenantId) -> Answer<Vec<Place>> {
        self.read(tenant, |t, tenant| Box::pin(sites(t, *tenant)))
    }

    fn add_site(&self, tenant: TenantId, site: Place, deed: Deed) -> Answer<()> {
        self.write((tenant, site, deed), |t, (tenant, site, deed)| {
            Box::pin(add(t, *tenant, site, deed))
        })
    }

    fn change_site(&self, tenant: TenantId, site: Place, deed: Deed) -> Answer<()> {
        self.write((tenant, site, deed), |t, (tenant, site, deed)| {
            Box::pin(change(t, *tenant, site, deed))
        })
    }

    fn place_terminal(&self, tenant: TenantId, site: Uuid, deed: Deed) -> Answer<()> {
        self.write((tenant, site, deed), |t, (tenant, site, deed)| {
            Box::pin(place(t, *tenant, *site, deed))
        })
    }

    fn placements(&self, tenant: TenantId) -> Answer<Placements> {
        self.read(tenant, |t, tenant| Box::pin(placements(t, *tenant)))
    }

    fn tie_person(&self, tenant: TenantId, sites: Vec<Uuid>, deed: Deed) -> Answer<()> {
        self.write((tenant, sites, deed), |t, (tenant, sites, deed)| {
            Box::pin(tie(t, *tenant, sites, deed))
        })
    }

    fn ties(&self, tenant: TenantId) -> Answer<BTreeMap<AccountId, Vec<Uuid>>> {
        self.read(tenant, |t, tenant| Box::pin(by_account(t, *tenant, TIES)))
    }

    fn numbers(&self, tenant: TenantId) -> Answer<BTreeMap<String, AccountId>> {
        self.read(tenant, |t, tenant| Box::pin(numbers(t, *tenant)))
    }

    fn set_number(&self, tenant: TenantId, number: String, deed: Deed) -> Answer<()> {
        self.write((tenant, number, deed), |t, (tenant, number, deed)| {
            Box::pin(set_number(t, *tenant, number, deed))
        })
    }

    fn limit_manager(&self, tenant: TenantId, sites: Vec<Uuid>, deed: Deed) -> Answer<()> {
        self.write((tenant, sites, deed), |t, (tenant, sites, deed)| {
            Box::pin(limit(t, *tenant, sites, deed))
        })
    }

    fn limits(&self, tenant: TenantId) -> Answer<BTreeMap<AccountId, Vec<Uuid>>> {
        self.read(tenant, |t, tenant| Box::pin(by_account(t, *tenant, LIMITS)))
    }
}

/// Sites are added and changed, and people and terminals given to them, by one at a time.
async fn lock(t: &Tx<'_>, tenant: TenantId) -> Result<()> {
    t.rows(
        "SELECT 1 FROM tenants WHERE tenant = $1 FOR NO KEY UPDATE",
        &[&tenant.0],
    )
    .await?;
    Ok(())
}

async fn sites(t: &Tx<'_>, tenant: TenantId) -> Result<Vec<Place>> {
    let rows = t
        .rows(
            "SELECT id, name, zone, day_start, doors FROM sites WHERE tenant = $1
             ORDER BY id <> (SELECT id FROM sites WHERE tenant = $1 ORDER BY created, id LIMIT 1), name, id",
            &[&tenant.0],
        )
        .await?;
    let site = |row: &Row| {
        Ok(Place {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            zone: row.try_get("zone")?,
            day_start: row.try_get("day_start")?,
            doors: row.try_get("doors")?,
        })
    };
    rows.iter().map(site).collect()
}

async fn add(t: &Tx<'_>, tenant: TenantId, new: &Place, deed: &Deed) -> Result<()> {
    lock(t, tenant).await?;
    if sites(t, tenant).await?.len() >= MOST_SITES {
        return Err(StoreError::TooMany("sites"));
    }
    let none: &[u8] = &[];
    t.change(
        "INSERT INTO sites
           (tenant, id, name, zone, signing_sealed, sealing_sealed, created, day_start, doors)
         VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8)",
        &[
            &tenant.0,
            &new.id,
            &new.name,
            &new.zone,
            &none,
            &deed.at.as_microsecond(),
            &new.day_start,
            &new.doors,
        ],
    )
    .await?;
    written(t, tenant, deed, None, Some(new.told())).await
}

async fn written(
    t: &Tx<'_>,
    tenant: TenantId,
    deed: &Deed,
    before: Option<String>,
    after: Option<String>,
) -> Result<()> {
    let deed = Deed {
        before,
        after,
        ..deed.clone()
    };
    audit::write_down(t, tenant, &deed).await
}

async fn site(t: &Tx<'_>, tenant: TenantId, which: Uuid) -> Result<Place> {
    let mut all = sites(t, tenant).await?.into_iter();
    all.find(|site| site.id == which)
        .ok_or(StoreError::Missing("site"))
}

async fn change(t: &Tx<'_>, tenant: TenantId, new: &Place, deed: &Deed) -> Result<()> {
    lock(t, tenant).await?;
    let before = site(t, tenant, new.id).await?;
    t.change(
        "UPDATE sites SET name = $3, zone = $4, day_start = $5, doors = $6
         WHERE tenant = $1 AND id = $2",
        &[
            &tenant.0,
            &new.id,
            &new.name,
            &new.zone,
            &new.day_start,
            &new.doors,
        ],
    )
    .await?;
    written(t, tenant, deed, Some(before.told()), Some(new.told())).await
}

async fn place(t: &Tx<'_>, tenant: TenantId, to: Uuid, deed: &Deed) -> Result<()> {
    lock(t, tenant).await?;
    site(t, tenant, to).await?;
    let terminal = deed.about.ok_or(StoreError::Missing("terminal"))?;
    let row = t
        .row(
            "SELECT coalesce((SELECT p.site FROM placements p WHERE p.tenant = x.tenant AND p.terminal = x.id
                              ORDER BY p.since DESC LIMIT 1), x.site) AS site
             FROM terminals x
             WHERE x.tenant = $1 AND x.id = $2 AND x.kind = 'terminal' AND x.revoked IS NULL",
            &[&tenant.0, &terminal],
        )
        .await?;
    let from: Uuid = row
        .ok_or(StoreError::Missing("terminal"))?
        .try_get("site")?;
    if from == to {
        return Ok(());
    }
    t.change(
        "INSERT INTO placements (tenant, terminal, since, site) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant, terminal, since) DO UPDATE SET site = excluded.site",
        &[&tenant.0, &terminal, &deed.at.as_microsecond(), &to],
    )
    .await?;
    // A terminal takes no lower version than it holds: those of its new site go on after those of the old one.
    t.rows(
        "SELECT 1 FROM sites WHERE tenant = $1 AND id IN ($2, $3) ORDER BY id FOR NO KEY UPDATE",
        &[&tenant.0, &to, &from],
    )
    .await?;
    t.change(
        "INSERT INTO rosters (tenant, site, version)
         SELECT $1, $2, 1 + coalesce(max(version), 0) FROM rosters WHERE tenant = $1 AND site IN ($2, $3)
         ON CONFLICT (tenant, site) DO UPDATE SET version = excluded.version",
        &[&tenant.0, &to, &from],
    )
    .await?;
    let nothing: &[u8] = &[0; 32];
    t.change(
        "INSERT INTO settings_versions (tenant, site, version, content)
         SELECT $1, $2, 1 + coalesce(max(version), 0), $4 FROM settings_versions
         WHERE tenant = $1 AND site IN ($2, $3)
         ON CONFLICT (tenant, site) DO UPDATE SET version = excluded.version, content = excluded.content",
        &[&tenant.0, &to, &from, &nothing],
    )
    .await?;
    // Whatever it holds is the other site's: it is told everything.
    t.change(
        "UPDATE terminal_status SET roster = 0, settings = 0, digest = NULL WHERE tenant = $1 AND terminal = $2",
        &[&tenant.0, &terminal],
    )
    .await?;
    let (before, after) = (format!("\"{from}\""), format!("\"{to}\""));
    written(t, tenant, deed, Some(before), Some(after)).await
}

async fn placements(t: &Tx<'_>, tenant: TenantId) -> Result<Placements> {
    let first = t
        .row(
            "SELECT id FROM sites WHERE tenant = $1 ORDER BY created, id LIMIT 1",
            &[&tenant.0],
        )
        .await?;
    let first = first.map_or(Ok(Uuid::nil()), |row| row.try_get("id"))?;
    let rows = t
        .rows(
            "SELECT terminal, since, site FROM placements WHERE tenant = $1",
            &[&tenant.0],
        )
        .await?;
    let placed = |row: &Row| {
        let (terminal, site) = (row.try_get("terminal")?, row.try_get("site")?);
        Ok((terminal, instant(row, "since")?, site))
    };
    let placed: Result<Vec<_>> = rows.iter().map(placed).collect();
    Ok(Placements::new(first, placed?))
}

async fn by_account(
    t: &Tx<'_>,
    tenant: TenantId,
    select: &'static str,
) -> Result<BTreeMap<AccountId, Vec<Uuid>>> {
    let mut sites: BTreeMap<AccountId, Vec<Uuid>> = BTreeMap::new();
    for row in t.rows(select, &[&tenant.0]).await? {
        let whose = AccountId(row.try_get("whose")?);
        sites.entry(whose).or_default().push(row.try_get("site")?);
    }
    Ok(sites)
}

fn json(sites: &[Uuid]) -> String {
    serde_json::json!(sites).to_string()
}

async fn all_there(t: &Tx<'_>, tenant: TenantId, wanted: &[Uuid]) -> Result<()> {
    let all = sites(t, tenant).await?;
    match wanted
        .iter()
        .all(|one| all.iter().any(|site| site.id == *one))
    {
        true => Ok(()),
        false => Err(StoreError::Missing("site")),
    }
}

/// The person whom a deed is about.
async fn person(t: &Tx<'_>, tenant: TenantId, deed: &Deed) -> Result<Uuid> {
    let person = deed.about.ok_or(StoreError::Missing("person"))?;
    let works = "SELECT 1 FROM people WHERE tenant = $1 AND id = $2 AND left_at IS NULL";
    let works = t.row(works, &[&tenant.0, &person]).await?;
    works.map(|_| person).ok_or(StoreError::Missing("person"))
}

async fn numbers(t: &Tx<'_>, tenant: TenantId) -> Result<BTreeMap<String, AccountId>> {
    let all = "SELECT number, person FROM personnel_numbers WHERE tenant = $1";
    let rows = t.rows(all, &[&tenant.0]).await?;
    let number = |row: &Row| Ok((row.try_get("number")?, AccountId(row.try_get("person")?)));
    rows.iter().map(number).collect()
}

async fn set_number(t: &Tx<'_>, tenant: TenantId, number: &str, deed: &Deed) -> Result<()> {
    lock(t, tenant).await?;
    let person = person(t, tenant, deed).await?;
    let owner = "SELECT person FROM personnel_numbers WHERE tenant = $1 AND number = $2";
    if let Some(row) = t.row(owner, &[&tenant.0, &number]).await?
        && row.try_get::<_, Uuid>("person")? != person
    {
        return Err(StoreError::Overtaken("the number is somebody else's"));
    }
    t.change(
        "INSERT INTO personnel_numbers (tenant, person, number) VALUES ($1, $2, $3)
         ON CONFLICT (tenant, person) DO UPDATE SET number = excluded.number",
        &[&tenant.0, &person, &number],
    )
    .await?;
    let after = serde_json::json!(number).to_string();
    written(t, tenant, deed, None, Some(after)).await
}

async fn tie(t: &Tx<'_>, tenant: TenantId, to: &[Uuid], deed: &Deed) -> Result<()> {
    lock(t, tenant).await?;
    let person = person(t, tenant, deed).await?;
    all_there(t, tenant, to).await?;
    let before = by_account(t, tenant, TIES)
        .await?
        .remove(&AccountId(person));
    t.change(
        "DELETE FROM person_sites WHERE tenant = $1 AND person = $2",
        &[&tenant.0, &person],
    )
    .await?;
    t.change(
        "INSERT INTO person_sites (tenant, person, site) SELECT $1, $2, unnest($3::uuid[])
         ON CONFLICT DO NOTHING",
        &[&tenant.0, &person, &to],
    )
    .await?;
    written(
        t,
        tenant,
        deed,
        before.map(|sites| json(&sites)),
        Some(json(to)),
    )
    .await
}

/// Puts the sites of a manager in the place of those before.
pub(super) async fn set_limit(
    t: &Tx<'_>,
    tenant: TenantId,
    account: AccountId,
    to: &[Uuid],
) -> Result<()> {
    all_there(t, tenant, to).await?;
    t.change(
        "DELETE FROM manager_sites WHERE tenant = $1 AND account = $2",
        &[&tenant.0, &account.0],
    )
    .await?;
    t.change(
        "INSERT INTO manager_sites (tenant, account, site) SELECT $1, $2, unnest($3::uuid[])
         ON CONFLICT DO NOTHING",
        &[&tenant.0, &account.0, &to],
    )
    .await?;
    Ok(())
}

async fn limit(t: &Tx<'_>, tenant: TenantId, to: &[Uuid], deed: &Deed) -> Result<()> {
    lock(t, tenant).await?;
    let account = AccountId(deed.about.ok_or(StoreError::Missing("account"))?);
    let is_there = "SELECT 1 FROM accounts WHERE tenant = $1 AND id = $2 AND NOT disabled";
    let is_there = t.row(is_there, &[&tenant.0, &account.0]).await?;
    is_there.ok_or(StoreError::Missing("account"))?;
    let before = by_account(t, tenant, LIMITS).await?.remove(&account);
    set_limit(t, tenant, account, to).await?;
    written(
        t,
        tenant,
        deed,
        before.map(|sites| json(&sites)),
        Some(json(to)),
    )
    .await
}

//! PINs, badges, and who changed them.
//!
//! Each change locks the person first, so that numbers are given and badges counted by one at a time.

use uuid::Uuid;

use super::rows::{instant, instant_or_none};
use super::{Postgres, Result, Tx, audit};
use crate::store::audit::Deed;
use crate::store::ways::{Badge, Changing, FIRST, MOST_BADGES, WayChange, Ways, WaysIn};
use crate::store::{AccountId, Answer, StoreError, TenantId};

impl Ways for Postgres {
    fn ways_in(&self, tenant: TenantId, person: AccountId) -> Answer<Option<WaysIn>> {
        self.read((tenant, person), |t, (tenant, person)| {
            Box::pin(ways_in(t, *tenant, *person))
        })
    }

    fn set_pin(&self, changing: Changing, verifier: String) -> Answer<u32> {
        self.write((changing, verifier), |t, (changing, verifier)| {
            Box::pin(set_pin(t, changing, verifier))
        })
    }

    fn remove_pin(&self, changing: Changing) -> Answer<bool> {
        self.write(changing, |t, changing| Box::pin(remove_pin(t, changing)))
    }

    fn issue_badge(&self, changing: Changing, badge: Uuid, listed: String) -> Answer<()> {
        let asked = (changing, badge, listed);
        self.write(asked, |t, (changing, badge, listed)| {
            Box::pin(issue_badge(t, changing, *badge, listed))
        })
    }

    fn revoke_badge(&self, changing: Changing, badge: Uuid) -> Answer<bool> {
        self.write((changing, badge), |t, (changing, badge)| {
            Box::pin(revoke_badge(t, changing, *badge))
        })
    }
}

async fn ways_in(t: &Tx<'_>, tenant: TenantId, person: AccountId) -> Result<Option<WaysIn>> {
    let works = "SELECT 1 FROM people WHERE tenant = $1 AND id = $2 AND left_at IS NULL";
    if t.row(works, &[&tenant.0, &person.0]).await?.is_none() {
        return Ok(None);
    }
    let mut found = WaysIn::default();
    let pin = t
        .row(
            "SELECT number, verifier IS NOT NULL AS has_pin FROM pins
             WHERE tenant = $1 AND person = $2",
            &[&tenant.0, &person.0],
        )
        .await?;
    if let Some(pin) = pin {
        found.number = Some(pin_number(pin.try_get("number")?)?);
        found.has_pin = pin.try_get("has_pin")?;
    }
    let badges = t
        .rows(
            "SELECT id, listed, issued, revoked FROM badges WHERE tenant = $1 AND person = $2
             ORDER BY issued DESC, id DESC",
            &[&tenant.0, &person.0],
        )
        .await?;
    for row in badges {
        found.badges.push(Badge {
            id: row.try_get("id")?,
            listed: row.try_get("listed")?,
            issued: instant(&row, "issued")?,
            revoked: instant_or_none(&row, "revoked")?,
        });
    }
    let changes = t
        .rows(
            "SELECT what, badge, by, at FROM way_changes WHERE tenant = $1 AND person = $2
             ORDER BY nth DESC",
            &[&tenant.0, &person.0],
        )
        .await?;
    for row in changes {
        found.changes.push(WayChange {
            what: row.try_get("what")?,
            badge: row.try_get("badge")?,
            by: AccountId(row.try_get("by")?),
            at: instant(&row, "at")?,
        });
    }
    Ok(Some(found))
}

fn pin_number(number: i64) -> Result<u32> {
    u32::try_from(number).map_err(|_| StoreError::Damaged("pins.number"))
}

/// Locks the person; whether they work here.
async fn lock(t: &Tx<'_>, changing: &Changing) -> Result<bool> {
    let row = t
        .row(
            "SELECT left_at IS NULL AS works FROM people WHERE tenant = $1 AND id = $2
             FOR NO KEY UPDATE",
            &[&changing.tenant.0, &changing.person.0],
        )
        .await?;
    match row {
        Some(row) => Ok(row.try_get("works")?),
        None => Ok(false),
    }
}

async fn set_pin(t: &Tx<'_>, changing: &Changing, verifier: &str) -> Result<u32> {
    let (tenant, person) = (changing.tenant.0, changing.person.0);
    // A number is the next of the whole tenant.
    t.rows(
        "SELECT 1 FROM tenants WHERE tenant = $1 FOR NO KEY UPDATE",
        &[&tenant],
    )
    .await?;
    if !lock(t, changing).await? {
        return Err(StoreError::Missing("person"));
    }
    let row = t
        .one(
            "INSERT INTO pins (tenant, person, number, verifier)
             SELECT $1, $2, coalesce(max(number) + 1, $4), $3 FROM pins WHERE tenant = $1
             ON CONFLICT (tenant, person) DO UPDATE SET verifier = excluded.verifier
             RETURNING number",
            &[&tenant, &person, &verifier, &i64::from(FIRST)],
        )
        .await?;
    let number = pin_number(row.try_get("number")?)?;
    write_down(t, changing, "pin_set", None).await?;
    Ok(number)
}

pub(super) async fn remove_pin(t: &Tx<'_>, changing: &Changing) -> Result<bool> {
    lock(t, changing).await?;
    let removed = t
        .change(
            "UPDATE pins SET verifier = NULL
             WHERE tenant = $1 AND person = $2 AND verifier IS NOT NULL",
            &[&changing.tenant.0, &changing.person.0],
        )
        .await?;
    let removed = removed > 0;
    if removed {
        write_down(t, changing, "pin_removed", None).await?;
    }
    Ok(removed)
}

async fn issue_badge(t: &Tx<'_>, changing: &Changing, badge: Uuid, listed: &str) -> Result<()> {
    let (tenant, person) = (changing.tenant.0, changing.person.0);
    if !lock(t, changing).await? {
        return Err(StoreError::Missing("person"));
    }
    let issued = t
        .change(
            "INSERT INTO badges (tenant, id, person, listed, issued) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (tenant, listed) WHERE revoked IS NULL DO NOTHING",
            &[
                &tenant,
                &badge,
                &person,
                &listed,
                &changing.at.as_microsecond(),
            ],
        )
        .await?;
    if issued == 0 {
        return Err(StoreError::BadgeTaken);
    }
    let held = t
        .one(
            "SELECT count(*) AS held FROM badges
             WHERE tenant = $1 AND person = $2 AND revoked IS NULL",
            &[&tenant, &person],
        )
        .await?;
    if held.try_get::<_, i64>("held")? > MOST_BADGES {
        return Err(StoreError::TooMany("badges"));
    }
    write_down(t, changing, "badge_issued", Some(badge)).await
}

pub(super) async fn revoke_badge(t: &Tx<'_>, changing: &Changing, badge: Uuid) -> Result<bool> {
    lock(t, changing).await?;
    let revoked = t
        .change(
            "UPDATE badges SET revoked = $4
             WHERE tenant = $1 AND person = $2 AND id = $3 AND revoked IS NULL",
            &[
                &changing.tenant.0,
                &changing.person.0,
                &badge,
                &changing.at.as_microsecond(),
            ],
        )
        .await?;
    let revoked = revoked > 0;
    if revoked {
        write_down(t, changing, "badge_revoked", Some(badge)).await?;
    }
    Ok(revoked)
}

async fn write_down(
    t: &Tx<'_>,
    changing: &Changing,
    what: &'static str,
    badge: Option<Uuid>,
) -> Result<()> {
    t.change(
        "INSERT INTO way_changes (tenant, person, nth, what, badge, by, at)
         SELECT $1, $2, coalesce(max(nth) + 1, 1), $3, $4, $5, $6 FROM way_changes
         WHERE tenant = $1 AND person = $2",
        &[
            &changing.tenant.0,
            &changing.person.0,
            &what,
            &badge,
            &changing.by.0,
            &changing.at.as_microsecond(),
        ],
    )
    .await?;
    let mut deed = Deed::new(changing.by, changing.at, what, Some(changing.person.0));
    deed.after = badge.map(|badge| format!("\"{badge}\""));
    audit::write_down(t, changing.tenant, &deed).await
}

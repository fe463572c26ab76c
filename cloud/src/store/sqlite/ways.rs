//! PINs, badges, and who changed them.

use rusqlite::{OptionalExtension, Transaction};
use uuid::Uuid;

use super::rows::{Id, id, instant};
use super::{Sqlite, audit};
use crate::store::audit::Deed;
use crate::store::ways::{Badge, Changing, FIRST, MOST_BADGES, WayChange, Ways, WaysIn};
use crate::store::{AccountId, Answer, StoreError, TenantId};

type Result<T> = std::result::Result<T, StoreError>;

impl Ways for Sqlite {
    fn ways_in(&self, tenant: TenantId, person: AccountId) -> Answer<Option<WaysIn>> {
        self.read(move |t| ways_in(t, tenant, person))
    }

    fn set_pin(&self, changing: Changing, verifier: String) -> Answer<u32> {
        self.write(move |t| set_pin(t, &changing, &verifier))
    }

    fn remove_pin(&self, changing: Changing) -> Answer<bool> {
        self.write(move |t| remove_pin(t, &changing))
    }

    fn issue_badge(&self, changing: Changing, badge: Uuid, listed: String) -> Answer<()> {
        self.write(move |t| issue_badge(t, &changing, badge, &listed))
    }

    fn revoke_badge(&self, changing: Changing, badge: Uuid) -> Answer<bool> {
        self.write(move |t| revoke_badge(t, &changing, badge))
    }
}

fn works(t: &Transaction<'_>, tenant: TenantId, person: AccountId) -> Result<bool> {
    Ok(
        t.prepare_cached("SELECT 1 FROM people WHERE tenant = ?1 AND id = ?2 AND left_at IS NULL")?
            .exists((tenant, person))?,
    )
}

fn ways_in(t: &Transaction<'_>, tenant: TenantId, person: AccountId) -> Result<Option<WaysIn>> {
    if !works(t, tenant, person)? {
        return Ok(None);
    }
    let pin: Option<(u32, bool)> = t
        .prepare_cached(
            "SELECT number, verifier IS NOT NULL FROM pins WHERE tenant = ?1 AND person = ?2",
        )?
        .query_row((tenant, person), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let mut found = WaysIn {
        number: pin.map(|(number, _)| number),
        has_pin: pin.is_some_and(|(_, has_pin)| has_pin),
        ..WaysIn::default()
    };
    let mut statement = t.prepare_cached(
        "SELECT id, listed, issued, revoked FROM badges WHERE tenant = ?1 AND person = ?2
         ORDER BY issued DESC, id DESC",
    )?;
    let mut rows = statement.query((tenant, person))?;
    while let Some(row) = rows.next()? {
        let revoked: Option<i64> = row.get("revoked")?;
        found.badges.push(Badge {
            id: row.get::<_, Id>("id")?.0,
            listed: row.get("listed")?,
            issued: instant(row, "issued")?,
            revoked: revoked.map(|_| instant(row, "revoked")).transpose()?,
        });
    }
    let mut statement = t.prepare_cached(
        "SELECT what, badge, by, at FROM way_changes WHERE tenant = ?1 AND person = ?2
         ORDER BY nth DESC",
    )?;
    let mut rows = statement.query((tenant, person))?;
    while let Some(row) = rows.next()? {
        found.changes.push(WayChange {
            what: row.get("what")?,
            badge: row.get::<_, Option<Id>>("badge")?.map(|badge| badge.0),
            by: row.get("by")?,
            at: instant(row, "at")?,
        });
    }
    Ok(Some(found))
}

fn set_pin(t: &Transaction<'_>, changing: &Changing, verifier: &str) -> Result<u32> {
    let Changing { tenant, person, .. } = *changing;
    if !works(t, tenant, person)? {
        return Err(StoreError::Missing("person"));
    }
    t.prepare_cached(
        "INSERT INTO pins (tenant, person, number, verifier)
         SELECT ?1, ?2, coalesce(max(number) + 1, ?4), ?3 FROM pins WHERE tenant = ?1
         ON CONFLICT (tenant, person) DO UPDATE SET verifier = excluded.verifier",
    )?
    .execute((tenant, person, verifier, FIRST))?;
    write_down(t, changing, "pin_set", None)?;
    Ok(
        t.prepare_cached("SELECT number FROM pins WHERE tenant = ?1 AND person = ?2")?
            .query_row((tenant, person), |row| row.get(0))?,
    )
}

pub(super) fn remove_pin(t: &Transaction<'_>, changing: &Changing) -> Result<bool> {
    let removed = t.execute(
        "UPDATE pins SET verifier = NULL
         WHERE tenant = ?1 AND person = ?2 AND verifier IS NOT NULL",
        (changing.tenant, changing.person),
    )?;
    if removed > 0 {
        write_down(t, changing, "pin_removed", None)?;
    }
    Ok(removed > 0)
}

fn issue_badge(t: &Transaction<'_>, changing: &Changing, badge: Uuid, listed: &str) -> Result<()> {
    let Changing { tenant, person, .. } = *changing;
    if !works(t, tenant, person)? {
        return Err(StoreError::Missing("person"));
    }
    let is_taken = t
        .prepare_cached(
            "SELECT 1 FROM badges WHERE tenant = ?1 AND listed = ?2 AND revoked IS NULL",
        )?
        .exists((tenant, listed))?;
    if is_taken {
        return Err(StoreError::BadgeTaken);
    }
    let held: i64 = t
        .prepare_cached(
            "SELECT count(*) FROM badges WHERE tenant = ?1 AND person = ?2 AND revoked IS NULL",
        )?
        .query_row((tenant, person), |row| row.get(0))?;
    if held >= MOST_BADGES {
        return Err(StoreError::TooMany("badges"));
    }
    t.execute(
        "INSERT INTO badges (tenant, id, person, listed, issued) VALUES (?1, ?2, ?3, ?4, ?5)",
        (
            tenant,
            id(badge),
            person,
            listed,
            changing.at.as_microsecond(),
        ),
    )?;
    write_down(t, changing, "badge_issued", Some(badge))
}

pub(super) fn revoke_badge(t: &Transaction<'_>, changing: &Changing, badge: Uuid) -> Result<bool> {
    let Changing { tenant, person, .. } = *changing;
    let revoked = t.execute(
        "UPDATE badges SET revoked = ?4
         WHERE tenant = ?1 AND person = ?2 AND id = ?3 AND revoked IS NULL",
        (tenant, person, id(badge), changing.at.as_microsecond()),
    )?;
    if revoked > 0 {
        write_down(t, changing, "badge_revoked", Some(badge))?;
    }
    Ok(revoked > 0)
}

fn write_down(
    t: &Transaction<'_>,
    changing: &Changing,
    what: &'static str,
    badge: Option<Uuid>,
) -> Result<()> {
    t.prepare_cached(
        "INSERT INTO way_changes (tenant, person, nth, what, badge, by, at)
         SELECT ?1, ?2, coalesce(max(nth) + 1, 1), ?3, ?4, ?5, ?6 FROM way_changes
         WHERE tenant = ?1 AND person = ?2",
    )?
    .execute((
        changing.tenant,
        changing.person,
        what,
        badge.map(id),
        changing.by,
        changing.at.as_microsecond(),
    ))?;
    let mut deed = Deed::new(changing.by, changing.at, what, Some(changing.person.0));
    deed.after = badge.map(|badge| format!("\"{badge}\""));
    audit::write_down(t, changing.tenant, &deed)
}

/// What a roster says of a person's ways in.
pub(super) struct Listed {
    pub(super) number: Option<String>,
    pub(super) verifier: Option<String>,
    pub(super) badges: Vec<String>,
}

pub(super) fn listed(t: &Transaction<'_>, tenant: TenantId, person: AccountId) -> Result<Listed> {
    let pin: Option<(u32, String)> = t
        .prepare_cached(
            "SELECT number, verifier FROM pins
             WHERE tenant = ?1 AND person = ?2 AND verifier IS NOT NULL",
        )?
        .query_row((tenant, person), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let mut statement = t.prepare_cached(
        "SELECT listed FROM badges WHERE tenant = ?1 AND person = ?2 AND revoked IS NULL
         ORDER BY issued, id",
    )?;
    let badges = statement.query_map((tenant, person), |row| row.get(0))?;
    let (number, verifier) = pin.unzip();
    Ok(Listed {
        number: number.map(|number| number.to_string()),
        verifier,
        badges: badges.collect::<rusqlite::Result<_>>()?,
    })
}

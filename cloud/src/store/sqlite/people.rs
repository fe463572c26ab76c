//! Sites, people, rates, templates, consents, settings.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, Transaction};
use rust_decimal::Decimal;

use super::rows::{Id, id, instant};
use super::{accounts, audit};
use crate::store::audit::Deed;
use crate::store::forms::{CONSENT_TEXT, Whom, attested, consent_id, rate, rate_text};
use crate::store::{
    AccountId, Adding, Kind, NewAccount, NewPerson, OwnedTemplate, Person, SealedTemplate, Site,
    StoreError, Tenant, TenantId,
};

type Result<T> = std::result::Result<T, StoreError>;

pub(super) fn add(t: &Transaction<'_>, new: &NewPerson, by: &Adding) -> Result<()> {
    let at = new.at.as_microsecond();
    let person = new.account.id;
    let tenant = match by {
        Adding::Employer(tenant) => *tenant,
        Adding::Invited(tenant, hash) => {
            let used = t.execute(
                "UPDATE invitations SET used = ?3, used_by = ?4
                 WHERE tenant = ?1 AND token_hash = ?2 AND kind = 'employee' AND used IS NULL
                   AND expires > ?3 AND (hourly_rate IS NULL OR hourly_rate = ?5)",
                (*tenant, hash, at, person, rate_text(new.hourly_rate)),
            )?;
            if used == 0 {
                return Err(StoreError::NoSuchToken);
            }
            *tenant
        }
    };
    let site: Option<Id> = t
        .prepare_cached("SELECT id FROM sites WHERE tenant = ?1 ORDER BY created, id LIMIT 1")?
        .query_row([tenant], |row| row.get(0))
        .optional()?;
    let site = site.ok_or(StoreError::Missing("site"))?;
    accounts::insert(t, tenant, &new.account, Kind::Employee, false, at)?;
    t.execute(
        "INSERT INTO people (tenant, id, site, name, created) VALUES (?1, ?2, ?3, ?4, ?5)",
        (tenant, person, site, &new.account.username, at),
    )?;
    set_rate(t, tenant, person, new.at, new.hourly_rate)?;
    let mut deed = Deed::new(new.attested_by, new.at, "person_added", Some(person.0));
    deed.after = Some(format!(
        "{{\"hourly_rate\":\"{}\"}}",
        rate_text(new.hourly_rate)
    ));
    audit::write_down(t, tenant, &deed)?;
    attest(t, tenant, &new.account, new.attested_by, at)
}

/// Keeps the consents that a registration attests: to the face's use for attendance, and for log-in where
/// it was asked for.
pub(super) fn attest(
    t: &Transaction<'_>,
    tenant: TenantId,
    account: &NewAccount,
    by: AccountId,
    at: i64,
) -> Result<()> {
    let confirmed = (by == account.id).then_some(at);
    if account.template.is_some() {
        consent(t, tenant, account.id, "attendance", by, at, confirmed)?;
        t.execute(
            "UPDATE templates SET consent = (SELECT id FROM consents WHERE tenant = ?1 AND person = ?2)
             WHERE tenant = ?1 AND person = ?2",
            (tenant, account.id),
        )?;
    }
    if account.face_login {
        consent(t, tenant, account.id, "face-login", by, at, confirmed)?;
    }
    Ok(())
}

pub(super) fn consent(
    t: &Transaction<'_>,
    tenant: TenantId,
    person: AccountId,
    purpose: &str,
    by: AccountId,
    at: i64,
    confirmed: Option<i64>,
) -> Result<()> {
    t.execute(
        "INSERT INTO consents
           (tenant, person, id, purpose, text_version, language, at, attested_by, confirmed, given)
         VALUES (?1, ?2, ?3, ?4, ?5, 'en', ?6, ?7, ?8, ?9)",
        (
            tenant,
            person,
            id(consent_id(at)),
            purpose,
            CONSENT_TEXT,
            at,
            by,
            confirmed,
            attested(by == person).as_str(),
        ),
    )?;
    Ok(())
}

pub(super) fn tenants(t: &Transaction<'_>, only: Option<TenantId>) -> Result<Vec<Tenant>> {
    let mut statement = t.prepare_cached(
        "SELECT t.tenant, t.name, t.currency, s.id, s.name AS site, s.zone, s.signing_sealed,
                s.sealing_sealed
         FROM tenants t
         JOIN sites s ON s.tenant = t.tenant
          AND s.id = (SELECT id FROM sites WHERE tenant = t.tenant ORDER BY created, id LIMIT 1)
         WHERE ?1 IS NULL OR t.tenant = ?1
         ORDER BY t.tenant",
    )?;
    let rows = statement.query_map([only], |row| {
        Ok(Tenant {
            id: row.get("tenant")?,
            name: row.get("name")?,
            currency: row.get("currency")?,
            site: Site {
                id: row.get::<_, Id>("id")?.0,
                name: row.get("site")?,
                zone: row.get("zone")?,
                signing_sealed: row.get("signing_sealed")?,
                sealing_sealed: row.get("sealing_sealed")?,
            },
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn list(t: &Transaction<'_>, tenant: TenantId, whom: Whom) -> Result<Vec<Person>> {
    let (only, ever) = whom.parts();
    let mut statement = t.prepare_cached(
        "SELECT p.id, p.site, p.name, a.email FROM people p
         JOIN accounts a ON a.tenant = p.tenant AND a.id = p.id
         WHERE p.tenant = ?1 AND (?2 IS NULL OR p.id = ?2) AND (p.left_at IS NULL OR ?3)
         ORDER BY p.name, p.id",
    )?;
    let rows = statement.query_map((tenant, only, ever), |row| {
        Ok(Person {
            id: row.get("id")?,
            site: row.get::<_, Id>("site")?.0,
            name: row.get("name")?,
            email: row.get("email")?,
            rates: Vec::new(),
        })
    })?;
    let mut people = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut statement = t.prepare_cached(
        "SELECT valid_from, hourly_rate FROM rates WHERE tenant = ?1 AND person = ?2
         ORDER BY valid_from",
    )?;
    for person in &mut people {
        let mut rows = statement.query((tenant, person.id))?;
        while let Some(row) = rows.next()? {
            let from = instant(row, "valid_from")?;
            person
                .rates
                .push((from, rate(&row.get::<_, String>("hourly_rate")?)?));
        }
    }
    Ok(people)
}

pub(super) fn set_rate(
    t: &Transaction<'_>,
    tenant: TenantId,
    person: AccountId,
    from: Timestamp,
    hourly_rate: Decimal,
) -> Result<()> {
    t.execute(
        "INSERT INTO rates (tenant, person, valid_from, hourly_rate) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (tenant, person, valid_from) DO UPDATE SET hourly_rate = excluded.hourly_rate",
        (
            tenant,
            person,
            from.as_microsecond(),
            rate_text(hourly_rate),
        ),
    )?;
    Ok(())
}

fn sealed(row: &Row<'_>) -> rusqlite::Result<SealedTemplate> {
    Ok(SealedTemplate {
        model: row.get("model")?,
        version: row.get("version")?,
        photos: row.get("photos")?,
        sealed: row.get("sealed")?,
    })
}

fn owned(row: &Row<'_>) -> rusqlite::Result<OwnedTemplate> {
    Ok(OwnedTemplate {
        tenant: row.get("tenant")?,
        person: row.get("person")?,
        template: sealed(row)?,
    })
}

pub(super) fn template(
    t: &Transaction<'_>,
    tenant: TenantId,
    person: AccountId,
    model: &str,
) -> Result<Option<SealedTemplate>> {
    Ok(t.prepare_cached(
        "SELECT model, version, photos, sealed FROM templates
         WHERE tenant = ?1 AND person = ?2 AND model = ?3",
    )?
    .query_row((tenant, person, model), sealed)
    .optional()?)
}

pub(super) fn templates(
    t: &Transaction<'_>,
    tenant: TenantId,
    model: &str,
) -> Result<Vec<OwnedTemplate>> {
    let mut statement = t.prepare_cached(
        "SELECT x.tenant, x.person, x.model, x.version, x.photos, x.sealed FROM templates x
         JOIN people p ON p.tenant = x.tenant AND p.id = x.person AND p.left_at IS NULL
         WHERE x.tenant = ?1 AND x.model = ?2 ORDER BY x.person",
    )?;
    let rows = statement.query_map((tenant, model), owned)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn face_login_templates(
    t: &Transaction<'_>,
    kind: Option<Kind>,
    model: &str,
) -> Result<Vec<OwnedTemplate>> {
    let mut statement = t.prepare_cached(
        "SELECT x.tenant, x.person, x.model, x.version, x.photos, x.sealed FROM templates x
         JOIN accounts a ON a.tenant = x.tenant AND a.id = x.person
         WHERE a.face_login = 1 AND a.disabled = 0 AND (?1 IS NULL OR a.kind = ?1)
           AND x.model = ?2
         ORDER BY x.tenant, x.person",
    )?;
    let rows = statement.query_map((kind.map(Kind::as_str), model), owned)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn employer_templates(t: &Transaction<'_>, model: &str) -> Result<Vec<OwnedTemplate>> {
    let mut statement = t.prepare_cached(
        "SELECT x.tenant, x.person, x.model, x.version, x.photos, x.sealed FROM templates x
         JOIN accounts a ON a.tenant = x.tenant AND a.id = x.person
         WHERE a.kind = 'employer' AND x.model = ?1
         ORDER BY x.tenant, x.person",
    )?;
    let rows = statement.query_map([model], owned)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn setting(t: &Transaction<'_>, tenant: TenantId, key: &str) -> Result<Option<String>> {
    Ok(
        t.prepare_cached("SELECT value FROM settings WHERE tenant = ?1 AND key = ?2")?
            .query_row((tenant, key), |row| row.get(0))
            .optional()?,
    )
}

pub(super) fn set_setting(
    t: &Transaction<'_>,
    tenant: TenantId,
    key: &'static str,
    value: &str,
    deed: Option<Deed>,
) -> Result<()> {
    if let Some(deed) = deed {
        let before = setting(t, tenant, key)?;
        let after = Some(value.to_owned());
        let deed = Deed {
            before,
            after,
            ..deed
        };
        audit::write_down(t, tenant, &deed)?;
    }
    t.execute(
        "INSERT INTO settings (tenant, key, value) VALUES (?1, ?2, ?3)
         ON CONFLICT (tenant, key) DO UPDATE SET value = excluded.value",
        (tenant, key, value),
    )?;
    Ok(())
}

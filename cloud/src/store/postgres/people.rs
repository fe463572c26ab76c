//! Sites, people, rates, templates, consents, settings.

use std::collections::HashMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use tokio_postgres::Row;
use uuid::Uuid;

use super::rows::instant;
use super::{Result, Tx, accounts, audit};
use crate::store::audit::Deed;
use crate::store::forms::{CONSENT_TEXT, Whom, attested, consent_id, rate, rate_text};
use crate::store::{
    AccountId, Adding, Kind, NewAccount, NewPerson, OwnedTemplate, Person, SealedTemplate, Site,
    StoreError, Tenant, TenantId,
};

pub(super) async fn add(t: &Tx<'_>, new: &NewPerson, by: &Adding) -> Result<()> {
    let at = new.at.as_microsecond();
    let person = new.account.id;
    let tenant = match by {
        Adding::Employer(tenant) => *tenant,
        Adding::Invited(tenant, hash) => {
            let used = t
                .change(
                    "UPDATE invitations SET used = $3, used_by = $4
                     WHERE tenant = $1 AND token_hash = $2 AND kind = 'employee' AND used IS NULL
                       AND expires > $3 AND (hourly_rate IS NULL OR hourly_rate = $5)",
                    &[
                        &tenant.0,
                        &hash.as_slice(),
                        &at,
                        &person.0,
                        &rate_text(new.hourly_rate),
                    ],
                )
                .await?;
            if used == 0 {
                return Err(StoreError::NoSuchToken);
            }
            *tenant
        }
    };
    let site = t
        .row(
            "SELECT id FROM sites WHERE tenant = $1 ORDER BY created, id LIMIT 1",
            &[&tenant.0],
        )
        .await?;
    let site: Uuid = site.ok_or(StoreError::Missing("site"))?.try_get("id")?;
    accounts::insert(t, tenant, &new.account, Kind::Employee, false, at).await?;
    t.change(
        "INSERT INTO people (tenant, id, site, name, created) VALUES ($1, $2, $3, $4, $5)",
        &[&tenant.0, &person.0, &site, &new.account.username, &at],
    )
    .await?;
    set_rate(t, tenant, person, new.at, new.hourly_rate).await?;
    let mut deed = Deed::new(new.attested_by, new.at, "person_added", Some(person.0));
    deed.after = Some(format!(
        "{{\"hourly_rate\":\"{}\"}}",
        rate_text(new.hourly_rate)
    ));
    audit::write_down(t, tenant, &deed).await?;
    attest(t, tenant, &new.account, new.attested_by, at).await
}

/// Keeps the consents that a registration attests: to the face's use for attendance, and for log-in where
/// it was asked for.
pub(super) async fn attest(
    t: &Tx<'_>,
    tenant: TenantId,
    account: &NewAccount,
    by: AccountId,
    at: i64,
) -> Result<()> {
    let confirmed = (by == account.id).then_some(at);
    if account.template.is_some() {
        consent(t, tenant, account.id, "attendance", by, at, confirmed).await?;
        t.change(
            "UPDATE templates SET consent = (SELECT id FROM consents WHERE tenant = $1 AND person = $2)
             WHERE tenant = $1 AND person = $2",
            &[&tenant.0, &account.id.0],
        )
        .await?;
    }
    if account.face_login {
        consent(t, tenant, account.id, "face-login", by, at, confirmed).await?;
    }
    Ok(())
}

pub(super) async fn consent(
    t: &Tx<'_>,
    tenant: TenantId,
    person: AccountId,
    purpose: &str,
    by: AccountId,
    at: i64,
    confirmed: Option<i64>,
) -> Result<()> {
    t.change(
        "INSERT INTO consents
           (tenant, person, id, purpose, text_version, language, at, attested_by, confirmed, given)
         VALUES ($1, $2, $3, $4, $5, 'en', $6, $7, $8, $9)",
        &[
            &tenant.0,
            &person.0,
            &consent_id(at),
            &purpose,
            &CONSENT_TEXT,
            &at,
            &by.0,
            &confirmed,
            &attested(by == person).as_str(),
        ],
    )
    .await?;
    Ok(())
}

pub(super) fn site(row: &Row, name: &str) -> Result<Site> {
    Ok(Site {
        id: row.try_get("id")?,
        name: row.try_get(name)?,
        zone: row.try_get("zone")?,
        signing_sealed: row.try_get("signing_sealed")?,
        sealing_sealed: row.try_get("sealing_sealed")?,
    })
}

pub(super) async fn tenants(t: &Tx<'_>, only: Option<TenantId>) -> Result<Vec<Tenant>> {
    let rows = t
        .rows(
            "SELECT t.tenant, t.name, t.currency, s.id, s.name AS site, s.zone, s.signing_sealed,
                    s.sealing_sealed
             FROM tenants t
             JOIN sites s ON s.tenant = t.tenant
              AND s.id = (SELECT id FROM sites WHERE tenant = t.tenant ORDER BY created, id LIMIT 1)
             WHERE $1::uuid IS NULL OR t.tenant = $1
             ORDER BY t.tenant",
            &[&only.map(|tenant| tenant.0)],
        )
        .await?;
    let tenant = |row: &Row| {
        Ok(Tenant {
            id: TenantId(row.try_get("tenant")?),
            name: row.try_get("name")?,
            currency: row.try_get("currency")?,
            site: site(row, "site")?,
        })
    };
    rows.iter().map(tenant).collect()
}

pub(super) async fn list(t: &Tx<'_>, tenant: TenantId, whom: Whom) -> Result<Vec<Person>> {
    let (only, ever) = whom.parts();
    let only = only.map(|person| person.0);
    let rows = t
        .rows(
            "SELECT p.id, p.site, p.name, a.email FROM people p
             JOIN accounts a ON a.tenant = p.tenant AND a.id = p.id
             WHERE p.tenant = $1 AND ($2::uuid IS NULL OR p.id = $2) AND (p.left_at IS NULL OR $3)
             ORDER BY p.name, p.id",
            &[&tenant.0, &only, &ever],
        )
        .await?;
    let people = rows;
    let rows = t
        .rows(
            "SELECT person, valid_from, hourly_rate FROM rates
             WHERE tenant = $1 AND ($2::uuid IS NULL OR person = $2)
             ORDER BY person, valid_from",
            &[&tenant.0, &only],
        )
        .await?;
    let mut rates: HashMap<Uuid, Vec<(Timestamp, Decimal)>> = HashMap::new();
    for row in rows {
        let from = instant(&row, "valid_from")?;
        let per_hour = rate(row.try_get("hourly_rate")?)?;
        let person = rates.entry(row.try_get("person")?).or_default();
        person.push((from, per_hour));
    }
    let person = |row: &Row| {
        let id = row.try_get("id")?;
        Ok(Person {
            id: AccountId(id),
            site: row.try_get("site")?,
            name: row.try_get("name")?,
            email: row.try_get("email")?,
            rates: rates.remove(&id).unwrap_or_default(),
        })
    };
    people.iter().map(person).collect()
}

pub(super) async fn set_rate(
    t: &Tx<'_>,
    tenant: TenantId,
    person: AccountId,
    from: Timestamp,
    hourly_rate: Decimal,
) -> Result<()> {
    t.change(
        "INSERT INTO rates (tenant, person, valid_from, hourly_rate) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant, person, valid_from) DO UPDATE SET hourly_rate = excluded.hourly_rate",
        &[
            &tenant.0,
            &person.0,
            &from.as_microsecond(),
            &rate_text(hourly_rate),
        ],
    )
    .await?;
    Ok(())
}

fn sealed(row: &Row) -> Result<SealedTemplate> {
    Ok(SealedTemplate {
        model: row.try_get("model")?,
        version: row.try_get("version")?,
        photos: row.try_get("photos")?,
        sealed: row.try_get("sealed")?,
    })
}

fn owned(row: &Row) -> Result<OwnedTemplate> {
    Ok(OwnedTemplate {
        tenant: TenantId(row.try_get("tenant")?),
        person: AccountId(row.try_get("person")?),
        template: sealed(row)?,
    })
}

pub(super) async fn template(
    t: &Tx<'_>,
    tenant: TenantId,
    person: AccountId,
    model: &str,
) -> Result<Option<SealedTemplate>> {
    let row = t
        .row(
            "SELECT model, version, photos, sealed FROM templates
             WHERE tenant = $1 AND person = $2 AND model = $3",
            &[&tenant.0, &person.0, &model],
        )
        .await?;
    row.as_ref().map(sealed).transpose()
}

pub(super) async fn templates(
    t: &Tx<'_>,
    tenant: TenantId,
    model: &str,
) -> Result<Vec<OwnedTemplate>> {
    let rows = t
        .rows(
            "SELECT x.tenant, x.person, x.model, x.version, x.photos, x.sealed FROM templates x
             JOIN people p ON p.tenant = x.tenant AND p.id = x.person AND p.left_at IS NULL
             WHERE x.tenant = $1 AND x.model = $2 ORDER BY x.person",
            &[&tenant.0, &model],
        )
        .await?;
    rows.iter().map(owned).collect()
}

pub(super) async fn face_login_templates(
    t: &Tx<'_>,
    kind: Option<Kind>,
    model: &str,
) -> Result<Vec<OwnedTemplate>> {
    let rows = t
        .rows(
            "SELECT x.tenant, x.person, x.model, x.version, x.photos, x.sealed FROM templates x
             JOIN accounts a ON a.tenant = x.tenant AND a.id = x.person
             WHERE a.face_login AND NOT a.disabled AND ($1::text IS NULL OR a.kind = $1)
               AND x.model = $2
             ORDER BY x.tenant, x.person",
            &[&kind.map(Kind::as_str), &model],
        )
        .await?;
    rows.iter().map(owned).collect()
}

pub(super) async fn employer_templates(t: &Tx<'_>, model: &str) -> Result<Vec<OwnedTemplate>> {
    let rows = t
        .rows(
            "SELECT x.tenant, x.person, x.model, x.version, x.photos, x.sealed FROM templates x
             JOIN accounts a ON a.tenant = x.tenant AND a.id = x.person
             WHERE a.kind = 'employer' AND x.model = $1
             ORDER BY x.tenant, x.person",
            &[&model],
        )
        .await?;
    rows.iter().map(owned).collect()
}

pub(super) async fn setting(t: &Tx<'_>, tenant: TenantId, key: &str) -> Result<Option<String>> {
    let row = t
        .row(
            "SELECT value FROM settings WHERE tenant = $1 AND key = $2",
            &[&tenant.0, &key],
        )
        .await?;
    Ok(row.map(|row| row.try_get("value")).transpose()?)
}

pub(super) async fn set_setting(
    t: &Tx<'_>,
    tenant: TenantId,
    key: &'static str,
    value: &str,
    deed: Option<&Deed>,
) -> Result<()> {
    if let Some(deed) = deed {
        // Whoever sets it at once waits, so that what was before is the last word.
        t.rows(
            "SELECT 1 FROM tenants WHERE tenant = $1 FOR NO KEY UPDATE",
            &[&tenant.0],
        )
        .await?;
        let deed = Deed {
            before: setting(t, tenant, key).await?,
            after: Some(value.to_owned()),
            ..deed.clone()
        };
        audit::write_down(t, tenant, &deed).await?;
    }
    t.change(
        "INSERT INTO settings (tenant, key, value) VALUES ($1, $2, $3)
         ON CONFLICT (tenant, key) DO UPDATE SET value = excluded.value",
        &[&tenant.0, &key, &value],
    )
    .await?;
    Ok(())
}

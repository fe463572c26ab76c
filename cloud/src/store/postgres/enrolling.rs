//! Links by which people enrol their own face, once.

use jiff::Timestamp;

use super::rows::instant;
use super::{Postgres, Result, Tx, audit, consents};
use crate::store::audit::Deed;
use crate::store::consents::Given;
use crate::store::enrolling::{Enrolling, EnrolmentLink, NewEnrolmentLink};
use crate::store::ways::Changing;
use crate::store::{AccountId, Answer, Hash, SealedTemplate, StoreError, TenantId};

impl Enrolling for Postgres {
    fn make_enrolment_link(&self, link: NewEnrolmentLink) -> Answer<()> {
        self.write(link, |t, link| Box::pin(make(t, link)))
    }

    fn enrolment_link(&self, token_hash: Hash, now: Timestamp) -> Answer<Option<EnrolmentLink>> {
        self.read((token_hash, now), |t, (hash, now)| {
            Box::pin(link(t, hash, *now))
        })
    }

    fn enrol_by_link(
        &self,
        token_hash: Hash,
        given: Given,
        template: SealedTemplate,
        now: Timestamp,
    ) -> Answer<()> {
        let asked = (token_hash, given, template, now);
        self.write(asked, |t, (hash, given, template, now)| {
            Box::pin(enrol(t, hash, given, template, *now))
        })
    }

    fn decline_by_link(&self, token_hash: Hash, now: Timestamp) -> Answer<()> {
        self.write((token_hash, now), |t, (hash, now)| {
            Box::pin(decline(t, hash, *now))
        })
    }
}

async fn make(t: &Tx<'_>, new: &NewEnrolmentLink) -> Result<()> {
    let changing = Changing {
        tenant: new.tenant,
        person: new.person,
        by: new.by,
        at: new.created,
    };
    if !consents::lock(t, &changing).await? {
        return Err(StoreError::Missing("person"));
    }
    t.change(
        "DELETE FROM enrolment_links WHERE tenant = $1 AND person = $2 AND used IS NULL",
        &[&new.tenant.0, &new.person.0],
    )
    .await?;
    t.change(
        "INSERT INTO enrolment_links (tenant, token_hash, person, made_by, created, expires)
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            &new.tenant.0,
            &new.token_hash.as_slice(),
            &new.person.0,
            &new.by.0,
            &new.created.as_microsecond(),
            &new.expires.as_microsecond(),
        ],
    )
    .await?;
    let about = Some(new.person.0);
    let deed = Deed::new(new.by, new.created, "enrolment_link_made", about);
    audit::write_down(t, new.tenant, &deed).await
}

async fn link(t: &Tx<'_>, token_hash: &Hash, now: Timestamp) -> Result<Option<EnrolmentLink>> {
    let row = t
        .row(
            "SELECT l.tenant, o.name AS organisation, l.person, p.name, l.expires
             FROM enrolment_links l
             JOIN tenants o ON o.tenant = l.tenant
             JOIN people p ON p.tenant = l.tenant AND p.id = l.person AND p.left_at IS NULL
             WHERE l.token_hash = $1 AND l.used IS NULL AND l.expires > $2",
            &[&token_hash.as_slice(), &now.as_microsecond()],
        )
        .await?;
    row.map(|row| {
        Ok(EnrolmentLink {
            tenant: TenantId(row.try_get("tenant")?),
            organisation: row.try_get("organisation")?,
            person: AccountId(row.try_get("person")?),
            name: row.try_get("name")?,
            expires: instant(&row, "expires")?,
        })
    })
    .transpose()
}

/// Finds a link and uses it up: what follows its person does. Of any number that come with it at once, the row's
/// lock lets one.
async fn used(t: &Tx<'_>, token_hash: &Hash, now: Timestamp) -> Result<Changing> {
    let row = t
        .row(
            "UPDATE enrolment_links l SET used = $2
             FROM people p
             WHERE l.token_hash = $1 AND l.used IS NULL AND l.expires > $2
               AND p.tenant = l.tenant AND p.id = l.person AND p.left_at IS NULL
             RETURNING l.tenant, l.person",
            &[&token_hash.as_slice(), &now.as_microsecond()],
        )
        .await?;
    let row = row.ok_or(StoreError::NoSuchToken)?;
    let person = AccountId(row.try_get("person")?);
    Ok(Changing {
        tenant: TenantId(row.try_get("tenant")?),
        person,
        by: person,
        at: now,
    })
}

async fn enrol(
    t: &Tx<'_>,
    token_hash: &Hash,
    given: &Given,
    template: &SealedTemplate,
    now: Timestamp,
) -> Result<()> {
    let changing = used(t, token_hash, now).await?;
    consents::give(t, &changing, given).await?;
    consents::enrol(t, &changing, template).await
}

async fn decline(t: &Tx<'_>, token_hash: &Hash, now: Timestamp) -> Result<()> {
    let Changing { tenant, person, .. } = used(t, token_hash, now).await?;
    let deed = Deed::new(person, now, "consent_declined", Some(person.0));
    audit::write_down(t, tenant, &deed).await
}

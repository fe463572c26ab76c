//! Links by which people enrol their own face, once.

use jiff::Timestamp;
use rusqlite::Transaction;

use super::rows::instant;
use super::{Sqlite, audit, consents};
use crate::store::audit::Deed;
use crate::store::consents::Given;
use crate::store::enrolling::{Enrolling, EnrolmentLink, NewEnrolmentLink};
use crate::store::ways::Changing;
use crate::store::{Answer, Hash, SealedTemplate, StoreError};

type Result<T> = std::result::Result<T, StoreError>;

impl Enrolling for Sqlite {
    fn make_enrolment_link(&self, link: NewEnrolmentLink) -> Answer<()> {
        self.write(move |t| make(t, &link))
    }

    fn enrolment_link(&self, token_hash: Hash, now: Timestamp) -> Answer<Option<EnrolmentLink>> {
        self.read(move |t| link(t, &token_hash, now))
    }

    fn enrol_by_link(
        &self,
        token_hash: Hash,
        given: Given,
        template: SealedTemplate,
        now: Timestamp,
    ) -> Answer<()> {
        self.write(move |t| {
            let changing = used(t, &token_hash, now)?;
            consents::give(t, &changing, &given)?;
            consents::enrol(t, &changing, &template)
        })
    }

    fn decline_by_link(&self, token_hash: Hash, now: Timestamp) -> Answer<()> {
        self.write(move |t| {
            let Changing { tenant, person, .. } = used(t, &token_hash, now)?;
            let deed = Deed::new(person, now, "consent_declined", Some(person.0));
            audit::write_down(t, tenant, &deed)
        })
    }
}

fn make(t: &Transaction<'_>, new: &NewEnrolmentLink) -> Result<()> {
    consents::works(t, new.tenant, new.person)?;
    t.execute(
        "DELETE FROM enrolment_links WHERE tenant = ?1 AND person = ?2 AND used IS NULL",
        (new.tenant, new.person),
    )?;
    t.execute(
        "INSERT INTO enrolment_links (tenant, token_hash, person, made_by, created, expires)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (
            new.tenant,
            &new.token_hash,
            new.person,
            new.by,
            new.created.as_microsecond(),
            new.expires.as_microsecond(),
        ),
    )?;
    let about = Some(new.person.0);
    let deed = Deed::new(new.by, new.created, "enrolment_link_made", about);
    audit::write_down(t, new.tenant, &deed)
}

fn link(t: &Transaction<'_>, token_hash: &Hash, now: Timestamp) -> Result<Option<EnrolmentLink>> {
    let mut statement = t.prepare_cached(
        "SELECT l.tenant, o.name AS organisation, l.person, p.name, l.expires
         FROM enrolment_links l
         JOIN tenants o ON o.tenant = l.tenant
         JOIN people p ON p.tenant = l.tenant AND p.id = l.person AND p.left_at IS NULL
         WHERE l.token_hash = ?1 AND l.used IS NULL AND l.expires > ?2",
    )?;
    let mut rows = statement.query((token_hash, now.as_microsecond()))?;
    rows.next()?
        .map(|row| {
            Ok(EnrolmentLink {
                tenant: row.get("tenant")?,
                organisation: row.get("organisation")?,
                person: row.get("person")?,
                name: row.get("name")?,
                expires: instant(row, "expires")?,
            })
        })
        .transpose()
}

/// Finds a link and uses it up: what follows its person does.
fn used(t: &Transaction<'_>, token_hash: &Hash, now: Timestamp) -> Result<Changing> {
    let found = link(t, token_hash, now)?.ok_or(StoreError::NoSuchToken)?;
    t.execute(
        "UPDATE enrolment_links SET used = ?3 WHERE tenant = ?1 AND token_hash = ?2",
        (found.tenant, token_hash, now.as_microsecond()),
    )?;
    Ok(Changing {
        tenant: found.tenant,
        person: found.person,
        by: found.person,
        at: now,
    })
}

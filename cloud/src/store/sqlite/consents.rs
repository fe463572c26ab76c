//! Consents, what rests on them, and the proof that it was erased.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, Transaction};
use uuid::Uuid;

use super::rows::{Id, id, instant, number};
use super::{Sqlite, audit, people};
use crate::store::audit::Deed;
use crate::store::consents::{
    Consent, Consents, Described, Erasure, Ever, Given, How, OwnText, Proof, Told, Why, held,
    held_text, own_version, told,
};
use crate::store::forms::{consent_id, integer};
use crate::store::ways::Changing;
use crate::store::{AccountId, Adding, Answer, NewPerson, SealedTemplate, StoreError, TenantId};

type Result<T> = std::result::Result<T, StoreError>;

/// How long whoever reads may keep the log of what was written from being emptied.
const PATIENCE: Duration = Duration::from_millis(500);

impl Consents for Sqlite {
    fn ever(&self, tenant: TenantId, person: AccountId) -> Answer<Option<Ever>> {
        self.read(move |t| ever(t, tenant, person))
    }

    fn consents(&self, tenant: TenantId, person: AccountId) -> Answer<Vec<Consent>> {
        self.read(move |t| consents(t, tenant, person))
    }

    fn described(&self, tenant: TenantId, person: AccountId) -> Answer<Vec<Described>> {
        self.read(move |t| described(t, tenant, person))
    }

    fn add_consenting(&self, person: NewPerson, by: Adding, given: Given) -> Answer<()> {
        self.write(move |t| {
            people::add(t, &person, &by)?;
            let (Adding::Employer(tenant) | Adding::Invited(tenant, _)) = by;
            reword(t, tenant, &person, &given)
        })
    }

    fn give_consent(&self, changing: Changing, given: Given) -> Answer<Uuid> {
        self.write(move |t| give(t, &changing, &given))
    }

    fn enrol(&self, changing: Changing, template: SealedTemplate) -> Answer<()> {
        self.write(move |t| enrol(t, &changing, &template))
    }

    fn erase(&self, changing: Changing, why: Why, id: Uuid) -> Answer<Option<Uuid>> {
        let erased = self.write(move |t| erase(t, &changing, why, id));
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let erased = erased.await?;
            if erased.is_some() {
                let emptied = tokio::task::spawn_blocking(move || empty_log(&inner)).await;
                if !matches!(emptied, Ok(Ok(true))) {
                    tracing::warn!(
                        "what was erased is overwritten in the database, and in its log (limen.db-wal) only with the \
                         next writes: somebody is reading"
                    );
                }
            }
            Ok(erased)
        })
    }

    fn erasures(&self, tenant: TenantId, person: AccountId) -> Answer<Vec<Erasure>> {
        self.read(move |t| erasures(t, tenant, person))
    }

    fn unproved(&self, tenant: TenantId, terminal: Uuid) -> Answer<Vec<Uuid>> {
        self.read(move |t| {
            let mut statement = t.prepare_cached(
                "SELECT erasure FROM erasure_terminals
                 WHERE tenant = ?1 AND terminal = ?2 AND confirmed IS NULL ORDER BY erasure",
            )?;
            let rows = statement.query_map((tenant, id(terminal)), |row| row.get::<_, Id>(0))?;
            let ids = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(ids.into_iter().map(|id| id.0).collect())
        })
    }

    fn prove(&self, proof: Proof, erasures: Vec<Uuid>) -> Answer<()> {
        self.write(move |t| prove(t, &proof, &erasures))
    }

    fn own_texts(&self, tenant: TenantId) -> Answer<Vec<OwnText>> {
        self.read(move |t| own_texts(t, tenant))
    }

    fn add_text(
        &self,
        tenant: TenantId,
        by: AccountId,
        at: Timestamp,
        texts: Vec<(String, String)>,
    ) -> Answer<String> {
        self.write(move |t| add_text(t, tenant, by, at, &texts))
    }
}

/// Brings what was written into the database and empties the log, which holds what was overwritten.
fn empty_log(inner: &super::Inner) -> Result<bool> {
    let writer = inner.writer.lock().unwrap_or_else(PoisonError::into_inner);
    writer.busy_timeout(PATIENCE)?;
    let busy = writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
    writer.busy_timeout(super::BUSY)?;
    let busy: i64 = busy?;
    Ok(busy == 0)
}

fn ever(t: &Transaction<'_>, tenant: TenantId, person: AccountId) -> Result<Option<Ever>> {
    let mut statement =
        t.prepare_cached("SELECT name, left_at FROM people WHERE tenant = ?1 AND id = ?2")?;
    let mut rows = statement.query((tenant, person))?;
    rows.next()?
        .map(|row| {
            Ok(Ever {
                name: row.get("name")?,
                left: maybe(row, "left_at")?,
            })
        })
        .transpose()
}

fn maybe(row: &Row<'_>, column: &'static str) -> Result<Option<Timestamp>> {
    let there: Option<i64> = row.get(column)?;
    there.map(|_| instant(row, column)).transpose()
}

fn consents(t: &Transaction<'_>, tenant: TenantId, person: AccountId) -> Result<Vec<Consent>> {
    let mut statement = t.prepare_cached(
        "SELECT id, purpose, text_version, language, at, attested_by, confirmed, withdrawn, given,
                withdrawn_by
         FROM consents WHERE tenant = ?1 AND person = ?2 ORDER BY at DESC, id DESC",
    )?;
    let mut rows = statement.query((tenant, person))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Consent {
            id: row.get::<_, Id>("id")?.0,
            purpose: row.get("purpose")?,
            version: row.get("text_version")?,
            language: row.get("language")?,
            at: instant(row, "at")?,
            by: row.get("attested_by")?,
            how: row.get("given")?,
            confirmed: maybe(row, "confirmed")?,
            withdrawn: maybe(row, "withdrawn")?,
            withdrawn_by: row.get("withdrawn_by")?,
        });
    }
    Ok(found)
}

fn described(t: &Transaction<'_>, tenant: TenantId, person: AccountId) -> Result<Vec<Described>> {
    let mut statement = t.prepare_cached(
        "SELECT model, version, photos, created, consent FROM templates
         WHERE tenant = ?1 AND person = ?2 ORDER BY model",
    )?;
    let mut rows = statement.query((tenant, person))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Described {
            model: row.get("model")?,
            version: row.get("version")?,
            photos: row.get("photos")?,
            since: instant(row, "created")?,
            consent: row.get::<_, Option<Id>>("consent")?.map(|id| id.0),
        });
    }
    Ok(found)
}

/// What was attested with a new person was given so.
fn reword(t: &Transaction<'_>, tenant: TenantId, new: &NewPerson, given: &Given) -> Result<()> {
    let changed = t.execute(
        "UPDATE consents SET given = ?3, text_version = ?4, language = ?5, at = ?6
         WHERE tenant = ?1 AND person = ?2",
        (
            tenant,
            new.account.id,
            given.how.as_str(),
            &given.version,
            &given.language,
            given.at.as_microsecond(),
        ),
    )?;
    if changed > 0 {
        write_down(t, tenant, new.attested_by, new.at, new.account.id, given)?;
    }
    Ok(())
}

fn write_down(
    t: &Transaction<'_>,
    tenant: TenantId,
    by: AccountId,
    at: Timestamp,
    person: AccountId,
    given: &Given,
) -> Result<()> {
    let mut deed = Deed::new(by, at, "consent_recorded", Some(person.0));
    deed.after = Some(told(given));
    audit::write_down(t, tenant, &deed)
}

pub(super) fn works(t: &Transaction<'_>, tenant: TenantId, person: AccountId) -> Result<()> {
    match ever(t, tenant, person)? {
        Some(Ever { left: None, .. }) => Ok(()),
        _ => Err(StoreError::Missing("person")),
    }
}

pub(super) fn give(t: &Transaction<'_>, changing: &Changing, given: &Given) -> Result<Uuid> {
    let Changing {
        tenant,
        person,
        by,
        at,
    } = *changing;
    works(t, tenant, person)?;
    let new = consent_id(given.at.as_microsecond());
    let own = matches!(given.how, How::Link | How::Own).then_some(at.as_microsecond());
    t.execute(
        "INSERT INTO consents
           (tenant, person, id, purpose, text_version, language, at, attested_by, confirmed, given)
         VALUES (?1, ?2, ?3, 'attendance', ?4, ?5, ?6, ?7, ?8, ?9)",
        (
            tenant,
            person,
            id(new),
            &given.version,
            &given.language,
            given.at.as_microsecond(),
            by,
            own,
            given.how.as_str(),
        ),
    )?;
    write_down(t, tenant, by, at, person, given)?;
    Ok(new)
}

pub(super) fn enrol(
    t: &Transaction<'_>,
    changing: &Changing,
    template: &SealedTemplate,
) -> Result<()> {
    let Changing {
        tenant,
        person,
        by,
        at,
    } = *changing;
    works(t, tenant, person)?;
    let consent: Option<Id> = t
        .prepare_cached(
            "SELECT id FROM consents
             WHERE tenant = ?1 AND person = ?2 AND purpose = 'attendance' AND withdrawn IS NULL
             ORDER BY at DESC, id DESC LIMIT 1",
        )?
        .query_row((tenant, person), |row| row.get(0))
        .optional()?;
    let consent = consent.ok_or(StoreError::NoConsent)?;
    t.execute(
        "INSERT INTO templates (tenant, person, model, version, photos, sealed, created, consent)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (tenant, person, model) DO UPDATE
         SET version = excluded.version, photos = excluded.photos, sealed = excluded.sealed,
             created = excluded.created, consent = excluded.consent",
        (
            tenant,
            person,
            &template.model,
            template.version,
            template.photos,
            &template.sealed,
            at.as_microsecond(),
            consent,
        ),
    )?;
    let mut deed = Deed::new(by, at, "face_enrolled", Some(person.0));
    deed.after = Some(format!("{{\"photos\":{}}}", template.photos));
    audit::write_down(t, tenant, &deed)
}

pub(super) fn erase(
    t: &Transaction<'_>,
    changing: &Changing,
    why: Why,
    erasure: Uuid,
) -> Result<Option<Uuid>> {
    let Changing {
        tenant,
        person,
        by,
        at,
    } = *changing;
    let now = at.as_microsecond();
    let gone = described(t, tenant, person)?;
    let withdrawn = match why {
        Why::Withdrawn => t.execute(
            "UPDATE consents SET withdrawn = ?3, withdrawn_by = ?4
             WHERE tenant = ?1 AND person = ?2 AND withdrawn IS NULL",
            (tenant, person, now, by),
        )?,
        Why::Left | Why::Unused => 0,
    };
    if gone.is_empty() && withdrawn == 0 {
        return Ok(None);
    }
    t.execute(
        "DELETE FROM templates WHERE tenant = ?1 AND person = ?2",
        (tenant, person),
    )?;
    t.execute(
        "UPDATE accounts SET face_login = 0 WHERE tenant = ?1 AND id = ?2",
        (tenant, person),
    )?;
    t.execute(
        "INSERT INTO erasures (tenant, id, person, at, by_whom, why, held)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (
            tenant,
            id(erasure),
            person,
            now,
            by,
            why.as_str(),
            held_text(&gone),
        ),
    )?;
    if let Some(since) = gone.iter().map(|one| one.since.as_microsecond()).min() {
        // A terminal that was revoked before could not have been told.
        t.execute(
            "INSERT INTO erasure_terminals (tenant, erasure, terminal)
             SELECT m.tenant, ?2, m.id FROM terminals m
             JOIN roster_entries e ON e.tenant = m.tenant AND e.site = m.site AND e.person = ?3
             WHERE m.tenant = ?1 AND m.kind = 'terminal' AND (m.revoked IS NULL OR m.revoked > ?4)",
            (tenant, id(erasure), person, since),
        )?;
    }
    let mut deed = Deed::new(by, at, why.deed(), Some(person.0));
    deed.before = Some(held_text(&gone));
    deed.after = Some(format!("\"{}\"", why.as_str()));
    audit::write_down(t, tenant, &deed)?;
    Ok(Some(erasure))
}

fn erasures(t: &Transaction<'_>, tenant: TenantId, person: AccountId) -> Result<Vec<Erasure>> {
    let mut statement = t.prepare_cached(
        "SELECT id, at, by_whom, why, held FROM erasures
         WHERE tenant = ?1 AND person = ?2 ORDER BY at DESC, id DESC",
    )?;
    let mut rows = statement.query((tenant, person))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let text: String = row.get("held")?;
        let erasure = row.get::<_, Id>("id")?.0;
        found.push(Erasure {
            id: erasure,
            person,
            at: instant(row, "at")?,
            by: row.get("by_whom")?,
            why: row.get("why")?,
            held: held(&text)?,
            terminals: terminals(t, tenant, erasure)?,
        });
    }
    Ok(found)
}

fn terminals(t: &Transaction<'_>, tenant: TenantId, erasure: Uuid) -> Result<Vec<Told>> {
    let mut statement = t.prepare_cached(
        "SELECT m.id, m.name, m.revoked, e.confirmed, e.version, e.digest
         FROM erasure_terminals e JOIN terminals m ON m.tenant = e.tenant AND m.id = e.terminal
         WHERE e.tenant = ?1 AND e.erasure = ?2 ORDER BY m.name, m.id",
    )?;
    let mut rows = statement.query((tenant, id(erasure)))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let digest: Option<[u8; 32]> = row.get("digest")?;
        let proof = digest.map(|digest| Ok::<_, StoreError>((number(row, "version")?, digest)));
        found.push(Told {
            terminal: row.get::<_, Id>("id")?.0,
            name: row.get("name")?,
            revoked: maybe(row, "revoked")?,
            confirmed: maybe(row, "confirmed")?,
            proof: proof.transpose()?,
        });
    }
    Ok(found)
}

fn prove(t: &Transaction<'_>, proof: &Proof, erasures: &[Uuid]) -> Result<()> {
    for erasure in erasures {
        t.execute(
            "UPDATE erasure_terminals SET confirmed = ?4, version = ?5, digest = ?6
             WHERE tenant = ?1 AND erasure = ?2 AND terminal = ?3 AND confirmed IS NULL",
            (
                proof.tenant,
                id(*erasure),
                id(proof.terminal),
                proof.at.as_microsecond(),
                integer(proof.version)?,
                &proof.digest,
            ),
        )?;
    }
    Ok(())
}

fn own_texts(t: &Transaction<'_>, tenant: TenantId) -> Result<Vec<OwnText>> {
    let mut statement = t.prepare_cached(
        "SELECT version, language, text, made FROM consent_texts
         WHERE tenant = ?1 ORDER BY made, version, language",
    )?;
    let mut rows = statement.query([tenant])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(OwnText {
            version: row.get("version")?,
            language: row.get("language")?,
            text: row.get("text")?,
            made: instant(row, "made")?,
        });
    }
    Ok(found)
}

fn add_text(
    t: &Transaction<'_>,
    tenant: TenantId,
    by: AccountId,
    at: Timestamp,
    texts: &[(String, String)],
) -> Result<String> {
    let before: i64 = t
        .prepare_cached("SELECT count(DISTINCT version) FROM consent_texts WHERE tenant = ?1")?
        .query_row([tenant], |row| row.get(0))?;
    let version = own_version(usize::try_from(before).unwrap_or(usize::MAX))?;
    for (language, text) in texts {
        t.execute(
            "INSERT INTO consent_texts (tenant, version, language, text, made, made_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (tenant, &version, language, text, at.as_microsecond(), by),
        )?;
    }
    let mut deed = Deed::new(by, at, "consent_text_added", None);
    deed.after = Some(format!("\"{version}\""));
    audit::write_down(t, tenant, &deed)?;
    Ok(version)
}

//! Consents, what rests on them, and the proof that it was erased.
//!
//! Each change of what a person gave locks their account first.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::rows::{bytes32_or_none, instant, instant_or_none, number};
use super::{Postgres, Result, Tx, audit, people};
use crate::store::audit::Deed;
use crate::store::consents::{
    Consent, Consents, Described, Erasure, Ever, Given, How, OwnText, Proof, Told, Why, held,
    held_text, own_version, told,
};
use crate::store::forms::{consent_id, integer};
use crate::store::ways::Changing;
use crate::store::{AccountId, Adding, Answer, NewPerson, SealedTemplate, StoreError, TenantId};

impl Consents for Postgres {
    fn ever(&self, tenant: TenantId, person: AccountId) -> Answer<Option<Ever>> {
        self.read((tenant, person), |t, (tenant, person)| {
            Box::pin(ever(t, *tenant, *person))
        })
    }

    fn consents(&self, tenant: TenantId, person: AccountId) -> Answer<Vec<Consent>> {
        self.read((tenant, person), |t, (tenant, person)| {
            Box::pin(consents(t, *tenant, *person))
        })
    }

    fn described(&self, tenant: TenantId, person: AccountId) -> Answer<Vec<Described>> {
        self.read((tenant, person), |t, (tenant, person)| {
            Box::pin(described(t, *tenant, *person))
        })
    }

    fn add_consenting(&self, person: NewPerson, by: Adding, given: Given) -> Answer<()> {
        self.write((person, by, given), |t, (person, by, given)| {
            Box::pin(add_consenting(t, person, by, given))
        })
    }

    fn give_consent(&self, changing: Changing, given: Given) -> Answer<Uuid> {
        self.write((changing, given), |t, (changing, given)| {
            Box::pin(give(t, changing, given))
        })
    }

    fn enrol(&self, changing: Changing, template: SealedTemplate) -> Answer<()> {
        self.write((changing, template), |t, (changing, template)| {
            Box::pin(enrol(t, changing, template))
        })
    }

    fn erase(&self, changing: Changing, why: Why, id: Uuid) -> Answer<Option<Uuid>> {
        self.write((changing, why, id), |t, (changing, why, id)| {
            Box::pin(erase(t, changing, *why, *id))
        })
    }

    fn erasures(&self, tenant: TenantId, person: AccountId) -> Answer<Vec<Erasure>> {
        self.read((tenant, person), |t, (tenant, person)| {
            Box::pin(erasures(t, *tenant, *person))
        })
    }

    fn unproved(&self, tenant: TenantId, terminal: Uuid) -> Answer<Vec<Uuid>> {
        self.read((tenant, terminal), |t, (tenant, terminal)| {
            Box::pin(unproved(t, *tenant, *terminal))
        })
    }

    fn prove(&self, proof: Proof, erasures: Vec<Uuid>) -> Answer<()> {
        self.write((proof, erasures), |t, (proof, erasures)| {
            Box::pin(prove(t, proof, erasures))
        })
    }

    fn own_texts(&self, tenant: TenantId) -> Answer<Vec<OwnText>> {
        self.read(tenant, |t, tenant| Box::pin(own_texts(t, *tenant)))
    }

    fn add_text(
        &self,
        tenant: TenantId,
        by: AccountId,
        at: Timestamp,
        texts: Vec<(String, String)>,
    ) -> Answer<String> {
        self.write((tenant, by, at, texts), |t, (tenant, by, at, texts)| {
            Box::pin(add_text(t, *tenant, *by, *at, texts))
        })
    }
}

async fn ever(t: &Tx<'_>, tenant: TenantId, person: AccountId) -> Result<Option<Ever>> {
    let row = t
        .row(
            "SELECT name, left_at FROM people WHERE tenant = $1 AND id = $2",
            &[&tenant.0, &person.0],
        )
        .await?;
    row.map(|row| {
        Ok(Ever {
            name: row.try_get("name")?,
            left: instant_or_none(&row, "left_at")?,
        })
    })
    .transpose()
}

async fn consents(t: &Tx<'_>, tenant: TenantId, person: AccountId) -> Result<Vec<Consent>> {
    let rows = t
        .rows(
            "SELECT id, purpose, text_version, language, at, attested_by, confirmed, withdrawn, given,
                    withdrawn_by
             FROM consents WHERE tenant = $1 AND person = $2 ORDER BY at DESC, id DESC",
            &[&tenant.0, &person.0],
        )
        .await?;
    let read = |row: &Row| {
        let withdrawn_by: Option<Uuid> = row.try_get("withdrawn_by")?;
        Ok(Consent {
            id: row.try_get("id")?,
            purpose: row.try_get("purpose")?,
            version: row.try_get("text_version")?,
            language: row.try_get("language")?,
            at: instant(row, "at")?,
            by: AccountId(row.try_get("attested_by")?),
            how: row.try_get("given")?,
            confirmed: instant_or_none(row, "confirmed")?,
            withdrawn: instant_or_none(row, "withdrawn")?,
            withdrawn_by: withdrawn_by.map(AccountId),
        })
    };
    rows.iter().map(read).collect()
}

async fn described(t: &Tx<'_>, tenant: TenantId, person: AccountId) -> Result<Vec<Described>> {
    let rows = t
        .rows(
            "SELECT model, version, photos, created, consent FROM templates
             WHERE tenant = $1 AND person = $2 ORDER BY model",
            &[&tenant.0, &person.0],
        )
        .await?;
    let read = |row: &Row| {
        Ok(Described {
            model: row.try_get("model")?,
            version: row.try_get("version")?,
            photos: row.try_get("photos")?,
            since: instant(row, "created")?,
            consent: row.try_get("consent")?,
        })
    };
    rows.iter().map(read).collect()
}

async fn add_consenting(t: &Tx<'_>, new: &NewPerson, by: &Adding, given: &Given) -> Result<()> {
    people::add(t, new, by).await?;
    let (Adding::Employer(tenant) | Adding::Invited(tenant, _)) = *by;
    let changed = t
        .change(
            "UPDATE consents SET given = $3, text_version = $4, language = $5, at = $6
             WHERE tenant = $1 AND person = $2",
            &[
                &tenant.0,
                &new.account.id.0,
                &given.how.as_str(),
                &given.version,
                &given.language,
                &given.at.as_microsecond(),
            ],
        )
        .await?;
    if changed > 0 {
        write_down(t, tenant, new.attested_by, new.at, new.account.id, given).await?;
    }
    Ok(())
}

async fn write_down(
    t: &Tx<'_>,
    tenant: TenantId,
    by: AccountId,
    at: Timestamp,
    person: AccountId,
    given: &Given,
) -> Result<()> {
    let mut deed = Deed::new(by, at, "consent_recorded", Some(person.0));
    deed.after = Some(told(given));
    audit::write_down(t, tenant, &deed).await
}

/// Locks an account; whether somebody of that id works here.
pub(super) async fn lock(t: &Tx<'_>, changing: &Changing) -> Result<bool> {
    t.rows(
        "SELECT 1 FROM accounts WHERE tenant = $1 AND id = $2 FOR NO KEY UPDATE",
        &[&changing.tenant.0, &changing.person.0],
    )
    .await?;
    let ever = ever(t, changing.tenant, changing.person).await?;
    Ok(matches!(ever, Some(Ever { left: None, .. })))
}

pub(super) async fn give(t: &Tx<'_>, changing: &Changing, given: &Given) -> Result<Uuid> {
    let Changing {
        tenant,
        person,
        by,
        at,
    } = *changing;
    if !lock(t, changing).await? {
        return Err(StoreError::Missing("person"));
    }
    let new = consent_id(given.at.as_microsecond());
    let own = matches!(given.how, How::Link | How::Own).then_some(at.as_microsecond());
    t.change(
        "INSERT INTO consents
           (tenant, person, id, purpose, text_version, language, at, attested_by, confirmed, given)
         VALUES ($1, $2, $3, 'attendance', $4, $5, $6, $7, $8, $9)",
        &[
            &tenant.0,
            &person.0,
            &new,
            &given.version,
            &given.language,
            &given.at.as_microsecond(),
            &by.0,
            &own,
            &given.how.as_str(),
        ],
    )
    .await?;
    write_down(t, tenant, by, at, person, given).await?;
    Ok(new)
}

pub(super) async fn enrol(
    t: &Tx<'_>,
    changing: &Changing,
    template: &SealedTemplate,
) -> Result<()> {
    let Changing {
        tenant,
        person,
        by,
        at,
    } = *changing;
    if !lock(t, changing).await? {
        return Err(StoreError::Missing("person"));
    }
    let consent = t
        .row(
            "SELECT id FROM consents
             WHERE tenant = $1 AND person = $2 AND purpose = 'attendance' AND withdrawn IS NULL
             ORDER BY at DESC, id DESC LIMIT 1",
            &[&tenant.0, &person.0],
        )
        .await?;
    let consent: Uuid = consent.ok_or(StoreError::NoConsent)?.try_get("id")?;
    t.change(
        "INSERT INTO templates (tenant, person, model, version, photos, sealed, created, consent)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (tenant, person, model) DO UPDATE
         SET version = excluded.version, photos = excluded.photos, sealed = excluded.sealed,
             created = excluded.created, consent = excluded.consent",
        &[
            &tenant.0,
            &person.0,
            &template.model,
            &template.version,
            &template.photos,
            &template.sealed,
            &at.as_microsecond(),
            &consent,
        ],
    )
    .await?;
    let mut deed = Deed::new(by, at, "face_enrolled", Some(person.0));
    deed.after = Some(format!("{{\"photos\":{}}}", template.photos));
    audit::write_down(t, tenant, &deed).await
}

pub(super) async fn erase(
    t: &Tx<'_>,
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
    lock(t, changing).await?;
    let gone = described(t, tenant, person).await?;
    let withdrawn = match why {
        Why::Withdrawn => {
            t.change(
                "UPDATE consents SET withdrawn = $3, withdrawn_by = $4
                 WHERE tenant = $1 AND person = $2 AND withdrawn IS NULL",
                &[&tenant.0, &person.0, &now, &by.0],
            )
            .await?
        }
        Why::Left | Why::Unused => 0,
    };
    if gone.is_empty() && withdrawn == 0 {
        return Ok(None);
    }
    t.change(
        "DELETE FROM templates WHERE tenant = $1 AND person = $2",
        &[&tenant.0, &person.0],
    )
    .await?;
    t.change(
        "UPDATE accounts SET face_login = false WHERE tenant = $1 AND id = $2",
        &[&tenant.0, &person.0],
    )
    .await?;
    t.change(
        "INSERT INTO erasures (tenant, id, person, at, by_whom, why, held)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            &tenant.0,
            &erasure,
            &person.0,
            &now,
            &by.0,
            &why.as_str(),
            &held_text(&gone),
        ],
    )
    .await?;
    if let Some(since) = gone.iter().map(|one| one.since.as_microsecond()).min() {
        // A terminal that was revoked before could not have been told.
        t.change(
            "INSERT INTO erasure_terminals (tenant, erasure, terminal)
             SELECT m.tenant, $2, m.id FROM terminals m
             JOIN roster_entries e ON e.tenant = m.tenant AND e.site = m.site AND e.person = $3
             WHERE m.tenant = $1 AND m.kind = 'terminal' AND (m.revoked IS NULL OR m.revoked > $4)",
            &[&tenant.0, &erasure, &person.0, &since],
        )
        .await?;
    }
    let mut deed = Deed::new(by, at, why.deed(), Some(person.0));
    deed.before = Some(held_text(&gone));
    deed.after = Some(format!("\"{}\"", why.as_str()));
    audit::write_down(t, tenant, &deed).await?;
    Ok(Some(erasure))
}

async fn erasures(t: &Tx<'_>, tenant: TenantId, person: AccountId) -> Result<Vec<Erasure>> {
    let rows = t
        .rows(
            "SELECT id, at, by_whom, why, held FROM erasures
             WHERE tenant = $1 AND person = $2 ORDER BY at DESC, id DESC",
            &[&tenant.0, &person.0],
        )
        .await?;
    let mut found = Vec::new();
    for row in rows {
        let erasure: Uuid = row.try_get("id")?;
        found.push(Erasure {
            id: erasure,
            person,
            at: instant(&row, "at")?,
            by: AccountId(row.try_get("by_whom")?),
            why: row.try_get("why")?,
            held: held(row.try_get("held")?)?,
            terminals: terminals(t, tenant, erasure).await?,
        });
    }
    Ok(found)
}

async fn terminals(t: &Tx<'_>, tenant: TenantId, erasure: Uuid) -> Result<Vec<Told>> {
    let rows = t
        .rows(
            "SELECT m.id, m.name, m.revoked, e.confirmed, e.version, e.digest
             FROM erasure_terminals e JOIN terminals m ON m.tenant = e.tenant AND m.id = e.terminal
             WHERE e.tenant = $1 AND e.erasure = $2 ORDER BY m.name, m.id",
            &[&tenant.0, &erasure],
        )
        .await?;
    let read = |row: &Row| {
        let digest = bytes32_or_none(row, "digest")?;
        let proof = digest.map(|digest| Ok::<_, StoreError>((number(row, "version")?, digest)));
        Ok(Told {
            terminal: row.try_get("id")?,
            name: row.try_get("name")?,
            revoked: instant_or_none(row, "revoked")?,
            confirmed: instant_or_none(row, "confirmed")?,
            proof: proof.transpose()?,
        })
    };
    rows.iter().map(read).collect()
}

async fn unproved(t: &Tx<'_>, tenant: TenantId, terminal: Uuid) -> Result<Vec<Uuid>> {
    let rows = t
        .rows(
            "SELECT erasure FROM erasure_terminals
             WHERE tenant = $1 AND terminal = $2 AND confirmed IS NULL ORDER BY erasure",
            &[&tenant.0, &terminal],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get("erasure")?)).collect()
}

async fn prove(t: &Tx<'_>, proof: &Proof, erasures: &[Uuid]) -> Result<()> {
    t.change(
        "UPDATE erasure_terminals SET confirmed = $4, version = $5, digest = $6
         WHERE tenant = $1 AND terminal = $2 AND erasure = ANY ($3) AND confirmed IS NULL",
        &[
            &proof.tenant.0,
            &proof.terminal,
            &erasures,
            &proof.at.as_microsecond(),
            &integer(proof.version)?,
            &proof.digest.as_slice(),
        ],
    )
    .await?;
    Ok(())
}

async fn own_texts(t: &Tx<'_>, tenant: TenantId) -> Result<Vec<OwnText>> {
    let rows = t
        .rows(
            "SELECT version, language, text, made FROM consent_texts
             WHERE tenant = $1 ORDER BY made, version, language",
            &[&tenant.0],
        )
        .await?;
    let read = |row: &Row| {
        Ok(OwnText {
            version: row.try_get("version")?,
            language: row.try_get("language")?,
            text: row.try_get("text")?,
            made: instant(row, "made")?,
        })
    };
    rows.iter().map(read).collect()
}

async fn add_text(
    t: &Tx<'_>,
    tenant: TenantId,
    by: AccountId,
    at: Timestamp,
    texts: &[(String, String)],
) -> Result<String> {
    // A version is the next of the whole tenant.
    t.rows(
        "SELECT 1 FROM tenants WHERE tenant = $1 FOR NO KEY UPDATE",
        &[&tenant.0],
    )
    .await?;
    let before = t
        .one(
            "SELECT count(DISTINCT version) AS n FROM consent_texts WHERE tenant = $1",
            &[&tenant.0],
        )
        .await?;
    let before: i64 = before.try_get("n")?;
    let version = own_version(usize::try_from(before).unwrap_or(usize::MAX))?;
    for (language, text) in texts {
        t.change(
            "INSERT INTO consent_texts (tenant, version, language, text, made, made_by)
             VALUES ($1, $2, $3, $4, $5, $6)",
            &[
                &tenant.0,
                &version,
                language,
                text,
                &at.as_microsecond(),
                &by.0,
            ],
        )
        .await?;
    }
    let mut deed = Deed::new(by, at, "consent_text_added", None);
    deed.after = Some(format!("\"{version}\""));
    audit::write_down(t, tenant, &deed).await?;
    Ok(version)
}

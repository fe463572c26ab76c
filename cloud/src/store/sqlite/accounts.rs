//! Tenants, accounts, sessions, invitations.

use jiff::Timestamp;
use rusqlite::{Row, Transaction, named_params};
use uuid::Uuid;

use super::rows::{Id, id};
use super::{audit, people};
use crate::store::audit::Deed;
use crate::store::forms::{
    ConsentChange, FaceLoginConsent, email_key, nobodys_key, rate, rate_text,
};
use crate::store::{
    Account, AccountId, Founding, Hash, Invitation, Kind, NewAccount, NewInvitation, NewSession,
    NewTenant, Role, SessionKind, StoreError, TenantId,
};

type Result<T> = std::result::Result<T, StoreError>;

pub(super) fn epoch(t: &Transaction<'_>) -> Result<Uuid> {
    let epoch: Id = t
        .prepare_cached("SELECT epoch FROM installation")?
        .query_row([], |row| row.get(0))?;
    Ok(epoch.0)
}

pub(super) fn is_empty(t: &Transaction<'_>) -> Result<bool> {
    Ok(!t
        .prepare_cached("SELECT 1 FROM tenants LIMIT 1")?
        .exists([])?)
}

pub(super) fn set_setup_token(t: &Transaction<'_>, token_hash: &Hash) -> Result<()> {
    t.execute(
        "UPDATE installation SET setup_token_hash = ?1",
        [token_hash],
    )?;
    Ok(())
}

pub(super) fn found_tenant(t: &Transaction<'_>, new: &NewTenant, by: &Founding) -> Result<()> {
    let at = new.at.as_microsecond();
    let right_used = match by {
        Founding::Open => 1,
        Founding::SetUp(hash) => t.execute(
            "UPDATE installation SET setup_token_hash = NULL WHERE setup_token_hash = ?1",
            [hash],
        )?,
        Founding::Invited(hash) => t.execute(
            "UPDATE invitations SET used = ?2, used_by = ?3
             WHERE token_hash = ?1 AND kind = 'employer' AND used IS NULL AND expires > ?2",
            (hash, at, new.employer.id),
        )?,
    };
    if right_used == 0 {
        return Err(StoreError::NoSuchToken);
    }
    t.execute(
        "INSERT INTO tenants (tenant, name, currency, created) VALUES (?1, ?2, ?3, ?4)",
        (new.id, &new.name, &new.currency, at),
    )?;
    let site = &new.site;
    t.execute(
        "INSERT INTO sites (tenant, id, name, zone, signing_sealed, sealing_sealed, created)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (
            new.id,
            id(site.id),
            &site.name,
            &site.zone,
            &site.signing_sealed,
            &site.sealing_sealed,
            at,
        ),
    )?;
    let api = &new.api;
    t.execute(
        "INSERT INTO terminals (tenant, id, site, kind, name, public_key, seed_sealed, claimed)
         VALUES (?1, ?2, ?3, 'api', 'api', ?4, ?5, ?6)",
        (
            new.id,
            id(api.terminal),
            id(site.id),
            &api.public_key,
            &api.seed_sealed,
            at,
        ),
    )?;
    t.execute(
        "INSERT INTO outboxes (tenant, terminal, outbox, born) VALUES (?1, ?2, ?3, ?4)",
        (new.id, id(api.terminal), id(api.outbox), at),
    )?;
    t.execute(
        "INSERT INTO api_heads (tenant, terminal, outbox, next, prev) VALUES (?1, ?2, ?3, 1, ?4)",
        (new.id, id(api.terminal), id(api.outbox), [0_u8; 32]),
    )?;
    let owner = matches!(by, Founding::SetUp(_));
    insert(t, new.id, &new.employer, Kind::Employer, owner, at)?;
    people::attest(t, new.id, &new.employer, new.employer.id, at)
}

/// Inserts an account with its template; of an employer with the role of an owner.
pub(super) fn insert(
    t: &Transaction<'_>,
    tenant: TenantId,
    new: &NewAccount,
    kind: Kind,
    owner: bool,
    at: i64,
) -> Result<()> {
    let role = match kind {
        Kind::Employer => Role::Owner,
        Kind::Employee => Role::Employee,
    };
    let key = email_key(&new.email);
    let taken = t
        .prepare_cached("SELECT 1 FROM accounts WHERE email_key = ?1")?
        .exists([&key])?;
    if taken {
        return Err(StoreError::EmailTaken);
    }
    t.execute(
        "INSERT INTO accounts
           (tenant, id, kind, role, owner, username, email, email_key, password_hash, face_login,
            created)
         VALUES (:tenant, :id, :kind, :role, :owner, :username, :email, :key, :hash, :face_login,
                 :at)",
        named_params! {
            ":tenant": tenant, ":id": new.id, ":kind": kind.as_str(),
            ":role": role.as_str(), ":owner": owner,
            ":username": new.username, ":email": new.email, ":key": key,
            ":hash": new.password_hash, ":face_login": new.face_login, ":at": at,
        },
    )?;
    if let Some(template) = &new.template {
        t.execute(
            "INSERT INTO templates (tenant, person, model, version, photos, sealed, created)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (
                tenant,
                new.id,
                &template.model,
                template.version,
                template.photos,
                &template.sealed,
                at,
            ),
        )?;
    }
    Ok(())
}

fn account(row: &Row<'_>) -> Result<Account> {
    let (kind, role): (String, String) = (row.get("kind")?, row.get("role")?);
    let verified: Option<i64> = row.get("verified")?;
    Ok(Account {
        tenant: row.get("tenant")?,
        id: row.get("id")?,
        kind: Kind::from_name(&kind).ok_or(StoreError::Damaged("accounts.kind"))?,
        role: Role::from_name(&role).ok_or(StoreError::Damaged("accounts.role"))?,
        owner: row.get("owner")?,
        username: row.get("username")?,
        email: row.get("email")?,
        password_hash: row.get("password_hash")?,
        face_login: row.get("face_login")?,
        verified: verified.is_some(),
    })
}

pub(super) fn by_email(t: &Transaction<'_>, email: &str) -> Result<Option<Account>> {
    let mut statement = t.prepare_cached(
        "SELECT tenant, id, kind, role, owner, username, email, password_hash, face_login, verified
         FROM accounts WHERE email_key = ?1 AND disabled = 0",
    )?;
    let mut rows = statement.query([email_key(email)])?;
    rows.next()?.map(account).transpose()
}

pub(super) fn by_id(
    t: &Transaction<'_>,
    tenant: TenantId,
    id: AccountId,
) -> Result<Option<Account>> {
    let mut statement = t.prepare_cached(
        "SELECT tenant, id, kind, role, owner, username, email, password_hash, face_login, verified
         FROM accounts WHERE tenant = ?1 AND id = ?2 AND disabled = 0",
    )?;
    let mut rows = statement.query((tenant, id))?;
    rows.next()?.map(account).transpose()
}

pub(super) fn set_face_login(
    t: &Transaction<'_>,
    tenant: TenantId,
    account: AccountId,
    on: bool,
    now: Timestamp,
) -> Result<()> {
    let changed = t.execute(
        "UPDATE accounts SET face_login = ?3 WHERE tenant = ?1 AND id = ?2",
        (tenant, account, on),
    )?;
    if changed == 0 {
        return Err(StoreError::Missing("account"));
    }
    let now = now.as_microsecond();
    match face_login_consent(t, tenant, account)?.switched(on) {
        ConsentChange::Confirm => {
            t.execute(
                "UPDATE consents SET confirmed = coalesce(confirmed, ?3)
                 WHERE tenant = ?1 AND person = ?2 AND purpose = 'face-login'
                   AND withdrawn IS NULL",
                (tenant, account, now),
            )?;
        }
        ConsentChange::Give => {
            people::consent(t, tenant, account, "face-login", account, now, Some(now))?;
        }
        ConsentChange::Withdraw => withdraw(t, tenant, account, now)?,
        ConsentChange::GiveAndWithdraw => {
            people::consent(t, tenant, account, "face-login", account, now, None)?;
            withdraw(t, tenant, account, now)?;
        }
        ConsentChange::Nothing => {}
    }
    Ok(())
}

fn withdraw(t: &Transaction<'_>, tenant: TenantId, account: AccountId, now: i64) -> Result<()> {
    t.execute(
        "UPDATE consents SET withdrawn = ?3, withdrawn_by = person
         WHERE tenant = ?1 AND person = ?2 AND purpose = 'face-login' AND withdrawn IS NULL",
        (tenant, account, now),
    )?;
    Ok(())
}

/// What an account's holder has said of face login.
pub(super) fn face_login_consent(
    t: &Transaction<'_>,
    tenant: TenantId,
    account: AccountId,
) -> Result<FaceLoginConsent> {
    let mut statement = t.prepare_cached(
        "SELECT coalesce(max(withdrawn IS NULL), 0), coalesce(max(withdrawn IS NOT NULL), 0)
         FROM consents WHERE tenant = ?1 AND person = ?2 AND purpose = 'face-login'",
    )?;
    Ok(statement.query_row((tenant, account), |row| {
        Ok(FaceLoginConsent {
            stands: row.get(0)?,
            withdrawn: row.get(1)?,
        })
    })?)
}

pub(super) fn set_password_hash(
    t: &Transaction<'_>,
    tenant: TenantId,
    account: AccountId,
    hash: &str,
) -> Result<()> {
    t.execute(
        "UPDATE accounts SET password_hash = ?3 WHERE tenant = ?1 AND id = ?2",
        (tenant, account, hash),
    )?;
    Ok(())
}

pub(super) fn invite(t: &Transaction<'_>, new: &NewInvitation) -> Result<()> {
    t.execute(
        "INSERT INTO invitations
           (tenant, id, token_hash, kind, hourly_rate, created_by, created, expires)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (
            new.tenant,
            id(new.id),
            &new.token_hash,
            new.kind.as_str(),
            new.hourly_rate.map(rate_text),
            new.created_by,
            new.created.as_microsecond(),
            new.expires.as_microsecond(),
        ),
    )?;
    let mut deed = Deed::new(new.created_by, new.created, "invited", None);
    deed.after = Some(format!("\"{}\"", new.kind.as_str()));
    audit::write_down(t, new.tenant, &deed)
}

pub(super) fn invitation(
    t: &Transaction<'_>,
    token_hash: &Hash,
    now: Timestamp,
) -> Result<Option<Invitation>> {
    let mut statement = t.prepare_cached(
        "SELECT tenant, kind, created_by, hourly_rate FROM invitations
         WHERE token_hash = ?1 AND used IS NULL AND expires > ?2",
    )?;
    let mut rows = statement.query((token_hash, now.as_microsecond()))?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let kind: String = row.get("kind")?;
    let hourly_rate: Option<String> = row.get("hourly_rate")?;
    Ok(Some(Invitation {
        tenant: row.get("tenant")?,
        kind: Kind::from_name(&kind).ok_or(StoreError::Damaged("invitations.kind"))?,
        created_by: row.get("created_by")?,
        hourly_rate: hourly_rate.as_deref().map(rate).transpose()?,
    }))
}

pub(super) fn open_session(t: &Transaction<'_>, new: &NewSession) -> Result<()> {
    let issued = new.issued.as_microsecond();
    t.execute(
        "DELETE FROM sessions WHERE tenant = ?1 AND account = ?2 AND expires <= ?3",
        (new.tenant, new.account, issued),
    )?;
    let kind = match new.kind {
        SessionKind::Token => "token",
        SessionKind::Cookie => "cookie",
    };
    t.execute(
        "INSERT INTO sessions (tenant, key_hash, account, kind, issued, expires)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (
            new.tenant,
            &new.key_hash,
            new.account,
            kind,
            issued,
            new.expires.as_microsecond(),
        ),
    )?;
    Ok(())
}

pub(super) fn session_account(
    t: &Transaction<'_>,
    key_hash: &Hash,
    now: Timestamp,
) -> Result<Option<Account>> {
    let mut statement = t.prepare_cached(
        "SELECT a.tenant, a.id, a.kind, a.role, a.owner, a.username, a.email, a.password_hash,
                a.face_login, a.verified
         FROM sessions s JOIN accounts a ON a.tenant = s.tenant AND a.id = s.account
         WHERE s.key_hash = ?1 AND s.expires > ?2 AND a.disabled = 0",
    )?;
    let mut rows = statement.query((key_hash, now.as_microsecond()))?;
    rows.next()?.map(account).transpose()
}

pub(super) fn close_session(t: &Transaction<'_>, key_hash: &Hash) -> Result<()> {
    t.execute("DELETE FROM sessions WHERE key_hash = ?1", [key_hash])?;
    Ok(())
}

/// An account logs in no more, and its e-mail is free for another.
pub(super) fn disable(t: &Transaction<'_>, tenant: TenantId, account: AccountId) -> Result<()> {
    t.execute(
        "UPDATE accounts SET disabled = 1, email_key = ?3 WHERE tenant = ?1 AND id = ?2",
        (tenant, account, nobodys_key(account)),
    )?;
    close_sessions_of(t, tenant, account)?;
    Ok(())
}

pub(super) fn close_sessions_of(
    t: &Transaction<'_>,
    tenant: TenantId,
    account: AccountId,
) -> Result<usize> {
    Ok(t.execute(
        "DELETE FROM sessions WHERE tenant = ?1 AND account = ?2",
        (tenant, account),
    )?)
}

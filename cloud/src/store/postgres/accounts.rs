//! Tenants, accounts, sessions, invitations.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Result, Tx, audit, people};
use crate::store::audit::Deed;
use crate::store::forms::{
    ConsentChange, FaceLoginConsent, email_key, nobodys_key, rate, rate_text,
};
use crate::store::{
    Account, AccountId, Founding, Hash, Invitation, Kind, NewAccount, NewInvitation, NewSession,
    NewTenant, Role, SessionKind, StoreError, TenantId,
};

pub(super) async fn epoch(t: &Tx<'_>) -> Result<Uuid> {
    let row = t.row("SELECT epoch FROM installation", &[]).await?;
    let row = row.ok_or(StoreError::Damaged("installation"))?;
    Ok(row.try_get("epoch")?)
}

pub(super) async fn is_empty(t: &Tx<'_>) -> Result<bool> {
    let row = t.row("SELECT 1 FROM tenants LIMIT 1", &[]).await?;
    Ok(row.is_none())
}

pub(super) async fn set_setup_token(t: &Tx<'_>, token_hash: &Hash) -> Result<()> {
    let set = "UPDATE installation SET setup_token_hash = $1";
    t.change(set, &[&token_hash.as_slice()]).await?;
    Ok(())
}

pub(super) async fn found_tenant(t: &Tx<'_>, new: &NewTenant, by: &Founding) -> Result<()> {
    let at = new.at.as_microsecond();
    let right_used = match by {
        Founding::Open => 1,
        // Of any number that come with one right at once, the row's lock lets one change it.
        Founding::SetUp(hash) => {
            t.change(
                "UPDATE installation SET setup_token_hash = NULL WHERE setup_token_hash = $1",
                &[&hash.as_slice()],
            )
            .await?
        }
        Founding::Invited(hash) => {
            t.change(
                "UPDATE invitations SET used = $2, used_by = $3
                 WHERE token_hash = $1 AND kind = 'employer' AND used IS NULL AND expires > $2",
                &[&hash.as_slice(), &at, &new.employer.id.0],
            )
            .await?
        }
    };
    if right_used == 0 {
        return Err(StoreError::NoSuchToken);
    }
    t.change(
        "INSERT INTO tenants (tenant, name, currency, created) VALUES ($1, $2, $3, $4)",
        &[&new.id.0, &new.name, &new.currency, &at],
    )
    .await?;
    let site = &new.site;
    t.change(
        "INSERT INTO sites (tenant, id, name, zone, signing_sealed, sealing_sealed, created)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            &new.id.0,
            &site.id,
            &site.name,
            &site.zone,
            &site.signing_sealed,
            &site.sealing_sealed,
            &at,
        ],
    )
    .await?;
    let api = &new.api;
    t.change(
        "INSERT INTO terminals (tenant, id, site, kind, name, public_key, seed_sealed, claimed)
         VALUES ($1, $2, $3, 'api', 'api', $4, $5, $6)",
        &[
            &new.id.0,
            &api.terminal,
            &site.id,
            &api.public_key.as_slice(),
            &api.seed_sealed,
            &at,
        ],
    )
    .await?;
    t.change(
        "INSERT INTO outboxes (tenant, terminal, outbox, born) VALUES ($1, $2, $3, $4)",
        &[&new.id.0, &api.terminal, &api.outbox, &at],
    )
    .await?;
    t.change(
        "INSERT INTO api_heads (tenant, terminal, outbox, next, prev) VALUES ($1, $2, $3, 1, $4)",
        &[
            &new.id.0,
            &api.terminal,
            &api.outbox,
            &[0_u8; 32].as_slice(),
        ],
    )
    .await?;
    let owner = matches!(by, Founding::SetUp(_));
    insert(t, new.id, &new.employer, Kind::Employer, owner, at).await?;
    people::attest(t, new.id, &new.employer, new.employer.id, at).await
}

/// Inserts an account with its template; of an employer with the role of an owner.
pub(super) async fn insert(
    t: &Tx<'_>,
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
    // Who comes with the same e-mail at once waits here for the other's end.
    let inserted = t
        .change(
            "INSERT INTO accounts
               (tenant, id, kind, role, owner, username, email, email_key, password_hash,
                face_login, created)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             ON CONFLICT (email_key) DO NOTHING",
            &[
                &tenant.0,
                &new.id.0,
                &kind.as_str(),
                &role.as_str(),
                &owner,
                &new.username,
                &new.email,
                &email_key(&new.email),
                &new.password_hash,
                &new.face_login,
                &at,
            ],
        )
        .await?;
    if inserted == 0 {
        return Err(StoreError::EmailTaken);
    }
    if let Some(template) = &new.template {
        t.change(
            "INSERT INTO templates (tenant, person, model, version, photos, sealed, created)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            &[
                &tenant.0,
                &new.id.0,
                &template.model,
                &template.version,
                &template.photos,
                &template.sealed,
                &at,
            ],
        )
        .await?;
    }
    Ok(())
}

fn account(row: Option<Row>) -> Result<Option<Account>> {
    let Some(row) = row else {
        return Ok(None);
    };
    let (kind, role): (&str, &str) = (row.try_get("kind")?, row.try_get("role")?);
    let verified: Option<i64> = row.try_get("verified")?;
    Ok(Some(Account {
        tenant: TenantId(row.try_get("tenant")?),
        id: AccountId(row.try_get("id")?),
        kind: Kind::from_name(kind).ok_or(StoreError::Damaged("accounts.kind"))?,
        role: Role::from_name(role).ok_or(StoreError::Damaged("accounts.role"))?,
        owner: row.try_get("owner")?,
        username: row.try_get("username")?,
        email: row.try_get("email")?,
        password_hash: row.try_get("password_hash")?,
        face_login: row.try_get("face_login")?,
        verified: verified.is_some(),
    }))
}

pub(super) async fn by_email(t: &Tx<'_>, email: &str) -> Result<Option<Account>> {
    // PostgreSQL's text holds no NUL, so nobody has such an e-mail.
    if email.contains('\0') {
        return Ok(None);
    }
    let row = t
        .row(
            "SELECT tenant, id, kind, role, owner, username, email, password_hash, face_login,
                    verified
             FROM accounts WHERE email_key = $1 AND NOT disabled",
            &[&email_key(email)],
        )
        .await?;
    account(row)
}

pub(super) async fn by_id(t: &Tx<'_>, tenant: TenantId, id: AccountId) -> Result<Option<Account>> {
    let row = t
        .row(
            "SELECT tenant, id, kind, role, owner, username, email, password_hash, face_login,
                    verified
             FROM accounts WHERE tenant = $1 AND id = $2 AND NOT disabled",
            &[&tenant.0, &id.0],
        )
        .await?;
    account(row)
}

pub(super) async fn set_face_login(
    t: &Tx<'_>,
    tenant: TenantId,
    id: AccountId,
    on: bool,
    now: Timestamp,
) -> Result<()> {
    // Locks the account: consents are changed by one at a time.
    let changed = t
        .change(
            "UPDATE accounts SET face_login = $3 WHERE tenant = $1 AND id = $2",
            &[&tenant.0, &id.0, &on],
        )
        .await?;
    if changed == 0 {
        return Err(StoreError::Missing("account"));
    }
    let now = now.as_microsecond();
    match face_login_consent(t, tenant, id).await?.switched(on) {
        ConsentChange::Confirm => {
            t.change(
                "UPDATE consents SET confirmed = coalesce(confirmed, $3)
                 WHERE tenant = $1 AND person = $2 AND purpose = 'face-login'
                   AND withdrawn IS NULL",
                &[&tenant.0, &id.0, &now],
            )
            .await?;
        }
        ConsentChange::Give => {
            people::consent(t, tenant, id, "face-login", id, now, Some(now)).await?;
        }
        ConsentChange::Withdraw => withdraw(t, tenant, id, now).await?,
        ConsentChange::GiveAndWithdraw => {
            people::consent(t, tenant, id, "face-login", id, now, None).await?;
            withdraw(t, tenant, id, now).await?;
        }
        ConsentChange::Nothing => {}
    }
    Ok(())
}

async fn withdraw(t: &Tx<'_>, tenant: TenantId, id: AccountId, now: i64) -> Result<()> {
    t.change(
        "UPDATE consents SET withdrawn = $3, withdrawn_by = person
         WHERE tenant = $1 AND person = $2 AND purpose = 'face-login' AND withdrawn IS NULL",
        &[&tenant.0, &id.0, &now],
    )
    .await?;
    Ok(())
}

/// What an account's holder has said of face login.
pub(super) async fn face_login_consent(
    t: &Tx<'_>,
    tenant: TenantId,
    id: AccountId,
) -> Result<FaceLoginConsent> {
    let row = t
        .one(
            "SELECT coalesce(bool_or(withdrawn IS NULL), false) AS stands,
                    coalesce(bool_or(withdrawn IS NOT NULL), false) AS withdrawn
             FROM consents WHERE tenant = $1 AND person = $2 AND purpose = 'face-login'",
            &[&tenant.0, &id.0],
        )
        .await?;
    let row = row;
    Ok(FaceLoginConsent {
        stands: row.try_get("stands")?,
        withdrawn: row.try_get("withdrawn")?,
    })
}

pub(super) async fn set_password_hash(
    t: &Tx<'_>,
    tenant: TenantId,
    id: AccountId,
    hash: &str,
) -> Result<()> {
    t.change(
        "UPDATE accounts SET password_hash = $3 WHERE tenant = $1 AND id = $2",
        &[&tenant.0, &id.0, &hash],
    )
    .await?;
    Ok(())
}

pub(super) async fn invite(t: &Tx<'_>, new: &NewInvitation) -> Result<()> {
    t.change(
        "INSERT INTO invitations
           (tenant, id, token_hash, kind, hourly_rate, created_by, created, expires)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            &new.tenant.0,
            &new.id,
            &new.token_hash.as_slice(),
            &new.kind.as_str(),
            &new.hourly_rate.map(rate_text),
            &new.created_by.0,
            &new.created.as_microsecond(),
            &new.expires.as_microsecond(),
        ],
    )
    .await?;
    let mut deed = Deed::new(new.created_by, new.created, "invited", None);
    deed.after = Some(format!("\"{}\"", new.kind.as_str()));
    audit::write_down(t, new.tenant, &deed).await
}

pub(super) async fn invitation(
    t: &Tx<'_>,
    token_hash: &Hash,
    now: Timestamp,
) -> Result<Option<Invitation>> {
    let row = t
        .row(
            "SELECT tenant, kind, created_by, hourly_rate FROM invitations
             WHERE token_hash = $1 AND used IS NULL AND expires > $2",
            &[&token_hash.as_slice(), &now.as_microsecond()],
        )
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let kind: &str = row.try_get("kind")?;
    let hourly_rate: Option<&str> = row.try_get("hourly_rate")?;
    Ok(Some(Invitation {
        tenant: TenantId(row.try_get("tenant")?),
        kind: Kind::from_name(kind).ok_or(StoreError::Damaged("invitations.kind"))?,
        created_by: AccountId(row.try_get("created_by")?),
        hourly_rate: hourly_rate.map(rate).transpose()?,
    }))
}

pub(super) async fn open_session(t: &Tx<'_>, new: &NewSession) -> Result<()> {
    let issued = new.issued.as_microsecond();
    t.change(
        "DELETE FROM sessions WHERE tenant = $1 AND account = $2 AND expires <= $3",
        &[&new.tenant.0, &new.account.0, &issued],
    )
    .await?;
    let kind = match new.kind {
        SessionKind::Token => "token",
        SessionKind::Cookie => "cookie",
    };
    t.change(
        "INSERT INTO sessions (tenant, key_hash, account, kind, issued, expires)
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            &new.tenant.0,
            &new.key_hash.as_slice(),
            &new.account.0,
            &kind,
            &issued,
            &new.expires.as_microsecond(),
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn session_account(
    t: &Tx<'_>,
    key_hash: &Hash,
    now: Timestamp,
) -> Result<Option<Account>> {
    let row = t
        .row(
            "SELECT a.tenant, a.id, a.kind, a.role, a.owner, a.username, a.email, a.password_hash,
                a.face_login, a.verified
         FROM sessions s JOIN accounts a ON a.tenant = s.tenant AND a.id = s.account
         WHERE s.key_hash = $1 AND s.expires > $2 AND NOT a.disabled",
            &[&key_hash.as_slice(), &now.as_microsecond()],
        )
        .await?;
    account(row)
}

pub(super) async fn close_session(t: &Tx<'_>, key_hash: &Hash) -> Result<()> {
    let close = "DELETE FROM sessions WHERE key_hash = $1";
    t.change(close, &[&key_hash.as_slice()]).await?;
    Ok(())
}

/// An account logs in no more, and its e-mail is free for another.
pub(super) async fn disable(t: &Tx<'_>, tenant: TenantId, account: AccountId) -> Result<()> {
    t.change(
        "UPDATE accounts SET disabled = true, email_key = $3 WHERE tenant = $1 AND id = $2",
        &[&tenant.0, &account.0, &nobodys_key(account)],
    )
    .await?;
    close_sessions_of(t, tenant, account).await?;
    Ok(())
}

pub(super) async fn close_sessions_of(
    t: &Tx<'_>,
    tenant: TenantId,
    id: AccountId,
) -> Result<usize> {
    let close = "DELETE FROM sessions WHERE tenant = $1 AND account = $2";
    let closed = t.change(close, &[&tenant.0, &id.0]).await?;
    Ok(usize::try_from(closed).unwrap_or(usize::MAX))
}

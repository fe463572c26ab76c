//! Staff, single-use links, and one's own sessions.

use jiff::Timestamp;
use tokio_postgres::Row;

use super::rows::{bytes32, instant, instant_or_none};
use super::{Postgres, Result, Tx, accounts, audit, places};
use crate::store::audit::Deed;
use crate::store::staff::{
    Handling, Link, Member, NewLink, OpenSession, Purpose, Staff, invited, replaceable, sites_of,
    sites_text,
};
use crate::store::{
    AccountId, Answer, Hash, Kind, NewAccount, Role, SessionKind, StoreError, TenantId,
};

impl Staff for Postgres {
    fn make_link(&self, link: NewLink) -> Answer<()> {
        self.write(link, |t, link| Box::pin(make_link(t, link)))
    }

    fn link(&self, token_hash: Hash, purpose: Purpose, now: Timestamp) -> Answer<Option<Link>> {
        self.read((token_hash, purpose, now), |t, (hash, purpose, now)| {
            Box::pin(link(t, hash, *purpose, *now))
        })
    }

    fn join(&self, token_hash: Hash, account: NewAccount, now: Timestamp) -> Answer<()> {
        self.write((token_hash, account, now), |t, (hash, account, now)| {
            Box::pin(join(t, hash, account, *now))
        })
    }

    fn verify_email(&self, token_hash: Hash, now: Timestamp) -> Answer<()> {
        self.write((token_hash, now), |t, (hash, now)| {
            Box::pin(verify_email(t, hash, *now))
        })
    }

    fn reset_password(
        &self,
        token_hash: Hash,
        password_hash: String,
        now: Timestamp,
    ) -> Answer<()> {
        let asked = (token_hash, password_hash, now);
        self.write(asked, |t, (hash, password_hash, now)| {
            Box::pin(reset_password(t, hash, password_hash, *now))
        })
    }

    fn staff(&self, tenant: TenantId) -> Answer<Vec<Member>> {
        self.read(tenant, |t, tenant| Box::pin(staff(t, *tenant)))
    }

    fn set_role(&self, handling: Handling, role: Role) -> Answer<()> {
        self.write((handling, role), |t, (handling, role)| {
            Box::pin(set_role(t, handling, *role))
        })
    }

    fn dismiss(&self, handling: Handling) -> Answer<()> {
        self.write(handling, |t, handling| Box::pin(dismiss(t, handling)))
    }

    fn sessions(
        &self,
        tenant: TenantId,
        account: AccountId,
        now: Timestamp,
    ) -> Answer<Vec<OpenSession>> {
        self.read((tenant, account, now), |t, (tenant, account, now)| {
            Box::pin(sessions(t, *tenant, *account, *now))
        })
    }

    fn close_own_session(
        &self,
        tenant: TenantId,
        account: AccountId,
        key_hash: Hash,
    ) -> Answer<bool> {
        self.write((tenant, account, key_hash), |t, (tenant, account, hash)| {
            Box::pin(close_own_session(t, *tenant, *account, hash))
        })
    }
}

async fn make_link(t: &Tx<'_>, new: &NewLink) -> Result<()> {
    t.change(
        "DELETE FROM links WHERE tenant = $1 AND purpose = $2 AND email = $3 AND used IS NULL",
        &[&new.tenant.0, &new.purpose.as_str(), &new.email],
    )
    .await?;
    t.change(
        "INSERT INTO links
           (tenant, token_hash, purpose, account, email, role, made_by, created, expires, sites)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &[
            &new.tenant.0,
            &new.token_hash.as_slice(),
            &new.purpose.as_str(),
            &new.account.map(|account| account.0),
            &new.email,
            &new.role.map(Role::as_str),
            &new.by.0,
            &new.created.as_microsecond(),
            &new.expires.as_microsecond(),
            &sites_text(&new.sites),
        ],
    )
    .await?;
    // What an account asks for itself is told when it is used.
    if let (Purpose::Join, Some(role)) = (new.purpose, new.role) {
        let mut deed = Deed::new(new.by, new.created, "staff_invited", None);
        deed.after = Some(invited(&new.email, role, &new.sites));
        audit::write_down(t, new.tenant, &deed).await?;
    }
    Ok(())
}

fn role_of(row: &Row, column: &'static str) -> Result<Role> {
    Role::from_name(row.try_get(column)?).ok_or(StoreError::Damaged(column))
}

fn read(row: &Row) -> Result<Link> {
    let account: Option<uuid::Uuid> = row.try_get("account")?;
    let role: Option<&str> = row.try_get("role")?;
    Ok(Link {
        tenant: TenantId(row.try_get("tenant")?),
        account: account.map(AccountId),
        email: row.try_get("email")?,
        role: role.map(|_| role_of(row, "role")).transpose()?,
        sites: sites_of(row.try_get("sites")?)?,
        by: AccountId(row.try_get("made_by")?),
    })
}

async fn link(
    t: &Tx<'_>,
    token_hash: &Hash,
    purpose: Purpose,
    now: Timestamp,
) -> Result<Option<Link>> {
    let row = t
        .row(
            "SELECT tenant, account, email, role, made_by, sites FROM links
             WHERE token_hash = $1 AND purpose = $2 AND used IS NULL AND expires > $3",
            &[
                &token_hash.as_slice(),
                &purpose.as_str(),
                &now.as_microsecond(),
            ],
        )
        .await?;
    row.as_ref().map(read).transpose()
}

/// Finds a link and uses it up. Of any number that come with it at once, the row's lock lets one.
async fn used(t: &Tx<'_>, token_hash: &Hash, purpose: Purpose, now: Timestamp) -> Result<Link> {
    let row = t
        .row(
            "UPDATE links SET used = $3
             WHERE token_hash = $1 AND purpose = $2 AND used IS NULL AND expires > $3
             RETURNING tenant, account, email, role, made_by, sites",
            &[
                &token_hash.as_slice(),
                &purpose.as_str(),
                &now.as_microsecond(),
            ],
        )
        .await?;
    read(&row.ok_or(StoreError::NoSuchToken)?)
}

/// The account that a link is of.
async fn used_by(
    t: &Tx<'_>,
    token_hash: &Hash,
    purpose: Purpose,
    now: Timestamp,
) -> Result<(TenantId, AccountId)> {
    let link = used(t, token_hash, purpose, now).await?;
    let account = link.account.ok_or(StoreError::Damaged("links.account"))?;
    Ok((link.tenant, account))
}

async fn join(t: &Tx<'_>, token_hash: &Hash, new: &NewAccount, now: Timestamp) -> Result<()> {
    let link = used(t, token_hash, Purpose::Join, now).await?;
    let role = link.role.ok_or(StoreError::Damaged("links.role"))?;
    let at = now.as_microsecond();
    accounts::insert(t, link.tenant, new, Kind::Employer, false, at).await?;
    t.change(
        "UPDATE accounts SET role = $3, verified = $4 WHERE tenant = $1 AND id = $2",
        &[&link.tenant.0, &new.id.0, &role.as_str(), &at],
    )
    .await?;
    places::set_limit(t, link.tenant, new.id, &link.sites).await?;
    let mut deed = Deed::new(new.id, now, "staff_joined", Some(new.id.0));
    deed.after = Some(invited(&link.email, role, &link.sites));
    audit::write_down(t, link.tenant, &deed).await
}

async fn verify_email(t: &Tx<'_>, token_hash: &Hash, now: Timestamp) -> Result<()> {
    let (tenant, account) = used_by(t, token_hash, Purpose::Verify, now).await?;
    verified(t, tenant, account, now).await
}

async fn verified(t: &Tx<'_>, tenant: TenantId, account: AccountId, now: Timestamp) -> Result<()> {
    t.change(
        "UPDATE accounts SET verified = coalesce(verified, $3) WHERE tenant = $1 AND id = $2",
        &[&tenant.0, &account.0, &now.as_microsecond()],
    )
    .await?;
    Ok(())
}

async fn reset_password(
    t: &Tx<'_>,
    token_hash: &Hash,
    password_hash: &str,
    now: Timestamp,
) -> Result<()> {
    let (tenant, account) = used_by(t, token_hash, Purpose::Reset, now).await?;
    accounts::set_password_hash(t, tenant, account, password_hash).await?;
    accounts::close_sessions_of(t, tenant, account).await?;
    verified(t, tenant, account, now).await?;
    let deed = Deed::new(account, now, "password_reset", Some(account.0));
    audit::write_down(t, tenant, &deed).await
}

async fn staff(t: &Tx<'_>, tenant: TenantId) -> Result<Vec<Member>> {
    let rows = t
        .rows(
            "SELECT id, username, email, role, verified, created FROM accounts
             WHERE tenant = $1 AND role <> 'employee' AND NOT disabled ORDER BY created, id",
            &[&tenant.0],
        )
        .await?;
    let member = |row: &Row| {
        Ok(Member {
            id: AccountId(row.try_get("id")?),
            username: row.try_get("username")?,
            email: row.try_get("email")?,
            role: role_of(row, "role")?,
            verified: instant_or_none(row, "verified")?,
            created: instant(row, "created")?,
        })
    };
    rows.iter().map(member).collect()
}

/// The role of somebody of the staff, who is not the only owner. Owners come and go one at a time.
async fn role_before(t: &Tx<'_>, handling: &Handling) -> Result<Role> {
    t.rows(
        "SELECT 1 FROM tenants WHERE tenant = $1 FOR NO KEY UPDATE",
        &[&handling.tenant.0],
    )
    .await?;
    replaceable(&staff(t, handling.tenant).await?, handling)
}

async fn set_role(t: &Tx<'_>, handling: &Handling, role: Role) -> Result<()> {
    let Handling {
        tenant,
        account,
        by,
        at,
    } = *handling;
    let before = role_before(t, handling).await?;
    t.change(
        "UPDATE accounts SET role = $3 WHERE tenant = $1 AND id = $2",
        &[&tenant.0, &account.0, &role.as_str()],
    )
    .await?;
    let mut deed = Deed::new(by, at, "role_set", Some(account.0));
    deed.before = Some(format!("\"{}\"", before.as_str()));
    deed.after = Some(format!("\"{}\"", role.as_str()));
    audit::write_down(t, tenant, &deed).await
}

async fn dismiss(t: &Tx<'_>, handling: &Handling) -> Result<()> {
    let Handling {
        tenant,
        account,
        by,
        at,
    } = *handling;
    let before = role_before(t, handling).await?;
    accounts::disable(t, tenant, account).await?;
    let mut deed = Deed::new(by, at, "staff_dismissed", Some(account.0));
    deed.before = Some(format!("\"{}\"", before.as_str()));
    audit::write_down(t, tenant, &deed).await
}

async fn sessions(
    t: &Tx<'_>,
    tenant: TenantId,
    account: AccountId,
    now: Timestamp,
) -> Result<Vec<OpenSession>> {
    let rows = t
        .rows(
            "SELECT key_hash, kind, issued, expires FROM sessions
             WHERE tenant = $1 AND account = $2 AND expires > $3 ORDER BY issued DESC, key_hash",
            &[&tenant.0, &account.0, &now.as_microsecond()],
        )
        .await?;
    let open = |row: &Row| {
        Ok(OpenSession {
            key_hash: bytes32(row, "key_hash")?,
            kind: match row.try_get("kind")? {
                "token" => SessionKind::Token,
                "cookie" => SessionKind::Cookie,
                _ => return Err(StoreError::Damaged("sessions.kind")),
            },
            issued: instant(row, "issued")?,
            expires: instant(row, "expires")?,
        })
    };
    rows.iter().map(open).collect()
}

async fn close_own_session(
    t: &Tx<'_>,
    tenant: TenantId,
    account: AccountId,
    key_hash: &Hash,
) -> Result<bool> {
    let closed = t
        .change(
            "DELETE FROM sessions WHERE tenant = $1 AND account = $2 AND key_hash = $3",
            &[&tenant.0, &account.0, &key_hash.as_slice()],
        )
        .await?;
    Ok(closed > 0)
}

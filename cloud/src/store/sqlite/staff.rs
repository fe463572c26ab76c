//! Staff, single-use links, and one's own sessions.

use jiff::Timestamp;
use rusqlite::{Row, Transaction};

use super::rows::instant;
use super::{Sqlite, accounts, audit, places};
use crate::store::audit::Deed;
use crate::store::staff::{
    Handling, Link, Member, NewLink, OpenSession, Purpose, Staff, invited, replaceable, sites_of,
    sites_text,
};
use crate::store::{
    AccountId, Answer, Hash, Kind, NewAccount, Role, SessionKind, StoreError, TenantId,
};

type Result<T> = std::result::Result<T, StoreError>;

impl Staff for Sqlite {
    fn make_link(&self, link: NewLink) -> Answer<()> {
        self.write(move |t| make_link(t, &link))
    }

    fn link(&self, token_hash: Hash, purpose: Purpose, now: Timestamp) -> Answer<Option<Link>> {
        self.read(move |t| link(t, &token_hash, purpose, now))
    }

    fn join(&self, token_hash: Hash, account: NewAccount, now: Timestamp) -> Answer<()> {
        self.write(move |t| join(t, &token_hash, &account, now))
    }

    fn verify_email(&self, token_hash: Hash, now: Timestamp) -> Answer<()> {
        self.write(move |t| verify_email(t, &token_hash, now))
    }

    fn reset_password(
        &self,
        token_hash: Hash,
        password_hash: String,
        now: Timestamp,
    ) -> Answer<()> {
        self.write(move |t| reset_password(t, &token_hash, &password_hash, now))
    }

    fn staff(&self, tenant: TenantId) -> Answer<Vec<Member>> {
        self.read(move |t| staff(t, tenant))
    }

    fn set_role(&self, handling: Handling, role: Role) -> Answer<()> {
        self.write(move |t| set_role(t, &handling, role))
    }

    fn dismiss(&self, handling: Handling) -> Answer<()> {
        self.write(move |t| dismiss(t, &handling))
    }

    fn sessions(
        &self,
        tenant: TenantId,
        account: AccountId,
        now: Timestamp,
    ) -> Answer<Vec<OpenSession>> {
        self.read(move |t| sessions(t, tenant, account, now))
    }

    fn close_own_session(
        &self,
        tenant: TenantId,
        account: AccountId,
        key_hash: Hash,
    ) -> Answer<bool> {
        self.write(move |t| {
            let closed = t.execute(
                "DELETE FROM sessions WHERE tenant = ?1 AND account = ?2 AND key_hash = ?3",
                (tenant, account, &key_hash),
            )?;
            Ok(closed > 0)
        })
    }
}

fn make_link(t: &Transaction<'_>, new: &NewLink) -> Result<()> {
    let created = new.created.as_microsecond();
    t.execute(
        "DELETE FROM links WHERE tenant = ?1 AND purpose = ?2 AND email = ?3 AND used IS NULL",
        (new.tenant, new.purpose.as_str(), &new.email),
    )?;
    t.execute(
        "INSERT INTO links
           (tenant, token_hash, purpose, account, email, role, made_by, created, expires, sites)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        (
            new.tenant,
            &new.token_hash,
            new.purpose.as_str(),
            new.account,
            &new.email,
            new.role.map(Role::as_str),
            new.by,
            created,
            new.expires.as_microsecond(),
            sites_text(&new.sites),
        ),
    )?;
    // What an account asks for itself is told when it is used.
    if let (Purpose::Join, Some(role)) = (new.purpose, new.role) {
        let mut deed = Deed::new(new.by, new.created, "staff_invited", None);
        deed.after = Some(invited(&new.email, role, &new.sites));
        audit::write_down(t, new.tenant, &deed)?;
    }
    Ok(())
}

fn role_of(row: &Row<'_>, column: &'static str) -> Result<Role> {
    let name: String = row.get(column)?;
    Role::from_name(&name).ok_or(StoreError::Damaged(column))
}

fn link(
    t: &Transaction<'_>,
    token_hash: &Hash,
    purpose: Purpose,
    now: Timestamp,
) -> Result<Option<Link>> {
    let mut statement = t.prepare_cached(
        "SELECT tenant, account, email, role, made_by, sites FROM links
         WHERE token_hash = ?1 AND purpose = ?2 AND used IS NULL AND expires > ?3",
    )?;
    let mut rows = statement.query((token_hash, purpose.as_str(), now.as_microsecond()))?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let (role, sites): (Option<String>, Option<String>) = (row.get("role")?, row.get("sites")?);
    Ok(Some(Link {
        tenant: row.get("tenant")?,
        account: row.get("account")?,
        email: row.get("email")?,
        role: role.map(|_| role_of(row, "role")).transpose()?,
        sites: sites_of(sites.as_deref())?,
        by: row.get("made_by")?,
    }))
}

/// Finds a link and uses it up.
fn used(t: &Transaction<'_>, token_hash: &Hash, purpose: Purpose, now: Timestamp) -> Result<Link> {
    let found = link(t, token_hash, purpose, now)?.ok_or(StoreError::NoSuchToken)?;
    t.execute(
        "UPDATE links SET used = ?3 WHERE tenant = ?1 AND token_hash = ?2",
        (found.tenant, token_hash, now.as_microsecond()),
    )?;
    Ok(found)
}

/// The account that a link is of.
fn used_by(
    t: &Transaction<'_>,
    token_hash: &Hash,
    purpose: Purpose,
    now: Timestamp,
) -> Result<(TenantId, AccountId)> {
    let link = used(t, token_hash, purpose, now)?;
    let account = link.account.ok_or(StoreError::Damaged("links.account"))?;
    Ok((link.tenant, account))
}

fn join(t: &Transaction<'_>, token_hash: &Hash, new: &NewAccount, now: Timestamp) -> Result<()> {
    let link = used(t, token_hash, Purpose::Join, now)?;
    let role = link.role.ok_or(StoreError::Damaged("links.role"))?;
    let at = now.as_microsecond();
    accounts::insert(t, link.tenant, new, Kind::Employer, false, at)?;
    t.execute(
        "UPDATE accounts SET role = ?3, verified = ?4 WHERE tenant = ?1 AND id = ?2",
        (link.tenant, new.id, role.as_str(), at),
    )?;
    places::set_limit(t, link.tenant, new.id, &link.sites)?;
    let mut deed = Deed::new(new.id, now, "staff_joined", Some(new.id.0));
    deed.after = Some(invited(&link.email, role, &link.sites));
    audit::write_down(t, link.tenant, &deed)
}

fn verify_email(t: &Transaction<'_>, token_hash: &Hash, now: Timestamp) -> Result<()> {
    let (tenant, account) = used_by(t, token_hash, Purpose::Verify, now)?;
    verified(t, tenant, account, now)
}

fn verified(
    t: &Transaction<'_>,
    tenant: TenantId,
    account: AccountId,
    now: Timestamp,
) -> Result<()> {
    t.execute(
        "UPDATE accounts SET verified = coalesce(verified, ?3) WHERE tenant = ?1 AND id = ?2",
        (tenant, account, now.as_microsecond()),
    )?;
    Ok(())
}

fn reset_password(
    t: &Transaction<'_>,
    token_hash: &Hash,
    password_hash: &str,
    now: Timestamp,
) -> Result<()> {
    let (tenant, account) = used_by(t, token_hash, Purpose::Reset, now)?;
    accounts::set_password_hash(t, tenant, account, password_hash)?;
    accounts::close_sessions_of(t, tenant, account)?;
    verified(t, tenant, account, now)?;
    let deed = Deed::new(account, now, "password_reset", Some(account.0));
    audit::write_down(t, tenant, &deed)
}

fn staff(t: &Transaction<'_>, tenant: TenantId) -> Result<Vec<Member>> {
    let mut statement = t.prepare_cached(
        "SELECT id, username, email, role, verified, created FROM accounts
         WHERE tenant = ?1 AND role <> 'employee' AND disabled = 0 ORDER BY created, id",
    )?;
    let mut rows = statement.query([tenant])?;
    let mut members = Vec::new();
    while let Some(row) = rows.next()? {
        let verified: Option<i64> = row.get("verified")?;
        members.push(Member {
            id: row.get("id")?,
            username: row.get("username")?,
            email: row.get("email")?,
            role: role_of(row, "role")?,
            verified: verified.map(|_| instant(row, "verified")).transpose()?,
            created: instant(row, "created")?,
        });
    }
    Ok(members)
}

fn set_role(t: &Transaction<'_>, handling: &Handling, role: Role) -> Result<()> {
    let Handling {
        tenant,
        account,
        by,
        at,
    } = *handling;
    let before = replaceable(&staff(t, handling.tenant)?, handling)?;
    t.execute(
        "UPDATE accounts SET role = ?3 WHERE tenant = ?1 AND id = ?2",
        (tenant, account, role.as_str()),
    )?;
    let mut deed = Deed::new(by, at, "role_set", Some(account.0));
    deed.before = Some(format!("\"{}\"", before.as_str()));
    deed.after = Some(format!("\"{}\"", role.as_str()));
    audit::write_down(t, tenant, &deed)
}

fn dismiss(t: &Transaction<'_>, handling: &Handling) -> Result<()> {
    let Handling {
        tenant,
        account,
        by,
        at,
    } = *handling;
    let before = replaceable(&staff(t, handling.tenant)?, handling)?;
    accounts::disable(t, tenant, account)?;
    let mut deed = Deed::new(by, at, "staff_dismissed", Some(account.0));
    deed.before = Some(format!("\"{}\"", before.as_str()));
    audit::write_down(t, tenant, &deed)
}

fn sessions(
    t: &Transaction<'_>,
    tenant: TenantId,
    account: AccountId,
    now: Timestamp,
) -> Result<Vec<OpenSession>> {
    let mut statement = t.prepare_cached(
        "SELECT key_hash, kind, issued, expires FROM sessions
         WHERE tenant = ?1 AND account = ?2 AND expires > ?3 ORDER BY issued DESC, key_hash",
    )?;
    let mut rows = statement.query((tenant, account, now.as_microsecond()))?;
    let mut open = Vec::new();
    while let Some(row) = rows.next()? {
        let kind: String = row.get("kind")?;
        open.push(OpenSession {
            key_hash: row.get("key_hash")?,
            kind: match kind.as_str() {
                "token" => SessionKind::Token,
                "cookie" => SessionKind::Cookie,
                _ => return Err(StoreError::Damaged("sessions.kind")),
            },
            issued: instant(row, "issued")?,
            expires: instant(row, "expires")?,
        });
    }
    Ok(open)
}

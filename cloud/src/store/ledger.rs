//! What terminals said, who they are, and what they are to hold.

use jiff::Timestamp;
use uuid::Uuid;

use super::{AccountId, Answer, Hash, PunchKey, SealedTemplate, Site, TenantId};

/// An event whose signature held, as it is to be kept.
#[derive(Clone)]
pub struct NewEvent {
    /// Whose terminal.
    pub tenant: TenantId,
    /// The terminal.
    pub terminal: Uuid,
    /// Its outbox.
    pub outbox: Uuid,
    /// The event's number in the outbox, from 1.
    pub seq: u64,
    /// SHA-256 of the compact JWS.
    pub hash: Hash,
    /// SHA-256 of the previous compact JWS of the outbox, as the event's header names it; zeros for the
    /// first.
    pub prev: Hash,
    /// The compact JWS as it came.
    pub compact: Vec<u8>,
    /// When it came.
    pub received: Timestamp,
    /// What attendance is concluded from, where the event says any of it.
    pub fact: Option<NewFact>,
    /// For a `void`: the hash of the damaged event that it stands for, by which the next event names it.
    pub stands_for: Option<Hash>,
    /// Why it can't be placed and goes to quarantine; `None` places it.
    pub quarantine: Option<String>,
    /// For the cloud's own events: the outbox must still stand at this event's number, or nothing of the
    /// batch is written ([`super::StoreError::Overtaken`]). Moves the head of the terminal `api`.
    pub own: bool,
}

/// What an event says that attendance is concluded from.
#[derive(Clone)]
pub struct NewFact {
    /// The event's kind: `punch`, `amend`, `clock` and so on.
    pub kind: String,
    /// When, by the terminal's clock.
    pub at: Timestamp,
    /// Who, for a punch.
    pub person: Option<AccountId>,
    /// Which event of the same outbox an `amend` is about.
    pub amends: Option<u64>,
    /// The claims as JSON.
    pub body: String,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Kept now.
    Stored,
    /// Was there already, byte for byte.
    Duplicate,
    /// Its number holds a different event, or a neighbour names another hash than its own: kept in
    /// quarantine, and the outbox is marked as forked.
    Fork,
    /// Kept in quarantine.
    Quarantined,
}

/// A fact as it is read back.
#[derive(Clone, Debug)]
pub struct Fact {
    /// Where it comes from.
    pub key: PunchKey,
    /// The event's kind.
    pub kind: String,
    /// When, by the terminal's clock.
    pub at: Timestamp,
    /// When it came.
    pub received: Timestamp,
    /// Who, for a punch.
    pub person: Option<AccountId>,
    /// Which event of the same outbox an `amend` is about.
    pub amends: Option<u64>,
    /// The claims as JSON.
    pub body: String,
}

/// One outbox of one terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OutboxKey {
    /// Whose terminal.
    pub tenant: TenantId,
    /// The terminal.
    pub terminal: Uuid,
    /// The outbox.
    pub outbox: Uuid,
}

/// How far an outbox has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which.
    pub key: OutboxKey,
    /// The highest number up to which nothing is missing: stored, in quarantine, or known to be lost.
    pub through: u64,
    /// Where two histories of it were seen: the first number that is known to differ.
    pub fork: Option<u64>,
    /// The session that its terminal is in: what it is told has to be of it. `None` where it never said
    /// hello.
    pub session: Option<Uuid>,
}

/// A terminal of a site. The cloud's own terminal `api` is never among these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub id: Uuid,
    /// The site whose keys it knows.
    pub site: Uuid,
    /// The site where it hangs now.
    pub place: Uuid,
    /// The name to show.
    pub name: String,
    /// Ed25519: what it signs with.
    pub public_key: [u8; 32],
    /// X25519: what is sealed to it.
    pub sealing_key: [u8; 32],
    /// When it was claimed.
    pub claimed: Timestamp,
    /// Since when it is nobody's any more.
    pub revoked: Option<Timestamp>,
}

/// What a terminal last said of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct TerminalStatus {
    /// The session of its last `hello`.
    pub session: Uuid,
    /// Whether it said that it is there. A hint, never a fact.
    pub online: bool,
    /// When it last said anything.
    pub last_seen: Timestamp,
    /// Its current outbox.
    pub outbox: Uuid,
    /// The number that its next event will have.
    pub next: u64,
    /// How far the cloud has that outbox.
    pub through: u64,
    /// The roster's version that it holds.
    pub roster: u64,
    /// The settings' version that it holds.
    pub settings: u64,
    /// The status as JSON, as it came.
    pub body: String,
}

/// What a terminal says on every connect, once its signature held.
#[derive(Clone, Debug)]
pub struct Greeting {
    /// Whose outbox it is.
    pub key: OutboxKey,
    /// The new session.
    pub session: Uuid,
    /// The oldest event that the terminal still has.
    pub oldest: u64,
    /// The number that its next event will have.
    pub next: u64,
    /// The hash of its last event; zeros before the first.
    pub head: Hash,
    /// The roster's version that it holds; 0 for none of this epoch.
    pub roster: u64,
    /// The settings' version that it holds; 0 for none of this epoch.
    pub settings: u64,
    /// When it came.
    pub at: Timestamp,
}

/// What a greeting brought to light.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeted {
    /// How far its outbox has come.
    pub standing: Standing,
    /// Whether the terminal's last event is held, byte for byte: then all that is held is its own history.
    pub agrees: bool,
    /// Whether the terminal's last event is in quarantine, because another history has its number or one before it:
    /// then what is held is not all its own. Where neither is so, its events will tell.
    pub is_other: bool,
    /// Ranges, first and last number, that were now found to be lost for ever.
    pub lost: Vec<(u64, u64)>,
}

/// A terminal's status of its current session.
#[derive(Clone, Debug)]
pub struct NewStatus {
    /// Whose outbox it writes to.
    pub key: OutboxKey,
    /// The session that it belongs to.
    pub session: Uuid,
    /// Its number in the session; 0 for the will, which says that the terminal is gone.
    pub n: u64,
    /// The number that its next event will have.
    pub next: u64,
    /// What its clock said when it knew the time.
    pub sync: Option<SyncMark>,
    /// The claims as JSON.
    pub body: String,
    /// When it came.
    pub at: Timestamp,
}

/// What a boot of a terminal said when its clock was held to a time server: by it, events of the same boot
/// that were not can be dated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncMark {
    /// The terminal.
    pub terminal: Uuid,
    /// Its boot.
    pub boot: Uuid,
    /// Milliseconds since that boot.
    pub uptime_ms: u64,
    /// The time that it was then.
    pub at: Timestamp,
}

/// A claim code to be.
pub struct NewClaim {
    /// Whose.
    pub tenant: TenantId,
    /// Derived from the secret.
    pub id: Uuid,
    /// The site whose keys the terminal will know.
    pub site: Uuid,
    /// The site where it will hang, where that is another one.
    pub place: Option<Uuid>,
    /// What the terminal will be called.
    pub name: String,
    /// The secret, sealed.
    pub secret_sealed: Vec<u8>,
    /// Who asked for it.
    pub created_by: AccountId,
    /// When.
    pub created: Timestamp,
    /// Until when it is good.
    pub expires: Timestamp,
}

/// A claim code.
#[derive(Clone)]
pub struct Claim {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub id: Uuid,
    /// The site whose keys the terminal will know.
    pub site: Uuid,
    /// What the terminal will be called.
    pub name: String,
    /// The secret, sealed.
    pub secret_sealed: Vec<u8>,
    /// Until when it is good.
    pub expires: Timestamp,
    /// How far the terminal that last began has come: the claim's own form, as JSON.
    pub progress: Option<Vec<u8>>,
    /// When a terminal came by it.
    pub used: Option<Timestamp>,
}

/// What becomes of the attempt to be the one terminal of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimEnd {
    /// It is.
    Won,
    /// Somebody else is.
    Used,
    /// The claim was no longer good.
    Expired,
}

/// A terminal to be.
pub struct NewTerminal {
    /// Which.
    pub id: Uuid,
    /// Ed25519.
    pub public_key: [u8; 32],
    /// X25519.
    pub sealing_key: [u8; 32],
    /// Its certificate, DER.
    pub certificate: Vec<u8>,
    /// When.
    pub at: Timestamp,
}

/// What changed in a site's roster since the version that a terminal holds.
#[derive(Clone)]
pub struct RosterChanges {
    /// Since which version; 0: this is everybody.
    pub from: u64,
    /// The site's version.
    pub to: u64,
    /// Who is new or has changed.
    pub put: Vec<RosterPerson>,
    /// Who is to be forgotten. Empty where `from` is 0.
    pub forget: Vec<AccountId>,
}

/// A person as a site's terminals are to know them.
#[derive(Clone)]
pub struct RosterPerson {
    /// Who.
    pub id: AccountId,
    /// The name to greet them by.
    pub name: String,
    /// Their face, where they gave one; sealed for the cloud.
    pub template: Option<SealedTemplate>,
    /// The number that they type before their PIN, where they have one.
    pub number: Option<String>,
    /// What the PIN is verified with.
    pub pin_verifier: Option<String>,
    /// Their badges, as a roster lists them.
    pub badges: Vec<String>,
    /// Whether somebody else looks so much like them that a face alone must not let them in.
    pub is_twin: bool,
}

/// What terminals said, who they are, and what they are to hold.
pub trait Ledger {
    /// Keeps a batch of events in one transaction; the outcomes are in the batch's order. An outbox that is
    /// new is born with its first event.
    ///
    /// # Errors
    /// [`super::StoreError::Overtaken`] when an event of the cloud's own is not the next of its outbox: then
    /// nothing of the batch is kept.
    fn record_events(&self, batch: Vec<NewEvent>) -> Answer<Vec<Outcome>>;

    /// How far outboxes have come, counted from what is committed when this is asked. An unknown outbox
    /// stands at 0.
    fn standings(&self, outboxes: Vec<OutboxKey>) -> Answer<Vec<Standing>>;

    /// Whether the outbox is known, that is: born before now.
    fn knows_outbox(&self, outbox: OutboxKey) -> Answer<bool>;

    /// The facts of one person (with the amendments of their punches), or of everybody in the tenant, whose
    /// `at` lies in `from..to`; in order of `at`, terminal, outbox, number. Clock facts of the terminals
    /// are among them either way.
    fn facts(
        &self,
        tenant: TenantId,
        person: Option<AccountId>,
        from: Timestamp,
        to: Timestamp,
    ) -> Answer<Vec<Fact>>;

    /// The facts of the tenant that came at `since` or later, in the order of [`facts`](Self::facts): what is
    /// new, whatever the terminals' clocks say.
    fn facts_received(&self, tenant: TenantId, since: Timestamp) -> Answer<Vec<Fact>>;

    /// The terminal with that id, revoked or not.
    fn terminal(&self, id: Uuid) -> Answer<Option<Terminal>>;

    /// The terminals of a tenant that are not revoked, by name, with what each last said.
    fn terminals(&self, tenant: TenantId) -> Answer<Vec<(Terminal, Option<TerminalStatus>)>>;

    /// Revokes a terminal; whether there was one to revoke.
    fn revoke_terminal(
        &self,
        tenant: TenantId,
        id: Uuid,
        by: AccountId,
        now: Timestamp,
    ) -> Answer<bool>;

    /// A site of the tenant.
    fn site(&self, tenant: TenantId, site: Uuid) -> Answer<Option<Site>>;

    /// Begins a session: keeps what the terminal says, bears its outbox where it is new, and writes down as
    /// lost what lies below `oldest` and never came.
    fn greet(&self, greeting: Greeting) -> Answer<Greeted>;

    /// Keeps a status if it is of the terminal's current session and not older than the last; whether it
    /// was.
    fn keep_status(&self, status: NewStatus) -> Answer<bool>;

    /// The last synced instant of each boot of the tenant's terminals.
    fn sync_marks(&self, tenant: TenantId) -> Answer<Vec<SyncMark>>;

    /// Keeps that a terminal holds a roster, with the digest of what it holds, if the session is its current
    /// one; whether it was.
    fn roster_applied(
        &self,
        tenant: TenantId,
        terminal: Uuid,
        session: Uuid,
        version: u64,
        digest: Hash,
    ) -> Answer<bool>;

    /// What changed in a site's roster since `held`, of which 0 is nothing; brings the version up to date
    /// first. A version that this database never gave is answered with everybody.
    fn roster_changes(
        &self,
        tenant: TenantId,
        site: Uuid,
        model: String,
        held: u64,
    ) -> Answer<RosterChanges>;

    /// The version of a site's settings, given the hash of what they are now.
    fn settings_version(&self, tenant: TenantId, site: Uuid, content: Hash) -> Answer<u64>;

    /// Keeps a claim code.
    fn new_claim(&self, claim: NewClaim) -> Answer<()>;

    /// The claim with that id.
    fn claim(&self, id: Uuid) -> Answer<Option<Claim>>;

    /// Keeps how far a terminal has come with a claim that is still open.
    fn claim_progress(&self, tenant: TenantId, id: Uuid, progress: Vec<u8>) -> Answer<()>;

    /// Makes the terminal if the claim is still open, and keeps its progress as the last: of any number at
    /// once, one wins.
    fn finish_claim(
        &self,
        tenant: TenantId,
        id: Uuid,
        terminal: NewTerminal,
        progress: Vec<u8>,
    ) -> Answer<ClaimEnd>;
}

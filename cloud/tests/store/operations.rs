//! Everything that a store can be asked, with small ids, so that the same things are met again and again.

use jiff::Timestamp;
use limen_cloud::Store;
use limen_cloud::store::audit::Deed;
use limen_cloud::store::ledger::{
    Greeting, NewClaim, NewEvent, NewFact, NewStatus, NewTerminal, OutboxKey, RosterChanges,
    SyncMark, TerminalStatus,
};
use limen_cloud::store::places::Place;
use limen_cloud::store::ways::Changing;
use limen_cloud::store::{
    Account, AccountId, Adding, Founding, Hash, Kind, NewAccount, NewApi, NewInvitation, NewPerson,
    NewSession, NewSite, NewTenant, OwnedTemplate, PaidSession, PunchKey, SealedTemplate,
    SessionKind, StoreError, TenantId,
};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The model of every template here.
const MODEL: &str = "m1";

pub fn id(kind: u8, tenant: u8, n: u8) -> Uuid {
    Uuid::from_u128(u128::from_be_bytes([
        kind, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, tenant, n,
    ]))
}

pub fn tenant(n: u8) -> TenantId {
    TenantId(id(1, n, 0))
}

/// 0 is the employer.
pub fn person(of: u8, n: u8) -> AccountId {
    AccountId(id(2, of, n))
}

/// 0 is the cloud's own.
pub fn terminal(of: u8, n: u8) -> Uuid {
    id(3, of, n)
}

pub fn outbox(of: u8, terminal: u8, n: u8) -> Uuid {
    id(4, of, 16 * terminal + n)
}

fn site(of: u8) -> Uuid {
    id(5, of, 0)
}

pub fn hash(of: &[u8]) -> Hash {
    Sha256::digest(of).into()
}

pub fn at(minute: u16) -> Timestamp {
    Timestamp::from_second(1_780_000_000 + i64::from(minute) * 60).unwrap()
}

/// An event of one of two histories of an outbox, which part at number 3.
#[derive(Clone, Debug)]
pub struct Said {
    pub of: u8,
    pub terminal: u8,
    pub outbox: u8,
    pub seq: u8,
    pub branch: u8,
    pub void: bool,
    pub refused: bool,
    pub own: bool,
    pub person: Option<u8>,
}

impl Said {
    fn hash_at(&self, seq: u8) -> Hash {
        let branch = if seq < 3 { 0 } else { self.branch };
        hash(&[self.of, self.terminal, self.outbox, seq, branch])
    }

    pub fn event(&self) -> NewEvent {
        let mut own = self.hash_at(self.seq);
        let stands_for = self.void.then_some(own);
        if self.void {
            own = hash(&own);
        }
        NewEvent {
            tenant: tenant(self.of),
            terminal: terminal(self.of, self.terminal),
            outbox: outbox(self.of, self.terminal, self.outbox),
            seq: self.seq.into(),
            hash: own,
            prev: match self.seq {
                0 | 1 => [0; 32],
                seq => self.hash_at(seq - 1),
            },
            compact: own.to_vec(),
            received: at(self.seq.into()),
            fact: self.person.map(|n| NewFact {
                kind: if n == 0 { "clock" } else { "punch" }.to_owned(),
                at: at(u16::from(self.seq) * 7 % 5),
                person: (n > 0).then(|| person(self.of, n)),
                amends: (n > 3).then_some(1),
                body: format!("{{\"n\":{n}}}"),
            }),
            stands_for,
            quarantine: self.refused.then(|| "revoked: \0 no key".to_owned()),
            own: self.own,
        }
    }
}

/// Something that a store is asked.
#[derive(Clone, Debug)]
pub enum Op {
    SetUp,
    Found {
        of: u8,
        by: u8,
        mail: u8,
    },
    Add {
        of: u8,
        who: u8,
        mail: u8,
        face: bool,
        by: u8,
    },
    Invite {
        of: u8,
        token: u8,
        employee: bool,
        rate: bool,
    },
    Invitation {
        token: u8,
        minute: u16,
    },
    FaceLogin {
        of: u8,
        who: u8,
        on: bool,
    },
    Password {
        of: u8,
        who: u8,
    },
    Session {
        of: u8,
        who: u8,
        key: u8,
        what: u8,
    },
    Rate {
        of: u8,
        who: u8,
        minute: u16,
        rate: u16,
    },
    Setting {
        of: u8,
        key: bool,
        value: u8,
    },
    Record(Vec<Said>),
    Greet {
        of: u8,
        terminal: u8,
        outbox: u8,
        session: u8,
        oldest: u8,
        next: u8,
        branch: u8,
    },
    Status {
        of: u8,
        terminal: u8,
        session: u8,
        n: u8,
        sync: bool,
    },
    Applied {
        of: u8,
        terminal: u8,
        session: u8,
        version: u8,
    },
    Roster {
        of: u8,
        held: u8,
    },
    SettingsVersion {
        of: u8,
        content: u8,
    },
    Claim {
        of: u8,
        claim: u8,
        what: u8,
    },
    Pin {
        of: u8,
        who: u8,
        what: bool,
    },
    Badge {
        of: u8,
        who: u8,
        badge: u8,
        listed: u8,
        revoke: bool,
    },
    Place {
        of: u8,
        what: u8,
        n: u8,
        sites: Vec<u8>,
    },
    RosterOf {
        of: u8,
        n: u8,
        held: u8,
    },
    Revoke {
        of: u8,
        terminal: u8,
    },
    Pay {
        of: u8,
        sessions: Vec<(u8, u8, u8)>,
    },
    Look {
        of: u8,
        who: u8,
    },
}

fn said() -> impl Strategy<Value = Said> {
    let place = (0..2_u8, 0..3_u8, 0..2_u8, 0..7_u8, 0..2_u8);
    let kind = (
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
        prop::option::of(0..5_u8),
    );
    (place, kind).prop_map(
        |((of, terminal, outbox, seq, branch), (void, refused, own, person))| Said {
            of,
            terminal,
            outbox,
            seq,
            branch,
            void,
            refused,
            own: own && terminal == 0,
            person,
        },
    )
}

/// The cloud's own events come in batches of one outbox, so that which error comes first is no question.
fn not_own(said: Said) -> Said {
    Said { own: false, ..said }
}

/// One thing after the other of a terminal, as it mostly is.
fn run() -> impl Strategy<Value = Vec<Said>> {
    (said(), 1..7_u8).prop_map(|(first, many)| {
        let after = |n| Said {
            seq: first.seq + n,
            ..first.clone()
        };
        (0..many).map(after).collect()
    })
}

pub fn op() -> impl Strategy<Value = Op> {
    let (of, who, mail, token) = (0..3_u8, 0..4_u8, 0..8_u8, 0..4_u8);
    let (terminal, session) = (0..4_u8, 0..3_u8);
    prop_oneof![
        1 => Just(Op::SetUp),
        2 => (of.clone(), 0..4_u8, mail.clone()).prop_map(|(of, by, mail)| Op::Found { of, by, mail }),
        3 => (of.clone(), who.clone(), mail, any::<bool>(), 0..5_u8)
            .prop_map(|(of, who, mail, face, by)| Op::Add { of, who, mail, face, by }),
        2 => (of.clone(), token.clone(), any::<bool>(), any::<bool>())
            .prop_map(|(of, token, employee, rate)| Op::Invite { of, token, employee, rate }),
        1 => (token.clone(), 0..20_u16).prop_map(|(token, minute)| Op::Invitation { token, minute }),
        3 => (of.clone(), who.clone(), any::<bool>())
            .prop_map(|(of, who, on)| Op::FaceLogin { of, who, on }),
        1 => (of.clone(), who.clone()).prop_map(|(of, who)| Op::Password { of, who }),
        4 => (of.clone(), who.clone(), token, 0..4_u8)
            .prop_map(|(of, who, key, what)| Op::Session { of, who, key, what }),
        2 => (of.clone(), who.clone(), 0..4_u16, any::<u16>())
            .prop_map(|(of, who, minute, rate)| Op::Rate { of, who, minute, rate }),
        1 => (of.clone(), any::<bool>(), any::<u8>())
            .prop_map(|(of, key, value)| Op::Setting { of, key, value }),
        6 => prop::collection::vec(said().prop_map(not_own), 1..6).prop_map(Op::Record),
        8 => run().prop_map(Op::Record),
        4 => (of.clone(), terminal.clone(), 0..2_u8, session.clone(), 0..9_u8, 1..9_u8, 0..2_u8)
            .prop_map(|(of, terminal, outbox, session, oldest, next, branch)| {
                Op::Greet { of, terminal, outbox, session, oldest, next, branch }
            }),
        3 => (of.clone(), terminal.clone(), session.clone(), 0..4_u8, any::<bool>())
            .prop_map(|(of, terminal, session, n, sync)| Op::Status { of, terminal, session, n, sync }),
        1 => (of.clone(), terminal.clone(), session, 0..4_u8)
            .prop_map(|(of, terminal, session, version)| Op::Applied { of, terminal, session, version }),
        4 => (of.clone(), 0..6_u8).prop_map(|(of, held)| Op::Roster { of, held }),
        2 => (of.clone(), 0..3_u8).prop_map(|(of, content)| Op::SettingsVersion { of, content }),
        5 => (of.clone(), 0..3_u8, 0..4_u8).prop_map(|(of, claim, what)| Op::Claim { of, claim, what }),
        3 => (of.clone(), who.clone(), any::<bool>()).prop_map(|(of, who, what)| Op::Pin { of, who, what }),
        4 => (of.clone(), who.clone(), 0..20_u8, 0..20_u8, prop::bool::weighted(0.2))
            .prop_map(|(of, who, badge, listed, revoke)| Op::Badge { of, who, badge, listed, revoke }),
        6 => (of.clone(), 0..6_u8, 0..4_u8, prop::collection::vec(0..3_u8, 0..3))
            .prop_map(|(of, what, n, sites)| Op::Place { of, what, n, sites }),
        3 => (of.clone(), 0..3_u8, 0..6_u8).prop_map(|(of, n, held)| Op::RosterOf { of, n, held }),
        1 => (of.clone(), terminal).prop_map(|(of, terminal)| Op::Revoke { of, terminal }),
        3 => (of.clone(), prop::collection::vec((0..4_u8, 0..8_u8, 1..4_u8), 1..4))
            .prop_map(|(of, sessions)| Op::Pay { of, sessions }),
        5 => (of, who).prop_map(|(of, who)| Op::Look { of, who }),
    ]
}

fn account_of(of: u8, who: u8, mail: u8, face: bool) -> NewAccount {
    NewAccount {
        id: person(of, who),
        username: ["Zoë", "adam", "Ärger", "Bob"][usize::from(who % 4)].to_owned(),
        email: format!(" Mail{mail}@Example.org"),
        password_hash: "$2b$".to_owned(),
        face_login: face && who.is_multiple_of(2),
        template: face.then(|| SealedTemplate {
            model: MODEL.to_owned(),
            version: 1,
            photos: 2,
            sealed: vec![of, who],
        }),
    }
}

pub fn new_tenant(of: u8, mail: u8) -> NewTenant {
    NewTenant {
        id: tenant(of),
        name: format!("Tenant {of}"),
        currency: "EUR".to_owned(),
        site: NewSite {
            id: site(of),
            name: "Site".to_owned(),
            zone: "UTC".to_owned(),
            signing_sealed: vec![1],
            sealing_sealed: vec![2],
        },
        api: NewApi {
            terminal: terminal(of, 0),
            outbox: outbox(of, 0, 0),
            public_key: [of; 32],
            seed_sealed: vec![3],
        },
        employer: account_of(of, 0, mail, mail.is_multiple_of(2)),
        at: at(0),
    }
}

pub fn new_person(of: u8, who: u8, mail: u8, face: bool) -> NewPerson {
    NewPerson {
        account: account_of(of, who, mail, face),
        hourly_rate: "12.5".parse().unwrap(),
        attested_by: person(of, u8::from(face) * who),
        at: at(1),
    }
}

pub fn new_claim(of: u8, claim: u8) -> NewClaim {
    NewClaim {
        tenant: tenant(of),
        id: id(6, of, claim),
        site: site(of),
        place: None,
        name: format!("door {}", 9 - claim),
        secret_sealed: vec![claim],
        created_by: person(of, 0),
        created: at(0),
        expires: at(10),
    }
}

/// The terminal by a claim; number 3 comes too late.
pub fn new_terminal(of: u8, n: u8) -> NewTerminal {
    NewTerminal {
        id: terminal(of, n),
        public_key: [n; 32],
        sealing_key: [n + 1; 32],
        certificate: vec![n],
        at: at(if n == 3 { 10 } else { 2 }),
    }
}

pub fn paid(of: u8, who: u8, from: u8, minutes: u8) -> PaidSession {
    PaidSession {
        person: person(of, who),
        opened_by: PunchKey {
            terminal: terminal(of, 1),
            outbox: outbox(of, 1, 0),
            seq: from.into(),
        },
        check_in: at(from.into()),
        check_out: at(u16::from(from) + u16::from(minutes)),
        amount_minor: 1250,
        currency: "EUR".to_owned(),
    }
}

pub fn changing(of: u8, who: u8) -> Changing {
    Changing {
        tenant: tenant(of),
        person: person(of, who),
        by: person(of, 0),
        at: at(3),
    }
}

/// What the program can tell of an answer: its value, or which error it is.
fn told<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> String {
    match answer {
        Ok(value) => format!("{value:?}"),
        Err(StoreError::Sqlite(_) | StoreError::Postgres(_)) => "refused".to_owned(),
        Err(error) => format!("{error}"),
    }
}

fn account(account: Option<Account>) -> impl std::fmt::Debug {
    account.map(|a| {
        let names = (a.username, a.email, a.password_hash);
        (a.tenant, a.id, a.kind, a.owner, names, a.face_login)
    })
}

fn template(template: Option<SealedTemplate>) -> impl std::fmt::Debug {
    template.map(|t| (t.model, t.version, t.photos, t.sealed))
}

fn templates(templates: Vec<OwnedTemplate>) -> Vec<impl std::fmt::Debug> {
    let each = |t: OwnedTemplate| (t.tenant, t.person, template(Some(t.template)));
    templates.into_iter().map(each).collect()
}

fn roster(changes: RosterChanges) -> impl std::fmt::Debug {
    let put = changes.put.into_iter().map(|p| {
        let ways = (p.number, p.pin_verifier, p.badges);
        (p.id, p.name, template(p.template), ways)
    });
    let put: Vec<_> = put.collect();
    (changes.from, changes.to, put, changes.forget)
}

impl Op {
    /// Asks the store, and says what the answer was.
    pub async fn ask(&self, store: &dyn Store) -> String {
        match self.clone() {
            Self::SetUp => told(store.set_setup_token(hash(b"setup")).await),
            Self::Found { of, by, mail } => {
                let by = match by {
                    0 => Founding::Open,
                    1 => Founding::SetUp(hash(b"setup")),
                    2 => Founding::SetUp(hash(b"wrong")),
                    _ => Founding::Invited(hash(&[mail % 4])),
                };
                told(store.found_tenant(new_tenant(of, mail), by).await)
            }
            Self::Add {
                of,
                who,
                mail,
                face,
                by,
            } => {
                let by = match by {
                    0..3 => Adding::Employer(tenant(of)),
                    3 => Adding::Invited(tenant(of), hash(&[mail % 4])),
                    _ => Adding::Invited(tenant(2 - of), hash(&[mail % 4])),
                };
                told(store.add_person(new_person(of, who, mail, face), by).await)
            }
            Self::Invite {
                of,
                token,
                employee,
                rate,
            } => {
                let invitation = NewInvitation {
                    tenant: tenant(of),
                    id: id(7, of, token),
                    token_hash: hash(&[token]),
                    kind: if employee {
                        Kind::Employee
                    } else {
                        Kind::Employer
                    },
                    hourly_rate: rate.then(|| "12.50".parse().unwrap()),
                    created_by: person(of, 0),
                    created: at(0),
                    expires: at(u16::from(token) * 5),
                };
                told(store.invite(invitation).await)
            }
            Self::Invitation { token, minute } => {
                told(store.invitation(hash(&[token]), at(minute)).await)
            }
            Self::FaceLogin { of, who, on } => {
                let (of, who) = (tenant(of), person(of, who));
                let set = told(store.set_face_login(of, who, on, at(2)).await);
                set + &told(store.face_login_withdrawn(of, who).await)
            }
            Self::Password { of, who } => {
                let hash = format!("$2b${who}");
                told(
                    store
                        .set_password_hash(tenant(of), person(of, who), hash)
                        .await,
                )
            }
            Self::Session { of, who, key, what } => {
                let key_hash = hash(&[100, key]);
                match what {
                    0 => {
                        let session = NewSession {
                            tenant: tenant(of),
                            account: person(of, who),
                            key_hash,
                            kind: [SessionKind::Token, SessionKind::Cookie][usize::from(key % 2)],
                            issued: at(u16::from(key) * 3),
                            expires: at(u16::from(key) * 3 + 4),
                        };
                        told(store.open_session(session).await)
                    }
                    1 => told(store.close_session(key_hash).await),
                    2 => told(store.close_sessions_of(tenant(of), person(of, who)).await),
                    _ => told(store.session_account(key_hash, at(5)).await.map(account)),
                }
            }
            Self::Rate {
                of,
                who,
                minute,
                rate,
            } => {
                let rate = rust_decimal::Decimal::new(rate.into(), 2);
                told(
                    store
                        .set_rate(tenant(of), person(of, who), at(minute), rate)
                        .await,
                )
            }
            Self::Setting { of, key, value } => {
                let key = if key { "a" } else { "b" };
                let set = told(
                    store
                        .set_setting(tenant(of), key, value.to_string(), None)
                        .await,
                );
                set + &told(store.setting(tenant(of), "a").await)
            }
            Self::Record(batch) => {
                let batch = batch.iter().map(Said::event).collect();
                told(store.record_events(batch).await)
            }
            Self::Greet {
                of,
                terminal: by,
                outbox: to,
                session,
                oldest,
                next,
                branch,
            } => {
                let last = Said {
                    of,
                    terminal: by,
                    outbox: to,
                    seq: next - 1,
                    branch,
                    void: false,
                    refused: false,
                    own: false,
                    person: None,
                };
                let greeting = Greeting {
                    key: key(of, by, to),
                    session: id(8, of, session),
                    oldest: oldest.into(),
                    next: next.into(),
                    head: last.event().hash,
                    roster: branch.into(),
                    settings: 0,
                    at: at(4),
                };
                told(store.greet(greeting).await)
            }
            Self::Status {
                of,
                terminal: by,
                session,
                n,
                sync,
            } => {
                let status = NewStatus {
                    key: key(of, by, 0),
                    session: id(8, of, session),
                    n: n.into(),
                    next: u64::from(n) + 1,
                    sync: sync.then(|| SyncMark {
                        terminal: terminal(of, by),
                        boot: id(9, of, session),
                        uptime_ms: n.into(),
                        at: at(n.into()),
                    }),
                    body: format!("{{\"n\":{n}}}"),
                    at: at(5),
                };
                told(store.keep_status(status).await)
            }
            Self::Applied {
                of,
                terminal: by,
                session,
                version,
            } => {
                let session = id(8, of, session);
                let digest = hash(&[version]);
                let (of, by) = (tenant(of), terminal(of, by));
                told(
                    store
                        .roster_applied(of, by, session, version.into(), digest)
                        .await,
                )
            }
            Self::Roster { of, held } => {
                let changes =
                    store.roster_changes(tenant(of), site(of), MODEL.to_owned(), held.into());
                told(changes.await.map(roster))
            }
            Self::SettingsVersion { of, content } => told(
                store
                    .settings_version(tenant(of), site(of), hash(&[content]))
                    .await,
            ),
            Self::Claim { of, claim, what } => {
                let which = id(6, of, claim);
                match what {
                    0 => told(store.new_claim(new_claim(of, claim)).await),
                    1 => {
                        let progress = vec![claim, 1];
                        told(store.claim_progress(tenant(of), which, progress).await)
                    }
                    2 => {
                        let new = new_terminal(of, claim + 1);
                        told(
                            store
                                .finish_claim(tenant(of), which, new, vec![claim])
                                .await,
                        )
                    }
                    _ => told(store.claim(which).await.map(|claim| {
                        claim.map(|c| {
                            let what = (c.tenant, c.id, c.site, c.name, c.secret_sealed);
                            (what, c.expires, c.progress, c.used)
                        })
                    })),
                }
            }
            Self::Pin { of, who, what } => {
                if what {
                    told(store.set_pin(changing(of, who), format!("pin {who}")).await)
                } else {
                    told(store.remove_pin(changing(of, who)).await)
                }
            }
            Self::Badge {
                of,
                who,
                badge,
                listed,
                revoke,
            } => {
                let badge = id(10, of, badge);
                if revoke {
                    told(store.revoke_badge(changing(of, who), badge).await)
                } else {
                    let listed = format!("badge {listed}");
                    told(store.issue_badge(changing(of, who), badge, listed).await)
                }
            }
            Self::Place { of, what, n, sites } => {
                let deed = |about| Deed::new(person(of, 0), at(4), "site", Some(about));
                let all: Vec<Uuid> = sites.iter().map(|n| id(5, of, *n)).collect();
                let place = Place {
                    id: id(5, of, n),
                    name: format!("site {}", 9 - n),
                    zone: "Asia/Tokyo".to_owned(),
                    day_start: (n > 1).then(|| "05:30:00".to_owned()),
                    doors: (n > 2).then(|| "{}".to_owned()),
                };
                let first = *all.first().unwrap_or(&id(5, of, 9));
                let here = tenant(of);
                match what {
                    0 => told(store.add_site(here, place, deed(id(5, of, n))).await),
                    1 => told(store.change_site(here, place, deed(id(5, of, n))).await),
                    2 => told(
                        store
                            .place_terminal(here, first, deed(terminal(of, n)))
                            .await,
                    ),
                    3 => told(store.tie_person(here, all, deed(person(of, n).0)).await),
                    4 => {
                        let number = format!("no {}", sites.len());
                        told(store.set_number(here, number, deed(person(of, n).0)).await)
                    }
                    _ => told(store.limit_manager(here, all, deed(person(of, n).0)).await),
                }
            }
            Self::RosterOf { of, n, held } => told(
                store
                    .roster_changes(tenant(of), id(5, of, n), MODEL.to_owned(), held.into())
                    .await
                    .map(roster),
            ),
            Self::Revoke {
                of,
                terminal: which,
            } => told(
                store
                    .revoke_terminal(
                        tenant(of),
                        terminal(of, which),
                        AccountId(id(2, of, 0)),
                        at(6),
                    )
                    .await,
            ),
            Self::Pay { of, sessions } => {
                let sessions = sessions
                    .iter()
                    .map(|&(who, from, long)| paid(of, who, from, long));
                let sessions = sessions.collect();
                told(
                    store
                        .mark_paid(tenant(of), sessions, 0, person(of, 0), at(7))
                        .await,
                )
            }
            Self::Look { of, who } => look(store, of, who).await,
        }
    }
}

pub fn key(of: u8, by: u8, to: u8) -> OutboxKey {
    OutboxKey {
        tenant: tenant(of),
        terminal: terminal(of, by),
        outbox: outbox(of, by, to),
    }
}

/// Everything that can be read of a tenant and one of its people.
pub async fn look(store: &dyn Store, of: u8, who: u8) -> String {
    let (here, someone) = (tenant(of), person(of, who));
    let ever = (Timestamp::MIN, Timestamp::MAX);
    let outboxes = (0..4).flat_map(|by| [key(of, by, 0), key(of, by, 1)]);
    let model = || MODEL.to_owned();
    let status = |all: Vec<(_, Option<TerminalStatus>)>| all;
    [
        told(store.epoch().await),
        told(store.is_empty().await),
        told(store.account(here, someone).await.map(account)),
        told(
            store
                .account_by_email(format!("mAIL{who}@example.org"))
                .await
                .map(account),
        ),
        told(store.account_by_email("a\0b".to_owned()).await.map(account)),
        told(store.tenants().await.map(|all| {
            let each = all
                .into_iter()
                .map(|t| (t.id, t.name, t.currency, t.site.id, t.site.zone));
            each.collect::<Vec<_>>()
        })),
        told(
            store
                .tenant(here)
                .await
                .map(|t| t.map(|t| (t.id, t.site.signing_sealed))),
        ),
        told(store.people(here).await),
        told(store.person(here, someone).await),
        told(store.template(here, someone, model()).await.map(template)),
        told(store.templates(here, model()).await.map(templates)),
        told(
            store
                .face_login_templates(None, model())
                .await
                .map(templates),
        ),
        told(
            store
                .face_login_templates(Some(Kind::Employee), model())
                .await
                .map(templates),
        ),
        told(store.employer_templates(model()).await.map(templates)),
        told(
            store
                .api_head(here)
                .await
                .map(|h| (h.terminal, h.outbox, h.next, h.prev, h.seed_sealed)),
        ),
        told(store.paid_sessions(here, None).await),
        told(store.paid_sessions(here, Some(someone)).await),
        told(store.standings(outboxes.collect()).await),
        told(store.knows_outbox(key(of, who, 1)).await),
        told(store.facts(here, None, ever.0, ever.1).await),
        told(store.facts(here, Some(someone), at(1), at(4)).await),
        told(store.facts_received(here, at(3)).await),
        told(store.terminal(terminal(of, who)).await),
        told(store.terminals(here).await.map(status)),
        told(
            store
                .site(here, site(of))
                .await
                .map(|s| s.map(|s| (s.id, s.name, s.sealing_sealed))),
        ),
        told(store.sync_marks(here).await),
        told(store.ways_in(here, someone).await),
        told(store.sites(here).await),
        told(store.placements(here).await),
        told(store.ties(here).await),
        told(store.limits(here).await),
        told(store.numbers(here).await),
    ]
    .join("\n")
}

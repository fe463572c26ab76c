//! What terminals are told: settings, roster, states, in their session and sealed to them.

use limen_cloud::store::{AccountId, Adding, NewAccount, NewPerson, SealedTemplate};
use limen_cloud::vault::Sealed as SealedAs;
use limen_wire::event::{self, Amend, What};
use limen_wire::roster::{Assembly, Change, Step, digest};
use limen_wire::topic::{Down, Up};
use limen_wire::{Held, RosterApplied, RosterPage, Sealed, Settings, State, open};
use uuid::Uuid;

use crate::house::House;
use crate::terminal::{Line, Outbox, options};

impl House {
    /// Somebody with a template that is only bytes.
    pub(crate) async fn person(&self, name: &str) -> AccountId {
        let id = AccountId(Uuid::new_v4());
        let model = self.app.faces.model().to_owned();
        let what = SealedAs::Template {
            tenant: self.tenant,
            person: id,
            model: &model,
            version: 1,
        };
        let sealed = self.app.vault.seal(what, name.as_bytes()).unwrap();
        let person = NewPerson {
            account: NewAccount {
                id,
                username: name.to_owned(),
                email: format!("{}@example.org", id.0),
                password_hash: String::new(),
                face_login: false,
                template: Some(SealedTemplate {
                    model,
                    version: 1,
                    photos: 1,
                    sealed,
                }),
            },
            hourly_rate: "20".parse().unwrap(),
            attested_by: self.employer,
            at: self.app.now(),
        };
        let by = Adding::Employer(self.tenant);
        self.app.store.add_person(person, by).await.unwrap();
        let _ = self.app.changed.send(self.tenant);
        id
    }
}

impl Line {
    pub(crate) async fn page(&mut self) -> RosterPage {
        let verified = self.told(Down::Roster).await;
        let sealed: Sealed<RosterPage> = verified.claims().unwrap();
        open(&sealed, &self.identity.sealing, &verified.header).unwrap()
    }

    pub(crate) async fn applied(
        &self,
        held: Held,
        people: impl IntoIterator<Item = limen_wire::Person>,
    ) {
        let pairs: Vec<_> = people
            .into_iter()
            .map(|person| (person.id, person.template_hash()))
            .collect();
        self.say(&RosterApplied {
            epoch: held.epoch,
            version: held.version,
            digest: digest(pairs),
        })
        .await;
    }
}

fn put(change: &Change) -> limen_wire::Person {
    match change {
        Change::Put(person) => (**person).clone(),
        Change::Forget(_) => panic!("{change:?}"),
    }
}

#[tokio::test]
async fn a_terminal_gets_settings_and_roster_and_then_what_changes() {
    let house = House::new().await;
    let ada = house.person("Ada Lovelace").await;
    let door = house.terminal("Front door").await;
    let mut line = Line::greeted(&door, house.mqtt, &Outbox::new()).await;
    // The roster goes first: whoever has the settings has the roster that goes with them.
    let page = line.page().await;
    let verified = line.told(Down::Settings).await;
    let sealed: Sealed<Settings> = verified.claims().unwrap();
    let settings = open(&sealed, &door.sealing, &verified.header).unwrap();
    assert_eq!((settings.zone.as_str(), settings.re_punch_s), ("UTC", 0));
    let mut assembly = Assembly::new(None);
    let Step::Complete(update) = assembly.add(page).unwrap() else {
        panic!()
    };
    assert!(update.full);
    let person = put(&update.changes[0]);
    assert_eq!((person.id, person.name.as_str()), (ada.0, "Ada Lovelace"));
    assert_eq!(person.templates[0].0, b"Ada Lovelace");
    assembly.applied(update.held);
    line.applied(update.held, [person.clone()]).await;

    // Somebody new: a page that goes on from what is held.
    let grace = house.person("Grace Hopper").await;
    let page = line.page().await;
    assert_eq!((page.full, page.from), (false, update.held.version));
    let Step::Complete(update) = assembly.add(page).unwrap() else {
        panic!()
    };
    assert_eq!(update.changes.len(), 1);
    assert_eq!(update.changes[0].person(), grace.0);
    assembly.applied(update.held);

    // Somebody leaves: to be forgotten.
    house.leaves(ada);
    let page = line.page().await;
    assert_eq!(page.changes, [Change::Forget(ada.0)]);

    // A terminal that says what it holds is told nothing that it holds already.
    let held = Held {
        epoch: page.epoch,
        version: page.to,
    };
    let mut line = Line::admitted(&door, options(&door, house.mqtt)).await;
    let mut hello = Outbox::new().hello();
    hello.roster = Some(held);
    hello.settings = Some(Held {
        epoch: settings.epoch,
        version: settings.version,
    });
    line.hello(&hello).await;
    let third = house.person("Katherine Johnson").await;
    let page = line.page().await;
    assert_eq!(
        (page.from, page.changes[0].person()),
        (held.version, third.0)
    );
}

#[tokio::test]
async fn a_terminal_that_holds_something_else_gets_everything_again() {
    let house = House::new().await;
    let ada = house.person("Ada Lovelace").await;
    let door = house.terminal("Front door").await;
    let mut line = Line::greeted(&door, house.mqtt, &Outbox::new()).await;
    let page = line.page().await;
    let held = Held {
        epoch: page.epoch,
        version: page.to,
    };
    line.applied(held, []).await;
    let page = line.page().await;
    assert!(page.full);
    assert_eq!(page.changes[0].person(), ada.0);
    line.applied(held, page.changes.iter().map(put)).await;
    line.published().await;
}

#[tokio::test]
async fn states_follow_a_punch_to_every_terminal() {
    let house = House::new().await;
    let ada = house.person("Ada Lovelace").await;
    let front = house.terminal("Front door").await;
    let back = house.terminal("Back door").await;
    let mut outbox = Outbox::new();
    let line = Line::greeted(&front, house.mqtt, &outbox).await;
    let mut other = Line::greeted(&back, house.mqtt, &Outbox::new()).await;
    let mut what = crate::terminal::punch();
    if let What::Punch(punch) = &mut what {
        punch.person = ada.0;
    }
    line.publish(Up::Event, outbox.append(&front, line.session, what))
        .await;
    let verified = other.told(Down::State).await;
    let sealed: Sealed<State> = verified.claims().unwrap();
    let state = open(&sealed, &back.sealing, &verified.header).unwrap();
    assert_eq!((state.person, state.is_in), (ada.0, true));
    let not_me = What::Amend(Amend {
        of: 1,
        change: event::Change::NotMe,
    });
    line.publish(Up::Event, outbox.append(&front, line.session, not_me))
        .await;
    let taken_back = other.told(Down::State).await;
    let sealed_after: Sealed<State> = taken_back.claims().unwrap();
    let state = open(&sealed_after, &back.sealing, &taken_back.header).unwrap();
    assert_eq!(
        (state.person, state.is_in, state.since),
        (ada.0, false, None)
    );
    // Sealed for one terminal, it opens for no other.
    assert!(open(&sealed, &front.sealing, &verified.header).is_err());
}

#[tokio::test]
async fn one_damaged_template_does_not_keep_the_roster_from_everybody() {
    let house = House::new().await;
    let ada = house.person("Ada Lovelace").await;
    let grace = house.person("Grace Hopper").await;
    house.damage_template(grace);
    let door = house.terminal("Front door").await;
    let mut line = Line::greeted(&door, house.mqtt, &Outbox::new()).await;
    let page = line.page().await;
    let mut people: Vec<_> = page.changes.iter().map(put).collect();
    people.sort_by_key(|person| person.name.clone());
    let held: Vec<_> = people.iter().map(|p| (p.id, p.templates.len())).collect();
    assert_eq!(held, [(ada.0, 1), (grace.0, 0)], "nobody is known by it");
}

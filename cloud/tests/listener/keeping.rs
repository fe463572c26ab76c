//! What is kept long enough goes by itself, and nothing else.

use limen_cloud::retention::{self, Rules};
use limen_cloud::store::AccountId;
use limen_cloud::store::alike::{Found, Settled};
use limen_cloud::store::leaving::Overdue;
use limen_cloud::store::ways::Changing;
use limen_wire::event::{Method, What};
use limen_wire::roster::Change;
use limen_wire::topic::Up;

use crate::house::House;
use crate::terminal::{Line, Outbox};

impl House {
    async fn keeps(&self, rules: Rules) {
        let owner = self.app.store.account(self.tenant, self.employer).await;
        let owner = owner.unwrap().unwrap();
        retention::set_rules(&self.app, &owner, &rules)
            .await
            .unwrap();
    }

    async fn held(&self, person: AccountId) -> usize {
        let held = self.app.store.described(self.tenant, person).await;
        held.unwrap().len()
    }

    async fn deeds(&self, what: &str) -> usize {
        let log = self.app.store.audit(self.tenant, 0, 500).await.unwrap();
        log.iter().filter(|entry| entry.what == what).count()
    }
}

#[tokio::test]
async fn a_template_that_nobody_was_recognised_by_goes() {
    let house = House::new().await;
    let (ada, grace, kate) = (
        house.person("Ada Lovelace").await,
        house.person("Grace Hopper").await,
        house.person("Katherine Johnson").await,
    );
    let door = house.terminal("Front door").await;
    let mut outbox = Outbox::new();
    let mut line = Line::greeted(&door, house.mqtt, &outbox).await;
    let mut what = crate::terminal::punch();
    if let What::Punch(punch) = &mut what {
        punch.person = grace.0;
    }
    line.publish(Up::Event, outbox.append(&door, line.session, what))
        .await;
    line.through(outbox.id(), 1).await;
    let old = "UPDATE templates SET created = 1 WHERE person = $1";
    for person in [ada, grace] {
        house.database().change(old, &[person.0]);
    }
    // As it comes, nothing goes.
    let done = retention::keep_to(&house.app, house.tenant).await.unwrap();
    assert_eq!(done, Overdue::default());
    house
        .keeps(Rules {
            unused_template_months: Some(6),
            ..Rules::default()
        })
        .await;
    let done = retention::keep_to(&house.app, house.tenant).await.unwrap();
    assert_eq!(done.unused, [ada]);
    let held = [
        house.held(ada).await,
        house.held(grace).await,
        house.held(kate).await,
    ];
    assert_eq!(held, [0, 1, 1]);
    assert_eq!(house.deeds("template_erased").await, 1);
    // The consent stands: new pictures may be taken.
    let consents = house.app.store.consents(house.tenant, ada).await.unwrap();
    assert!(consents.iter().all(|consent| consent.withdrawn.is_none()));
    let again = retention::keep_to(&house.app, house.tenant).await.unwrap();
    assert_eq!(again, Overdue::default());
}

#[tokio::test]
async fn old_punches_go_with_what_says_them_and_the_outbox_stays_whole() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let mut outbox = Outbox::new();
    let mut line = Line::greeted(&door, house.mqtt, &outbox).await;
    for _ in 0..3 {
        let event = outbox.append(&door, line.session, crate::terminal::punch());
        line.publish(Up::Event, event).await;
    }
    line.through(outbox.id(), 3).await;
    // The first two are of another time, and the cloud knows that the outbox is whole up to the second.
    let database = house.database();
    database.change("UPDATE facts SET at = 1 WHERE seq <= 2", &[]);
    database.change(
        "UPDATE outboxes SET through = 2 WHERE outbox = $1",
        &[outbox.id()],
    );
    house
        .keeps(Rules {
            punch_years: Some(10),
            ..Rules::default()
        })
        .await;
    let done = retention::keep_to(&house.app, house.tenant).await.unwrap();
    assert_eq!(done.punches, 2);
    assert_eq!(house.facts().await.len(), 1);
    assert_eq!(house.count("SELECT count(*) FROM events WHERE seq <= 2"), 0);
    assert_eq!(house.deeds("punches_deleted").await, 1);
    // What comes next is acknowledged as if nothing had gone.
    let event = outbox.append(&door, line.session, crate::terminal::punch());
    line.publish(Up::Event, event).await;
    line.through(outbox.id(), 4).await;
}

#[tokio::test]
async fn twins_are_asked_for_more_than_a_face() {
    let house = House::new().await;
    let (ada, grace) = (
        house.person("Ada Lovelace").await,
        house.person("Grace Hopper").await,
    );
    let door = house.terminal("Front door").await;
    let mut line = Line::greeted(&door, house.mqtt, &Outbox::new()).await;
    line.page().await;
    let changing = Changing {
        tenant: house.tenant,
        person: ada,
        by: house.employer,
        at: house.app.now(),
    };
    let store = &house.app.store;
    assert!(
        store
            .found_alike(changing, grace, Found::Near)
            .await
            .unwrap()
    );
    assert_eq!(store.open_alike(house.tenant).await.unwrap().len(), 1);
    store
        .settle_alike(changing, grace, Settled::Twins)
        .await
        .unwrap();
    assert!(store.open_alike(house.tenant).await.unwrap().is_empty());
    // Found once more, the other way round: it stays settled.
    let again = Changing {
        person: grace,
        ..changing
    };
    assert!(!store.found_alike(again, ada, Found::Double).await.unwrap());
    let _ = house.app.changed.send(house.tenant);
    let page = line.page().await;
    let mut asked: Vec<_> = page
        .changes
        .iter()
        .map(|change| match change {
            Change::Put(person) => (person.id, person.second_factor_with.clone()),
            Change::Forget(_) => panic!("{change:?}"),
        })
        .collect();
    asked.sort_by_key(|(id, _)| *id);
    let mut wanted = [(ada.0, vec![Method::Face]), (grace.0, vec![Method::Face])];
    wanted.sort_by_key(|(id, _)| *id);
    assert_eq!(asked, wanted);
}

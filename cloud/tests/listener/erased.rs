//! A template that is erased: what each terminal proves, and that nobody who is away is forgotten.

use limen_cloud::erasure::{self, Certificate};
use limen_cloud::store::AccountId;
use limen_cloud::store::consents::Why;
use limen_cloud::store::ways::Changing;
use limen_wire::roster::Change;
use limen_wire::{Held, RosterPage};

use crate::house::House;
use crate::terminal::{Line, Outbox};

impl House {
    async fn erase(&self, person: AccountId) {
        let changing = Changing {
            tenant: self.tenant,
            person,
            by: self.employer,
            at: self.app.now(),
        };
        let erased = erasure::erase(&self.app, changing, Why::Withdrawn).await;
        assert!(erased.unwrap().is_some());
    }

    async fn certificate(&self, person: AccountId) -> Certificate {
        let mut all = self.app.store.erasures(self.tenant, person).await.unwrap();
        Certificate::of(self.tenant, all.remove(0), self.app.now())
    }
}

fn held(page: &RosterPage) -> Held {
    Held {
        epoch: page.epoch,
        version: page.to,
    }
}

fn put(page: &RosterPage) -> Vec<limen_wire::Person> {
    let person = |change: &Change| match change {
        Change::Put(person) => (**person).clone(),
        Change::Forget(_) => panic!("{change:?}"),
    };
    page.changes.iter().map(person).collect()
}

/// Which terminals have confirmed.
fn confirmed(certificate: &Certificate) -> Vec<(&str, bool)> {
    let row = |at: &erasure::At| at.confirmed.is_some();
    let terminals = certificate.terminals.iter();
    terminals.map(|at| (at.name.as_str(), row(at))).collect()
}

#[tokio::test]
async fn each_terminal_proves_it_and_the_certificate_says_which_have_not() {
    let house = House::new().await;
    let ada = house.person("Ada Lovelace").await;
    let grace = house.person("Grace Hopper").await;
    let front = house.terminal("Front door").await;
    let back = house.terminal("Back door").await;
    let mut line = Line::greeted(&front, house.mqtt, &Outbox::new()).await;
    let page = line.page().await;
    line.applied(held(&page), put(&page)).await;
    line.published().await;
    // The back door knows both too, and is away when it happens.
    let mut away = Line::greeted(&back, house.mqtt, &Outbox::new()).await;
    let old = away.page().await;
    away.applied(held(&old), put(&old)).await;
    away.published().await;
    drop(away);

    house.erase(ada).await;
    let certificate = house.certificate(ada).await;
    assert_eq!(
        confirmed(&certificate),
        [("Back door", false), ("Front door", false)]
    );
    assert_eq!((certificate.outstanding, certificate.complete), (2, false));
    // She stays, with whatever else lets her in, and without a face.
    let changed = line.page().await;
    let people = put(&changed);
    assert_eq!((people[0].id, people[0].templates.len()), (ada.0, 0));

    // A digest of a roster with the face still in it proves nothing.
    line.applied(held(&changed), put(&page)).await;
    let whole = line.page().await;
    assert!(whole.full);
    assert_eq!(house.certificate(ada).await.outstanding, 2);
    line.applied(held(&whole), put(&whole)).await;
    // Its PUBACK comes when it is kept; the one of the message before may come first.
    while house.certificate(ada).await.outstanding == 2 {
        line.published().await;
    }
    let certificate = house.certificate(ada).await;
    assert_eq!(
        confirmed(&certificate),
        [("Back door", false), ("Front door", true)]
    );
    let proof = &certificate.terminals[1];
    assert_eq!(proof.roster, Some(whole.to));
    assert_eq!(proof.digest.as_ref().map(String::len), Some(64));

    // The other comes back, and says that it holds the new roster already: it has to prove it.
    let mut back = Line::admitted(&back, crate::terminal::options(&back, house.mqtt)).await;
    let mut hello = Outbox::new().hello();
    hello.roster = Some(held(&whole));
    back.hello(&hello).await;
    let everybody = back.page().await;
    assert!(everybody.full);
    back.applied(held(&everybody), put(&everybody)).await;
    back.published().await;
    let certificate = house.certificate(ada).await;
    assert_eq!((certificate.outstanding, certificate.complete), (0, true));
    assert!(
        house
            .app
            .store
            .erasures(house.tenant, grace)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_terminal_that_is_revoked_stays_outstanding_and_is_named() {
    let house = House::new().await;
    let ada = house.person("Ada Lovelace").await;
    let door = house.terminal("Front door").await;
    let mut line = Line::greeted(&door, house.mqtt, &Outbox::new()).await;
    let page = line.page().await;
    line.applied(held(&page), put(&page)).await;
    line.published().await;
    assert!(house.revoke(door.id()).await);
    house.erase(ada).await;
    // It was told nothing since, and may hold the face still: somebody has to wipe it.
    let certificate = house.certificate(ada).await;
    assert!(!certificate.complete);
    assert!(certificate.terminals[0].revoked.is_some());
}

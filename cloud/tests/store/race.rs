//! Several processes on one database: each test's stores have connections of their own, as processes have.

use std::sync::Arc;

use limen_cloud::Store;
use limen_cloud::store::agreements::{Agreements as _, NewRun};
use limen_cloud::store::audit::Deed;
use limen_cloud::store::ledger::{ClaimEnd, Ledger as _, NewEvent, Outcome};
use limen_cloud::store::postgres::Postgres;
use limen_cloud::store::ways::Ways as _;
use limen_cloud::store::{Adding, Founding, House as _, StoreError};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::contract::{beginning, postgres};
use crate::database::{Fresh, Value};
use crate::operations::{
    Said, changing, id, look, new_claim, new_person, new_tenant, new_terminal, outbox, paid,
    person, tenant, terminal,
};

/// How many come at once.
const MANY: u8 = 8;

/// A database with something in it, and two processes' stores on it.
struct Race {
    fresh: Fresh,
    stores: [Postgres; 2],
}

impl Race {
    async fn new() -> Self {
        let fresh = Fresh::new();
        let url = fresh.url();
        // Both open it at once, empty as it is: one makes the tables, the other waits.
        let (one, other) = tokio::join!(postgres(&url), postgres(&url));
        for op in beginning() {
            op.ask(&one).await;
        }
        let stores = [one, other];
        Self { fresh, stores }
    }

    /// The same by many at once, half of them in each process; what each was answered.
    async fn all<T, F>(&self, work: impl Fn(Postgres, u8) -> F) -> Vec<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let start = Arc::new(Barrier::new(MANY.into()));
        let mut running = JoinSet::new();
        for n in 0..MANY {
            let work = work(self.stores[usize::from(n % 2)].clone(), n);
            let start = Arc::clone(&start);
            running.spawn(async move {
                start.wait().await;
                work.await
            });
        }
        running.join_all().await
    }

    fn number(&self, sql: &str) -> i64 {
        self.fresh.database().number(sql, &[])
    }
}

fn count<T>(answers: &[T], is: impl Fn(&T) -> bool) -> usize {
    answers.iter().filter(|answer| is(answer)).count()
}

fn said(terminal: u8, seq: u8, branch: u8) -> NewEvent {
    let said = Said {
        of: 0,
        terminal,
        outbox: 0,
        seq,
        branch,
        void: false,
        refused: false,
        own: false,
        person: Some(1),
    };
    said.event()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_many_record_is_stored_once() {
    let race = Race::new().await;
    for round in 0..10_u8 {
        // Overlapping stretches of both terminals, each in another order of terminals.
        let answers = race.all(|store, n| {
            let from = 1 + round * 10;
            let mut batch: Vec<NewEvent> = (from..from + 10).map(|seq| said(1, seq, 0)).collect();
            let other = (from..from + 10).map(|seq| said(2, seq, 0));
            if n % 3 == 0 {
                batch = other.chain(batch).collect();
            } else {
                batch.extend(other);
            }
            async move { store.record_events(batch).await.unwrap() }
        });
        let outcomes: Vec<Outcome> = answers.await.into_iter().flatten().collect();
        assert_eq!(count(&outcomes, |o| *o == Outcome::Stored), 20);
        assert_eq!(count(&outcomes, |o| *o == Outcome::Duplicate), 20 * 7);
    }
    assert_eq!(race.number("SELECT count(*) FROM events"), 200);
    assert_eq!(race.number("SELECT count(*) FROM facts"), 200);
    assert_eq!(race.number("SELECT count(*) FROM quarantine"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_histories_that_come_at_once_one_is_kept() {
    let race = Race::new().await;
    for to in 0..10_u8 {
        let batch = |branch: u8| -> Vec<NewEvent> {
            let events = (1..7).map(|seq| said(1, seq, branch));
            let to = outbox(0, 1, to);
            events
                .map(|event| NewEvent {
                    outbox: to,
                    ..event
                })
                .collect()
        };
        let answers = race.all(|store, n| {
            let batch = batch(n % 2);
            async move { store.record_events(batch).await.unwrap() }
        });
        let outcomes: Vec<Outcome> = answers.await.into_iter().flatten().collect();
        assert_eq!(count(&outcomes, |o| *o == Outcome::Stored), 6);
        // The first two numbers are the same in both histories.
        assert_eq!(count(&outcomes, |o| *o == Outcome::Fork), 4 * 4);
    }
    let cut = "SELECT count(*) FROM events e JOIN events b USING (tenant, terminal, outbox)
               WHERE b.seq = e.seq - 1 AND b.links <> e.prev";
    assert_eq!(race.number(cut), 0, "no chain is cut");
    let forked = "SELECT count(*) FROM outboxes WHERE fork_seq = 3";
    assert_eq!(race.number(forked), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_the_clouds_own_events_one_takes_the_number() {
    let race = Race::new().await;
    for seq in 1..=10_u8 {
        let answers = race.all(|store, _| async move {
            let own = NewEvent {
                own: true,
                ..said(0, seq, 0)
            };
            store.record_events(vec![own]).await
        });
        let answers = answers.await;
        let stored =
            |a: &Result<Vec<Outcome>, StoreError>| matches!(a.as_deref(), Ok([Outcome::Stored]));
        let late = |a: &Result<_, StoreError>| matches!(a, Err(StoreError::Overtaken(_)));
        assert_eq!((count(&answers, stored), count(&answers, late)), (1, 7));
        let head = race.stores[0].api_head(tenant(0)).await.unwrap();
        assert_eq!(head.next, u64::from(seq) + 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_makes_one_terminal() {
    let race = Race::new().await;
    for claim in 10..20_u8 {
        race.stores[0]
            .new_claim(new_claim(0, claim % 10))
            .await
            .ok();
        let which = id(6, 0, claim);
        let mut new = new_claim(0, 0);
        new.id = which;
        race.stores[0].new_claim(new).await.unwrap();
        let answers = race.all(|store, n| async move {
            let mut new = new_terminal(0, 1);
            new.id = terminal(0, 20 + (claim - 10) * MANY + n);
            store
                .finish_claim(tenant(0), which, new, vec![n])
                .await
                .unwrap()
        });
        let answers = answers.await;
        assert_eq!(count(&answers, |end| *end == ClaimEnd::Won), 1);
        assert_eq!(count(&answers, |end| *end == ClaimEnd::Used), 7);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_email_is_one_account() {
    let race = Race::new().await;
    for mail in 100..110_u8 {
        let answers = race.all(|store, n| async move {
            if n < 4 {
                let person = new_person(0, mail.wrapping_mul(8) + n, mail, true);
                store.add_person(person, Adding::Employer(tenant(0))).await
            } else {
                let found = new_tenant((mail - 90) * 8 + n, mail);
                store.found_tenant(found, Founding::Open).await
            }
        });
        let answers = answers.await;
        let taken = |a: &Result<(), StoreError>| matches!(a, Err(StoreError::EmailTaken));
        assert_eq!(
            (count(&answers, Result::is_ok), count(&answers, taken)),
            (1, 7)
        );
    }
    // Whoever came too late has left nothing behind.
    let left = "SELECT count(*) FROM tenants t WHERE NOT EXISTS (
                  SELECT 1 FROM accounts a WHERE a.tenant = t.tenant)";
    assert_eq!(race.number(left), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_is_used_once() {
    let race = Race::new().await;
    let hash = [7; 32];
    race.stores[0].set_setup_token(hash).await.unwrap();
    let answers = race.all(|store, n| async move {
        let found = new_tenant(50 + n, 50 + n);
        store.found_tenant(found, Founding::SetUp(hash)).await
    });
    let answers = answers.await;
    let spent = |a: &Result<(), StoreError>| matches!(a, Err(StoreError::NoSuchToken));
    assert_eq!(
        (count(&answers, Result::is_ok), count(&answers, spent)),
        (1, 7)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_badges_and_pay_are_given_once() {
    let race = Race::new().await;
    let store = &race.stores[0];
    for n in 0..MANY {
        let person = new_person(0, 10 + n, 60 + n, false);
        store
            .add_person(person, Adding::Employer(tenant(0)))
            .await
            .unwrap();
    }
    let numbers = race.all(|store, n| async move {
        store
            .set_pin(changing(0, 10 + n), "pin".to_owned())
            .await
            .unwrap()
    });
    let mut numbers = numbers.await;
    numbers.sort_unstable();
    assert_eq!(numbers, (10..18).collect::<Vec<u32>>());

    let badges = race.all(|store, n| async move {
        store
            .issue_badge(changing(0, 10 + n), id(10, 0, n), "one card".to_owned())
            .await
    });
    let badges = badges.await;
    let taken = |a: &Result<(), StoreError>| matches!(a, Err(StoreError::BadgeTaken));
    assert_eq!(
        (count(&badges, Result::is_ok), count(&badges, taken)),
        (1, 7)
    );

    // Three each at once, of which sixteen have room.
    let badges = race.all(|store, n| async move {
        let mut given = 0;
        for card in 0..3 {
            let badge = id(10, 0, 100 + n * 3 + card);
            let issued = store
                .issue_badge(changing(0, 1), badge, format!("card {badge}"))
                .await;
            match issued {
                Ok(()) => given += 1,
                Err(error) => assert!(matches!(error, StoreError::TooMany(_)), "{error}"),
            }
        }
        given
    });
    assert_eq!(badges.await.into_iter().sum::<i32>(), 16);

    let marked = race.all(|store, n| async move {
        let sessions = vec![paid(0, 1, 10 + n % 3, 5), paid(0, 2, 10, 5)];
        store
            .mark_paid(
                tenant(0),
                sessions,
                0,
                person(0, 0),
                crate::operations::at(9),
            )
            .await
            .unwrap()
    });
    assert_eq!(marked.await.into_iter().sum::<usize>(), 2);
}

/// Two who lock at once have not seen each other's run: what both would pay is paid by one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_runs_that_are_locked_at_once_one_is() {
    let race = Race::new().await;
    let store = &race.stores[0];
    let seen = store.seen(tenant(0)).await.unwrap();
    let run = |n: u8, version, locks| NewRun {
        id: id(11, 0, n),
        version,
        body: "{}".to_owned(),
        locks,
        deed: Deed::new(
            person(0, 0),
            crate::operations::at(9),
            "pay_run_locked",
            None,
        ),
    };
    for n in 0..MANY {
        store.keep_run(tenant(0), run(n, 0, None)).await.unwrap();
    }
    let answers = race.all(|store, n| {
        let parts = vec![(person(0, 1), "{}".to_owned())];
        let run = run(n, 1, Some((seen, parts)));
        async move { store.keep_run(tenant(0), run).await }
    });
    let answers = answers.await;
    let late = |a: &Result<(), StoreError>| matches!(a, Err(StoreError::Overtaken(_)));
    assert_eq!(
        (count(&answers, Result::is_ok), count(&answers, late)),
        (1, 7)
    );
    assert_eq!(store.run_parts(tenant(0), None).await.unwrap().len(), 1);
    // And whoever pays by the old way has not seen it either.
    let session = vec![paid(0, 1, 10, 5)];
    let at = crate::operations::at(9);
    let stale = store.mark_paid(tenant(0), session.clone(), seen.locked, person(0, 0), at);
    assert!(late(&stale.await.map(drop)));
    let fresh = store.mark_paid(tenant(0), session, seen.locked + 1, person(0, 0), at);
    assert_eq!(fresh.await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_move_once_for_each_change() {
    let race = Race::new().await;
    for round in 0..5_u8 {
        let person = new_person(0, 10 + round, 60 + round, false);
        let add = race.stores[0].add_person(person, Adding::Employer(tenant(0)));
        add.await.unwrap();
        let versions = race.all(|store, _| async move {
            let site = id(5, 0, 0);
            let changes = store
                .roster_changes(tenant(0), site, "m1".to_owned(), 0)
                .await
                .unwrap();
            let settings = store
                .settings_version(tenant(0), site, [round; 32])
                .await
                .unwrap();
            (changes.to, settings)
        });
        let expected = u64::from(round) + 1;
        assert_eq!(versions.await, vec![(expected, expected); MANY.into()]);
    }
}

/// What the server ends because two got in each other's way is done again, and nobody is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_the_server_ended_is_done_again() {
    let race = Race::new().await;
    let (mut other, line) = tokio_postgres::connect(&race.fresh.url(), tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(line);
    // Whoever waits longer looks for a deadlock first, and is the one that is ended: the store.
    other
        .batch_execute("SET deadlock_timeout = '1h'")
        .await
        .unwrap();
    let lock = "SELECT 1 FROM terminals WHERE id = $1 FOR UPDATE";
    let mut ids = [terminal(0, 1), terminal(0, 2)];
    ids.sort_unstable();
    let transaction = other.transaction().await.unwrap();
    transaction.execute(lock, &[&ids[1]]).await.unwrap();
    let store = race.stores[0].clone();
    let recording = tokio::spawn(async move {
        store
            .record_events(vec![said(1, 1, 0), said(2, 1, 0)])
            .await
    });
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE wait_event_type = 'Lock' AND datname = current_database()";
    while race.number(waiting) == 0 {
        tokio::task::yield_now().await;
    }
    transaction.execute(lock, &[&ids[0]]).await.unwrap();
    let deadlocks = "SELECT pg_stat_get_db_deadlocks(oid) FROM pg_database
                     WHERE datname = current_database()";
    transaction.commit().await.unwrap();
    assert_eq!(recording.await.unwrap().unwrap(), [Outcome::Stored; 2]);
    drop(other);
    while race.number(deadlocks) == 0 {
        tokio::task::yield_now().await;
    }
}

/// What one process has committed, another sees: nothing is kept in a process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_see_the_same() {
    let race = Race::new().await;
    let stores: [&dyn Store; 2] = [&race.stores[0], &race.stores[1]];
    race.stores[0]
        .record_events(vec![said(1, 1, 0)])
        .await
        .unwrap();
    assert_eq!(look(stores[0], 0, 1).await, look(stores[1], 0, 1).await);
    let epochs = race
        .fresh
        .database()
        .rows("SELECT epoch FROM installation", &[]);
    assert_eq!(
        epochs,
        [[Value::Bytes(Uuid::from_u128(1).as_bytes().to_vec())]]
    );
}

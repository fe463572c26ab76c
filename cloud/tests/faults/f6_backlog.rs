//! F6: a month of events goes in, in order, and who comes meanwhile does not wait for it.

use std::time::{Duration, Instant};

use limen_cloud::metrics::Event;
use limen_daemon::uplink::state::WINDOW;
use tokio::sync::broadcast::error::RecvError;
use uuid::Uuid;

use crate::checker;
use crate::count;
use crate::database::Database;
use crate::door::{Door, HERE};
use crate::house::House;
use crate::terminal::PATIENCE;

/// How many punch while the backlog goes in.
const LIVE: usize = 10;
/// A live punch may have to wait for what is under way already, and for what is on its way meanwhile: so many
/// windows of the backlog.
const WINDOWS: u64 = 4;
/// Events that are written at once.
const PORTION: usize = 1000;

/// Whether the cloud holds that event.
fn holds(cloud: &Database, terminal: Uuid, outbox: Uuid, seq: u64) -> bool {
    let sql = format!(
        "SELECT 1 FROM events WHERE tenant = (SELECT tenant FROM terminals WHERE id = $1)
          AND terminal = $1 AND outbox = $2 AND seq = {seq}"
    );
    !cloud.rows(&sql, &[terminal, outbox]).is_empty()
}

/// How many events the cloud stored.
fn stored(house: &House) -> u64 {
    let outcome = "stored";
    let counted = &house.app.metrics.events;
    counted.get_or_create(&Event { outcome }).get()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_goes_in_whole_and_live_punches_do_not_wait_for_it() {
    let backlog = count(20_000, 1_000_000).next_multiple_of(PORTION);
    let house = House::new().await;
    let identity = house.terminal("door").await;
    let data = tempfile::tempdir().unwrap();
    let mut door = Door::open(data.path(), &identity, HERE);
    let began = Instant::now();
    let mut last = 0;
    for _ in 0..backlog / PORTION {
        last = door.punch(PORTION).last;
    }
    let written = began.elapsed();

    let outbox = door.outbox.end().borrow().outbox;
    let cloud = house.database();
    let mut changed = house.app.changed.subscribe();
    let began = Instant::now();
    door.connect(house.mqtt, Duration::from_secs(30));
    let step = last / (LIVE as u64 + 1);
    let mut live: Option<(u64, u64)> = None;
    let (mut lives, mut longest) = (0, 0);
    while stored(&house) < last + lives || live.is_some() {
        let so_far = stored(&house);
        if let Some((seq, at)) = live
            && holds(&cloud, door.id(), outbox, seq)
        {
            longest = longest.max(so_far - at);
            live = None;
            lives += 1;
        }
        let is_through = so_far >= last + lives;
        assert!(
            !is_through || live.is_none(),
            "a live punch had to wait for the backlog"
        );
        if live.is_none() && lives < LIVE as u64 && so_far >= step * (lives + 1) {
            let seq = door.punch(1).last;
            live = Some((seq, stored(&house)));
        }
        let told = tokio::time::timeout(PATIENCE, changed.recv()).await;
        let told = told.expect("the backlog goes on");
        assert!(!matches!(told, Err(RecvError::Closed)));
    }
    let taken = began.elapsed();
    door.await_acknowledged();
    door.disconnect();
    assert_eq!(lives, LIVE as u64);
    assert!(
        longest <= WINDOWS * WINDOW,
        "{longest} events overtook a live punch"
    );
    let events = checker::check(&door.database(), &house.database(), door.id());
    eprintln!(
        "F6: {events} events in {:.1} s, {:.0} a second; written at {:.0} a second; {lives} live punches, and at \
         most {longest} events of the backlog came in between one and its COMMIT",
        taken.as_secs_f64(),
        events as f64 / taken.as_secs_f64(),
        last as f64 / written.as_secs_f64(),
    );
}

//! Moving: that it knows every table and column, and that a copy which is not equal is not kept.

use limen_cloud::store::agreements::{Agreements as _, NewAgreement, NewRun, Topic};
use limen_cloud::store::alike::{Alike as _, Found};
use limen_cloud::store::audit::Deed;
use limen_cloud::store::consents::{Consents as _, Given, How, Proof, Why};
use limen_cloud::store::enrolling::{Enrolling as _, NewEnrolmentLink};
use limen_cloud::store::moving::{Kind, MoveError, TABLES, move_house};
use limen_cloud::store::sqlite::Sqlite;
use limen_cloud::store::staff::{NewLink, Purpose};
use limen_cloud::store::ways::Changing;
use limen_cloud::store::{House as _, Ledger as _, Role, SealedTemplate, Staff as _};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use uuid::Uuid;

use crate::contract::{beginning, everything, postgres, tables};
use crate::database::{Database, Fresh};
use crate::operations::{Op, at, look, op, person, tenant};

/// A SQLite database after many operations.
async fn lived_in(file: &std::path::Path) -> Sqlite {
    let sqlite = Sqlite::open(file, Uuid::from_u128(1), at(0)).unwrap();
    let ops = prop::collection::vec(op(), 1200);
    let ops = ops.new_tree(&mut TestRunner::deterministic()).unwrap();
    for op in &beginning() {
        op.ask(&sqlite).await;
    }
    erased(&sqlite).await;
    for op in &ops.current() {
        op.ask(&sqlite).await;
    }
    let (of, who, key, what) = (0, 0, 1, 0);
    Op::Session { of, who, key, what }.ask(&sqlite).await;
    let invited = NewLink {
        tenant: tenant(0),
        token_hash: [9; 32],
        purpose: Purpose::Join,
        account: None,
        email: "new@example.org".to_owned(),
        role: Some(Role::Hr),
        sites: Vec::new(),
        by: person(0, 0),
        created: at(1),
        expires: at(9),
    };
    sqlite.make_link(invited).await.unwrap();
    let deed = |what| Deed::new(person(0, 0), at(2), what, None);
    let agreed = |person, body| NewAgreement {
        topic: Topic::Contract,
        subject: Uuid::from_u128(1),
        person,
        from: jiff::civil::date(2026, 1, 1),
        body,
    };
    let said = vec![
        agreed(Some(person(0, 1)), Some("{}".to_owned())),
        agreed(None, None),
    ];
    let first = sqlite.agree(tenant(0), said, deed("contract_set"));
    assert_eq!(first.await.unwrap(), 1);
    let run = NewRun {
        id: Uuid::from_u128(2),
        version: 0,
        body: "{}".to_owned(),
        locks: Some((
            sqlite.seen(tenant(0)).await.unwrap(),
            vec![(person(0, 1), "{}".to_owned())],
        )),
        deed: deed("pay_run_locked"),
    };
    sqlite.keep_run(tenant(0), run).await.unwrap();
    sqlite
}

/// Somebody's consent and template are there and gone again, and a terminal proved it.
async fn erased(sqlite: &Sqlite) {
    let (tenant, by) = (tenant(0), person(0, 0));
    let works = sqlite.people(tenant).await.unwrap();
    let changing = Changing {
        tenant,
        person: works[0].id,
        by,
        at: at(3),
    };
    let given = Given {
        how: How::Paper,
        version: "2".to_owned(),
        language: "de".to_owned(),
        at: at(2),
    };
    sqlite.give_consent(changing, given).await.unwrap();
    let template = SealedTemplate {
        model: "m".to_owned(),
        version: 1,
        photos: 3,
        sealed: vec![7; 64],
    };
    sqlite.enrol(changing, template).await.unwrap();
    let (terminal, _) = sqlite.terminals(tenant).await.unwrap().remove(0);
    let site = terminal.site;
    let changes = sqlite.roster_changes(tenant, site, "m".to_owned(), 0);
    let version = changes.await.unwrap().to;
    let id = Uuid::from_u128(99);
    let erased = sqlite.erase(changing, Why::Withdrawn, id).await.unwrap();
    assert_eq!(erased, Some(id));
    let unproved = sqlite.unproved(tenant, terminal.id).await.unwrap();
    assert_eq!(unproved, [id]);
    let proof = Proof {
        tenant,
        terminal: terminal.id,
        version,
        digest: [5; 32],
        at: at(4),
    };
    sqlite.prove(proof, unproved).await.unwrap();
    let texts = vec![("en".to_owned(), "Yes?".to_owned())];
    sqlite.add_text(tenant, by, at(5), texts).await.unwrap();
    let link = NewEnrolmentLink {
        tenant,
        person: changing.person,
        token_hash: [8; 32],
        by,
        created: at(6),
        expires: at(9),
    };
    sqlite.make_enrolment_link(link).await.unwrap();
    let other = works[1].id;
    let open = sqlite.found_alike(changing, other, Found::Double).await;
    assert!(open.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_moves_and_answers_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("limen.db");
    let sqlite = lived_in(&file).await;
    let fresh = Fresh::new();
    let store = postgres(&fresh.url()).await;
    let moved = move_house(&sqlite, &store).await.unwrap();
    let (here, there) = (
        everything(&Database::Sqlite(file)),
        everything(&fresh.database()),
    );
    assert_eq!(here, there);
    for (table, rows) in &here {
        let (_, read) = moved.iter().find(|(name, _)| name == table).unwrap();
        assert_eq!(read.rows, rows.len() as u64, "{table}");
        assert!(
            !rows.is_empty() || table == "lost",
            "{table} has no rows to try"
        );
    }
    for of in 0..3 {
        for who in 0..4 {
            assert_eq!(look(&sqlite, of, who).await, look(&store, of, who).await);
        }
    }
    let again = move_house(&sqlite, &store).await.unwrap_err();
    assert!(matches!(again, MoveError::NotEmpty(_)), "{again:?}");
}

#[test]
fn no_table_and_no_column_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("limen.db");
    drop(Sqlite::open(&file, Uuid::from_u128(1), at(0)).unwrap());
    let database = Database::Sqlite(file);
    let mut known: Vec<_> = TABLES.iter().map(|table| table.name.to_owned()).collect();
    known.sort();
    assert_eq!(known, tables(&database));
    for table in TABLES {
        let name = table.name;
        let columns = format!("SELECT name, pk FROM pragma_table_info('{name}')");
        let there = database.rows(&columns, &[]);
        assert_eq!(there.len(), table.columns.len(), "{name}");
        let keys = there
            .iter()
            .filter(|column| column[1].integer() > 0)
            .count();
        // Sorted by the whole key, whose columns come first: else two readings may differ in order.
        let sorted = table.read.rsplit_once("ORDER BY ").unwrap().1;
        assert_eq!(sorted.split(", ").count(), keys, "{name}");
        for column in there {
            let key = column[1].integer() > 0;
            let text = format!("{:?}", column[0]);
            let place = table
                .columns
                .iter()
                .position(|(name, _)| text == format!("Text({name:?})"));
            let place = place.unwrap_or_else(|| panic!("{name}: {text} is forgotten"));
            assert_eq!(place < keys, key, "{name}: {text}");
        }
    }
    assert!(TABLES[1].columns.contains(&("tenant", Kind::Id)));
}

/// The proof is not a ceremony: a database that changes what it is given is noticed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_not_equal_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = lived_in(&folder.path().join("limen.db")).await;
    let fresh = Fresh::new();
    let store = postgres(&fresh.url()).await;
    fresh.database().run(
        "CREATE FUNCTION bend() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN new.at = new.at + 1; RETURN new; END $$;
         CREATE TRIGGER bent BEFORE INSERT ON facts FOR EACH ROW
         WHEN (new.seq = 2) EXECUTE FUNCTION bend()",
    );
    let bent = move_house(&sqlite, &store).await.unwrap_err();
    assert!(matches!(bent, MoveError::NotEqual("facts")), "{bent:?}");
    assert_eq!(
        fresh.database().number("SELECT count(*) FROM tenants", &[]),
        0
    );
    fresh.database().run("DROP TRIGGER bent ON facts");
    move_house(&sqlite, &store).await.unwrap();
}

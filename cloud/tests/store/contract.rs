//! The same questions to both stores get the same answers, and leave the same rows.

use limen_cloud::store::postgres::{Named, Postgres};
use limen_cloud::store::sqlite::Sqlite;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use uuid::Uuid;

use crate::database::{Database, Fresh, Value};
use crate::operations::{Op, at, op};

/// A PostgreSQL store on that database.
pub async fn postgres(url: &str) -> Postgres {
    let server = Named {
        url,
        password_file: None,
        ca: None,
        connections: 4,
    };
    let server = server.server().unwrap();
    Postgres::open(&server, Uuid::from_u128(1), at(0))
        .await
        .unwrap()
}

/// The house's tables.
pub fn tables(database: &Database) -> Vec<String> {
    let sql = match database {
        Database::Sqlite(_) => "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
        Database::Postgres(_) => {
            "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'
             ORDER BY tablename COLLATE \"C\""
        }
    };
    let names = database.rows(sql, &[]).into_iter().flatten();
    let names = names.map(|name| match name {
        Value::Text(name) => name,
        other => panic!("{other:?}"),
    });
    names
        .filter(|name| name != "refinery_schema_history")
        .collect()
}

/// Every row of every table. A consent's id is drawn, so it is left out, also where a template names it.
pub fn everything(database: &Database) -> Vec<(String, Vec<Vec<Value>>)> {
    let rows = |table: String| {
        let mut rows = database.rows(&format!("SELECT * FROM {table}"), &[]);
        let drawn = match table.as_str() {
            "consents" => Some(2),
            "templates" => Some(7),
            _ => None,
        };
        if let Some(column) = drawn {
            rows.iter_mut().for_each(|row| row[column] = Value::Null);
        }
        rows.sort();
        (table, rows)
    };
    tables(database).into_iter().map(rows).collect()
}

/// Two tenants with people and claimed terminals, so that there is something to ask about.
pub fn beginning() -> Vec<Op> {
    let mut ops = Vec::new();
    for of in 0..2 {
        ops.push(Op::Found {
            of,
            by: 0,
            mail: of,
        });
        for who in 1..3 {
            let (mail, face) = (2 + of * 2 + who, who == 1);
            ops.push(Op::Add {
                of,
                who,
                mail,
                face,
                by: 0,
            });
        }
        for claim in 0..2 {
            ops.push(Op::Claim { of, claim, what: 0 });
            ops.push(Op::Claim { of, claim, what: 2 });
        }
    }
    ops
}

#[test]
fn both_stores_answer_the_same_and_keep_the_same() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let cases = Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    };
    let sequence = prop::collection::vec(op(), 40..100);
    let outcome = TestRunner::new(cases).run(&sequence, |ops| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("limen.db");
        let sqlite = Sqlite::open(&file, Uuid::from_u128(1), at(0)).unwrap();
        let fresh = Fresh::new();
        runtime.block_on(async {
            let postgres = postgres(&fresh.url()).await;
            for op in beginning().iter().chain(&ops) {
                let (here, there) = (op.ask(&sqlite).await, op.ask(&postgres).await);
                prop_assert_eq!(here, there, "{:?}", op);
            }
            Ok::<_, TestCaseError>(())
        })?;
        let (here, there) = (Database::Sqlite(file), fresh.database());
        for (here, there) in everything(&here).iter().zip(&everything(&there)) {
            prop_assert_eq!(here, there);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|failed| panic!("{failed}"));
}

#[test]
fn both_have_the_same_tables_and_columns() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("limen.db");
    Sqlite::open(&file, Uuid::from_u128(1), at(0)).unwrap();
    let fresh = Fresh::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(postgres(&fresh.url()));
    let sqlite = Database::Sqlite(file);
    let columns = sqlite.rows(
        "SELECT t.name, c.name, c.\"notnull\" FROM sqlite_schema t, pragma_table_info(t.name) c
         WHERE t.type = 'table' AND t.name <> 'refinery_schema_history' ORDER BY t.name, c.cid",
        &[],
    );
    let same = fresh.database().rows(
        "SELECT table_name::text, column_name::text, is_nullable::text = 'NO'
         FROM information_schema.columns
         WHERE table_schema = 'public' AND table_name <> 'refinery_schema_history'
         ORDER BY table_name COLLATE \"C\", ordinal_position",
        &[],
    );
    assert!(columns.len() > 100);
    assert_eq!(columns, same);
}

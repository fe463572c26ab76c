//! Many people at once, out of a table.

use limen_cloud::seed::ids;
use reqwest::Method;
use serde_json::{Value, json};

use crate::pictures::bundled;
use crate::server::{Answer, Server, email};

async fn import(server: &Server, token: &str, table: impl Into<Vec<u8>>, write: bool) -> Answer {
    let path = format!("/api/v1/people/import?write={write}");
    let request = server.ask(Method::POST, &path).bearer_auth(token);
    let request = request
        .header("content-type", "text/csv")
        .body(table.into());
    server.send(request).await
}

fn sums(answer: &Answer) -> (u64, u64, u64) {
    assert_eq!(answer.status, 200, "{answer:?}");
    let sum = |field: &str| answer.body[field].as_u64().unwrap();
    (sum("new"), sum("there"), sum("refused"))
}

#[track_caller]
fn row(answer: &Answer, line: u64) -> (&str, &str) {
    let rows = answer.body["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row["line"] == line);
    let row = row.unwrap_or_else(|| panic!("no line {line} in {answer:?}"));
    (
        row["verdict"].as_str().unwrap(),
        row["what"].as_str().unwrap_or(""),
    )
}

#[tokio::test]
async fn people_come_in_out_of_a_table() {
    let server = Server::open();
    let ada = server.employer("Ada", &bundled("obama.jpg"), false).await;
    let token = server.token("Ada").await;
    server
        .employee("Carl", &ada, &token, &bundled("biden.jpg"))
        .await;
    server
        .employer("Bea", &bundled("astronaut.png"), false)
        .await;
    let site = json!({"name": "Harbour", "zone": "UTC"});
    let site = server
        .ask(Method::POST, "/api/v1/sites")
        .bearer_auth(&token)
        .json(&site);
    let site = server.send(site).await.body["id"].clone();

    // As a German spreadsheet writes it: semicolons, a byte order mark, decimal commas, quotes.
    let table = "\u{feff}Name;E-Mail;Hourly rate;Number;Site;Currency\r\n\
        \"Müller; Eva\";eva@example.org;21,50;0017;Harbour;usd\r\n\
        \"O'Neil \"\"Finn\"\"\";FINN@example.org;18;0018;;\r\n\
        Carl;CARL@example.org;21.5;0001;;\r\n\
        ;;;;;\r\n";
    for _ in 0..2 {
        let told = import(&server, &token, table, false).await;
        assert_eq!(sums(&told), (2, 1, 0));
        assert_eq!(row(&told, 4), ("there", "gets the number"));
        assert_eq!(told.body["written"], json!(false));
    }
    let written = import(&server, &token, table, true).await;
    assert_eq!(sums(&written), (2, 1, 0));
    let again = import(&server, &token, table, true).await;
    assert_eq!(sums(&again), (0, 3, 0));
    assert_eq!(row(&again, 4), ("there", ""));

    let people = server.get("/employer/employees", Some(&token)).await.body;
    let names: Vec<&str> = people
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["username"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["Carl", "Müller; Eva", "O'Neil \"Finn\""]);
    assert_eq!(people[1]["hourly_rate"], json!(21.5));
    let eva = people[1]["id"].as_str().unwrap();
    let known = server
        .get(&format!("/api/v1/people/{eva}/sites"), Some(&token))
        .await
        .body;
    assert_eq!(known, json!({"sites": [site]}));
    let store = server.place().store().await;
    let tenant = store
        .account_by_email(email("Ada"))
        .await
        .unwrap()
        .unwrap()
        .tenant;
    let numbers = store.numbers(tenant).await.unwrap();
    assert_eq!(numbers["0017"], ids::account(eva).unwrap());
    // Nobody knows the password that they came with.
    let fields = [("email", "eva@example.org"), ("password", "")];
    assert_ne!(server.post("/login/password", &fields).await.status, 200);
}

#[tokio::test]
async fn a_row_that_cannot_be_taken_says_why_and_stops_no_other() {
    let server = Server::open();
    server.employer("Ada", &bundled("obama.jpg"), false).await;
    let token = server.token("Ada").await;
    server
        .employer("Bea", &bundled("astronaut.png"), false)
        .await;
    let long = "x".repeat(201);
    let table = format!(
        "email,name,hourly_rate,number,site,currency\n\
         eva@example.org,Eva,21.5,17,,\n\
         EVA@example.org,Eva again,21.5,18,,\n\
         finn@example.org,Finn,21.5,17,,\n\
         ,Gus,21.5,,,\n\
         no-address,Gus,21.5,,,\n\
         gus@example.org,,21.5,,,\n\
         gus1@example.org,Gus,NaN,,,\n\
         gus2@example.org,Gus,-1,,,\n\
         gus3@example.org,Gus,1e9,,,\n\
         gus4@example.org,{long},1,,,\n\
         gus5@example.org,\"G\u{1b}[2Jus\",1,,,\n\
         gus6@example.org,Gus,1,\"1 OR 1=1\",,\n\
         gus7@example.org,Gus,1,,Moon,\n\
         gus8@example.org,Gus,1,,,XXX\n\
         gus9@example.org,Gus,1,,,,,\n\
         bea@example.org,Bea,1,,,\n\
         \"hal@example.org\",\"Hal\nof two lines\",1,,,\n\
         ida@example.org,Ida,1\n"
    );
    let told = import(&server, &token, table.clone(), true).await;
    for (line, words) in [
        (3, "line 2 has the same e-mail"),
        (4, "line 2 has the same number"),
        (5, "no e-mail"),
        (6, "no e-mail address"),
        (7, "no name"),
        (8, "hourly_rate is a number"),
        (9, "hourly_rate is a number"),
        (10, "hourly_rate is a number"),
        (11, "200 characters"),
        (12, "control characters"),
        (13, "letters, digits"),
        (14, "no site of that name"),
        (15, "is paid in"),
        (16, "more fields than the first line"),
        (17, "can't be used"),
        (18, "control characters"),
    ] {
        let (verdict, what) = row(&told, line);
        assert!(
            verdict == "refused" && what.contains(words),
            "{line}: {verdict} {what}"
        );
    }
    assert_eq!(sums(&told), (2, 0, 16));
    let said = told.body.to_string();
    assert!(!said.contains("\\u001b") && !said.contains("Ada"), "{said}");
    assert_eq!(
        sums(&import(&server, &token, table, true).await),
        (0, 2, 16)
    );

    for (table, words) in [
        (b"name,email\nEva,eva@example.org\n".to_vec(), "hourly_rate"),
        (b"".to_vec(), "name"),
        (
            b"name,email,hourly_rate\nE\xfca,e@example.org,1\n".to_vec(),
            "line 2 is not UTF-8",
        ),
        (
            ("name,email,hourly_rate\n".to_owned() + &"a,b,1\n".repeat(5_001)).into_bytes(),
            "5000 rows",
        ),
    ] {
        let refused = import(&server, &token, table, true).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert!(refused.detail().contains(words), "{refused:?}");
    }
    let refused = import(&server, &token, vec![b'a'; (2 << 20) + 1], false).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["status"]),
        (413, &Value::from(413))
    );
}

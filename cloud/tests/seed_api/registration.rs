//! Routes 6, 7, 10 and 11, and the ways in: the set-up link and invitations.

use std::os::unix::fs::PermissionsExt;

use reqwest::multipart::Form;
use serde_json::json;

use crate::pictures::{bundled, nobody, side_by_side};
use crate::server::{PASSWORD, Server, email, employee, employer, part};

#[tokio::test]
async fn an_employer_registers_once() {
    let server = Server::open();
    let obama = bundled("obama.jpg");
    let answer = server
        .upload("/employer/register", None, employer("Ada", &obama, false))
        .await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.body["message"], "Employer registered successfully");
    let id = answer.body["id"].as_str().unwrap();

    let same_email = employer("ADA", &bundled("biden.jpg"), false);
    server
        .upload("/employer/register", None, same_email)
        .await
        .is(400, "Employer already exists");
    server
        .upload("/employer/register", None, employer("Bea", &obama, false))
        .await
        .is(400, "Face already registered");

    let token = server.token("Ada").await;
    let details = server.get("/employer/details", Some(&token)).await;
    let expected = json!({"username": "Ada", "email": "ada@example.org", "id": id});
    assert_eq!(details.body, expected);
}

#[tokio::test]
async fn pictures_that_show_not_one_person_are_refused_in_words() {
    let server = Server::open();
    for (picture, words) in [
        (nobody(), "Error processing image: no face in the picture"),
        (
            side_by_side("obama.jpg", "biden.jpg"),
            "Error processing image: more than one face is near",
        ),
        (
            b"GIF89a this is no picture".to_vec(),
            "Error processing image: this is not a JPEG, PNG, WebP or BMP picture",
        ),
        (
            Vec::new(),
            "Error processing image: the picture is empty: send a JPEG, PNG, WebP or BMP file",
        ),
    ] {
        server
            .upload("/employer/register", None, employer("Ada", &picture, false))
            .await
            .is(400, words);
    }
}

#[tokio::test]
async fn missing_and_malformed_fields_are_listed() {
    let server = Server::open();
    let answer = server.post("/employer/register", &[]).await;
    assert_eq!(
        answer.body["detail"][1],
        json!({"type": "missing", "loc": ["body", "email"], "msg": "Field required"})
    );
    let names: Vec<_> = answer.fields().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["username", "email", "password", "image"]);

    let wrong = Form::new()
        .part("username", part(b"a file"))
        .text("email", "nobody")
        .text("password", PASSWORD)
        .text("image", "no file")
        .text("face_login", "perhaps");
    let answer = server.upload("/employer/register", None, wrong).await;
    let field = |name: &str, kind: &str| (name.to_owned(), kind.to_owned());
    assert_eq!(
        answer.fields(),
        [
            field("username", "string_type"),
            field("email", "value_error"),
            field("image", "value_error"),
            field("face_login", "bool_parsing"),
        ]
    );

    for password in [
        "short",
        "passwordpassword",
        "a\0bcdefghijklmno",
        &"long ".repeat(20),
    ] {
        let form = Form::new()
            .text("username", "Ada")
            .text("email", "ada@example.org")
            .text("password", password.to_owned())
            .part("image", part(&bundled("obama.jpg")));
        let answer = server.upload("/employer/register", None, form).await;
        assert_eq!(
            answer.fields(),
            [field("password", "value_error")],
            "{password:?}"
        );
    }
}

#[tokio::test]
async fn the_set_up_link_founds_the_first_organisation_once() {
    let server = Server::with("");
    let answer = server.upload(
        "/employer/register",
        None,
        employer("Ada", &bundled("obama.jpg"), false),
    );
    answer.await.is(403, "Registration is closed");

    let file = server.data().join("setup-link");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let link = std::fs::read_to_string(&file).unwrap();
    assert!(
        server.log().contains(link.trim()),
        "the first start prints it"
    );
    let (page, token) = link.trim().split_once("?token=").unwrap();
    assert_eq!(page, format!("{}/setup", server.http));

    let wanted = |token: &str, password: &str| json!({"token": token, "username": "Ada", "email": "ada@example.org", "password": password});
    let answer = server.json("/api/v1/setup", &wanted(token, "short")).await;
    assert_eq!(answer.fields()[0].0, "password");
    server
        .json("/api/v1/setup", &wanted("wrong", PASSWORD))
        .await
        .is(403, "The link or invitation is unknown, used or expired");
    let answer = server.json("/api/v1/setup", &wanted(token, PASSWORD)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert!(answer.headers.contains_key("set-cookie"));
    assert!(!file.exists(), "the used link is gone from the disk");
    let again = json!({"token": token, "username": "Eve", "email": "eve@example.org", "password": PASSWORD});
    server
        .json("/api/v1/setup", &again)
        .await
        .is(403, "The link or invitation is unknown, used or expired");
    server.token("Ada").await;
    assert!(!server.log().contains(PASSWORD));
}

#[tokio::test]
async fn an_employee_is_registered_by_the_own_employer_only() {
    let server = Server::open();
    let ada = server.employer("Ada", &bundled("obama.jpg"), false).await;
    let bea = server
        .employer("Bea", &bundled("astronaut.png"), false)
        .await;
    let token = server.token("Ada").await;
    let biden = bundled("biden.jpg");

    let answer = server
        .upload("/employee/register", None, employee("Carl", &ada, &biden))
        .await;
    answer.is(401, "Not authenticated");
    assert_eq!(answer.headers["www-authenticate"], "Bearer");
    server
        .upload(
            "/employee/register",
            Some("x.y.z"),
            employee("Carl", &ada, &biden),
        )
        .await
        .is(401, "Invalid authentication credentials");
    for stranger in [bea.as_str(), "65f0c0ffee", ""] {
        let form = employee("Carl", stranger, &biden);
        let answer = server
            .upload("/employee/register", Some(&token), form)
            .await;
        let expected = if stranger.is_empty() { 422 } else { 403 };
        assert_eq!(answer.status, expected, "{stranger:?} {answer:?}");
    }
    let answer = server
        .upload(
            "/employee/register",
            Some(&token),
            employee("Carl", &ada, &biden),
        )
        .await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.body["message"], "Employee registered successfully");
    let id = answer.body["id"].clone();
    server
        .upload(
            "/employee/register",
            Some(&token),
            employee("Carl", &ada, &biden),
        )
        .await
        .is(400, "Employee already exists");
    server
        .upload(
            "/employee/register",
            Some(&token),
            employee("Ada", &ada, &biden),
        )
        .await
        .is(400, "Employee already exists");
    server
        .upload(
            "/employee/register",
            Some(&token),
            employee("Dora", &ada, &nobody()),
        )
        .await
        .is(400, "Error processing image: no face in the picture");

    let carl = server.token("Carl").await;
    let details = server.get("/employee/details", Some(&carl)).await;
    let expected =
        json!({"username": "Carl", "email": email("Carl"), "hourly_rate": 21.5, "id": id});
    assert_eq!(details.body, expected);
    let form = employee("Dora", &ada, &biden);
    server
        .upload("/employee/register", Some(&carl), form)
        .await
        .is(403, "Access forbidden");
    for (path, token) in [("/employer/details", &carl), ("/employee/details", &token)] {
        server
            .get(path, Some(token))
            .await
            .is(403, "Access forbidden");
        server.get(path, None).await.is(401, "Not authenticated");
    }
}

#[tokio::test]
async fn an_hourly_rate_is_a_sensible_number() {
    let server = Server::open();
    let ada = server.employer("Ada", &bundled("obama.jpg"), false).await;
    let token = server.token("Ada").await;
    for (rate, kind) in [
        ("much", "float_parsing"),
        ("-1", "value_error"),
        ("NaN", "float_parsing"),
        ("1e30", "float_parsing"),
        ("0.0000001", "value_error"),
    ] {
        let form = Form::new()
            .text("username", "Carl")
            .text("email", email("Carl"))
            .text("password", PASSWORD)
            .text("employer_id", ada.clone())
            .text("hourly_rate", rate)
            .part("image", part(&bundled("biden.jpg")));
        let answer = server
            .upload("/employee/register", Some(&token), form)
            .await;
        assert_eq!(answer.status, 422, "{rate}: {answer:?}");
        let fields = answer.fields();
        assert_eq!(fields[0].0, "hourly_rate", "{rate}");
        assert!(
            fields[0].1 == kind || fields[0].1 == "value_error",
            "{rate}: {fields:?}"
        );
    }
}

#[tokio::test]
async fn an_invitation_works_once_for_its_rate_and_its_organisation() {
    let server = Server::open();
    let ada = server.employer("Ada", &bundled("obama.jpg"), false).await;
    let bea = server
        .employer("Bea", &bundled("astronaut.png"), false)
        .await;
    let token = server.token("Ada").await;
    let invite = |body: serde_json::Value| {
        server.send(
            server
                .ask(reqwest::Method::POST, "/api/v1/invitations")
                .bearer_auth(&token)
                .json(&body),
        )
    };
    invite(json!({"kind": "employer"}))
        .await
        .is(403, "Only the owner invites employers");
    assert_eq!(
        invite(json!({"kind": "visitor"})).await.fields()[0].0,
        "kind"
    );
    // Whoever is invited does not say what they earn.
    let without = invite(json!({"kind": "employee"})).await;
    let missing = ("hourly_rate".to_owned(), "missing".to_owned());
    assert_eq!(without.fields(), [missing]);
    let answer = invite(json!({"kind": "employee", "hourly_rate": "21.50"})).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let invitation = answer.body["invitation"].as_str().unwrap().to_owned();

    let biden = bundled("biden.jpg");
    let invited = |employer: &str, rate: &str, invitation: &str| {
        Form::new()
            .text("username", "Carl")
            .text("email", email("Carl"))
            .text("password", PASSWORD)
            .text("employer_id", employer.to_owned())
            .text("hourly_rate", rate.to_owned())
            .text("invitation", invitation.to_owned())
            .part("image", part(&biden))
    };
    let register = |form| server.upload("/employee/register", None, form);
    register(invited(&ada, "99", &invitation))
        .await
        .is(403, "The invitation is for another hourly rate");
    register(invited(&bea, "21.50", &invitation))
        .await
        .is(403, "Access forbidden");
    register(invited(&ada, "21.50", "made-up"))
        .await
        .is(403, "The link or invitation is unknown, used or expired");
    let answer = register(invited(&ada, "21.5", &invitation)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let form = employee("Dora", &ada, &biden).text("invitation", invitation);
    register(form)
        .await
        .is(403, "The link or invitation is unknown, used or expired");
}

#[tokio::test]
async fn registration_by_invitation_wants_one() {
    let server = Server::with("registration = \"invited\"");
    let obama = bundled("obama.jpg");
    server
        .upload("/employer/register", None, employer("Ada", &obama, false))
        .await
        .is(403, "Registration is by invitation");
    let form = employer("Ada", &obama, false).text("invitation", "made-up");
    server
        .upload("/employer/register", None, form)
        .await
        .is(403, "The link or invitation is unknown, used or expired");

    let link = std::fs::read_to_string(server.data().join("setup-link")).unwrap();
    let token = link.trim().split_once("?token=").unwrap().1;
    let wanted =
        json!({"token": token, "username": "Owner", "email": email("owner"), "password": PASSWORD});
    assert_eq!(server.json("/api/v1/setup", &wanted).await.status, 201);
    let owner = server.token("owner").await;
    let answer = server
        .send(
            server
                .ask(reqwest::Method::POST, "/api/v1/invitations")
                .bearer_auth(&owner)
                .json(&json!({"kind": "employer"})),
        )
        .await;
    let invitation = answer.body["invitation"].as_str().unwrap().to_owned();
    let form = employer("Ada", &obama, false).text("invitation", invitation.clone());
    let answer = server.upload("/employer/register", None, form).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let form = employer("Bea", &bundled("biden.jpg"), false).text("invitation", invitation);
    server
        .upload("/employer/register", None, form)
        .await
        .is(403, "The link or invitation is unknown, used or expired");
}

#[tokio::test]
async fn several_photographs_make_one_person() {
    let server = Server::open();
    server
        .employer("Ada", &bundled("astronaut.png"), false)
        .await;
    let token = server.token("Ada").await;
    let enrolment = |name: &str, pictures: &[Vec<u8>]| {
        let form = Form::new()
            .text("username", name.to_owned())
            .text("email", email(name))
            .text("password", PASSWORD)
            .text("hourly_rate", "18")
            .text("consent", "paper");
        pictures
            .iter()
            .fold(form, |form, picture| form.part("image", part(picture)))
    };
    let obama = [
        bundled("obama.jpg"),
        bundled("obama2.jpg"),
        bundled("obama3.jpg"),
    ];
    let enrol = |form| server.upload("/api/v1/employees", Some(&token), form);
    server
        .upload("/api/v1/employees", None, enrolment("Carl", &obama))
        .await
        .is(401, "Not authenticated");
    enrol(enrolment("Carl", &[obama[0].clone(), nobody()]))
        .await
        .is(
            400,
            "Error processing image: picture 2: no face in the picture",
        );
    let fields = enrol(enrolment("Carl", &vec![nobody(); 11])).await.fields();
    assert_eq!(fields[0].1, "too_long");
    let answer = enrol(enrolment("Carl", &obama)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    enrol(enrolment("Twin", &obama[1..]))
        .await
        .is(400, "Face already registered");
    enrol(enrolment("Carl", &obama))
        .await
        .is(400, "Employee already exists");
    let answer = enrol(enrolment("Dora", &[bundled("biden.jpg")])).await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

#[tokio::test]
async fn somebody_with_another_photograph_is_not_enrolled_twice_in_a_small_company() {
    let server = Server::open();
    server.employer("Ada", &bundled("biden.jpg"), false).await;
    let token = server.token("Ada").await;
    let enrol = async |name: &str, picture: &str| {
        let form = Form::new()
            .text("username", name.to_owned())
            .text("email", email(name))
            .text("password", PASSWORD)
            .text("hourly_rate", "18")
            .text("consent", "paper")
            .part("image", part(&bundled(picture)));
        server.upload("/api/v1/employees", Some(&token), form).await
    };
    assert_eq!(enrol("Carl", "obama2.jpg").await.status, 201);
    // Too far from the other for a door with so few people to open.
    enrol("Twin", "obama3.jpg")
        .await
        .is(400, "Face already registered");
    assert_eq!(enrol("Dora", "astronaut.png").await.status, 201);
}

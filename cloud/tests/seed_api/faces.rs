//! Routes 3 to 5: whose face opens what.

use reqwest::Method;
use reqwest::multipart::Form;
use serde_json::json;

use crate::pictures::{bundled, nobody, side_by_side};
use crate::server::{Server, email, part};

const ROUTES: [&str; 3] = [
    "/login/face",
    "/login/face/employer",
    "/login/face/employee",
];

async fn face(
    server: &Server,
    path: &str,
    picture: &[u8],
    who: Option<&str>,
) -> crate::server::Answer {
    let form = Form::new().part("image", part(picture));
    let form = match who {
        Some(name) => form.text("email", email(name)),
        None => form,
    };
    server.upload(path, None, form).await
}

async fn switch(server: &Server, name: &str, on: bool) {
    let token = server.token(name).await;
    let request = server
        .ask(Method::PUT, "/api/v1/face-login")
        .bearer_auth(token)
        .json(&json!({"on": on}));
    assert_eq!(server.send(request).await.status, 200);
}

#[tokio::test]
async fn a_face_alone_opens_only_what_its_holder_switched_on() {
    let server = Server::open();
    let (obama, biden) = (bundled("obama.jpg"), bundled("biden.jpg"));
    let ada = server.employer("Ada", &obama, false).await;
    let token = server.token("Ada").await;
    server.employee("Carl", &ada, &token, &biden).await;
    let not_known = "Face not recognized";

    face(&server, "/login/face", &obama, None)
        .await
        .is(401, not_known);
    switch(&server, "Ada", true).await;
    let answer = face(&server, "/login/face", &obama, None).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        (&answer.body["user_type"], &answer.body["username"]),
        (&"employer".into(), &"Ada".into())
    );
    let token = answer.body["access_token"].as_str().unwrap();
    assert_eq!(
        server.get("/employer/details", Some(token)).await.status,
        200
    );

    let answer = face(&server, "/login/face/employer", &obama, None).await;
    assert_eq!(answer.status, 200);
    face(&server, "/login/face/employee", &obama, None)
        .await
        .is(401, not_known);
    face(&server, "/login/face", &biden, None)
        .await
        .is(401, not_known);
    face(&server, "/login/face", &bundled("astronaut.png"), None)
        .await
        .is(401, not_known);

    switch(&server, "Carl", true).await;
    let answer = face(&server, "/login/face/employee", &biden, None).await;
    assert_eq!(answer.body["user_type"], "employee", "{answer:?}");
    face(&server, "/login/face/employer", &biden, None)
        .await
        .is(401, not_known);
    switch(&server, "Ada", false).await;
    face(&server, "/login/face", &obama, None)
        .await
        .is(401, not_known);
}

#[tokio::test]
async fn with_an_email_the_face_is_compared_with_that_account() {
    let server = Server::open();
    let (obama, another) = (bundled("obama.jpg"), bundled("obama2.jpg"));
    server.employer("Ada", &obama, false).await;
    server.employer("Bea", &bundled("biden.jpg"), true).await;
    for route in ["/login/face", "/login/face/employer"] {
        let answer = face(&server, route, &another, Some("Ada")).await;
        assert_eq!(answer.body["username"], "Ada", "{answer:?}");
    }
    let not_known = "Face not recognized";
    for (picture, who, route) in [
        (&another, "Bea", "/login/face"),
        (&another, "Nobody", "/login/face"),
        (&another, "Ada", "/login/face/employee"),
        (&bundled("astronaut.png"), "Ada", "/login/face"),
    ] {
        face(&server, route, picture, Some(who))
            .await
            .is(401, not_known);
    }
    switch(&server, "Ada", false).await;
    face(&server, "/login/face", &obama, Some("Ada"))
        .await
        .is(401, not_known);
}

#[tokio::test]
async fn pictures_without_exactly_one_face_are_refused() {
    let server = Server::open();
    for route in ROUTES {
        face(&server, route, &nobody(), None)
            .await
            .is(400, "No face detected in the uploaded image.");
        face(
            &server,
            route,
            &side_by_side("obama.jpg", "biden.jpg"),
            None,
        )
        .await
        .is(400, "More than one face is near in the uploaded image.");
        face(&server, route, b"text", None).await.is(
            400,
            "Error processing image: this is not a JPEG, PNG, WebP or BMP picture",
        );
        let answer = server
            .upload(route, None, Form::new().text("other", "x"))
            .await;
        assert_eq!(
            answer.fields(),
            [("image".to_owned(), "missing".to_owned())]
        );
        let answer = server
            .upload(route, None, Form::new().text("image", "x"))
            .await;
        assert_eq!(
            answer.fields(),
            [("image".to_owned(), "value_error".to_owned())]
        );
    }
}

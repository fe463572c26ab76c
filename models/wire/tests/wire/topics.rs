use limen_wire::topic::{Kind, Topic, TopicError, Up};
use proptest::prelude::*;
use uuid::Uuid;

use crate::given::TERMINAL;

#[test]
fn every_topic_is_read_as_it_is_printed() {
    let ends = [
        "hello",
        "event",
        "status",
        "roster/applied",
        "enrolled",
        "command/result",
        "ack",
        "roster",
        "settings",
        "state",
        "command",
    ];
    let kinds: Vec<_> = Kind::all().collect();
    assert_eq!(kinds.len(), ends.len());
    for (kind, end) in kinds.into_iter().zip(ends) {
        let topic = Topic {
            terminal: TERMINAL,
            kind,
        };
        let text = topic.to_string();
        assert_eq!(
            text,
            format!("limen/1/01900000-0000-7000-8000-000000000001/{end}")
        );
        assert_eq!(text.parse(), Ok(topic));
        assert_eq!(Kind::from_typ(kind.typ()), Some(kind));
        assert_eq!(kind.typ(), format!("limen-{}+jws", end.replace('/', "-")));
    }
}

#[test]
fn what_is_no_topic_says_why() {
    let id = TERMINAL.to_string();
    let letters = "0190abcd-0000-7000-8000-0000000000ff";
    let foreign = |topic: &str| TopicError::Foreign(topic.to_owned());
    let terminal = |id: &str| TopicError::Terminal(id.to_owned());
    let kind = |end: &str| TopicError::Kind(end.to_owned());
    let table = [
        (String::new(), foreign("")),
        (
            format!("limen/2/{id}/event"),
            foreign(&format!("limen/2/{id}/event")),
        ),
        (
            format!("/limen/1/{id}/event"),
            foreign(&format!("/limen/1/{id}/event")),
        ),
        (
            format!("LIMEN/1/{id}/event"),
            foreign(&format!("LIMEN/1/{id}/event")),
        ),
        ("limen/1/+/event".to_owned(), terminal("+")),
        ("limen/1/#".to_owned(), terminal("#")),
        ("limen/1//event".to_owned(), terminal("")),
        (
            format!("limen/1/{}/event", letters.to_uppercase()),
            terminal(&letters.to_uppercase()),
        ),
        (
            format!("limen/1/{}/event", id.replace('-', "")),
            terminal(&id.replace('-', "")),
        ),
        (
            format!("limen/1/{{{id}}}/event"),
            terminal(&format!("{{{id}}}")),
        ),
        (
            format!("limen/1/urn:uuid:{id}/event"),
            terminal(&format!("urn:uuid:{id}")),
        ),
        (format!("limen/1/{id}"), kind("")),
        (format!("limen/1/{id}/"), kind("")),
        (format!("limen/1/{id}/event/"), kind("event/")),
        (format!("limen/1/{id}/events"), kind("events")),
        (format!("limen/1/{id}/Event"), kind("Event")),
        (format!("limen/1/{id}/roster/#"), kind("roster/#")),
        (format!("limen/1/{id}/event\0"), kind("event\0")),
        (
            format!("limen/1/{id}/{}", "e".repeat(80)),
            TopicError::Long(125),
        ),
    ];
    for (topic, why) in table {
        assert_eq!(topic.parse::<Topic>(), Err(why), "{topic:?}");
    }
}

#[test]
fn filters_take_every_terminal() {
    assert_eq!(Up::Event.filter(), "limen/1/+/event");
    assert_eq!(
        Up::RosterApplied.shared_filter("limen"),
        "$share/limen/limen/1/+/roster/applied"
    );
}

proptest! {
    #[test]
    fn any_terminal_and_kind_comes_back(id in any::<u128>(), kind in 0usize..11) {
        let topic = Topic { terminal: Uuid::from_u128(id), kind: Kind::all().nth(kind).unwrap() };
        prop_assert_eq!(topic.to_string().parse(), Ok(topic));
    }

    #[test]
    fn whatever_is_read_is_printed_the_same(text in "(limen/1/)?[0-9a-f-]{0,36}/?[a-z/+#]{0,16}") {
        if let Ok(topic) = text.parse::<Topic>() {
            prop_assert_eq!(topic.to_string(), text);
        }
    }
}

//! A record of the old backend, read out of MongoDB's extended JSON (canonical or relaxed).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use limen_face::{Embedding, Template};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Map, Value};

use super::ids::ObjectId;
use crate::http::form::{check_email, check_name, check_rate};

/// The highest cost of a bcrypt hash that is taken: one check takes some ten seconds.
const MOST_COST: u32 = 16;
/// Numbers of an encoding.
const NUMBERS: usize = 128;

/// What is wrong with a record, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// What.
    pub what: String,
    /// What to do.
    pub mend: &'static str,
}

impl Wrong {
    pub(super) fn new(what: impl Into<String>, mend: &'static str) -> Self {
        Self {
            what: what.into(),
            mend,
        }
    }
}

type Read<T> = Result<T, Wrong>;

/// Who logs in.
pub(super) struct Holder {
    pub id: ObjectId,
    pub username: String,
    pub email: String,
    pub password_hash: String,
    /// The face, or why it was left out.
    pub face: Read<Option<Template>>,
}

/// Who works.
pub(super) struct Employee {
    pub holder: Holder,
    pub employer: ObjectId,
    pub hourly_rate: Decimal,
}

/// A stretch of work.
pub(super) struct Session {
    pub id: ObjectId,
    pub employee: ObjectId,
    pub check_in: Timestamp,
    pub check_out: Option<Timestamp>,
    pub earnings: Option<Decimal>,
    pub paid: bool,
}

/// A record's fields, and its identifier where it has one.
pub(super) struct Record {
    fields: Map<String, Value>,
}

impl Record {
    pub fn parse(text: &str) -> Read<Self> {
        match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => Ok(Self { fields }),
            Ok(_) => Err(Wrong::new("this is no object", EXPORT)),
            Err(why) => Err(Wrong::new(format!("this is no JSON ({why})"), EXPORT)),
        }
    }

    /// The identifier as it stands there, for whoever looks for the record; cut where it is long.
    pub fn id_shown(&self) -> Option<String> {
        let id = self.fields.get("_id")?;
        let text = plain(id, "$oid").map_or_else(|| id.to_string(), str::to_owned);
        Some(text.chars().filter(|c| !c.is_control()).take(40).collect())
    }

    fn get(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    fn text(&self, field: &'static str) -> Read<&str> {
        let value = self.get(field).and_then(Value::as_str);
        value.ok_or_else(|| Wrong::new(format!("it has no text `{field}`"), MEND))
    }

    fn id(&self, field: &'static str) -> Read<ObjectId> {
        let value = self.get(field).and_then(|value| plain(value, "$oid"));
        value.and_then(ObjectId::parse).ok_or_else(|| {
            let what = format!("`{field}` is no identifier of 24 hex digits");
            Wrong::new(what, MEND)
        })
    }

    fn time(&self, field: &'static str) -> Read<Option<Timestamp>> {
        self.get(field)
            .map(|value| {
                instant(value).ok_or_else(|| Wrong::new(format!("`{field}` is no time"), MEND))
            })
            .transpose()
    }

    fn holder(&self) -> Read<Holder> {
        let id = self.id("_id")?;
        let username = self.text("username")?.trim().to_owned();
        check_name(&username).map_err(|_| {
            let what =
                "its `username` is empty, longer than 200 characters or has control characters";
            Wrong::new(what, MEND)
        })?;
        let email = self.text("email")?.trim().to_owned();
        check_email(&email).map_err(|_| Wrong::new("its `email` is no e-mail address", MEND))?;
        let password_hash = self.text("password")?.to_owned();
        let cost = password_hash
            .parse::<bcrypt::HashParts>()
            .map(|parts| parts.get_cost());
        if !cost.is_ok_and(|cost| (4..=MOST_COST).contains(&cost)) {
            return Err(Wrong::new(
                "its `password` is no bcrypt hash of a cost from 4 to 16",
                "let them set a new password in the old backend, and export again",
            ));
        }
        Ok(Holder {
            id,
            username,
            email,
            password_hash,
            face: face(self.get("face_encoding")),
        })
    }

    pub fn employer(&self) -> Read<Holder> {
        self.holder()
    }

    pub fn employee(&self) -> Read<Employee> {
        let holder = self.holder()?;
        let employer = self.id("employer_id")?;
        let rate = self.get("hourly_rate").and_then(number);
        let rate =
            rate.map(|rate| rate.round_dp_with_strategy(6, RoundingStrategy::MidpointNearestEven));
        let hourly_rate = rate
            .filter(|rate| check_rate(*rate).is_ok())
            .ok_or_else(|| Wrong::new("its `hourly_rate` is no number from 0 to 1000000", MEND))?;
        Ok(Employee {
            holder,
            employer,
            hourly_rate: hourly_rate.normalize(),
        })
    }

    pub fn session(&self) -> Read<Session> {
        let id = self.id("_id")?;
        let employee = self.id("employee_id")?;
        let check_in = self.time("check_in")?;
        let check_in = check_in.ok_or_else(|| Wrong::new("it has no `check_in`", MEND))?;
        Ok(Session {
            id,
            employee,
            check_in,
            check_out: self.time("check_out")?,
            earnings: self.get("earnings").and_then(number),
            paid: self.get("paid").and_then(Value::as_bool).unwrap_or(false),
        })
    }
}

const EXPORT: &str = "export the collection again";
const MEND: &str = "mend the record in the export";

/// A value that is text, or an object with that one key whose value is text.
fn plain<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    match value {
        Value::String(text) => Some(text),
        Value::Object(fields) if fields.len() == 1 => fields.get(key)?.as_str(),
        _ => None,
    }
}

/// A number in any of its spellings; none for what is none, infinite or beyond 28 digits.
fn number(value: &Value) -> Option<Decimal> {
    let spelled = |text: &str| {
        let exact = text.parse::<Decimal>();
        exact.or_else(|_| Decimal::from_scientific(text)).ok()
    };
    match value {
        Value::Number(number) => spelled(&number.to_string()),
        Value::Object(_) => spelled(wrapped(value)?),
        _ => None,
    }
}

/// The digits of a number that is wrapped in its type.
fn wrapped(value: &Value) -> Option<&str> {
    [
        "$numberInt",
        "$numberLong",
        "$numberDouble",
        "$numberDecimal",
    ]
    .into_iter()
    .find_map(|key| plain(value, key))
}

/// A number of an encoding. What is none stays none: the template refuses it.
fn float(value: &Value) -> Option<f32> {
    let wide = match value {
        Value::Number(number) => number.as_f64()?,
        Value::Object(_) => wrapped(value)?.parse().ok()?,
        _ => return None,
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an encoding is of single precision"
    )]
    Some(wide as f32)
}

/// An instant: MongoDB's `$date` as text or in milliseconds, or text. Without an offset it is UTC, which is what
/// the old backend's clock was read in.
fn instant(value: &Value) -> Option<Timestamp> {
    let of_text = |text: &str| {
        let aware = text.parse::<Timestamp>().ok();
        aware.or_else(|| {
            let naive = text.parse::<DateTime>().ok()?;
            Some(naive.to_zoned(TimeZone::UTC).ok()?.timestamp())
        })
    };
    let at = match value {
        Value::String(text) => of_text(text)?,
        Value::Object(fields) if fields.len() == 1 => match fields.get("$date")? {
            Value::String(text) => of_text(text)?,
            Value::Number(number) => Timestamp::from_millisecond(number.as_i64()?).ok()?,
            other => {
                Timestamp::from_millisecond(plain(other, "$numberLong")?.parse().ok()?).ok()?
            }
        },
        _ => return None,
    };
    // The store keeps microseconds.
    Timestamp::from_microsecond(at.as_microsecond()).ok()
}

/// An encoding as a template of one photo.
fn face(value: Option<&Value>) -> Read<Option<Template>> {
    let again = "enrol the person again with new pictures";
    let Some(value) = value else {
        return Ok(None);
    };
    let list = value.as_array();
    let numbers: Option<Vec<f32>> =
        list.and_then(|list| list.iter().take(NUMBERS + 1).map(float).collect());
    let Some(numbers) = numbers else {
        return Err(Wrong::new(
            "its `face_encoding` is no list of numbers",
            again,
        ));
    };
    let Ok(numbers) = <[f32; NUMBERS]>::try_from(numbers) else {
        let found = list.map_or(0, Vec::len);
        let what = format!("its `face_encoding` has {found} numbers, not {NUMBERS}");
        return Err(Wrong::new(what, again));
    };
    match Template::from_photos(&[Embedding(numbers)]) {
        Ok(template) => Ok(Some(template)),
        Err(_) => Err(Wrong::new("its `face_encoding` is none of a face", again)),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!({"$date": "2024-03-01T08:00:00.123Z"}), Some("2024-03-01T08:00:00.123Z"))]
    #[case(json!({"$date": "2024-03-01T08:00:00.123+0000"}), Some("2024-03-01T08:00:00.123Z"))]
    #[case(json!({"$date": "2024-03-01T09:00:00+01:00"}), Some("2024-03-01T08:00:00Z"))]
    #[case(json!({"$date": {"$numberLong": "1709280000123"}}), Some("2024-03-01T08:00:00.123Z"))]
    #[case(json!({"$date": 1_709_280_000_123_i64}), Some("2024-03-01T08:00:00.123Z"))]
    #[case(json!("2024-03-01T08:00:00.123456"), Some("2024-03-01T08:00:00.123456Z"))]
    #[case(json!("2024-03-01 08:00:00"), Some("2024-03-01T08:00:00Z"))]
    #[case(json!({"$date": {"$numberLong": "9223372036854775807"}}), None)]
    #[case(json!({"$date": "2024-13-01T08:00:00Z"}), None)]
    #[case(json!({"$date": "2024-03-01T08:00:00Z", "more": 1}), None)]
    #[case(json!(17), None)]
    fn times(#[case] value: Value, #[case] wanted: Option<&str>) {
        let wanted = wanted.map(|text| text.parse::<Timestamp>().unwrap());
        assert_eq!(instant(&value), wanted);
    }

    #[rstest]
    #[case(json!(21.5), Some("21.5"))]
    #[case(json!({"$numberInt": "15"}), Some("15"))]
    #[case(json!({"$numberDouble": "15.25"}), Some("15.25"))]
    #[case(json!({"$numberDecimal": "1.5E+1"}), Some("15"))]
    #[case(json!({"$numberDouble": "NaN"}), None)]
    #[case(json!({"$numberDouble": "Infinity"}), None)]
    #[case(json!("15"), None)]
    fn numbers(#[case] value: Value, #[case] wanted: Option<&str>) {
        let wanted = wanted.map(|text| text.parse::<Decimal>().unwrap());
        assert_eq!(number(&value), wanted);
    }

    #[test]
    fn encodings() {
        let right: Vec<Value> = (0..128)
            .map(|n| json!(f64::from(n) / 500.0 - 0.1))
            .collect();
        assert!(matches!(face(Some(&json!(right))), Ok(Some(_))));
        assert!(matches!(face(None), Ok(None)));
        let with = |at: usize, value: Value| {
            let mut list = right.clone();
            list[at] = value;
            json!(list)
        };
        for (value, words) in [
            (json!(right[..127]), "127 numbers"),
            (
                json!([right.as_slice(), &right[..1]].concat()),
                "129 numbers",
            ),
            (with(5, json!({"$numberDouble": "NaN"})), "none of a face"),
            (with(5, json!(1e300)), "none of a face"),
            (with(5, json!("0.1")), "no list of numbers"),
            (json!(vec![0.0; 128]), "none of a face"),
            (json!("AAAA"), "no list of numbers"),
        ] {
            let wrong = face(Some(&value)).err().unwrap();
            assert!(wrong.what.contains(words), "{}", wrong.what);
        }
    }
}

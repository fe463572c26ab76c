//! Decimal numbers in JSON: digits as they are, with no float in between.

use std::borrow::Cow;

use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::openapi::schema::{Object, Schema, Type};
use utoipa::openapi::{RefOr, schema::SchemaType};
use utoipa::{PartialSchema, ToSchema};

/// A decimal that is written as a JSON number: `21.5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number(pub Decimal);

impl From<Decimal> for Number {
    fn from(value: Decimal) -> Self {
        Self(value)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.normalize().to_string();
        RawValue::from_string(text)
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

impl PartialSchema for Number {
    fn schema() -> RefOr<Schema> {
        let mut object = Object::new();
        object.schema_type = SchemaType::new(Type::Number);
        RefOr::T(Schema::Object(object))
    }
}

impl ToSchema for Number {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Number")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stay_as_they_are() {
        for (text, json) in [
            ("21.50", "21.5"),
            ("0", "0"),
            ("0.1", "0.1"),
            ("-3.000", "-3"),
        ] {
            let number = Number(text.parse().unwrap());
            assert_eq!(serde_json::to_string(&number).unwrap(), json);
        }
    }
}

//! How a tenant wants its doors: what every terminal of the site is told.

use limen_wire::{Face, Name, Pad, Screen, Settings};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};
use uuid::Uuid;

use crate::App;
use crate::attendance::terms;
use crate::downlink::DownlinkError;
use crate::store::audit::Deed;
use crate::store::{Account, StoreError, TenantId};

/// The key of the tenant's setting.
const SETTING: &str = "site";

/// The FPIRs that there is a measured tolerance for, as at a terminal.
const LEAST_FPIR: f64 = 1e-5;
const MOST_FPIR: f64 = 1e-2;

/// What an employer decides about the doors of the site. What is left out has its default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Doors {
    /// `off`: no face is looked at and no terminal holds a template. `optional`: a face is looked at after a touch.
    /// `on`: everybody who comes near is looked at. PINs and badges stay in any case.
    #[schema(schema_with = faces)]
    pub face: Face,
    /// What is done against pictures that are held into the camera: `off`, `passive` (by what the frames show)
    /// or `challenge` (a turn of the head is asked for as well).
    #[schema(schema_with = pads)]
    pub pad: Pad,
    /// The share of strangers' visits that may be taken for somebody (FPIR), 0.00001 to 0.01.
    #[schema(example = 0.001)]
    pub fpir: f64,
    /// What languages screens offer (BCP 47), the site's own first: one to sixteen.
    #[schema(example = json!(["en", "de"]))]
    pub languages: Vec<String>,
    /// How a screen greets whoever punched: `full`, `first` or `none`.
    #[schema(schema_with = greetings)]
    pub greeting: Name,
    /// Whether it says how long they worked today.
    pub hours: bool,
}

fn faces() -> Object {
    one_of(["off", "optional", "on"])
}

fn pads() -> Object {
    one_of(["off", "passive", "challenge"])
}

fn greetings() -> Object {
    one_of(["full", "first", "none"])
}

/// A word out of these. Their types are the wire's, which knows no OpenAPI.
fn one_of<const N: usize>(words: [&str; N]) -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::String))
        .enum_values(Some(words))
        .build()
}

impl Default for Doors {
    fn default() -> Self {
        Self {
            face: Face::On,
            pad: Pad::Passive,
            fpir: 1e-3,
            // A screen offers those of them that it has words in.
            languages: ["en", "de", "es", "ar"].map(str::to_owned).to_vec(),
            greeting: Name::First,
            hours: true,
        }
    }
}

impl Doors {
    /// The first field that can't stand, and why.
    ///
    /// # Errors
    /// The field's name, and a sentence about it.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.pad == Pad::SecondFactor {
            return Err((
                "pad",
                "no terminal asks for a second factor yet: say off, passive or challenge",
            ));
        }
        if !(LEAST_FPIR..=MOST_FPIR).contains(&self.fpir) {
            return Err((
                "fpir",
                "should be 0.00001 to 0.01, which is what was measured",
            ));
        }
        if !(1..=16).contains(&self.languages.len()) {
            return Err(("languages", "should be one to sixteen"));
        }
        let is_tag = |tag: &String| {
            let parts = || tag.split('-');
            let fits = |part: &str| {
                (1..=8).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_alphanumeric())
            };
            tag.len() <= 35
                && parts().all(fits)
                && parts().next().is_some_and(|first| first.len() >= 2)
        };
        match self.languages.iter().all(is_tag) {
            true => Ok(()),
            false => Err(("languages", "should be language tags like en or de-AT")),
        }
    }
}

/// What the tenant decided.
///
/// # Errors
/// When the database refuses, or what is stored can't be read.
pub async fn doors(app: &App, tenant: TenantId) -> Result<Doors, StoreError> {
    match app.store.setting(tenant, SETTING).await? {
        None => Ok(Doors::default()),
        Some(json) => {
            serde_json::from_str(&json).map_err(|_| StoreError::Damaged("setting `site`"))
        }
    }
}

/// Keeps what the tenant decided, and has its terminals told. It has been checked.
///
/// # Errors
/// When the database refuses.
pub async fn set_doors(app: &App, by: &Account, doors: &Doors) -> Result<(), StoreError> {
    let json = serde_json::to_string(doors).map_err(|_| StoreError::Damaged("setting `site`"))?;
    let deed = Deed::new(by.id, app.now(), "doors_set", None);
    app.store
        .set_setting(by.tenant, SETTING, json, Some(deed))
        .await?;
    let _nobody_listens = app.changed.send(by.tenant);
    Ok(())
}

/// What a terminal of the tenant is told; its version is counted by the store.
///
/// # Errors
/// When the database refuses, or what is stored can't be read.
pub(crate) async fn settings(
    app: &App,
    tenant: TenantId,
    site: Uuid,
) -> Result<Settings, DownlinkError> {
    let found = app.store.tenant(tenant).await?;
    let found = found.ok_or(DownlinkError::NoSite(site))?;
    let rules = terms::rules_of(app, &found).await?;
    let doors = doors(app, tenant).await?;
    Ok(Settings {
        epoch: app.downlink.epoch(app).await?,
        version: 1,
        zone: found.site.zone,
        face: doors.face,
        fpir: doors.fpir,
        pad: doors.pad,
        re_punch_s: rules.repunch_s,
        open: Vec::new(),
        languages: doors.languages,
        screen: Screen {
            name: doors.greeting,
            hours: doors.hours,
        },
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::as_it_comes("{}", None)]
    #[case::no_faces(r#"{"face": "off"}"#, None)]
    #[case::languages(r#"{"languages": ["de-AT", "en"]}"#, None)]
    #[case::too_loose(r#"{"fpir": 0.1}"#, Some("fpir"))]
    #[case::nobody_measured(r#"{"fpir": 0}"#, Some("fpir"))]
    #[case::second_factor(r#"{"pad": "second_factor"}"#, Some("pad"))]
    #[case::silent(r#"{"languages": []}"#, Some("languages"))]
    #[case::no_tag(r#"{"languages": ["de_AT"]}"#, Some("languages"))]
    #[case::markup(r#"{"languages": ["<b>"]}"#, Some("languages"))]
    fn what_can_stand(#[case] json: &str, #[case] wrong: Option<&str>) {
        let doors: Doors = serde_json::from_str(json).unwrap();
        assert_eq!(doors.check().err().map(|(field, _)| field), wrong);
    }
}

//! Sites: how a tenant wants the doors of each, what its terminals are told, and who sees which.

use jiff::civil::Time;
use limen_payroll::Zone;
use limen_wire::{Face, Name, Pad, Screen, Settings};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};
use uuid::Uuid;

use crate::App;
use crate::attendance::terms;
use crate::downlink::DownlinkError;
use crate::store::audit::Deed;
use crate::store::places::Place;
use crate::store::{Account, AccountId, Role, StoreError, TenantId};

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

/// What is decided about the doors of a site.
///
/// # Errors
/// When what is stored can't be read.
pub fn doors_of(place: &Place) -> Result<Doors, StoreError> {
    match &place.doors {
        None => Ok(Doors::default()),
        Some(json) => serde_json::from_str(json).map_err(|_| StoreError::Damaged("sites.doors")),
    }
}

async fn place(app: &App, tenant: TenantId, site: Uuid) -> Result<Place, StoreError> {
    let mut sites = app.store.sites(tenant).await?.into_iter();
    sites
        .find(|place| place.id == site)
        .ok_or(StoreError::Missing("site"))
}

/// What is decided about the doors of a site.
///
/// # Errors
/// When there is no such site, the database refuses, or what is stored can't be read.
pub async fn doors(app: &App, tenant: TenantId, site: Uuid) -> Result<Doors, StoreError> {
    doors_of(&place(app, tenant, site).await?)
}

/// The first site of a tenant.
///
/// # Errors
/// When the database refuses.
pub async fn first(app: &App, tenant: TenantId) -> Result<Place, StoreError> {
    let sites = app.store.sites(tenant).await?;
    sites.into_iter().next().ok_or(StoreError::Missing("site"))
}

/// How a site is to be, checked.
pub struct Wanted {
    name: String,
    zone: String,
    day_start: Option<String>,
    doors: Option<Doors>,
}

impl Wanted {
    /// Checks it.
    ///
    /// # Errors
    /// The field's name, and a sentence about it.
    pub fn check(
        name: String,
        zone: String,
        day_start: Option<String>,
        doors: Option<Doors>,
    ) -> Result<Self, (&'static str, &'static str)> {
        let name = name.trim().to_owned();
        if !(1..=64).contains(&name.chars().count()) || name.chars().any(char::is_control) {
            return Err((
                "name",
                "should have 1 to 64 characters, none of them a control character",
            ));
        }
        if Zone::named(&zone).is_err() {
            return Err(("zone", "should be an IANA zone like Europe/Berlin"));
        }
        let day_start = match day_start {
            None => None,
            Some(text) => match text.parse::<Time>() {
                Ok(time) => Some(time.to_string()),
                Err(_) => return Err(("day_start", "should be a time of day like 05:30")),
            },
        };
        if let Some(doors) = &doors {
            doors.check()?;
        }
        Ok(Self {
            name,
            zone,
            day_start,
            doors,
        })
    }

    fn into_place(self, id: Uuid, before: Option<String>) -> Result<Place, StoreError> {
        let doors = match self.doors {
            None => before,
            Some(doors) => {
                let json = serde_json::to_string(&doors);
                Some(json.map_err(|_| StoreError::Damaged("sites.doors"))?)
            }
        };
        Ok(Place {
            id,
            name: self.name,
            zone: self.zone,
            day_start: self.day_start,
            doors,
        })
    }
}

/// Adds a site.
///
/// # Errors
/// When there are as many as there may be, or the database refuses.
pub async fn add(app: &App, by: &Account, wanted: Wanted) -> Result<Place, StoreError> {
    let place = wanted.into_place(Uuid::new_v4(), None)?;
    let deed = Deed::new(by.id, app.now(), "site_added", Some(place.id));
    app.store.add_site(by.tenant, place.clone(), deed).await?;
    Ok(place)
}

/// Changes a site, and has its terminals told.
///
/// # Errors
/// When the database refuses.
pub async fn change(
    app: &App,
    by: &Account,
    before: Place,
    wanted: Wanted,
) -> Result<Place, StoreError> {
    let place = wanted.into_place(before.id, before.doors)?;
    let deed = Deed::new(by.id, app.now(), "site_changed", Some(place.id));
    app.store
        .change_site(by.tenant, place.clone(), deed)
        .await?;
    let _nobody_listens = app.changed.send(by.tenant);
    Ok(place)
}

/// Keeps what was decided about the doors of the first site, and has its terminals told. It has been checked.
///
/// # Errors
/// When the database refuses.
pub async fn set_doors(app: &App, by: &Account, doors: &Doors) -> Result<(), StoreError> {
    let mut place = first(app, by.tenant).await?;
    let json = serde_json::to_string(doors).map_err(|_| StoreError::Damaged("sites.doors"))?;
    place.doors = Some(json);
    let deed = Deed::new(by.id, app.now(), "doors_set", Some(place.id));
    app.store.change_site(by.tenant, place, deed).await?;
    let _nobody_listens = app.changed.send(by.tenant);
    Ok(())
}

/// Hangs a terminal at a site; it is told everything anew.
///
/// # Errors
/// When there is no such terminal or site, or the database refuses.
pub async fn hang(app: &App, by: &Account, terminal: Uuid, site: Uuid) -> Result<(), StoreError> {
    let deed = Deed::new(by.id, app.now(), "terminal_moved", Some(terminal));
    app.store.place_terminal(by.tenant, site, deed).await?;
    app.ingest.forget(terminal);
    app.downlink.told_nothing(terminal);
    let _nobody_listens = app.changed.send(by.tenant);
    Ok(())
}

/// Has only these sites' doors know a person; none of them: all.
///
/// # Errors
/// When there is no such person or site, or the database refuses.
pub async fn tie(
    app: &App,
    by: &Account,
    person: AccountId,
    sites: Vec<Uuid>,
) -> Result<(), StoreError> {
    let deed = Deed::new(by.id, app.now(), "person_sites_set", Some(person.0));
    app.store.tie_person(by.tenant, sites, deed).await?;
    let _nobody_listens = app.changed.send(by.tenant);
    Ok(())
}

/// Each once, in order.
#[must_use]
pub fn distinct(mut sites: Vec<Uuid>) -> Vec<Uuid> {
    sites.sort_unstable();
    sites.dedup();
    sites
}

/// Which sites an account sees. Only a manager may be limited to some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope(Option<Vec<Uuid>>);

impl Scope {
    /// Everything.
    pub const ALL: Self = Self(None);

    /// Of that account.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn of(app: &App, account: &Account) -> Result<Self, StoreError> {
        if account.role != Role::Manager {
            return Ok(Self::ALL);
        }
        let mut limits = app.store.limits(account.tenant).await?;
        Ok(Self(limits.remove(&account.id)))
    }

    /// Whether it is everything.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0.is_none()
    }

    /// Whether that site is seen.
    #[must_use]
    pub fn sees(&self, site: Uuid) -> bool {
        self.0.as_ref().is_none_or(|sites| sites.contains(&site))
    }

    /// Whether somebody is seen whom these sites' doors know; none of them: all.
    #[must_use]
    pub fn knows(&self, sites: &[Uuid]) -> bool {
        sites.is_empty() || sites.iter().any(|site| self.sees(*site))
    }

    /// Whether a person of the tenant is seen.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn knows_person(
        &self,
        app: &App,
        tenant: TenantId,
        person: AccountId,
    ) -> Result<bool, StoreError> {
        if self.is_all() {
            return Ok(true);
        }
        let ties = app.store.ties(tenant).await?;
        Ok(self.knows(ties.get(&person).map_or(&[], Vec::as_slice)))
    }
}

/// What a terminal of a site is told; its version is counted by the store.
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
    let place = place(app, tenant, site).await?;
    let doors = doors_of(&place)?;
    Ok(Settings {
        epoch: app.downlink.epoch(app).await?,
        version: 1,
        zone: place.zone,
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

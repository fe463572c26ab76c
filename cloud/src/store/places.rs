//! Sites: their settings, what hangs there, who is known there, and whose manager somebody is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::audit::Deed;
use super::{AccountId, Answer, TenantId};

/// Most sites of an organisation.
pub const MOST_SITES: usize = 200;

/// A site, without its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// IANA zone.
    pub zone: String,
    /// The local time at which a working day begins there, `05:30:00`; `None`: as the organisation has it.
    pub day_start: Option<String>,
    /// What terminals there are told, as JSON; `None`: the defaults.
    pub doors: Option<String>,
}

impl Place {
    /// It as it is written down.
    pub(super) fn told(&self) -> String {
        let doors = self.doors.as_deref().unwrap_or("null");
        let doors: serde_json::Value = serde_json::from_str(doors).unwrap_or_default();
        let (name, zone, day_start) = (&self.name, &self.zone, &self.day_start);
        serde_json::json!({"name": name, "zone": zone, "day_start": day_start, "doors": doors})
            .to_string()
    }
}

/// Where each terminal hung when, by terminal and instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placements {
    /// Where what is no terminal's is counted: the first site.
    pub first: Uuid,
    placed: BTreeMap<Uuid, Vec<(Timestamp, Uuid)>>,
}

impl Placements {
    /// Out of rows of terminal, instant, site; in any order.
    #[must_use]
    pub fn new(first: Uuid, rows: Vec<(Uuid, Timestamp, Uuid)>) -> Self {
        let mut placed: BTreeMap<Uuid, Vec<(Timestamp, Uuid)>> = BTreeMap::new();
        for (terminal, since, site) in rows {
            placed.entry(terminal).or_default().push((since, site));
        }
        for places in placed.values_mut() {
            places.sort_unstable();
        }
        Self { first, placed }
    }

    /// The site at which a terminal hung. What its clock says from before it hung anywhere was there where it was
    /// first.
    #[must_use]
    pub fn site(&self, terminal: Uuid, at: Timestamp) -> Uuid {
        let Some(places) = self.placed.get(&terminal) else {
            return self.first;
        };
        let next = places.partition_point(|(since, _)| *since <= at);
        places
            .get(next.saturating_sub(1))
            .map_or(self.first, |(_, site)| *site)
    }
}

/// Sites. What changes something is written down in its own transaction.
pub trait Places {
    /// The sites of a tenant, the first one first and the others by name.
    fn sites(&self, tenant: TenantId) -> Answer<Vec<Place>>;

    /// Adds a site, which has the first one's keys.
    ///
    /// # Errors
    /// [`super::StoreError::TooMany`].
    fn add_site(&self, tenant: TenantId, site: Place, deed: Deed) -> Answer<()>;

    /// Changes a site.
    ///
    /// # Errors
    /// [`super::StoreError::Missing`].
    fn change_site(&self, tenant: TenantId, site: Place, deed: Deed) -> Answer<()>;

    /// Hangs a terminal at a site from an instant on; the terminal is in the deed. Its next roster and settings
    /// are the site's, with versions that it has never had.
    ///
    /// # Errors
    /// [`super::StoreError::Missing`], of the terminal or the site.
    fn place_terminal(&self, tenant: TenantId, site: Uuid, deed: Deed) -> Answer<()>;

    /// Where each terminal of a tenant hung when.
    fn placements(&self, tenant: TenantId) -> Answer<Placements>;

    /// Has only these sites' doors know a person, who is in the deed; none of them: all sites' doors.
    ///
    /// # Errors
    /// [`super::StoreError::Missing`], of the person or a site.
    fn tie_person(&self, tenant: TenantId, sites: Vec<Uuid>, deed: Deed) -> Answer<()>;

    /// Whose doors know a person, of those whom not all sites' doors know.
    fn ties(&self, tenant: TenantId) -> Answer<BTreeMap<AccountId, Vec<Uuid>>>;

    /// Whose personnel number each is.
    fn numbers(&self, tenant: TenantId) -> Answer<BTreeMap<String, AccountId>>;

    /// Gives a person, who is in the deed, a personnel number in the place of the one before.
    ///
    /// # Errors
    /// [`super::StoreError::Missing`] of the person; [`super::StoreError::Overtaken`] where it is somebody else's.
    fn set_number(&self, tenant: TenantId, number: String, deed: Deed) -> Answer<()>;

    /// Makes an account, which is in the deed, manager of these sites only; none of them: of all.
    ///
    /// # Errors
    /// [`super::StoreError::Missing`], of the account or a site.
    fn limit_manager(&self, tenant: TenantId, sites: Vec<Uuid>, deed: Deed) -> Answer<()>;

    /// Whose sites' manager an account is, of those who are not of all.
    fn limits(&self, tenant: TenantId) -> Answer<BTreeMap<AccountId, Vec<Uuid>>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_was_where_it_hung_then() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let id = Uuid::from_u128;
        let rows = vec![(id(9), at(200), id(2)), (id(9), at(100), id(1))];
        let places = Placements::new(id(7), rows);
        for (when, site) in [(0, 1), (100, 1), (199, 1), (200, 2), (900, 2)] {
            assert_eq!(places.site(id(9), at(when)), id(site), "{when}");
        }
        assert_eq!(places.site(id(8), at(900)), id(7));
    }
}

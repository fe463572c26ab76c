//! From the roster's rows to the gallery that vision searches.

use limen_face::{Calibration, Gallery, Template};
use uuid::Uuid;

use super::{Roster, RosterError};

/// The gallery of everybody with a template of `model`. A template that is not one is left out,
/// and said.
///
/// # Errors
/// When the database fails.
pub fn build(
    roster: &Roster,
    model: &str,
    calibration: Calibration,
) -> Result<Gallery<Uuid>, RosterError> {
    let mut people = Vec::new();
    for (person, bytes) in roster.templates(model)? {
        match Template::from_bytes(&bytes) {
            Ok(template) => people.push((person, template)),
            Err(refused) => tracing::error!(%person, %refused, "a template is left out"),
        }
    }
    Ok(Gallery::new(people, calibration))
}

//! 1:N: a face without an e-mail, and a face that is there already.

use limen_face::{Decision, Gallery, Probe, SecondFactor};

use super::{EnrolmentError, open_all};
use crate::App;
use crate::store::{Account, Kind, OwnedTemplate};

/// The false-identification rate of a log-in by face alone, of a whole gallery and per visit.
const FPIR: f64 = 1e-3;

/// The account whose face that is, among those whose holders switched face login on, under the identification
/// policy. Who has a near-twin among them is not told apart by a face alone.
///
/// # Errors
/// When the templates can't be read.
pub async fn identify_for_log_in(
    app: &App,
    kind: Option<Kind>,
    probe: Probe,
) -> Result<Option<Account>, EnrolmentError> {
    let model = app.faces.model().to_owned();
    let stored = app.store.face_login_templates(kind, model).await?;
    match decide(app, &stored, probe).await? {
        Decision::Match {
            id: (tenant, person),
            second_factor: None | Some(SecondFactor::Provisional),
            ..
        } => Ok(app.store.account(tenant, person).await?),
        _ => Ok(None),
    }
}

/// Whether one of these people has that face: two of them about as near is a yes.
///
/// # Errors
/// When the work can't be done.
pub async fn is_among(
    app: &App,
    stored: &[OwnedTemplate],
    probe: Probe,
) -> Result<bool, EnrolmentError> {
    let people = open_all(app, stored);
    let calibration = app.faces.calibration().clone();
    app.faces
        .work(move |_| Ok(Gallery::new(people, calibration).is_among(&probe)))
        .await
}

async fn decide(
    app: &App,
    stored: &[OwnedTemplate],
    probe: Probe,
) -> Result<Decision<(crate::store::TenantId, crate::store::AccountId)>, EnrolmentError> {
    let people = open_all(app, stored);
    let calibration = app.faces.calibration().clone();
    app.faces
        .work(move |_| Ok(Gallery::new(people, calibration).identify(&probe, FPIR)))
        .await
}

//! 1:N: a face without an e-mail, and a face that is there already.

use limen_face::policy::standing;
use limen_face::{Decision, Gallery, Models, Probe, SecondFactor};

use super::{EnrolmentError, open_all};
use crate::App;
use crate::store::{Account, AccountId, Kind, OwnedTemplate};

/// The false-identification rate of a log-in by face alone, of a whole gallery and per visit.
const FPIR: f64 = 1e-3;
/// Among so many of the nearest somebody's twin is looked for.
const NEIGHBOURS: usize = 300;
/// As many frames as a door gathers.
const FRAMES: usize = 3;

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

/// Who of these people has that face already; of several the nearest.
///
/// # Errors
/// When the work can't be done.
pub async fn double_of(
    app: &App,
    stored: &[OwnedTemplate],
    probe: Probe,
) -> Result<Option<AccountId>, EnrolmentError> {
    let people = open_all(app, stored);
    let calibration = app.faces.calibration().clone();
    let work = move |_: &Models| {
        let gallery = Gallery::new(people, calibration);
        let nearest = || gallery.search(&probe, 1).first().map(|((_, id), _)| *id);
        Ok(gallery.is_among(&probe).then(nearest).flatten())
    };
    app.faces.work(work).await
}

/// Whom of these people, among whom they are, somebody is not told apart from well enough at a door that lets
/// strangers in at this rate.
///
/// # Errors
/// When the work can't be done.
pub async fn near_twins(
    app: &App,
    stored: &[OwnedTemplate],
    person: AccountId,
    probe: Probe,
    fpir: f64,
) -> Result<Vec<AccountId>, EnrolmentError> {
    let people = open_all(app, stored);
    let calibration = app.faces.calibration().clone();
    let work = move |_: &Models| {
        // Everybody with everybody would take its time in a large house; who is far away is no twin.
        let all = Gallery::new(people.clone(), calibration.clone());
        let near = all.search(&probe, NEIGHBOURS);
        let is_near = |id: &AccountId| *id == person || near.iter().any(|((_, one), _)| one == id);
        let near: Vec<_> = people
            .into_iter()
            .filter(|((_, id), _)| is_near(id))
            .collect();
        let standing = standing(&Gallery::new(near, calibration), FRAMES, fpir);
        let twins = standing.alike.into_iter().filter(|one| one.is_twin);
        let mut found: Vec<AccountId> = twins
            .filter_map(|one| match (one.id.1, one.other.1) {
                (id, other) if id == person => Some(other),
                (other, id) if id == person => Some(other),
                _ => None,
            })
            .collect();
        found.sort_unstable();
        found.dedup();
        Ok(found)
    };
    app.faces.work(work).await
}

async fn decide(
    app: &App,
    stored: &[OwnedTemplate],
    probe: Probe,
) -> Result<Decision<(crate::store::TenantId, AccountId)>, EnrolmentError> {
    let people = open_all(app, stored);
    let calibration = app.faces.calibration().clone();
    app.faces
        .work(move |_| Ok(Gallery::new(people, calibration).identify(&probe, FPIR)))
        .await
}

//! Faces in the cloud: pictures to templates and probes, and whose they are.
//!
//! A picture lives in memory while it is looked at and is nowhere written. Each must show exactly one person
//! who could be meant. Looking takes a thread that may wait, few at a time, so that a heap of uploads takes
//! neither the memory nor the cores. No score leaves this file: an answer is yes, no or a person.

mod identify;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use limen_face::quality::{Bar, Flaw};
use limen_face::{
    Calibration, Detection, Embedding, FaceError, Frame, Models, NotOneFace, PictureError, Probe,
    Quality, Template, TemplateError, ZooError, only_face,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use crate::App;
use crate::store::{Account, AccountId, OwnedTemplate, SealedTemplate, StoreError, TenantId};
use crate::vault::{Sealed, VaultError};

pub use identify::{double_of, identify_for_log_in, is_among, near_twins};

/// Version of a template's bytes, as `limen-face` writes them.
const TEMPLATE_VERSION: i64 = 1;
/// What stands in the place of the model at an encoding that was imported: the same network saw a squeezed picture.
/// It is in no gallery, and vouches for its owner only (1:1), until new pictures make a template.
pub const IMPORTED: &str = "dlib-resnet34-v1+imported";
/// Most pictures of one enrolment.
pub const MOST_PICTURES: usize = 10;
/// How many uploads wait before a caller is told to come back.
const WAITING: usize = 32;
/// Most memory that pictures may take while they come and until they are done with, in grains: 256 MiB.
const GRAINS: usize = 4096;
/// One of these.
pub const GRAIN_BYTES: usize = 64 << 10;
/// How long an upload waits for its turn.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a picture or a template can't be used.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    /// The picture can't be read.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// It shows nobody, or several.
    #[error(transparent)]
    NotOneFace(#[from] NotOneFace),
    /// The face can't be processed.
    #[error(transparent)]
    Face(#[from] FaceError),
    /// The face would make a poor template.
    #[error(transparent)]
    Flawed(#[from] Flaw),
    /// One of several pictures, counted from 1.
    #[error("picture {number}: {source}")]
    OneOf {
        /// Which.
        number: usize,
        /// What is wrong with it.
        source: Box<Self>,
    },
    /// No picture, or too many.
    #[error("1 to {MOST_PICTURES} pictures are wanted, not {0}")]
    Pictures(usize),
    /// The embeddings make no template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Too many uploads are waiting.
    #[error("too many pictures are being looked at")]
    Busy,
    /// The thread that was to do it is gone.
    #[error("the thread that looks at pictures stopped")]
    Stopped,
    /// The database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A template does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl EnrolmentError {
    /// Whether another picture would do, so that the sender can mend it.
    #[must_use]
    pub fn is_about_the_picture(&self) -> bool {
        matches!(
            self,
            Self::Picture(_)
                | Self::NotOneFace(_)
                | Self::Face(FaceError::NoShape)
                | Self::Flawed(_)
                | Self::OneOf { .. }
                | Self::Pictures(_)
        )
    }
}

/// The models, and the order in which pictures get their turn.
pub struct Faces {
    models: Arc<Models>,
    calibration: Calibration,
    working: Arc<Semaphore>,
    waiting: Semaphore,
    grains: Arc<Semaphore>,
}

/// What pictures gave.
#[derive(Clone)]
pub struct Enrolment {
    /// The reference to be stored.
    pub template: Template,
    /// The same pictures as a probe, to see whether somebody has this face already.
    pub probe: Probe,
}

/// How good a picture has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Care {
    /// One face is enough: whoever sends it has seen it.
    OneFace,
    /// As good as an enrolment's picture should be.
    Every,
}

/// Refuses a face that would make a poor template.
fn flawless(models: &Models, frame: &Frame, face: &Detection) -> Result<(), EnrolmentError> {
    let aligned = models.align(frame, face)?;
    match Quality::of(frame, face, &aligned).flaw(&Bar::default()) {
        Some(flaw) => Err(flaw.into()),
        None => Ok(()),
    }
}

/// What is wrong with a picture, as a word and in a sentence; nothing where it will do.
pub struct Judged(pub Option<(&'static str, String)>);

/// Says whether a picture will do for an enrolment.
///
/// # Errors
/// When the work can't be done.
pub async fn judge(app: &App, picture: Bytes) -> Result<Judged, EnrolmentError> {
    app.metrics.pictures.inc();
    let work = move |models: &Models| {
        let frame = Frame::decode(&picture)?;
        drop(picture);
        let faces = models.detect(&frame)?;
        flawless(models, &frame, only_face(&faces, &frame)?)
    };
    match app.faces.work(work).await {
        Ok(()) => Ok(Judged(None)),
        Err(error) => match reason(&error) {
            Some(word) => Ok(Judged(Some((word, error.to_string())))),
            None => Err(error),
        },
    }
}

/// A word for what is wrong with a picture.
fn reason(error: &EnrolmentError) -> Option<&'static str> {
    Some(match error {
        EnrolmentError::Picture(_) => "unreadable",
        EnrolmentError::NotOneFace(NotOneFace::None) | EnrolmentError::Face(FaceError::NoShape) => {
            "none"
        }
        EnrolmentError::NotOneFace(NotOneFace::Several) => "several",
        EnrolmentError::Flawed(flaw) => match flaw {
            Flaw::Small => "small",
            Flaw::Cropped => "cropped",
            Flaw::Dark => "dark",
            Flaw::Overexposed => "overexposed",
            Flaw::Backlit => "backlit",
            Flaw::Occluded => "occluded",
            Flaw::Turned => "turned",
            Flaw::Leaning => "leaning",
            Flaw::Blurred => "blurred",
        },
        _ => return None,
    })
}

/// What a verification is for. Each has its tolerance on the plain distance, an upper bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Getting in.
    LogIn,
    /// An uploaded check-in or check-out.
    Attendance,
}

impl Purpose {
    /// The setting that holds the tenant's own tolerance, and the default.
    fn tolerance(self) -> (&'static str, f32) {
        match self {
            Self::LogIn => ("login_tolerance", 0.6),
            Self::Attendance => ("attendance_tolerance", 0.65),
        }
    }
}

impl Faces {
    /// Loads the models of a folder.
    ///
    /// # Errors
    /// When a file is missing or is not the one whose hash is promised.
    pub fn load(zoo: &std::path::Path) -> Result<Self, ZooError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            models: Arc::new(Models::load(zoo)?),
            calibration: Calibration::load(zoo)?,
            working: Arc::new(Semaphore::new(cores.min(4))),
            waiting: Semaphore::new(WAITING),
            grains: Arc::new(Semaphore::new(GRAINS)),
        })
    }

    /// The id of the embedding that templates are made with.
    #[must_use]
    pub fn model(&self) -> &str {
        self.models.embedding_id()
    }

    /// The measured tolerances.
    #[must_use]
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// Room for [`GRAIN_BYTES`] more of what is being uploaded, until it is dropped; `None` where all of it is
    /// taken. Who sends pictures need not say who they are, so that only all together can be bounded.
    #[must_use]
    pub fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.grains).try_acquire_owned().ok()
    }

    /// Does `work` on a thread that may wait, when its turn has come.
    async fn work<T, F>(&self, work: F) -> Result<T, EnrolmentError>
    where
        T: Send + 'static,
        F: FnOnce(&Models) -> Result<T, EnrolmentError> + Send + 'static,
    {
        let _place = self
            .waiting
            .try_acquire()
            .map_err(|_| EnrolmentError::Busy)?;
        let turn = Arc::clone(&self.working).acquire_owned();
        let turn = tokio::time::timeout(PATIENCE, turn)
            .await
            .map_err(|_| EnrolmentError::Busy)?
            .map_err(|_| EnrolmentError::Stopped)?;
        let models = Arc::clone(&self.models);
        tokio::task::spawn_blocking(move || {
            // The turn lasts as long as the work, also when the caller has gone away.
            let _turn = turn;
            work(&models)
        })
        .await
        .map_err(|_| EnrolmentError::Stopped)?
    }

    async fn embedding(
        &self,
        app: &App,
        picture: Bytes,
        care: Care,
    ) -> Result<Embedding, EnrolmentError> {
        app.metrics.pictures.inc();
        self.work(move |models| {
            let frame = Frame::decode(&picture)?;
            drop(picture);
            let faces = models.detect(&frame)?;
            let face = only_face(&faces, &frame)?;
            if care == Care::Every {
                flawless(models, &frame, face)?;
            }
            Ok(models.embed(&frame, face)?)
        })
        .await
    }
}

/// A probe of one uploaded picture.
///
/// # Errors
/// When the picture can't be read or shows not exactly one person.
pub async fn probe_from_upload(app: &App, picture: Bytes) -> Result<Probe, EnrolmentError> {
    let embedding = app.faces.embedding(app, picture, Care::OneFace).await?;
    Ok(Probe::from_frames(&[embedding])?)
}

/// One template of several uploaded pictures of a person.
///
/// # Errors
/// When there are none or too many; with the picture's number where one of several can't be used.
pub async fn template_from_uploads(
    app: &App,
    pictures: Vec<Bytes>,
) -> Result<Enrolment, EnrolmentError> {
    template_of(app, pictures, Care::OneFace).await
}

/// [`template_from_uploads`] of pictures that nobody but their sender has seen: each has to be good.
///
/// # Errors
/// As there.
pub async fn careful_template(
    app: &App,
    pictures: Vec<Bytes>,
) -> Result<Enrolment, EnrolmentError> {
    template_of(app, pictures, Care::Every).await
}

async fn template_of(
    app: &App,
    pictures: Vec<Bytes>,
    care: Care,
) -> Result<Enrolment, EnrolmentError> {
    let count = pictures.len();
    if count == 0 || count > MOST_PICTURES {
        return Err(EnrolmentError::Pictures(count));
    }
    let mut embeddings = Vec::with_capacity(count);
    for (number, picture) in (1..).zip(pictures) {
        let embedding = app.faces.embedding(app, picture, care).await;
        embeddings.push(embedding.map_err(|source| {
            if count == 1 || !source.is_about_the_picture() {
                return source;
            }
            EnrolmentError::OneOf {
                number,
                source: Box::new(source),
            }
        })?);
    }
    Ok(Enrolment {
        template: Template::from_photos(&embeddings)?,
        probe: Probe::from_frames(&embeddings)?,
    })
}

/// Whether a probe is the holder of an account (1:1): within the tenant's tolerance on the plain distance, and
/// within the measured one. An account without a template is nobody's face; an imported one serves until there is
/// one of our own.
///
/// # Errors
/// When the template can't be read.
pub async fn verify(
    app: &App,
    account: &Account,
    probe: &Probe,
    purpose: Purpose,
) -> Result<bool, EnrolmentError> {
    let stored = app
        .store
        .template(account.tenant, account.id, app.faces.model().to_owned())
        .await?;
    let stored = match stored {
        Some(own) => Some(own),
        None => {
            let imported = IMPORTED.to_owned();
            app.store
                .template(account.tenant, account.id, imported)
                .await?
        }
    };
    let Some(stored) = stored else {
        return Ok(false);
    };
    let template = open(app, account.tenant, account.id, &stored)?;
    let template = Template::from_bytes(&template)?;
    let (key, default) = purpose.tolerance();
    let set = app.store.setting(account.tenant, key).await?;
    let tolerance = set
        .and_then(|value| serde_json::from_str::<f32>(&value).ok())
        .unwrap_or(default);
    Ok(limen_face::verify(
        &template,
        probe,
        tolerance,
        app.faces.calibration(),
    ))
}

/// Seals a template for storing: it opens as this person's only.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn seal(
    app: &App,
    tenant: TenantId,
    person: AccountId,
    template: &Template,
) -> Result<SealedTemplate, VaultError> {
    seal_as(app, tenant, person, app.faces.model(), template)
}

/// Seals an encoding of the old backend.
///
/// # Errors
/// When the operating system gives no randomness.
pub(crate) fn seal_imported(
    app: &App,
    tenant: TenantId,
    person: AccountId,
    template: &Template,
) -> Result<SealedTemplate, VaultError> {
    seal_as(app, tenant, person, IMPORTED, template)
}

fn seal_as(
    app: &App,
    tenant: TenantId,
    person: AccountId,
    model: &str,
    template: &Template,
) -> Result<SealedTemplate, VaultError> {
    let bytes = Zeroizing::new(template.to_bytes());
    let sealed = app.vault.seal(
        Sealed::Template {
            tenant,
            person,
            model,
            version: TEMPLATE_VERSION,
        },
        &bytes,
    )?;
    Ok(SealedTemplate {
        model: model.to_owned(),
        version: TEMPLATE_VERSION,
        photos: i64::try_from(template.photos()).unwrap_or(i64::MAX),
        sealed,
    })
}

/// Opens a stored template: its bytes, as `limen-face` writes them.
///
/// # Errors
/// When it is somebody else's, or damaged.
pub fn open(
    app: &App,
    tenant: TenantId,
    person: AccountId,
    stored: &SealedTemplate,
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    app.vault.open_sealed(
        Sealed::Template {
            tenant,
            person,
            model: &stored.model,
            version: stored.version,
        },
        &stored.sealed,
    )
}

/// Opens stored templates with their owners. One that does not open is left out and said loudly: the others'
/// owners must not pay for it.
fn open_all(app: &App, stored: &[OwnedTemplate]) -> Vec<((TenantId, AccountId), Template)> {
    let mut opened = Vec::with_capacity(stored.len());
    for one in stored {
        let bytes = open(app, one.tenant, one.person, &one.template);
        match bytes.map(|bytes| Template::from_bytes(&bytes)) {
            Ok(Ok(template)) => opened.push(((one.tenant, one.person), template)),
            _ => tracing::error!(
                person = %one.person.0,
                "a stored template does not open: damaged, or moved from another row; enrol the person again"
            ),
        }
    }
    opened
}

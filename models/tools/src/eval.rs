//! How well the pipeline recognises people, in the words of ISO/IEC 19795-1.

mod acquire;
mod cache;
mod det;
mod groups;
mod identification;
mod pairs;
mod people;
mod pnm;
mod progress;
mod report;
mod verification;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use limen_face::{Calibration, Models};

use crate::random::Random;
use crate::statistics::Curve;
use acquire::{Camera, Picture};
use report::Report;

pub use acquire::{Acquired, Acquisition, Take};
pub use cache::Cache;
pub use groups::Groups;
pub use identification::{Identification, OfGallery, Plan};
pub use people::People;
pub use report::INTERVALS;
pub use verification::Verification;

/// Arguments of `limen-face eval`.
#[derive(Clone, clap::Args)]
#[command(
    after_help = "Embeddings are biometric data. They are kept between runs, readable by you alone, until another \
                  build of this program removes them: below your cache folder, where --cache says, or, with \
                  --no-cache, nowhere. Whether people's pictures may be used for this is for you to make sure of."
)]
pub struct Arguments {
    /// Compares pictures one to one: CSV with the columns path_a, path_b, same (1 or 0) and perhaps group.
    #[arg(
        long,
        value_name = "FILE",
        requires = "root",
        required_unless_present = "identify"
    )]
    pairs: Option<PathBuf>,
    /// Folder that the paths of --pairs start from.
    #[arg(long, value_name = "DIR", requires = "pairs")]
    root: Option<PathBuf>,
    /// Identifies people among others: a folder with a folder of pictures for each person. May be given again.
    #[arg(long, value_name = "DIR")]
    identify: Vec<PathBuf>,
    /// Which group people are of: CSV with a head, the person's folder and the group in its first two columns.
    #[arg(long, value_name = "FILE", requires = "identify")]
    groups: Option<PathBuf>,
    /// Draws each gallery and its strangers from one group only, instead of from everybody.
    #[arg(long, requires = "groups")]
    one_group: bool,
    /// Photos of each person that are enrolled.
    #[arg(long, default_value_t = 3, value_parser = count)]
    enrol: usize,
    /// Frames of a visit.
    #[arg(long, default_value_t = 3, value_parser = count)]
    frames: usize,
    /// People in a gallery, several sizes with commas between; half of those with pictures enough, where not given.
    /// Who is not in it is a stranger.
    #[arg(long, value_delimiter = ',', value_parser = count)]
    gallery: Vec<usize>,
    /// Galleries drawn of each size.
    #[arg(long, default_value_t = 20, value_parser = count)]
    splits: usize,
    /// Repeats an earlier run's draw; it is printed. By chance where not given.
    #[arg(long)]
    seed: Option<u64>,
    /// Strangers let in, as a share of visits, that the policy is asked to keep.
    #[arg(long, default_value_t = 1e-3, value_parser = share)]
    fpir: f64,
    /// Which face of a picture counts.
    #[arg(long, value_enum, default_value = "door")]
    take: Take,
    /// Prints one JSON object instead of tables.
    #[arg(long)]
    json: bool,
    /// Writes the DET plot of the comparisons as SVG.
    #[arg(long, value_name = "FILE")]
    det: Option<PathBuf>,
    /// Keeps the embeddings below this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "no_cache")]
    cache: Option<PathBuf>,
    /// Keeps no embeddings.
    #[arg(long)]
    no_cache: bool,
}

/// A number from 1 up.
pub fn count(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|&count: &usize| count > 0);
    count.ok_or_else(|| "a number from 1 up is wanted".to_owned())
}

/// A share between 0 and 1, both excluded.
pub fn share(text: &str) -> Result<f64, String> {
    let share = text
        .parse()
        .ok()
        .filter(|&share: &f64| share > 0.0 && share < 1.0);
    share.ok_or_else(|| "a share between 0 and 1 is wanted, such as 0.001".to_owned())
}

/// Runs the evaluation and prints it.
pub fn run(models: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let place = arguments
        .cache
        .clone()
        .or_else(Cache::place)
        .filter(|_| !arguments.no_cache);
    let workshop = Workshop::open(models, place.as_deref())?;
    let (report, curves) = evaluate(&workshop, arguments)?;
    if let Some(path) = &arguments.det {
        write_det(path, "Face comparisons", &curves)?;
    }
    let mut out = std::io::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(())
}

/// Writes a DET plot with a line for each curve.
pub fn write_det(path: &Path, title: &str, curves: &[(String, Curve)]) -> anyhow::Result<()> {
    let lines = curves.iter().map(|(name, curve)| det::Line {
        name: name.clone(),
        curve,
    });
    let lines: Vec<_> = lines.collect();
    std::fs::write(path, det::draw(title, &lines))
        .with_context(|| format!("can't write {}", path.display()))
}

fn evaluate(
    workshop: &Workshop,
    arguments: &Arguments,
) -> anyhow::Result<(Report, Vec<(String, Curve)>)> {
    let mut curves = Vec::new();
    let mut report = Report {
        tool: format!("limen-face {}", env!("CARGO_PKG_VERSION")),
        embedding: workshop.models.embedding_id().to_owned(),
        take: arguments.take,
        intervals: INTERVALS,
        verification: None,
        identification: None,
    };
    if let (Some(list), Some(root)) = (&arguments.pairs, &arguments.root) {
        let (verification, found) = workshop.verify(list, root, arguments.take)?;
        report.verification = Some(verification);
        curves.extend(found);
    }
    if !arguments.identify.is_empty() {
        let people = People::read(&arguments.identify, arguments.groups.as_deref())?;
        let plan = Plan {
            enrol: arguments.enrol,
            frames: arguments.frames,
            galleries: arguments.gallery.clone(),
            splits: arguments.splits,
            seed: arguments.seed.unwrap_or_else(Random::seed),
            fpir: arguments.fpir,
            one_group: arguments.one_group,
        };
        let (identification, found) = workshop.identify(people, plan, arguments.take)?;
        report.identification = Some(identification);
        curves.extend(found);
    }
    Ok((report, curves))
}

/// What evaluations share.
pub struct Workshop {
    /// The models.
    pub models: Models,
    /// What was measured.
    pub calibration: Calibration,
    cache: Option<Cache>,
}

impl Workshop {
    /// Loads the models, and opens the cache below a folder where one is named.
    ///
    /// # Errors
    /// When a file is missing or not what it should be.
    pub fn open(folder: &Path, cache: Option<&Path>) -> anyhow::Result<Self> {
        let models = Models::load(folder).context("can't load the models")?;
        let cache = cache
            .map(|place| Cache::open(place, folder, &models))
            .transpose()?;
        Ok(Self {
            calibration: Calibration::load(folder).context("can't load the calibration")?,
            models,
            cache,
        })
    }

    /// 1:1 over a list of pairs. The curves have names.
    ///
    /// # Errors
    /// When the list is none, or no picture gives a face.
    pub fn verify(
        &self,
        list: &Path,
        root: &Path,
        take: Take,
    ) -> anyhow::Result<(Verification, Vec<(String, Curve)>)> {
        let pairs = pairs::read(list, root)?;
        let acquired = self.look(&pairs.pictures, take)?;
        let (verification, curves) = verification::run(&pairs, &acquired, &self.calibration)?;
        let names = verification::SCALES.map(|scale| format!("{scale}, one picture and one"));
        Ok((verification, names.into_iter().zip(curves).collect()))
    }

    /// 1:N among people. The curves have names.
    ///
    /// # Errors
    /// When there are too few people for the plan, or no picture gives a face.
    pub fn identify(
        &self,
        people: People,
        plan: Plan,
        take: Take,
    ) -> anyhow::Result<(Identification, Vec<(String, Curve)>)> {
        let acquired = self.look(&people.pictures, take)?;
        identification::run(people, &acquired, &self.calibration, plan)
    }

    /// What each of these pictures gives.
    ///
    /// # Errors
    /// When a network fails, or no picture gives a face.
    pub fn look(&self, pictures: &[Picture], take: Take) -> anyhow::Result<Vec<Acquired>> {
        let camera = Camera {
            models: &self.models,
            take,
            cache: self.cache.as_ref(),
        };
        let acquired = camera.look(pictures)?;
        if acquired.iter().all(Result::is_err) {
            bail!(
                "none of the {} pictures gave a face: is it the right folder?",
                pictures.len()
            );
        }
        Ok(acquired)
    }
}

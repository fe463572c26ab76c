//! What a site's own photos and visits say of the tolerance that is in force there: its distances beside the shipped
//! curve, its error rates as far as the counts allow, and who resembles whom.
//!
//! Nothing is changed by it: no tolerance is taken from a site's own few people, whom one pair of siblings would
//! shut the door for. Names stand beside no number.

mod distribution;
mod report;
mod site;
mod trial;
mod verdict;

use std::io::Write;
use std::path::{Path, PathBuf};

use limen_face::policy::{Standing, standing};

use crate::eval::{Cache, INTERVALS, Take, Workshop, count, share, write_det};
use report::{Alike, Report, Rule};
use site::Site;
use trial::Trial;

/// Arguments of `limen-face calibrate`.
#[derive(clap::Args)]
#[command(
    after_help = "Embeddings are biometric data. They are kept between runs, readable by you alone, until another \
                  build of this program removes them: below your cache folder, where --cache says, or, with \
                  --no-cache, nowhere. Whether people's pictures may be used for this is for you to make sure of."
)]
pub struct Arguments {
    /// Who is enrolled: a folder with a folder of photos for each person, at most 32 of each by name.
    #[arg(long, value_name = "DIR")]
    gallery: PathBuf,
    /// Visits that were accepted: a folder with a folder of frames for each person, called as in --gallery, the
    /// frames of a visit side by side by name. Where not given, each photo in turn is a visit of its person, who is
    /// then enrolled with the others.
    #[arg(long, value_name = "DIR")]
    visits: Option<PathBuf>,
    /// Frames of a visit.
    #[arg(long, default_value_t = 3, value_parser = count)]
    frames: usize,
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

/// Looks at a site and prints what it shows.
///
/// # Errors
/// When a folder or a model can't be read, no picture gives a face, or a network fails.
pub fn run(models: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let place = arguments
        .cache
        .clone()
        .or_else(Cache::place)
        .filter(|_| !arguments.no_cache);
    let workshop = Workshop::open(models, place.as_deref())?;
    let site = Site::read(&workshop, arguments)?;
    let trial = Trial::of(&site, &workshop.calibration, arguments.fpir)?;
    if let Some(path) = &arguments.det {
        let curves = [(String::from("this site"), trial.distances.clone())];
        write_det(path, "Face comparisons of this site", &curves)?;
    }
    let report = report_of(&workshop, arguments, &site, &trial)?;
    let mut out = std::io::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(())
}

fn report_of(
    workshop: &Workshop,
    arguments: &Arguments,
    site: &Site,
    trial: &Trial,
) -> anyhow::Result<Report> {
    let gallery = site.gallery(&workshop.calibration)?;
    let Standing {
        people,
        rules,
        alike,
        provisional,
        ..
    } = standing(&gallery, arguments.frames, arguments.fpir);
    let name = |person: usize| site.people[person].name.clone();
    Ok(Report {
        tool: format!("limen-face {}", env!("CARGO_PKG_VERSION")),
        embedding: workshop.models.embedding_id().to_owned(),
        take: arguments.take,
        intervals: INTERVALS,
        fpir: arguments.fpir,
        people,
        photos: site.people.iter().map(|one| one.photos.len()).sum(),
        without_face: site.without_face.clone(),
        acquisition: site.acquisition.clone(),
        rules: rules.iter().map(Rule::of).collect(),
        alike: alike
            .into_iter()
            .map(|one| Alike {
                person: name(one.id),
                other: name(one.other),
                second_factor: one.is_twin,
            })
            .collect(),
        provisional: provisional.into_iter().map(name).collect(),
        measured: trial.measured(&workshop.calibration, site.visits.is_some()),
    })
}

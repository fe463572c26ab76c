//! A site's people: their photos, and their visits.

use std::path::Path;

use anyhow::{Context, bail};
use limen_face::gallery::MAX_PHOTOS;
use limen_face::{Calibration, Embedding, Gallery, Probe, Template, TemplateError};

use super::Arguments;
use crate::eval::{Acquired, Acquisition, People, Workshop};

/// Who is enrolled at a site, and who came.
pub struct Site {
    /// Everybody with a photo that gave a face.
    pub people: Vec<Enrolled>,
    /// Who has a folder of photos, and none that gave a face.
    pub without_face: Vec<String>,
    /// Pictures that gave nothing, of photos and visits.
    pub acquisition: Acquisition,
    /// Visits, where a folder of them was given: the person's place, and what was seen.
    pub visits: Option<Vec<(usize, Probe)>>,
}

/// Somebody who is enrolled.
pub struct Enrolled {
    /// The name of the folder.
    pub name: String,
    /// At most as many as a template has.
    pub photos: Vec<Embedding>,
}

/// A gallery and visits to it.
pub struct Round {
    /// Ids are the people's places.
    pub gallery: Gallery<usize>,
    /// Who came, and what was seen.
    pub visits: Vec<(usize, Probe)>,
}

impl Site {
    /// Reads the folders.
    ///
    /// # Errors
    /// When one can't be read, nobody of them is enrolled, or a network fails.
    pub fn read(workshop: &Workshop, arguments: &Arguments) -> anyhow::Result<Self> {
        let look = |folder: &Path| {
            let people = People::read(&[folder.to_owned()], None)?;
            let acquired = workshop.look(&people.pictures, arguments.take);
            let acquired = acquired.with_context(|| folder.display().to_string())?;
            anyhow::Ok((people.people, acquired))
        };
        let (everybody, mut acquired) = look(&arguments.gallery)?;
        let (mut people, mut without_face) = (Vec::new(), Vec::new());
        for person in everybody {
            let mut photos = faces(&person.pictures, &acquired);
            photos.truncate(MAX_PHOTOS);
            if photos.is_empty() {
                without_face.push(person.name);
            } else {
                people.push(Enrolled {
                    name: person.name,
                    photos,
                });
            }
        }
        let mut visits = None;
        if let Some(folder) = &arguments.visits {
            let (came, seen) = look(folder)?;
            let mut all = Vec::new();
            for person in came {
                let Some(place) = people.iter().position(|one| one.name == person.name) else {
                    eprintln!(
                        "{}: visits of somebody who is not enrolled are left out",
                        person.name
                    );
                    continue;
                };
                for frames in faces(&person.pictures, &seen).chunks(arguments.frames) {
                    all.push((place, Probe::from_frames(frames)?));
                }
            }
            if all.is_empty() {
                bail!(
                    "{}: nobody of these is enrolled: a person's folder must be called as in {}",
                    folder.display(),
                    arguments.gallery.display()
                );
            }
            acquired.extend(seen);
            visits = Some(all);
        }
        Ok(Self {
            acquisition: Acquisition::of(&acquired),
            people,
            without_face,
            visits,
        })
    }

    /// Everybody with all of their photos.
    ///
    /// # Errors
    /// When an embedding is none of a face, which the models never give.
    pub fn gallery(&self, calibration: &Calibration) -> Result<Gallery<usize>, TemplateError> {
        self.without(calibration, None)
    }

    /// How many rounds there are.
    pub fn rounds(&self) -> usize {
        match self.visits {
            Some(_) => 1,
            None => {
                let photos = self.people.iter().map(|one| one.photos.len());
                photos.filter(|&count| count > 1).max().unwrap_or(0)
            }
        }
    }

    /// The visits to the gallery. Where there are none, a photo of each person is left out of the template and comes
    /// as a visit of one frame: everybody's first in the first round, the second in the second.
    ///
    /// # Errors
    /// When an embedding is none of a face, which the models never give.
    pub fn round(&self, number: usize, calibration: &Calibration) -> Result<Round, TemplateError> {
        if let Some(visits) = &self.visits {
            return Ok(Round {
                gallery: self.gallery(calibration)?,
                visits: visits.clone(),
            });
        }
        let mut visits = Vec::new();
        for (place, person) in self.people.iter().enumerate() {
            if let Some(photo) = person.left_out(number) {
                visits.push((place, Probe::from_frames(std::slice::from_ref(photo))?));
            }
        }
        Ok(Round {
            gallery: self.without(calibration, Some(number))?,
            visits,
        })
    }

    fn without(
        &self,
        calibration: &Calibration,
        round: Option<usize>,
    ) -> Result<Gallery<usize>, TemplateError> {
        let template = |(place, person): (usize, &Enrolled)| {
            let mut photos = person.photos.clone();
            if let Some(round) = round
                && person.left_out(round).is_some()
            {
                photos.remove(round);
            }
            Ok((place, Template::from_photos(&photos)?))
        };
        let templates = self.people.iter().enumerate().map(template);
        Ok(Gallery::new(
            templates.collect::<Result<_, _>>()?,
            calibration.clone(),
        ))
    }
}

impl Enrolled {
    /// The photo that is a visit in a round: an only one stays in the template.
    fn left_out(&self, round: usize) -> Option<&Embedding> {
        self.photos.get(round).filter(|_| self.photos.len() > 1)
    }
}

/// The embeddings of pictures that gave one.
fn faces(pictures: &[usize], acquired: &[Acquired]) -> Vec<Embedding> {
    let faces = pictures
        .iter()
        .filter_map(|&one| acquired[one].as_ref().ok());
    faces.cloned().collect()
}

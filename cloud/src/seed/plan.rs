//! What an export comes to: who and what is to be written, and what can't be taken.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::files;
use super::ids::ObjectId;
use super::records::{Employee, Holder, Record, Session, Wrong};
use super::work::{self, Kept};
use super::{Report, SeedError};
use crate::App;
use crate::store::TenantId;

/// The files, in the order in which they are read.
const FILES: [&str; 3] = ["employers", "employees", "attendance"];
/// Times before this one are none of the old backend's: 2000.
const EARLIEST: i64 = 946_684_800;
/// How far the old backend's clock may have been ahead.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

const MEND: &str = "mend the record in the export";

/// A record that was not taken, or not wholly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The file.
    pub file: String,
    /// The line that it begins on.
    pub line: u64,
    /// Its identifier, where it has one.
    pub id: Option<String>,
    /// Whether it was taken without what is wrong with it.
    pub taken: bool,
    /// What is wrong, and what to do.
    pub wrong: Wrong,
}

/// What became of a file's records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// The file.
    pub file: String,
    /// Not there yet.
    pub new: usize,
    /// Imported before.
    pub there: usize,
    /// Not taken.
    pub refused: usize,
}

/// Where a record stands.
#[derive(Clone)]
pub(super) struct Origin {
    file: usize,
    line: u64,
    id: Option<String>,
}

/// An employer and those who work there.
pub(super) struct House {
    pub employer: ObjectId,
    pub name: String,
    /// To be founded; `None` where it is there.
    pub new: Option<(Origin, Holder)>,
    pub people: BTreeMap<ObjectId, Worker>,
    /// What is kept of its work, by the session's identifier.
    pub kept: HashMap<ObjectId, Kept>,
}

/// Somebody who works.
pub(super) struct Worker {
    pub name: String,
    /// To be added; `None` where they are there.
    pub new: Option<(Origin, Employee)>,
    /// By their beginning.
    pub sessions: Vec<(Origin, Session)>,
    /// When the last of them that has an end ends, and on which line it stands.
    busy: Option<(Timestamp, u64)>,
}

impl Worker {
    /// From when on a rate is needed, where there was work.
    pub fn earliest(&self) -> Option<Timestamp> {
        self.sessions.first().map(|(_, session)| session.check_in)
    }
}

/// An export, read and checked.
pub struct Plan {
    pub(super) houses: BTreeMap<ObjectId, House>,
    pub(super) verdicts: Vec<Verdict>,
    pub(super) counts: [Count; 3],
    /// Who works where.
    employers: HashMap<ObjectId, ObjectId>,
}

/// The first record with an identifier or an e-mail.
type First = HashMap<String, String>;

impl Plan {
    /// Reads the files of a folder and compares them with one another and with what the store has. Nothing is
    /// written.
    ///
    /// # Errors
    /// When there are no such files, or the store can't be read.
    pub async fn of(app: &App, folder: &Path) -> Result<Self, SeedError> {
        let mut plan = Self {
            houses: BTreeMap::new(),
            verdicts: Vec::new(),
            counts: FILES.map(|name| Count {
                file: format!("{name}.json"),
                ..Count::default()
            }),
            employers: HashMap::new(),
        };
        if !FILES
            .iter()
            .any(|name| folder.join(format!("{name}.json")).is_file())
        {
            return Err(SeedError::Nothing(folder.to_owned()));
        }
        let mut ids = First::new();
        let mut emails = First::new();
        let employers = plan.read(folder, 0, &mut ids, Record::employer)?;
        for (origin, holder) in employers {
            plan.employer(app, origin, holder, &mut emails).await?;
        }
        let employees = plan.read(folder, 1, &mut ids, Record::employee)?;
        for (origin, employee) in employees {
            plan.employee(app, origin, employee, &mut emails).await?;
        }
        let mut sessions = plan.read(folder, 2, &mut First::new(), Record::session)?;
        sessions.sort_by_key(|(origin, session)| (session.check_in, origin.line));
        for house in plan.houses.values_mut().filter(|house| house.new.is_none()) {
            house.kept = work::kept(app, house.employer.tenant()).await?;
        }
        let latest = app.now() + AHEAD;
        for (origin, session) in sessions {
            plan.session(origin, session, latest);
        }
        Ok(plan)
    }

    /// What it comes to, before anything is written.
    ///
    /// # Errors
    /// When hours can't be computed.
    pub async fn foretold(&self, app: &App) -> Result<Report, SeedError> {
        let mut rows = Vec::new();
        for house in self.houses.values() {
            rows.extend(work::foretold(app, house).await?);
        }
        Ok(Report {
            verdicts: self.verdicts.clone(),
            counts: self.counts.clone(),
            rows,
        })
    }

    fn refuse(&mut self, origin: Origin, wrong: Wrong) {
        self.counts[origin.file].refused += 1;
        self.tell(origin, wrong, false);
    }

    fn tell(&mut self, origin: Origin, wrong: Wrong, taken: bool) {
        self.verdicts.push(Verdict {
            file: self.counts[origin.file].file.clone(),
            line: origin.line,
            id: origin.id,
            taken,
            wrong,
        });
    }

    /// What was to be written and could not be, found out while the rest was.
    pub(super) fn refuse_late(&mut self, origin: Origin, wrong: Wrong) {
        self.counts[origin.file].new -= 1;
        self.refuse(origin, wrong);
    }

    fn read<T>(
        &mut self,
        folder: &Path,
        file: usize,
        ids: &mut First,
        of: fn(&Record) -> Result<T, Wrong>,
    ) -> Result<Vec<(Origin, T)>, SeedError> {
        let path = folder.join(&self.counts[file].file);
        let failed = |source| SeedError::Read {
            path: path.clone(),
            source,
        };
        let opened = match File::open(&path) {
            Ok(opened) => BufReader::with_capacity(1 << 16, opened),
            Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(other) => return Err(failed(other)),
        };
        let mut read = Vec::new();
        let cut = files::cut(opened, |piece| {
            let mut origin = Origin {
                file,
                line: piece.line,
                id: None,
            };
            let record = piece
                .text
                .map_err(|what| Wrong::new(what, "export the collection again"));
            let record = record.and_then(|text| Record::parse(&text));
            let taken = record.and_then(|record| {
                origin.id = record.id_shown();
                of(&record)
            });
            match taken {
                Ok(taken) => read.push((origin, taken)),
                Err(wrong) => self.refuse(origin, wrong),
            }
        });
        cut.map_err(failed)?;
        // Of two with one identifier the first counts.
        read.retain(|(origin, _)| {
            let id = origin.id.clone().unwrap_or_default().to_lowercase();
            let here = format!("{}:{}", self.counts[file].file, origin.line);
            let Some(first) = ids.insert(id.clone(), here) else {
                return true;
            };
            let what = format!("{first} has the same `_id`");
            ids.insert(id, first);
            self.refuse(
                origin.clone(),
                Wrong::new(what, "take one of the two out of the export"),
            );
            false
        });
        Ok(read)
    }

    /// Whether an e-mail is free for a new account, in the export and in the store.
    async fn is_free(
        &self,
        app: &App,
        origin: &Origin,
        tenant: TenantId,
        holder: &Holder,
        emails: &mut First,
    ) -> Result<Result<(), Wrong>, SeedError> {
        let key = holder.email.to_lowercase();
        let taken = "give one of them another e-mail in the export; each logs in by their own";
        if let Some(first) = emails.get(&key) {
            let what = format!("{first} has the e-mail {}, in whatever case", holder.email);
            return Ok(Err(Wrong::new(what, taken)));
        }
        let other = app.store.account_by_email(holder.email.clone()).await?;
        if other.is_some_and(|other| other.tenant != tenant || other.id != holder.id.account()) {
            let what = format!("another account here has the e-mail {}", holder.email);
            return Ok(Err(Wrong::new(what, taken)));
        }
        let here = format!("{}:{}", self.counts[origin.file].file, origin.line);
        emails.insert(key, here);
        Ok(Ok(()))
    }

    async fn employer(
        &mut self,
        app: &App,
        origin: Origin,
        mut holder: Holder,
        emails: &mut First,
    ) -> Result<(), SeedError> {
        let (employer, name) = (holder.id, holder.username.clone());
        let there = app.store.tenant(employer.tenant()).await?.is_some();
        if let Err(wrong) = self
            .is_free(app, &origin, employer.tenant(), &holder, emails)
            .await?
        {
            // Imported before, and since then under another e-mail: it is there all the same.
            if !there {
                self.refuse(origin, wrong);
                return Ok(());
            }
        }
        if there {
            self.counts[0].there += 1;
        } else {
            self.counts[0].new += 1;
            self.without_face(&origin, &mut holder);
        }
        self.houses.insert(
            employer,
            House {
                employer,
                name,
                new: (!there).then_some((origin, holder)),
                people: BTreeMap::new(),
                kept: HashMap::new(),
            },
        );
        Ok(())
    }

    /// Tells of an encoding that is none; its owner comes without a face.
    fn without_face(&mut self, origin: &Origin, holder: &mut Holder) {
        if let Err(wrong) = &holder.face {
            let wrong = wrong.clone();
            holder.face = Ok(None);
            self.tell(origin.clone(), wrong, true);
        }
    }

    async fn employee(
        &mut self,
        app: &App,
        origin: Origin,
        mut employee: Employee,
        emails: &mut First,
    ) -> Result<(), SeedError> {
        let (id, employer) = (employee.holder.id, employee.employer);
        if !self.houses.contains_key(&employer) {
            let Some(there) = app.store.tenant(employer.tenant()).await? else {
                let what =
                    format!("its employer {employer} is not in the export, or was not taken");
                self.refuse(origin, Wrong::new(what, "see to the employer first"));
                return Ok(());
            };
            self.houses.insert(
                employer,
                House {
                    employer,
                    name: there.name,
                    new: None,
                    people: BTreeMap::new(),
                    kept: HashMap::new(),
                },
            );
        }
        let there = app
            .store
            .person(employer.tenant(), id.account())
            .await?
            .is_some();
        let free = self
            .is_free(app, &origin, employer.tenant(), &employee.holder, emails)
            .await?;
        if let (Err(wrong), false) = (free, there) {
            self.refuse(origin, wrong);
            return Ok(());
        }
        if there {
            self.counts[1].there += 1;
        } else {
            self.counts[1].new += 1;
            self.without_face(&origin, &mut employee.holder);
        }
        let worker = Worker {
            name: employee.holder.username.clone(),
            new: (!there).then_some((origin, employee)),
            sessions: Vec::new(),
            busy: None,
        };
        self.employers.insert(id, employer);
        if let Some(house) = self.houses.get_mut(&employer) {
            house.people.insert(id, worker);
        }
        Ok(())
    }

    fn session(&mut self, origin: Origin, session: Session, latest: Timestamp) {
        let employer = self.employers.get(&session.employee);
        let house = employer.and_then(|employer| self.houses.get_mut(employer));
        let place = house.and_then(|house| {
            let worker = house.people.get_mut(&session.employee)?;
            Some((worker, house.kept.get(&session.id)))
        });
        let taken = place.ok_or_else(|| {
            let what = format!(
                "its employee {} is not in the export, or was not taken",
                session.employee
            );
            Wrong::new(what, "see to the employee first")
        });
        let taken = taken.and_then(|(worker, kept)| {
            fits(&session, kept, latest)?;
            no_overlap(&session, worker)?;
            let is_there = kept.is_some_and(|kept| kept.holds(&session));
            if let Some(left) = session.check_out {
                worker.busy = worker.busy.max(Some((left, origin.line)));
            }
            worker.sessions.push((origin.clone(), session));
            Ok(is_there)
        });
        match taken {
            Ok(true) => self.counts[2].there += 1,
            Ok(false) => self.counts[2].new += 1,
            Err(wrong) => self.refuse(origin, wrong),
        }
    }
}

/// Whether its times can be, and are those that were imported before.
fn fits(session: &Session, kept: Option<&Kept>, latest: Timestamp) -> Result<(), Wrong> {
    let (came, left) = (session.check_in, session.check_out);
    if left.is_some_and(|left| left < came) {
        return Err(Wrong::new("its `check_out` is before its `check_in`", MEND));
    }
    let last = left.unwrap_or(came);
    if came.as_second() < EARLIEST || last > latest {
        return Err(Wrong::new(
            "its times are before 2000 or in the future",
            MEND,
        ));
    }
    let Some(kept) = kept else {
        return Ok(());
    };
    let same_end = kept.left.is_none_or(|(kept, _)| Some(kept) == left);
    if kept.person != session.employee.account() || kept.came != came || !same_end {
        return Err(Wrong::new(
            "it was imported before, with other times or for somebody else; what was imported stays",
            "correct the hours here instead",
        ));
    }
    Ok(())
}

/// Nobody works twice at once. Sessions come by their beginning.
fn no_overlap(session: &Session, worker: &Worker) -> Result<(), Wrong> {
    match worker.busy {
        Some((left, line)) if session.check_in < left => {
            let what = format!("it begins before the one of line {line} ends");
            let mend = "take one of the two out of the export, or mend its times";
            Err(Wrong::new(what, mend))
        }
        _ => Ok(()),
    }
}

//! Folders of people: one folder a person, in it their pictures.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::acquire::{Acquired, Picture};

/// Endings of the files that are pictures.
const ENDINGS: [&str; 7] = ["png", "jpg", "jpeg", "bmp", "webp", "pgm", "ppm"];

/// Somebody of a collection.
pub struct Person {
    /// Name of the folder; never printed beside a number.
    pub name: String,
    /// Place in the names of the groups.
    pub group: Option<usize>,
    /// Places of their pictures.
    pub pictures: Vec<usize>,
}

/// A collection.
pub struct People {
    /// Everybody with a picture, by folder.
    pub people: Vec<Person>,
    /// All of their pictures.
    pub pictures: Vec<Picture>,
    /// The names of the groups.
    pub groups: Vec<String>,
}

impl People {
    /// Reads folders that have a folder for each person, and the groups of people where a list says them.
    ///
    /// # Errors
    /// When a folder or the list can't be read, or two folders have somebody of the same name.
    pub fn read(folders: &[PathBuf], groups: Option<&Path>) -> anyhow::Result<Self> {
        let group_of = groups.map(read_groups).transpose()?.unwrap_or_default();
        let mut names: Vec<String> = group_of.values().cloned().collect();
        names.sort();
        names.dedup();
        let (mut people, mut pictures) = (Vec::<Person>::new(), Vec::new());
        for folder in folders {
            for path in subfolders(folder)? {
                let name = path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                if people.iter().any(|person| person.name == name) {
                    bail!(
                        "{}: somebody of this name lies in another folder too",
                        path.display()
                    );
                }
                let files = pictures_of(&path)?;
                if files.is_empty() {
                    continue;
                }
                let first = pictures.len();
                pictures.extend(files.into_iter().map(|path| Picture {
                    path,
                    asked_by: String::new(),
                }));
                let group = group_of
                    .get(&name)
                    .and_then(|group| names.iter().position(|one| one == group));
                people.push(Person {
                    name,
                    group,
                    pictures: (first..pictures.len()).collect(),
                });
            }
        }
        if people.is_empty() {
            let folders: Vec<_> = folders
                .iter()
                .map(|one| one.display().to_string())
                .collect();
            bail!(
                "{}: no person: a folder with a folder of pictures for each person is wanted",
                folders.join(", ")
            );
        }
        Ok(Self {
            people,
            pictures,
            groups: names,
        })
    }

    /// Leaves out the pictures that gave nothing, and people without any.
    pub fn keep_acquired(&mut self, acquired: &[Acquired]) {
        for person in &mut self.people {
            person.pictures.retain(|&picture| acquired[picture].is_ok());
        }
        self.people.retain(|person| !person.pictures.is_empty());
    }
}

fn subfolders(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = listed(folder)?;
    found.retain(|path| path.is_dir());
    Ok(found)
}

fn pictures_of(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = listed(folder)?;
    found.retain(|path| {
        let ending = path
            .extension()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        ENDINGS.contains(&ending.as_str())
    });
    Ok(found)
}

/// What lies in a folder, by name.
fn listed(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let failed = || format!("can't list {}", folder.display());
    let entries = std::fs::read_dir(folder).with_context(failed)?;
    let paths = entries.map(|entry| Ok(entry.with_context(failed)?.path()));
    let mut found = paths.collect::<anyhow::Result<Vec<_>>>()?;
    found.sort();
    Ok(found)
}

/// Reads a list of people and their groups: CSV whose first two columns are these, whatever the head calls them.
fn read_groups(list: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let name = list.display();
    let file = std::fs::File::open(list).with_context(|| format!("can't read {name}"))?;
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(file);
    let mut groups = BTreeMap::new();
    for record in reader.records() {
        let record = record.with_context(|| format!("can't read {name}"))?;
        let line = record.position().map_or(0, csv::Position::line);
        let (Some(person), Some(group)) = (record.get(0), record.get(1)) else {
            bail!("{name}: line {line}: a person and a group are wanted");
        };
        if person.is_empty() {
            bail!("{name}: line {line}: the person is empty");
        }
        // Nobody must be put into a group.
        if group.is_empty() {
            continue;
        }
        if groups.insert(person.to_owned(), group.to_owned()).is_some() {
            bail!("{name}: line {line}: this person has a group already");
        }
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn collection(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        folder
    }

    #[test]
    fn a_folder_is_a_person_and_the_list_says_the_group() {
        let folder = collection(&[
            "b/1.jpg",
            "a/2.PNG",
            "a/1.jpg",
            "a/notes.txt",
            "none/x.txt",
            "loose.jpg",
        ]);
        let list = folder.path().join("groups.csv");
        fs::write(&list, "who,where\na,North\nelse,South\n").unwrap();
        let read = People::read(&[folder.path().to_owned()], Some(&list)).unwrap();
        let seen: Vec<_> = read
            .people
            .iter()
            .map(|one| (one.name.as_str(), one.group, one.pictures.clone()))
            .collect();
        assert_eq!(seen, [("a", Some(0), vec![0, 1]), ("b", None, vec![2])]);
        assert_eq!(read.groups, ["North", "South"]);
    }

    #[test]
    fn what_is_missing_or_double_is_said() {
        let error = |folders: &[PathBuf], list: Option<&Path>| {
            format!("{:#}", People::read(folders, list).err().unwrap())
        };
        let empty = collection(&[]);
        assert!(error(&[empty.path().to_owned()], None).contains(": no person: "));
        let gone = empty.path().join("gone");
        assert!(error(std::slice::from_ref(&gone), None).contains("can't list"));
        assert!(error(std::slice::from_ref(&gone), Some(&gone)).contains("can't read"));
        let folder = collection(&["a/1.jpg"]);
        let twice = [folder.path().to_owned(), folder.path().to_owned()];
        assert!(error(&twice, None).contains("in another folder too"));
        let list = folder.path().join("groups.csv");
        fs::write(&list, "who,where\na,North\na,South\n").unwrap();
        assert!(error(&twice, Some(&list)).contains("line 3: this person has a group already"));
    }
}

//! A list of pairs of pictures: the same person, or not.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Component, Path};

use anyhow::{Context, bail};

use super::acquire::Picture;

/// Two pictures that are compared.
#[derive(Debug)]
pub struct Pair {
    /// Places of both in [`Pairs::pictures`].
    pub pictures: [usize; 2],
    /// Whose they are, as numbers.
    pub people: [usize; 2],
    /// Whether that is one person.
    pub is_same: bool,
    /// Place in [`Pairs::groups`].
    pub group: Option<usize>,
}

/// The list.
pub struct Pairs {
    /// Every picture once.
    pub pictures: Vec<Picture>,
    /// The comparisons in the order of the list.
    pub pairs: Vec<Pair>,
    /// The names of the groups in their order, where the list has that column.
    pub groups: Vec<String>,
}

/// Reads a list: CSV with a head that has `path_a`, `path_b` and `same` (1 or 0), and perhaps `group`. Paths are
/// relative to `root`. People are told apart by the folders that their pictures lie in.
///
/// # Errors
/// When the list can't be read or a line is not as it must be: the line is named.
pub fn read(list: &Path, root: &Path) -> anyhow::Result<Pairs> {
    let file =
        std::fs::File::open(list).with_context(|| format!("can't read {}", list.display()))?;
    let name = list.display().to_string();
    parse(file, &name, root)
}

fn parse(source: impl std::io::Read, name: &str, root: &Path) -> anyhow::Result<Pairs> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(source);
    let head = reader
        .headers()
        .with_context(|| format!("can't read {name}"))?
        .clone();
    let column = |wanted: &str| head.iter().position(|title| title == wanted);
    let (Some(a), Some(b), Some(same)) = (column("path_a"), column("path_b"), column("same"))
    else {
        bail!("{name}: line 1: the columns path_a, path_b and same are wanted");
    };
    let group = column("group");

    let mut builder = Builder::default();
    for record in reader.records() {
        // The error of csv says the line itself.
        let record = record.with_context(|| format!("can't read {name}"))?;
        let line = record.position().map_or(0, csv::Position::line);
        let place = format!("{name}: line {line}");
        let field = |column: usize| record.get(column).unwrap_or_default();
        let is_same = match field(same) {
            "1" => true,
            "0" => false,
            other => bail!("{place}: same is {other:?}, 1 or 0 is wanted"),
        };
        let paths = [field(a), field(b)];
        for path in paths {
            inside(path).map_err(|why| anyhow::anyhow!("{place}: the path {path:?} {why}"))?;
        }
        let group = group.map(field).filter(|group| !group.is_empty());
        builder.add(paths, is_same, group, root, &place);
    }
    if builder.pairs.is_empty() {
        bail!("{name}: no pair is in it");
    }
    Ok(builder.finish())
}

/// A list may name what lies below the root only.
fn inside(path: &str) -> Result<(), &'static str> {
    if path.is_empty() {
        return Err("is empty");
    }
    let stays = |part: Component| matches!(part, Component::Normal(_) | Component::CurDir);
    if Path::new(path).components().all(stays) {
        Ok(())
    } else {
        Err("leads out of --root")
    }
}

#[derive(Default)]
struct Builder {
    pictures: Vec<Picture>,
    known: HashMap<String, usize>,
    /// The folder of each picture.
    folders: Vec<String>,
    pairs: Vec<([usize; 2], bool, Option<usize>)>,
    groups: Vec<String>,
}

impl Builder {
    fn add(
        &mut self,
        paths: [&str; 2],
        is_same: bool,
        group: Option<&str>,
        root: &Path,
        place: &str,
    ) {
        let pictures = paths.map(|path| {
            *self.known.entry(path.to_owned()).or_insert_with(|| {
                self.pictures.push(Picture {
                    path: root.join(path),
                    asked_by: format!("{place}: "),
                });
                let folder = Path::new(path).parent().unwrap_or(Path::new(""));
                self.folders.push(folder.to_string_lossy().into_owned());
                self.pictures.len() - 1
            })
        });
        let group = group.map(|name| {
            let known = self.groups.iter().position(|one| one == name);
            known.unwrap_or_else(|| {
                self.groups.push(name.to_owned());
                self.groups.len() - 1
            })
        });
        self.pairs.push((pictures, is_same, group));
    }

    fn finish(self) -> Pairs {
        let people = self.people();
        let mut names = self.groups.clone();
        names.sort();
        let place = |group: usize| names.iter().position(|name| *name == self.groups[group]);
        let pairs = self.pairs.iter().map(|&(pictures, is_same, group)| Pair {
            pictures,
            people: pictures.map(|picture| people[picture]),
            is_same,
            group: group.and_then(place),
        });
        Pairs {
            pairs: pairs.collect(),
            pictures: self.pictures,
            groups: names,
        }
    }

    /// Whose picture each is: pictures of one folder are of one person, unless a pair says otherwise; then only
    /// pairs of the same person join pictures.
    fn people(&self) -> Vec<usize> {
        let in_one_folder =
            |pictures: &[usize; 2]| self.folders[pictures[0]] == self.folders[pictures[1]];
        let mut joined = Joined::new(self.pictures.len());
        let folders_are_people = self
            .pairs
            .iter()
            .all(|(pictures, is_same, _)| *is_same == in_one_folder(pictures));
        if folders_are_people {
            let mut first: BTreeMap<&str, usize> = BTreeMap::new();
            for (picture, folder) in self.folders.iter().enumerate() {
                joined.join(*first.entry(folder).or_insert(picture), picture);
            }
        } else {
            for ([a, b], _, _) in self.pairs.iter().filter(|(_, is_same, _)| *is_same) {
                joined.join(*a, *b);
            }
        }
        (0..self.pictures.len())
            .map(|picture| joined.of(picture))
            .collect()
    }
}

impl Pairs {
    /// Number of different people.
    pub fn people(&self) -> usize {
        let people: BTreeSet<usize> = self.pairs.iter().flat_map(|pair| pair.people).collect();
        people.len()
    }
}

/// Sets that are joined step by step.
struct Joined(Vec<usize>);

impl Joined {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    /// The member that stands for the set.
    fn of(&mut self, mut one: usize) -> usize {
        while self.0[one] != one {
            self.0[one] = self.0[self.0[one]];
            one = self.0[one];
        }
        one
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.of(a), self.of(b));
        self.0[b.max(a)] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn parsed(text: &str) -> anyhow::Result<Pairs> {
        parse(text.as_bytes(), "pairs.csv", Path::new("/pictures"))
    }

    #[test]
    fn columns_may_stand_anywhere_and_more_may_be_there() {
        let list = parsed("same,x,group,path_b,path_a\n1,?,North,ann/2.jpg,ann/1.jpg\n0,?,,\"b, c/1.jpg\",ann/1.jpg\n").unwrap();
        assert_eq!(list.pictures.len(), 3);
        assert_eq!(list.pictures[2].path, Path::new("/pictures/b, c/1.jpg"));
        assert_eq!(list.groups, ["North"]);
        let [same, other] = &list.pairs[..] else {
            panic!("{} pairs", list.pairs.len())
        };
        assert_eq!((same.people[0], same.group), (same.people[1], Some(0)));
        assert_ne!(other.people[0], other.people[1]);
        assert_eq!((list.people(), other.group), (2, None));
    }

    #[test]
    fn where_folders_are_no_people_pairs_tell_them_apart() {
        let list =
            parsed("path_a,path_b,same\n1.jpg,2.jpg,1\n2.jpg,3.jpg,1\n1.jpg,4.jpg,0\n").unwrap();
        assert_eq!(list.people(), 2);
        assert_eq!(list.pairs[1].people, [list.pairs[0].people[0]; 2]);
    }

    #[rstest]
    #[case(
        "a,b\n1,2\n",
        "pairs.csv: line 1: the columns path_a, path_b and same are wanted"
    )]
    #[case("path_a,path_b,same\n", "pairs.csv: no pair is in it")]
    #[case(
        "path_a,path_b,same\na/1,a/2,1\na/1,b/2,yes\n",
        "pairs.csv: line 3: same is \"yes\", 1 or 0 is wanted"
    )]
    #[case(
        "path_a,path_b,same\n../1,a/2,1\n",
        "pairs.csv: line 2: the path \"../1\" leads out of --root"
    )]
    #[case(
        "path_a,path_b,same\na/1,/etc/passwd,1\n",
        "pairs.csv: line 2: the path \"/etc/passwd\" leads out of --root"
    )]
    #[case(
        "path_a,path_b,same\na/1,,1\n",
        "pairs.csv: line 2: the path \"\" is empty"
    )]
    #[case("path_a,path_b,same\na/1,b/2\n", "can't read pairs.csv")]
    fn bad_lists_are_refused_with_the_line(#[case] text: &str, #[case] wanted: &str) {
        assert_eq!(parsed(text).err().unwrap().to_string(), wanted);
    }

    #[test]
    fn a_short_line_is_named() {
        let error = parsed("path_a,path_b,same\na/1,b/2\n").err().unwrap();
        assert!(format!("{error:#}").contains("line: 2"), "{error:#}");
    }
}

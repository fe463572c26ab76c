//! Many people at once, out of a table: CSV as a spreadsheet writes it.
//!
//! Every row has a verdict, and a row that can't be taken stops no other. Nothing is written before it was said what
//! would be; and the same table a second time writes only what is missing: somebody is known again by their e-mail.

use std::collections::{BTreeMap, HashMap};

use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::App;
use crate::accounts::founding::{self, NoPlace};
use crate::http::form::{check_email, check_name, check_rate};
use crate::store::audit::Deed;
use crate::store::places::Place;
use crate::store::{Account, AccountId, Adding, Person, StoreError};

/// Most bytes of a table.
pub const MOST_BYTES: usize = 2 << 20;
/// Most rows of one.
pub const MOST_ROWS: usize = 5_000;

/// Why a table is none.
#[derive(Debug, thiserror::Error)]
pub enum NoTable {
    /// It is in another encoding.
    #[error("line {0} is not UTF-8: save the table as CSV UTF-8")]
    NotUtf8(usize),
    /// A column that must be there is not.
    #[error(
        "the first line names no column `{0}`; it names the columns: name, email, hourly_rate, and if you like number, site and currency"
    )]
    NoColumn(&'static str),
    /// A column that nobody knows, or that is there twice.
    #[error(
        "the column `{0}` is unknown or there twice; known are name, email, hourly_rate, number, site and currency"
    )]
    Column(String),
    /// Too many rows.
    #[error("the table has more than {MOST_ROWS} rows: cut it in two")]
    TooLong,
    /// The database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody can't be added.
    #[error(transparent)]
    Place(#[from] NoPlace),
}

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ImportVerdict)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Somebody new.
    New,
    /// Somebody who is here already.
    There,
    /// It can't be taken.
    Refused,
}

/// A row and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ImportRow)]
pub struct Row {
    /// The line of the table that it begins on; the columns are named on line 1.
    pub line: u64,
    /// The name in it, at most 200 characters.
    pub name: String,
    /// What becomes of it.
    pub verdict: Verdict,
    /// Why it can't be taken, and what to do; what else is done for somebody who is here.
    pub what: Option<String>,
}

/// What becomes of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PeopleImport)]
pub struct Told {
    /// Whether it was written.
    pub written: bool,
    /// How many rows are somebody new.
    pub new: usize,
    /// How many are somebody who is here already.
    pub there: usize,
    /// How many can't be taken.
    pub refused: usize,
    /// Each.
    pub rows: Vec<Row>,
}

/// Somebody of a row that can be taken.
struct Wanted {
    name: String,
    email: String,
    rate: Decimal,
    number: Option<String>,
    site: Option<Uuid>,
    /// Who that is, where they are here already.
    there: Option<AccountId>,
}

const COLUMNS: [&str; 6] = ["name", "email", "hourly_rate", "number", "site", "currency"];

/// Where each column is.
fn columns(header: &csv::StringRecord) -> Result<HashMap<&'static str, usize>, NoTable> {
    let mut found = HashMap::new();
    for (at, title) in header.iter().enumerate() {
        let plain = title.trim().to_lowercase().replace([' ', '-'], "_");
        let name = match plain.as_str() {
            "e_mail" | "mail" => "email",
            "wage" | "rate" => "hourly_rate",
            "personnel_number" | "no" => "number",
            other => other,
        };
        // A spreadsheet leaves empty columns at the end.
        if name.is_empty() {
            continue;
        }
        let known = COLUMNS.into_iter().find(|known| *known == name);
        let known = known.filter(|known| found.insert(*known, at).is_none());
        known.ok_or_else(|| NoTable::Column(title.chars().take(40).collect()))?;
    }
    for must in &COLUMNS[..3] {
        if !found.contains_key(must) {
            return Err(NoTable::NoColumn(must));
        }
    }
    Ok(found)
}

/// What separates the columns: whichever of these the first line has most of.
fn separator(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    let count = |separator: &u8| first.bytes().filter(|byte| byte == separator).count();
    // Of equally many the first: max_by_key takes the last.
    [b'\t', b';', b',']
        .into_iter()
        .max_by_key(count)
        .unwrap_or(b',')
}

/// Counts the lines of a text on the way through it. The reader's own count is one behind where lines end as on
/// Windows.
struct Lines<'t> {
    text: &'t [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line that a record begins on; records come in their order.
    fn of(&mut self, record: &csv::StringRecord) -> u64 {
        let begin = record.position().map_or(0, csv::Position::byte);
        let begin = usize::try_from(begin).unwrap_or(usize::MAX);
        while let Some(byte) = self.text.get(self.at) {
            let is_before = self.at < begin || matches!(byte, b'\r' | b'\n');
            if !is_before {
                break;
            }
            self.line += u64::from(*byte == b'\n');
            self.at += 1;
        }
        self.line
    }
}

/// What is here already.
struct Here {
    people: BTreeMap<String, Person>,
    numbers: BTreeMap<String, AccountId>,
    ties: BTreeMap<AccountId, Vec<Uuid>>,
    sites: Vec<Place>,
    currency: String,
    decimal_comma: bool,
}

impl Here {
    async fn of(app: &App, by: &Account, decimal_comma: bool) -> Result<Self, StoreError> {
        let tenant = app.store.tenant(by.tenant).await?;
        let people = app.store.people(by.tenant).await?.into_iter();
        Ok(Self {
            people: people
                .map(|person| (person.email.to_lowercase(), person))
                .collect(),
            numbers: app.store.numbers(by.tenant).await?,
            ties: app.store.ties(by.tenant).await?,
            sites: app.store.sites(by.tenant).await?,
            currency: tenant.ok_or(StoreError::Missing("tenant"))?.currency,
            decimal_comma,
        })
    }
}

/// What earlier rows have.
#[derive(Default)]
struct Earlier {
    emails: HashMap<String, u64>,
    numbers: HashMap<String, u64>,
}

impl Here {
    /// Reads one row. `field` gives a column's text, without the spaces around it; none where it is empty.
    fn wanted<'r>(
        &self,
        line: u64,
        field: impl Fn(&str) -> Option<&'r str>,
        earlier: &mut Earlier,
    ) -> Result<Wanted, String> {
        let name = field("name").ok_or("it has no name")?;
        check_name(name)
            .map_err(|_| "a name has at most 200 characters and no control characters")?;
        let email = field("email").ok_or("it has no e-mail, by which somebody logs in")?;
        check_email(email).map_err(|_| "this is no e-mail address")?;
        let key = email.to_lowercase();
        if let Some(first) = earlier.emails.insert(key.clone(), line) {
            earlier.emails.insert(key, first);
            return Err(format!(
                "line {first} has the same e-mail; take one of the two out"
            ));
        }
        let rate = field("hourly_rate").ok_or("it has no hourly_rate")?;
        // Where commas separate no columns, half of Europe writes one before the cents.
        let rate = match self.decimal_comma {
            true => rate.replace(',', ".").parse::<Decimal>().ok(),
            false => rate.parse().ok(),
        };
        let rate = rate.filter(|rate| check_rate(*rate).is_ok());
        let rate = rate.ok_or(
            "hourly_rate is a number from 0 to 1000000 with six places at most, like 21.50",
        )?;
        if let Some(currency) =
            field("currency").filter(|given| !given.eq_ignore_ascii_case(&self.currency))
        {
            let given: String = currency
                .chars()
                .filter(|c| !c.is_control())
                .take(8)
                .collect();
            return Err(format!(
                "everybody here is paid in {}, not in {given}",
                self.currency
            ));
        }
        let there = self.people.get(&key).map(|person| person.id);
        let number = field("number").map(str::to_owned);
        if let Some(number) = &number {
            let fits = number.chars().count() <= 32
                && number
                    .chars()
                    .all(|c| c.is_alphanumeric() || "-_./".contains(c));
            if !fits {
                return Err("a number has at most 32 letters, digits and - _ . /".to_owned());
            }
            if let Some(first) = earlier.numbers.insert(number.clone(), line) {
                earlier.numbers.insert(number.clone(), first);
                return Err(format!(
                    "line {first} has the same number; take one of the two out"
                ));
            }
            let other = self
                .numbers
                .get(number)
                .filter(|owner| Some(**owner) != there);
            if other.is_some() {
                return Err("somebody else here has this number".to_owned());
            }
        }
        let site = field("site").map(|name| {
            let found = self.sites.iter().find(|site| site.name == name || site.id.to_string() == name);
            found.map(|site| site.id).ok_or("there is no site of that name; add it first, or leave the field empty for all sites")
        });
        Ok(Wanted {
            name: name.to_owned(),
            email: email.to_owned(),
            rate: rate.normalize(),
            number,
            site: site.transpose()?,
            there,
        })
    }

    /// What somebody who is here lacks of what their row says: a number, and the site whose doors alone know them.
    fn lacks(&self, person: AccountId, wanted: &Wanted) -> (Option<String>, Option<Uuid>) {
        let has_number = self.numbers.values().any(|owner| *owner == person);
        let number = wanted.number.clone().filter(|_| !has_number);
        let site = wanted.site.filter(|_| !self.ties.contains_key(&person));
        (number, site)
    }
}

/// Reads a table, says what becomes of each row, and adds the new people where `write` says so.
///
/// # Errors
/// When it is no table, or the database refuses.
pub async fn people(app: &App, by: &Account, bytes: &[u8], write: bool) -> Result<Told, NoTable> {
    let text = std::str::from_utf8(bytes).map_err(|wrong| {
        let before = &bytes[..wrong.valid_up_to()];
        NoTable::NotUtf8(1 + before.iter().filter(|byte| **byte == b'\n').count())
    })?;
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator(text))
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let header = reader.headers().cloned().unwrap_or_default();
    let columns = columns(&header)?;
    let here = Here::of(app, by, separator(text) != b',').await?;
    let mut earlier = Earlier::default();
    let mut lines = Lines {
        text: text.as_bytes(),
        at: 0,
        line: 1,
    };
    let mut told = Told {
        written: write,
        new: 0,
        there: 0,
        refused: 0,
        rows: Vec::new(),
    };
    // One that nobody knows: whoever wants to log in asks for another by e-mail.
    let nobodys = if write {
        Some(founding::nobodys_password(app).await?)
    } else {
        None
    };
    for record in reader.records() {
        if told.rows.len() >= MOST_ROWS {
            return Err(NoTable::TooLong);
        }
        let Ok(record) = record else { break };
        if record.iter().all(str::is_empty) {
            continue;
        }
        let line = lines.of(&record);
        let field = |name: &str| {
            columns
                .get(name)
                .and_then(|at| record.get(*at))
                .filter(|text| !text.is_empty())
        };
        let name = field("name").unwrap_or_default();
        let mut row = Row {
            line,
            name: name.chars().filter(|c| !c.is_control()).take(200).collect(),
            verdict: Verdict::Refused,
            what: None,
        };
        let wanted = match record.len() {
            length if length > header.len() => Err("it has more fields than the first line: is a separator within a field? Put it in quotes".to_owned()),
            _ => here.wanted(line, field, &mut earlier),
        };
        match taken(app, by, &here, wanted, nobodys.as_deref()).await? {
            Ok((verdict, what)) => (row.verdict, row.what) = (verdict, what),
            Err(why) => row.what = Some(why),
        }
        match row.verdict {
            Verdict::New => told.new += 1,
            Verdict::There => told.there += 1,
            Verdict::Refused => told.refused += 1,
        }
        told.rows.push(row);
    }
    if write && told.new > 0 {
        let mut deed = Deed::new(by.id, app.now(), "people_imported", None);
        deed.after = Some(told.new.to_string());
        app.store.write_down(by.tenant, deed).await?;
        let _nobody_listens = app.changed.send(by.tenant);
    }
    Ok(told)
}

/// What becomes of a row, done where there is a password to do it with.
async fn taken(
    app: &App,
    by: &Account,
    here: &Here,
    wanted: Result<Wanted, String>,
    nobodys: Option<&str>,
) -> Result<Result<(Verdict, Option<String>), String>, NoTable> {
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(why) => return Ok(Err(why)),
    };
    if let Some(person) = wanted.there {
        let (number, site) = here.lacks(person, &wanted);
        let what = match (&number, site) {
            (None, None) => None,
            (Some(_), None) => Some("gets the number"),
            (None, Some(_)) => Some("gets the site"),
            (Some(_), Some(_)) => Some("gets the number and the site"),
        };
        if nobodys.is_some() {
            give(app, by, person, number, site).await?;
        }
        return Ok(Ok((Verdict::There, what.map(str::to_owned))));
    }
    let used = "this e-mail can't be used: another account has it";
    if app
        .store
        .account_by_email(wanted.email.clone())
        .await?
        .is_some()
    {
        return Ok(Err(used.to_owned()));
    }
    if let Some(hash) = nobodys {
        let tenant = Adding::Employer(by.tenant);
        let who = (wanted.name, wanted.email);
        let added = founding::add_without_password(app, who, hash, wanted.rate, by.id, tenant);
        match added.await {
            Ok(person) => give(app, by, person, wanted.number, wanted.site).await?,
            Err(NoPlace::Store(StoreError::EmailTaken)) => return Ok(Err(used.to_owned())),
            Err(other) => return Err(other.into()),
        }
    }
    Ok(Ok((Verdict::New, None)))
}

async fn give(
    app: &App,
    by: &Account,
    person: AccountId,
    number: Option<String>,
    site: Option<Uuid>,
) -> Result<(), StoreError> {
    if let Some(number) = number {
        let deed = Deed::new(by.id, app.now(), "number_set", Some(person.0));
        app.store.set_number(by.tenant, number, deed).await?;
    }
    if let Some(site) = site {
        let deed = Deed::new(by.id, app.now(), "person_sites_set", Some(person.0));
        app.store.tie_person(by.tenant, vec![site], deed).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("name,email,hourly_rate", Ok(()))]
    #[case("Name;E-Mail;Hourly rate;;", Ok(()))]
    #[case("name\temail\twage\tNumber", Ok(()))]
    #[case("\"name\",\"email\",\"hourly_rate\",\"site\"", Ok(()))]
    #[case("name,email", Err("hourly_rate"))]
    #[case("name,email,hourly_rate,password", Err("password"))]
    #[case("name,email,hourly_rate,mail", Err("mail"))]
    #[case("", Err("name"))]
    fn the_first_line(#[case] line: &str, #[case] wanted: Result<(), &str>) {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(separator(line))
            .from_reader(line.as_bytes());
        let header = reader.headers().cloned().unwrap_or_default();
        match (columns(&header), wanted) {
            (Ok(found), Ok(())) => assert!(found.len() >= 3),
            (Err(wrong), Err(word)) => {
                assert!(wrong.to_string().contains(&format!("`{word}`")), "{wrong}")
            }
            (found, wanted) => panic!("{found:?} instead of {wanted:?}"),
        }
    }
}

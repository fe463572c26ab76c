//! What of a damaged database can be believed: signed events, and what is told twice.

use std::collections::{BTreeMap, HashMap};

use limen_wire::jws::{self, Expected};
use limen_wire::topic::{Topic, Up};
use limen_wire::{Event, Hash, chain};
use uuid::Uuid;

use super::file::File;
use super::found::{Known, OutboxRow, known, texts};
use crate::keys::Identity;

/// An event's place: its outbox and its number there.
pub type Place = (Uuid, u64);

/// What the damaged database says of its outboxes, and which events can be believed.
pub struct Believed {
    rows: Vec<OutboxRow>,
    again: HashMap<i64, i64>,
    pub head: Option<(i64, i64, Vec<u8>)>,
    sequence: Option<i64>,
    /// The hash by which the next event names each.
    pub events: BTreeMap<Place, Hash>,
}

/// An outbox as it will be.
pub struct Outbox {
    pub id: Uuid,
    pub hardware: Vec<u8>,
    pub born: i64,
    /// Its last number.
    pub end: u64,
    /// The cloud holds everything up to this.
    pub through: u64,
    /// Whether both copies of that agreed.
    pub is_sure: bool,
    pub before: u64,
}

/// An event that this terminal signed: where it stands, and by which hash the next one names it.
pub fn verified(compact: &[u8], identity: &Identity) -> Option<(Place, Hash, Hash)> {
    let compact = std::str::from_utf8(compact).ok()?;
    let expected = Expected {
        topic: Topic::up(identity.site.terminal, Up::Event),
        site: identity.site.site,
        session: None,
    };
    let verified = jws::verify(compact, &identity.keys.signing.public(), &expected).ok()?;
    let at = verified.header.chain?;
    let event: Option<Event> = verified.claims().ok();
    let links = chain::links_as(compact, event.as_ref());
    Some(((at.outbox, at.seq), at.prev, links))
}

/// What in a page may be an event: the texts that lie in it, and those that go on in another.
pub fn candidates(page: &[u8], rows: Vec<limen_pages::rows::Row>) -> Vec<Vec<u8>> {
    let here = texts(page).into_iter().map(|place| page[place].to_vec());
    let elsewhere = rows.into_iter().filter_map(|row| match known(row)? {
        Known::Event(compact) if compact.len() > page.len() / 2 => Some(compact),
        _ => None,
    });
    here.chain(elsewhere).collect()
}

impl Believed {
    pub fn of(file: &File, identity: &Identity) -> Self {
        let mut believed = Self {
            rows: Vec::new(),
            again: HashMap::new(),
            head: None,
            sequence: None,
            events: BTreeMap::new(),
        };
        for (page, rows) in file.each() {
            for row in &rows {
                match known(row.clone()) {
                    Some(Known::Outbox(row)) => believed.rows.push(row),
                    Some(Known::Again(number, through)) => {
                        believed.again.insert(number, through);
                    }
                    Some(Known::Head(number, seq, hash)) => {
                        believed.head = Some((number, seq, hash));
                    }
                    Some(Known::Sequence(last)) => believed.sequence = Some(last),
                    _ => {}
                }
            }
            for compact in candidates(&page, rows) {
                if let Some((place, _, links)) = verified(&compact, identity) {
                    believed.events.insert(place, links);
                }
            }
        }
        believed
    }

    /// The outboxes that this terminal had, in order of birth.
    pub fn outboxes(&self, terminal: Uuid) -> Vec<Outbox> {
        let mut last: BTreeMap<Uuid, u64> = BTreeMap::new();
        for (outbox, seq) in self.events.keys() {
            let last = last.entry(*outbox).or_default();
            *last = (*last).max(*seq);
        }
        let mut rows: Vec<&OutboxRow> = self
            .rows
            .iter()
            // A row with a wrong id is nobody's.
            .filter(|row| row.terminal == terminal || last.contains_key(&row.id))
            .collect();
        rows.sort_by_key(|row| row.number);
        let mut found = Vec::new();
        for (place, row) in rows.iter().enumerate() {
            let saved = last.remove(&row.id).unwrap_or(0);
            let next = rows.get(place + 1).map(|next| next.before);
            let (end, through) = (self.end(row, saved, next), self.through(row));
            found.push(Outbox {
                id: row.id,
                hardware: row.hardware.clone(),
                born: row.born,
                end,
                through: through.map_or(0, |(through, _)| through.min(end)),
                is_sure: through.is_some_and(|(through, is_sure)| is_sure && through <= end),
                before: 0,
            });
        }
        // Born later than those, by ids that are in order of birth.
        found.extend(last.into_iter().map(|(id, end)| Outbox {
            id,
            hardware: vec![0; 32],
            born: 0,
            end,
            through: 0,
            is_sure: false,
            before: 0,
        }));
        let mut before = 0;
        for outbox in &mut found {
            outbox.before = before;
            before += outbox.end;
        }
        found
    }

    /// The last number of an outbox, where `saved` is the last that was found: told twice, so that one wrong bit
    /// does not make it up.
    fn end(&self, row: &OutboxRow, saved: u64, next: Option<i64>) -> u64 {
        let number = |told: i64| u64::try_from(told).ok();
        if let Some((end, hash)) = &row.end
            && let Some(end) = number(*end)
            && let Some(links) = self.events.get(&(row.id, end))
            && links.0[..] == hash[..]
        {
            return end;
        }
        let own = row.end.as_ref().map(|(end, _)| *end);
        let head = self.head.as_ref().filter(|head| head.0 == row.number);
        let last_place = match next {
            Some(next) => Some(next),
            None => self.sequence,
        };
        let by_place = last_place.and_then(|last| last.checked_sub(row.before));
        [own, head.map(|head| head.1), by_place]
            .into_iter()
            .flatten()
            .filter_map(number)
            .filter(|end| *end >= saved)
            .min()
            .unwrap_or(saved)
    }

    /// How far the cloud holds it, and whether both copies say so.
    fn through(&self, row: &OutboxRow) -> Option<(u64, bool)> {
        let own = u64::try_from(row.through).ok()?;
        let again = u64::try_from(*self.again.get(&row.number)?).ok()?;
        Some((own.min(again), own == again))
    }
}

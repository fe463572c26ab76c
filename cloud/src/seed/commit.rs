//! Writing what a plan says, and asking the store what it makes of it.

use jiff::Timestamp;
use limen_payroll::Minor;
use limen_wire::bytes::Hash;
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

use super::plan::{House, Plan, Worker};
use super::records::{Holder, Wrong};
use super::{Report, SeedError, work};
use crate::App;
use crate::accounts::founding;
use crate::attendance::{Attendance, upload};
use crate::enrolment;
use crate::store::audit::Deed;
use crate::store::{
    AccountId, Adding, Founding, NewAccount, NewPerson, PaidSession, StoreError, TenantId,
};

/// Most punches of one transaction.
const BATCH: usize = 500;

impl Plan {
    /// Writes what is not there yet, and says what the store makes of the whole export then.
    ///
    /// Each account, and each heap of punches, is a transaction. Whatever ends it in between, a second run writes
    /// the rest.
    ///
    /// # Errors
    /// When something can't be written or computed.
    pub async fn commit(mut self, app: &App) -> Result<Report, SeedError> {
        let mut rows = Vec::new();
        for (id, mut house) in std::mem::take(&mut self.houses) {
            if !self.found(app, &mut house).await? {
                continue;
            }
            let people = self.people(app, &mut house).await?;
            let punches = record(app, &house).await?;
            house.kept = work::kept(app, id.tenant()).await?;
            let paid = paid(app, &house).await?;
            if people + punches + paid > 0 {
                let mut deed = Deed::new(id.account(), app.now(), "seed_imported", None);
                deed.after = Some(format!(
                    "{{\"people\":{people},\"punches\":{punches},\"paid\":{paid}}}"
                ));
                app.store.write_down(id.tenant(), deed).await?;
            }
            rows.extend(work::told(app, &house).await?);
        }
        Ok(Report {
            verdicts: self.verdicts,
            counts: self.counts,
            rows,
        })
    }

    /// Founds the organisation where it is not there; whether it is now.
    async fn found(&mut self, app: &App, house: &mut House) -> Result<bool, SeedError> {
        let Some((origin, holder)) = house.new.take() else {
            return Ok(true);
        };
        let (tenant, now) = (holder.id.tenant(), app.now());
        let name = holder.username.clone();
        let employer = account(app, tenant, holder)?;
        let new = founding::new_tenant(app, tenant, name, employer, now)?;
        match app.store.found_tenant(new, Founding::Open).await {
            Ok(()) => Ok(true),
            Err(StoreError::EmailTaken) => {
                self.refuse_late(origin, email_taken());
                for (_, worker) in std::mem::take(&mut house.people) {
                    self.leave_out(worker, "its employer was not taken");
                }
                Ok(false)
            }
            Err(other) => Err(other.into()),
        }
    }

    /// Adds who is not there, each with a rate from the first day of work on; how many were new.
    async fn people(&mut self, app: &App, house: &mut House) -> Result<usize, SeedError> {
        let (tenant, employer) = (house.employer.tenant(), house.employer.account());
        let mut added = 0;
        for (id, mut worker) in std::mem::take(&mut house.people) {
            if let Some((origin, employee)) = worker.new.take() {
                let person = NewPerson {
                    account: account(app, tenant, employee.holder)?,
                    hourly_rate: employee.hourly_rate,
                    attested_by: employer,
                    at: app.now(),
                };
                match app.store.add_person(person, Adding::Employer(tenant)).await {
                    Ok(()) => added += 1,
                    Err(StoreError::EmailTaken) => {
                        self.refuse_late(origin, email_taken());
                        self.leave_out(worker, "its employee was not taken");
                        continue;
                    }
                    Err(other) => return Err(other.into()),
                }
            }
            if let Some(earliest) = worker.earliest() {
                rate_from(app, tenant, id.account(), earliest).await?;
            }
            house.people.insert(id, worker);
        }
        Ok(added)
    }

    fn leave_out(&mut self, worker: Worker, what: &str) {
        if let Some((origin, _)) = worker.new {
            self.refuse_late(origin, Wrong::new(what, "see to that first"));
        }
        for (origin, _) in worker.sessions {
            self.refuse_late(origin, Wrong::new(what, "see to that first"));
        }
    }
}

fn email_taken() -> Wrong {
    Wrong::new(
        "an account here has this e-mail, and may not log in any more",
        "give them another e-mail in the export",
    )
}

fn account(app: &App, tenant: TenantId, holder: Holder) -> Result<NewAccount, SeedError> {
    let id = holder.id.account();
    let face = holder.face.ok().flatten();
    let template = face
        .map(|face| enrolment::seal_imported(app, tenant, id, &face))
        .transpose()?;
    Ok(NewAccount {
        id,
        username: holder.username,
        email: holder.email,
        password_hash: holder.password_hash,
        face_login: false,
        template,
    })
}

/// Leads the first rate back to the beginning of work, where it begins later.
async fn rate_from(
    app: &App,
    tenant: TenantId,
    person: AccountId,
    earliest: Timestamp,
) -> Result<(), SeedError> {
    let person = app.store.person(tenant, person).await?;
    if let Some(person) = person
        && let Some(&(from, rate)) = person.rates.first()
        && from > earliest
    {
        app.store
            .set_rate(tenant, person.id, earliest, rate)
            .await?;
    }
    Ok(())
}

/// Signs and keeps the punches that are missing; how many.
async fn record(app: &App, house: &House) -> Result<usize, SeedError> {
    let tenant = house.employer.tenant();
    let missing = work::missing(house);
    if missing.is_empty() {
        return Ok(0);
    }
    let found = app.store.tenant(tenant).await?;
    let site = found.ok_or(StoreError::Missing("tenant"))?.site.id;
    for events in missing.chunks(BATCH) {
        let mut head = app.store.api_head(tenant).await?;
        let mut batch = Vec::with_capacity(events.len());
        for event in events {
            let signed = upload::sign(app, tenant, site, &head, event, app.now())?;
            head.next += 1;
            head.prev = Hash(signed.hash).0;
            batch.push(signed);
        }
        app.store.record_events(batch).await?;
    }
    Ok(missing.len())
}

/// Marks as paid what the old backend has as paid, with what it paid; how many are new.
async fn paid(app: &App, house: &House) -> Result<usize, SeedError> {
    let tenant = house.employer.tenant();
    let attendance = Attendance::of(app, tenant, None, app.now()).await?;
    let mut marked = 0;
    for (id, worker) in &house.people {
        let sessions: Vec<PaidSession> = worker
            .sessions
            .iter()
            .filter(|(_, session)| session.paid)
            .filter_map(|(_, session)| {
                let kept = house.kept.get(&session.id)?;
                let (left, _) = kept.left?;
                let computed = attendance.sessions(id.account()).find(|worked| {
                    attendance.punch_key(worked.session.check_in.punch) == Some(kept.came_by)
                });
                let amount = match session.earnings {
                    Some(earnings) => minor(earnings, attendance.terms.currency.digits()),
                    None => computed.map(|worked| worked.amount),
                };
                Some(PaidSession {
                    person: id.account(),
                    opened_by: kept.came_by,
                    check_in: kept.came,
                    check_out: left,
                    amount_minor: amount.unwrap_or_default().0,
                    currency: attendance.terms.currency.to_string(),
                })
            })
            .collect();
        if !sessions.is_empty() {
            let by = house.employer.account();
            let locked = app.store.seen(tenant).await?.locked;
            let mark = app.store.mark_paid(tenant, sessions, locked, by, app.now());
            marked += mark.await?;
        }
    }
    Ok(marked)
}

/// Currency units in minor ones; `None` beyond what can be.
fn minor(units: Decimal, digits: u32) -> Option<Minor> {
    let scaled = units.checked_mul(Decimal::from(10_u64.pow(digits)))?;
    let whole = scaled.round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven);
    whole.to_i64().map(Minor)
}

//! What was agreed about time and pay, and the pay runs that came of it. The store keeps both as text: what they
//! mean is [`crate::agreements`]' and [`crate::payrun`]'s to say.

use jiff::Timestamp;
use jiff::civil::Date;
use uuid::Uuid;

use super::audit::Deed;
use super::{AccountId, Answer, TenantId};

/// What an agreement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// The rules of the tenant.
    Rules,
    /// How the calendar is cut into pay periods.
    Periods,
    /// A person's pay.
    Contract,
    /// A version of a shift.
    Shift,
    /// Who works by which cycle of shifts.
    Assignment,
    /// A date of a person that is other than the cycle says.
    Override,
    /// A public holiday.
    Holiday,
    /// A kind of leave.
    LeaveType,
    /// Somebody asks for leave.
    LeaveRequest,
    /// Somebody decides that.
    LeaveDecision,
    /// Somebody says that overtime was wanted.
    Overtime,
    /// The columns of an export.
    Columns,
}

impl Topic {
    const ALL: [Self; 12] = [
        Self::Rules,
        Self::Periods,
        Self::Contract,
        Self::Shift,
        Self::Assignment,
        Self::Override,
        Self::Holiday,
        Self::LeaveType,
        Self::LeaveRequest,
        Self::LeaveDecision,
        Self::Overtime,
        Self::Columns,
    ];

    /// Its word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Periods => "periods",
            Self::Contract => "contract",
            Self::Shift => "shift",
            Self::Assignment => "assignment",
            Self::Override => "override",
            Self::Holiday => "holiday",
            Self::LeaveType => "leave_type",
            Self::LeaveRequest => "leave_request",
            Self::LeaveDecision => "leave_decision",
            Self::Overtime => "overtime",
            Self::Columns => "columns",
        }
    }

    /// The topic of that word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.as_str() == name)
    }
}

/// Something to be agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAgreement {
    /// What it is about.
    pub topic: Topic,
    /// The shift, the site, the request or the person that it is about; nil for the tenant.
    pub subject: Uuid,
    /// Whose it is, where it is somebody's.
    pub person: Option<AccountId>,
    /// From which date on.
    pub from: Date,
    /// What it says, as JSON; `None` takes back what was said for that subject and date.
    pub body: Option<String>,
}

/// Something that was agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Counts from 1 within the tenant.
    pub nth: u64,
    /// What was agreed.
    pub said: NewAgreement,
    /// When.
    pub at: Timestamp,
    /// Who said it.
    pub by: AccountId,
}

/// A pay run as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRun {
    /// Which.
    pub id: Uuid,
    /// The how manieth it is to be locked, from 1; `None` while it isn't.
    pub locked: Option<u64>,
    /// Moves with each change, from 1.
    pub version: u64,
    /// All of it but the people's parts, as JSON.
    pub body: String,
}

/// What had been paid when somebody looked: who pays in the meantime is noticed by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// How many runs were locked.
    pub locked: u64,
    /// How many sessions were marked as paid.
    pub marked: u64,
}

/// A change of a pay run.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Which.
    pub id: Uuid,
    /// The version that was looked at; 0 for a new run.
    pub version: u64,
    /// How it is, as JSON.
    pub body: String,
    /// What it pays each person, where it is locked by this.
    pub locks: Option<(Seen, Vec<(AccountId, String)>)>,
    /// What was done.
    pub deed: Deed,
}

/// A person's part of a locked run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunPart {
    /// Of which run.
    pub run: Uuid,
    /// Whose.
    pub person: AccountId,
    /// As JSON.
    pub body: String,
}

/// What was agreed, and what was paid by it.
pub trait Agreements {
    /// Everything that was agreed, the earliest first: in the tenant, or what is about a person and what is about
    /// nobody.
    fn agreements(&self, tenant: TenantId, person: Option<AccountId>) -> Answer<Vec<Agreement>>;

    /// Adds to it, all or nothing; the number of the first.
    fn agree(&self, tenant: TenantId, new: Vec<NewAgreement>, deed: Deed) -> Answer<u64>;

    /// The tenant's pay runs, in the order in which they began.
    fn pay_runs(&self, tenant: TenantId) -> Answer<Vec<KeptRun>>;

    /// What locked runs pay: everybody, or one person.
    fn run_parts(&self, tenant: TenantId, person: Option<AccountId>) -> Answer<Vec<RunPart>>;

    /// Keeps a change of a run.
    ///
    /// # Errors
    /// [`super::StoreError::Overtaken`] where the run is of another version, or something was paid that was not
    /// seen.
    fn keep_run(&self, tenant: TenantId, run: NewRun) -> Answer<()>;

    /// What has been paid so far.
    fn seen(&self, tenant: TenantId) -> Answer<Seen>;
}

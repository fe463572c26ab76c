//! Money: whole minor units, and rates with six decimal places. No floats, no silent rounding.

use std::{fmt, iter::Sum, str::FromStr};

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::policy::Factor;

/// An amount in the minor unit of its currency: 1234 is 12.34 US dollars, or 1234 yen.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Minor(pub i64);

impl Minor {
    /// The amount in the currency's major unit.
    ///
    /// ```
    /// use limen_payroll::{Currency, Minor};
    /// let usd: Currency = "USD".parse()?;
    /// assert_eq!(Minor(1234).major(usd).to_string(), "12.34");
    /// # Ok::<(), limen_payroll::MoneyError>(())
    /// ```
    #[must_use]
    pub fn major(self, currency: Currency) -> Decimal {
        Decimal::new(self.0, currency.digits())
    }
}

/// Sums stop at 2⁶³ − 1 minor units, some hundred times the yearly product of the world in cents.
impl Sum for Minor {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        Self(amounts.fold(0, |sum, amount| sum.saturating_add(amount.0)))
    }
}

/// A currency by its three letters (ISO 4217).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// A rate or a currency that can't be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not three capital letters.
    #[error("unknown currency `{0}`: give the three capital letters of ISO 4217, such as `EUR`")]
    Currency(String),
    /// Not a decimal number.
    #[error("the hourly rate `{0}` is not a number: write it like `12.50`")]
    NotANumber(String),
    /// Below zero, or above a thousand million.
    #[error("the hourly rate {0} is out of range: give from 0 to 1000000000")]
    OutOfRange(Decimal),
    /// More than six decimal places.
    #[error("the hourly rate {0} is too fine: give at most 6 decimal places")]
    TooFine(Decimal),
}

impl Currency {
    /// The three letters.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a currency is made of ASCII letters")
    }

    /// Decimal places of the minor unit (ISO 4217, list one): 2 for nearly all.
    #[must_use]
    pub fn digits(self) -> u32 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG"
            | b"RWF" | b"UGX" | b"UYI" | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            b"CLF" | b"UYW" => 4,
            _ => 2,
        }
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(code: &str) -> Result<Self, MoneyError> {
        match <[u8; 3]>::try_from(code.as_bytes()) {
            Ok(letters) if letters.iter().all(u8::is_ascii_uppercase) => Ok(Self(letters)),
            _ => Err(MoneyError::Currency(code.to_owned())),
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;

    fn try_from(code: String) -> Result<Self, MoneyError> {
        code.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An hourly rate in the currency's major unit, from 0 to 1,000,000,000, with at most six decimal
/// places. Written and read as a decimal string.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Decimal", into = "Decimal")]
pub struct HourlyRate {
    /// Millionths of the major unit.
    millionths: i64,
}

impl HourlyRate {
    const LARGEST: i64 = 1_000_000_000;

    /// What that many seconds come to, rounded once, half to even. `None` from 292 years on.
    #[must_use]
    pub fn pay(self, seconds: u64, currency: Currency) -> Option<Minor> {
        // At most 2⁶⁴ · 10¹⁵ · 10⁴, which is below 2¹²⁷.
        let exact =
            i128::from(seconds) * i128::from(self.millionths) * 10_i128.pow(currency.digits());
        i64::try_from(divide_half_even(exact, 3_600 * 1_000_000))
            .ok()
            .map(Minor)
    }

    /// What that many seconds at that part of the rate come to, rounded once. `None` where it is more than there
    /// is money.
    #[must_use]
    pub fn amount(
        self,
        seconds: u64,
        factor: Factor,
        currency: Currency,
        rounding: LineRounding,
    ) -> Option<Minor> {
        let exact = i128::from(seconds)
            .checked_mul(i128::from(self.millionths))?
            .checked_mul(i128::from(factor.millionths()))?
            .checked_mul(10_i128.pow(currency.digits()))?;
        let divisor = 3_600 * 1_000_000_000_000;
        let whole = match rounding {
            LineRounding::HalfEven => divide_half_even(exact, divisor),
            LineRounding::HalfUp => exact.saturating_add(divisor / 2) / divisor,
            LineRounding::Down => exact / divisor,
        };
        i64::try_from(whole).ok().map(Minor)
    }

    pub(crate) fn millionths(self) -> i64 {
        self.millionths
    }

    /// The rate that pays `earned` millionths of a millionth of the major unit in that many seconds of an hour's
    /// rate: half to even. `None` for no time, or beyond what a rate can be.
    pub(crate) fn average(earned: i128, seconds: u64) -> Option<Self> {
        let divisor = i128::from(seconds).checked_mul(1_000_000)?;
        (divisor > 0).then_some(())?;
        let millionths = i64::try_from(divide_half_even(earned, divisor)).ok()?;
        Some(Self { millionths })
    }

    /// The rate as a decimal, without trailing zeros.
    #[must_use]
    pub fn decimal(self) -> Decimal {
        Decimal::new(self.millionths, 6).normalize()
    }
}

/// How a line becomes whole minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineRounding {
    /// To the nearest, an exact half to the even one.
    #[default]
    HalfEven,
    /// To the nearest, an exact half up.
    HalfUp,
    /// What is begun is not paid.
    Down,
}

/// For a dividend from 0 and a divisor above it.
fn divide_half_even(dividend: i128, divisor: i128) -> i128 {
    let (quotient, twice) = (dividend / divisor, dividend % divisor * 2);
    let up = twice > divisor || (twice == divisor && quotient % 2 == 1);
    quotient + i128::from(up)
}

impl TryFrom<Decimal> for HourlyRate {
    type Error = MoneyError;

    fn try_from(rate: Decimal) -> Result<Self, MoneyError> {
        let rate = rate.normalize();
        if rate < Decimal::ZERO || rate > Decimal::from(Self::LARGEST) {
            return Err(MoneyError::OutOfRange(rate));
        }
        if rate.scale() > 6 {
            return Err(MoneyError::TooFine(rate));
        }
        let millionths = rate.mantissa() * 10_i128.pow(6 - rate.scale());
        Ok(Self {
            millionths: i64::try_from(millionths).map_err(|_| MoneyError::OutOfRange(rate))?,
        })
    }
}

impl FromStr for HourlyRate {
    type Err = MoneyError;

    fn from_str(rate: &str) -> Result<Self, MoneyError> {
        Decimal::from_str_exact(rate)
            .map_err(|_| MoneyError::NotANumber(rate.to_owned()))?
            .try_into()
    }
}

impl From<HourlyRate> for Decimal {
    fn from(rate: HourlyRate) -> Self {
        rate.decimal()
    }
}

impl fmt::Display for HourlyRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.decimal().fmt(f)
    }
}

impl fmt::Debug for HourlyRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.decimal().fmt(f)
    }
}

/// What a person earns an hour from a date on, until a later rate begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Whose.
    pub person: Uuid,
    /// The first date that it holds for: from the midnight of the session's site. A second rate
    /// of that date that stands later in the list replaces the first.
    pub from: Date,
    /// An hour's pay.
    pub per_hour: HourlyRate,
    /// In which currency.
    pub currency: Currency,
}

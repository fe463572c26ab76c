//! Tables as files: which fields there are, the columns that a template puts them into, and CSV (RFC 4180).

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::agreed::{check_words, wrong};
use super::error::ApiResult;
use crate::agreements::{Column, Columns, Rows};

/// What a line of a pay run has.
const OF_LINES: &[&str] = &[
    "run",
    "first",
    "last",
    "person",
    "name",
    "email",
    "day",
    "due",
    "component",
    "text",
    "from",
    "to",
    "hours",
    "seconds",
    "rate",
    "factor",
    "currency",
    "amount",
    "rules",
    "punches",
];
/// What a person's sum of a pay run has.
const OF_TOTALS: &[&str] = &[
    "run",
    "first",
    "last",
    "person",
    "name",
    "email",
    "hours",
    "seconds",
    "currency",
    "amount",
    "before",
    "difference",
];

/// A cell: what a person reads, or a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    /// Words, ids, dates.
    Text(String),
    /// A decimal number.
    Number(rust_decimal::Decimal),
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<rust_decimal::Decimal> for Cell {
    fn from(number: rust_decimal::Decimal) -> Self {
        Self::Number(number)
    }
}

/// The exports that every tenant has.
pub(super) fn built_in() -> [Columns; 2] {
    let all = |name: &str, rows, fields: &[&str]| Columns {
        name: name.to_owned(),
        rows,
        columns: fields
            .iter()
            .map(|field| Column {
                field: (*field).to_owned(),
                heading: (*field).to_owned(),
            })
            .collect(),
    };
    [
        all("lines", Rows::Lines, OF_LINES),
        all("totals", Rows::Totals, OF_TOTALS),
    ]
}

/// Whether a template can be filled in.
pub(super) fn check(columns: &Columns) -> ApiResult<()> {
    let name = &columns.name;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 40 || !name.chars().all(plain) {
        return Err(wrong(
            "name",
            "give 1 to 40 of the characters a-z, 0-9 and -",
        ));
    }
    if built_in().iter().any(|known| known.name == *name) {
        return Err(wrong(
            "name",
            "this name is taken: every organisation has that export",
        ));
    }
    if !(1..=60).contains(&columns.columns.len()) {
        return Err(wrong("columns", "give 1 to 60 columns"));
    }
    let fields = match columns.rows {
        Rows::Lines => OF_LINES,
        Rows::Totals => OF_TOTALS,
    };
    for column in &columns.columns {
        check_words("columns", &column.heading, 80)?;
        if !fields.contains(&column.field.as_str()) {
            return Err(wrong(
                "columns",
                format!("there is no such field: give one of {}", fields.join(", ")),
            ));
        }
    }
    Ok(())
}

/// A text as a cell that no spreadsheet takes for a formula: what begins with one of the characters that begin
/// formulas gets an apostrophe in front, as spreadsheets write it themselves.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        return format!("'{text}");
    }
    text.to_owned()
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r', ';']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}

/// A table as CSV: commas, CRLF, quotes where they are needed, UTF-8.
pub(super) fn csv(headings: &[&str], rows: &[Vec<Cell>]) -> String {
    let mut lines = vec![
        headings
            .iter()
            .map(|heading| quoted(&harmless(heading)))
            .collect::<Vec<_>>()
            .join(","),
    ];
    for row in rows {
        let cells = row.iter().map(|cell| match cell {
            Cell::Text(text) => quoted(&harmless(text)),
            // A number is a number, also one below zero.
            Cell::Number(number) => number.to_string(),
        });
        lines.push(cells.collect::<Vec<_>>().join(","));
    }
    lines.join("\r\n") + "\r\n"
}

/// A file to be kept.
pub(super) fn file(kind: &'static str, name: &str, bytes: impl Into<axum::body::Body>) -> Response {
    let mut response = bytes.into().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    // The name is made of dates and words of this program.
    if let Ok(named) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, named);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        let cells = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "a=1"];
        let row = cells.iter().map(|text| Cell::from(*text)).collect();
        let table = csv(
            &["=a"],
            &[row, vec![Cell::Number("-1.50".parse().unwrap())]],
        );
        assert_eq!(
            table,
            "'=a\r\n'=1+1,'+1,'-1,'@SUM(A1),'\t=1,a=1\r\n-1.50\r\n"
        );
    }

    #[test]
    fn a_name_may_have_any_character() {
        let row = vec![
            Cell::from("Smith, \"Al\""),
            Cell::from("a\nb"),
            Cell::from("Łukasz"),
        ];
        assert_eq!(
            csv(&["n"], &[row]),
            "n\r\n\"Smith, \"\"Al\"\"\",\"a\nb\",Łukasz\r\n"
        );
    }

    #[test]
    fn what_every_tenant_has_can_be_filled_in() {
        for mut columns in built_in() {
            assert!(check(&columns).is_err(), "the name is taken");
            columns.name.push_str("-2");
            assert!(check(&columns).is_ok());
            columns.columns[0].field = "salary".to_owned();
            assert!(check(&columns).is_err());
        }
    }
}

//! Public holidays from calendar files.

use limen_payroll::{Holiday, ics::holidays};
use proptest::prelude::*;
use rstest::rstest;

use crate::clerk::name;

/// A calendar with these lines in one event.
fn event(lines: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\n{}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        lines.replace('|', "\r\n")
    )
}

#[rstest]
#[case::one_day(
    "DTSTART;VALUE=DATE:20260604|DTEND;VALUE=DATE:20260605|SUMMARY:Corpus Christi",
    "Thu Corpus Christi"
)]
#[case::without_an_end_it_is_one_day(
    "DTSTART;VALUE=DATE:20260604|SUMMARY:Corpus Christi",
    "Thu Corpus Christi"
)]
#[case::two_days(
    "DTSTART;VALUE=DATE:20260601|DTEND;VALUE=DATE:20260603|SUMMARY:Fair",
    "Mon Fair, Tue Fair"
)]
#[case::in_another_language(
    "DTSTART;VALUE=DATE:20260604|SUMMARY;LANGUAGE=de:Fronleichnam",
    "Thu Fronleichnam"
)]
#[case::a_colon_in_a_parameter(
    "DTSTART;VALUE=DATE:20260604|SUMMARY;ALTREP=\"cid:1\":Feast: all day",
    "Thu Feast: all day"
)]
#[case::a_long_name_is_folded(
    "DTSTART;VALUE=DATE:20260604|SUMMARY:Corpus Chr| isti",
    "Thu Corpus Christi"
)]
#[case::commas_are_escaped(
    "DTSTART;VALUE=DATE:20260604|SUMMARY:Peace\\, and rest",
    "Thu Peace, and rest"
)]
#[case::lower_case(
    "dtstart;value=date:20260604|summary:Corpus Christi",
    "Thu Corpus Christi"
)]
#[case::cancelled(
    "DTSTART;VALUE=DATE:20260604|SUMMARY:Corpus Christi|STATUS:CANCELLED",
    ""
)]
#[case::an_alarm_has_a_summary_of_its_own(
    "DTSTART;VALUE=DATE:20260604|SUMMARY:Corpus Christi|BEGIN:VALARM|SUMMARY:wake up|END:VALARM",
    "Thu Corpus Christi"
)]
fn read(#[case] lines: &str, #[case] said: &str) {
    let read = holidays(&event(lines), None).unwrap();
    let words: Vec<_> = read
        .iter()
        .map(|holiday| format!("{} {}", name(holiday.date), holiday.name))
        .collect();
    assert_eq!(words.join(", "), said);
}

#[rstest]
#[case::a_time(
    "DTSTART:20260604T080000Z|SUMMARY:Meeting",
    "`Meeting` in line 3 has the date `20260604T080000Z`"
)]
#[case::no_such_date("DTSTART;VALUE=DATE:20260631|SUMMARY:Never", "has the date `20260631`")]
#[case::no_date("SUMMARY:Some day", "`Some day` in line 3 has the date ``")]
#[case::repeats(
    "DTSTART;VALUE=DATE:20261225|RRULE:FREQ=YEARLY|SUMMARY:Christmas",
    "`Christmas` in line 3 repeats"
)]
#[case::ends_before_it_begins(
    "DTSTART;VALUE=DATE:20260604|DTEND;VALUE=DATE:20260601|SUMMARY:Back",
    "lasts -3 days"
)]
#[case::all_year(
    "DTSTART;VALUE=DATE:20260101|DTEND;VALUE=DATE:20270101|SUMMARY:Sabbatical",
    "lasts 365 days"
)]
fn refused_in_words(#[case] lines: &str, #[case] words: &str) {
    let refused = holidays(&event(lines), None).unwrap_err().to_string();
    assert!(refused.contains(words), "{refused}");
}

#[test]
fn what_is_no_calendar_is_refused() {
    assert!(
        holidays("date,name\n2026-06-04,Corpus Christi", None)
            .unwrap_err()
            .to_string()
            .contains("BEGIN:VCALENDAR")
    );
    let whole = event("DTSTART;VALUE=DATE:20260604");
    let cut = whole.split_once("END:VEVENT").unwrap().0;
    assert!(
        holidays(cut, None)
            .unwrap_err()
            .to_string()
            .contains("line 3 has no END:VEVENT")
    );
}

proptest! {
    /// Whatever the file is, it is read or refused; and what is written is read.
    #[test]
    fn any_text(text in "(BEGIN:VCALENDAR\n)?([A-Z]{1,8}[;:=\"\\\\0-9 \n]{0,20}){0,20}", days in 1_u8..28, name in "[a-zA-Z ,;:]{1,90}") {
        let _ = holidays(&text, None);
        let escaped = name.replace(',', "\\,").replace(';', "\\;");
        let (head, tail) = escaped.split_at(escaped.len() / 2);
        let lines = format!("DTSTART;VALUE=DATE:202606{days:02}|SUMMARY:{head}|\t{tail}");
        let read = holidays(&event(&lines), None).unwrap();
        let date = jiff::civil::date(2026, 6, i8::try_from(days).unwrap());
        prop_assert_eq!(read, [Holiday { date, site: None, name: name.trim_end().to_owned() }]);
    }
}

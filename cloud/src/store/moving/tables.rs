//! The tables of the house, with the columns of their keys first, in an order in which each comes after those
//! that it refers to.

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A UUID; its 16 bytes in SQLite.
    Id,
    /// Bytes.
    Bytes,
    /// Text.
    Text,
    /// A number or an instant.
    Number,
    /// True or false; 1 or 0 in SQLite.
    Truth,
}

/// A table.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns.
    pub columns: &'static [(&'static str, Kind)],
    /// Reads all of it in the order of its key.
    pub read: &'static str,
    /// Takes rows in PostgreSQL's binary form.
    pub copy: &'static str,
    /// Whether it holds anything.
    pub holds: &'static str,
}

macro_rules! table {
    ($table:ident by $order:literal: $first:ident $first_kind:ident $(, $column:ident $kind:ident)* $(,)?) => {
        Table {
            name: stringify!($table),
            columns: &[
                (stringify!($first), Kind::$first_kind),
                $((stringify!($column), Kind::$kind)),*
            ],
            read: concat!(
                "SELECT ", stringify!($first), $(", ", stringify!($column),)*
                " FROM ", stringify!($table), " ORDER BY ", $order
            ),
            copy: concat!(
                "COPY ", stringify!($table), " (", stringify!($first),
                $(", ", stringify!($column),)* ") FROM STDIN (FORMAT binary)"
            ),
            holds: concat!("SELECT EXISTS (SELECT 1 FROM ", stringify!($table), ")"),
        }
    };
}

/// All of them.
pub const TABLES: &[Table] = &[
    table!(installation by "1": only_row Number, epoch Id, created Number, setup_token_hash Bytes),
    table!(tenants by "1": tenant Id, name Text, currency Text, created Number),
    table!(settings by "1, 2": tenant Id, key Text, value Text),
    table!(sites by "1, 2": tenant Id, id Id, name Text, zone Text, signing_sealed Bytes,
        sealing_sealed Bytes, created Number, day_start Text, doors Text),
    table!(accounts by "1, 2": tenant Id, id Id, kind Text, owner Truth, username Text, email Text,
        email_key Text, password_hash Text, face_login Truth, disabled Truth, created Number, role Text,
        verified Number),
    table!(people by "1, 2": tenant Id, id Id, site Id, name Text, created Number, left_at Number),
    table!(rates by "1, 2, 3": tenant Id, person Id, valid_from Number, hourly_rate Text),
    table!(templates by "1, 2, 3": tenant Id, person Id, model Text, version Number, photos Number,
        sealed Bytes, created Number, consent Id),
    table!(consents by "1, 2, 3": tenant Id, person Id, id Id, purpose Text, text_version Text,
        language Text, at Number, attested_by Id, confirmed Number, withdrawn Number, given Text, withdrawn_by Id),
    table!(consent_texts by "1, 2, 3": tenant Id, version Text, language Text, text Text, made Number,
        made_by Id),
    table!(erasures by "1, 2": tenant Id, id Id, person Id, at Number, by_whom Id, why Text, held Text),
    table!(sessions by "1, 2": tenant Id, key_hash Bytes, account Id, kind Text, issued Number,
        expires Number),
    table!(invitations by "1, 2": tenant Id, id Id, token_hash Bytes, kind Text, hourly_rate Text,
        created_by Id, created Number, expires Number, used Number, used_by Id),
    table!(enrolment_links by "1, 2": tenant Id, token_hash Bytes, person Id, made_by Id, created Number,
        expires Number, used Number),
    table!(alike by "1, 2, 3": tenant Id, person Id, other Id, kind Text, found Number, settled Number,
        settled_by Id, settled_as Text),
    table!(terminals by "1, 2": tenant Id, id Id, site Id, kind Text, name Text, public_key Bytes,
        sealing_key Bytes, seed_sealed Bytes, certificate Bytes, claimed Number, revoked Number),
    table!(erasure_terminals by "1, 2, 3": tenant Id, erasure Id, terminal Id, confirmed Number, version Number,
        digest Bytes),
    table!(claims by "1, 2": tenant Id, id Id, site Id, name Text, secret_sealed Bytes, created_by Id,
        created Number, expires Number, progress Bytes, used Number, terminal Id, place Id),
    table!(outboxes by "1, 2, 3": tenant Id, terminal Id, outbox Id, through Number, next Number,
        forked Number, fork_seq Number, born Number),
    table!(events by "1, 2, 3, 4": tenant Id, terminal Id, outbox Id, seq Number, hash Bytes,
        prev Bytes, links Bytes, compact Bytes, received Number),
    table!(quarantine by "1, 2, 3, 4": tenant Id, terminal Id, outbox Id, hash Bytes, seq Number,
        compact Bytes, received Number, why Text),
    table!(lost by "1, 2, 3, 4": tenant Id, terminal Id, outbox Id, from_seq Number, to_seq Number,
        noticed Number),
    table!(facts by "1, 2, 3, 4": tenant Id, terminal Id, outbox Id, seq Number, kind Text, at Number,
        received Number, person Id, amends Number, body Text),
    table!(terminal_status by "1, 2": tenant Id, terminal Id, session Id, n Number, online Truth,
        last_seen Number, outbox Id, next Number, roster Number, digest Bytes, settings Number,
        body Text),
    table!(sync_marks by "1, 2, 3": tenant Id, terminal Id, boot Id, uptime_ms Number, at Number),
    table!(rosters by "1, 2": tenant Id, site Id, version Number),
    table!(roster_entries by "1, 2, 3": tenant Id, site Id, person Id, version Number, content Bytes),
    table!(settings_versions by "1, 2": tenant Id, site Id, version Number, content Bytes),
    table!(api_heads by "1, 2": tenant Id, terminal Id, outbox Id, next Number, prev Bytes),
    table!(paid_sessions by "1, 2, 3, 4, 5": tenant Id, person Id, terminal Id, outbox Id, seq Number,
        check_in Number, check_out Number, amount_minor Number, currency Text, paid Number, paid_by Id),
    table!(agreements by "1, 2": tenant Id, nth Number, kind Text, subject Id, person Id, from_day Text,
        body Text, at Number, by_whom Id),
    table!(pay_runs by "1, 2": tenant Id, id Id, place Number, locked Number, version Number, body Text),
    table!(pay_run_people by "1, 2, 3": tenant Id, run Id, person Id, body Text),
    table!(pins by "1, 2": tenant Id, person Id, number Number, verifier Text),
    table!(badges by "1, 2": tenant Id, id Id, person Id, listed Text, issued Number, revoked Number),
    table!(way_changes by "1, 2, 3": tenant Id, person Id, nth Number, what Text, badge Id, by Id,
        at Number),
    table!(placements by "1, 2, 3": tenant Id, terminal Id, since Number, site Id),
    table!(person_sites by "1, 2, 3": tenant Id, person Id, site Id),
    table!(personnel_numbers by "1, 2": tenant Id, person Id, number Text),
    table!(manager_sites by "1, 2, 3": tenant Id, account Id, site Id),
    table!(links by "1, 2": tenant Id, token_hash Bytes, purpose Text, account Id, email Text, role Text,
        made_by Id, created Number, expires Number, used Number, sites Text),
    table!(audit by "1, 2": tenant Id, nth Number, at Number, by_whom Id, what Text, about Id, before Text,
        after Text, hash Bytes),
];

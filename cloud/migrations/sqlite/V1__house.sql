-- The whole house. Tenant first in every key; instants are microseconds since 1970 in UTC; money is
-- integer minor units; rates are decimal text with six places; ids are the 16 bytes of a UUID.

-- One row: what this database is. A new epoch after every restore or promotion.
CREATE TABLE installation (
    only_row         INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    epoch            BLOB    NOT NULL CHECK (length(epoch) = 16),
    created          INTEGER NOT NULL,
    setup_token_hash BLOB             CHECK (length(setup_token_hash) = 32)
) STRICT;

CREATE TABLE tenants (
    tenant   BLOB    NOT NULL PRIMARY KEY CHECK (length(tenant) = 16),
    name     TEXT    NOT NULL,
    currency TEXT    NOT NULL CHECK (length(currency) = 3),
    created  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The site's private keys are sealed with the installation's data key.
CREATE TABLE sites (
    tenant         BLOB    NOT NULL REFERENCES tenants (tenant),
    id             BLOB    NOT NULL CHECK (length(id) = 16),
    name           TEXT    NOT NULL,
    zone           TEXT    NOT NULL,
    signing_sealed BLOB    NOT NULL,
    sealing_sealed BLOB    NOT NULL,
    created        INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- Who can log in. An e-mail is one account, employer or employee, in the whole installation.
CREATE TABLE accounts (
    tenant        BLOB    NOT NULL REFERENCES tenants (tenant),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    kind          TEXT    NOT NULL CHECK (kind IN ('employer', 'employee')),
    owner         INTEGER NOT NULL CHECK (owner IN (0, 1)),
    username      TEXT    NOT NULL,
    email         TEXT    NOT NULL,
    email_key     TEXT    NOT NULL UNIQUE,
    password_hash TEXT    NOT NULL,
    face_login    INTEGER NOT NULL CHECK (face_login IN (0, 1)),
    disabled      INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    created       INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX accounts_by_id ON accounts (id);

-- Who works. The id is the account's id.
CREATE TABLE people (
    tenant  BLOB    NOT NULL,
    id      BLOB    NOT NULL CHECK (length(id) = 16),
    site    BLOB    NOT NULL,
    name    TEXT    NOT NULL,
    created INTEGER NOT NULL,
    left_at INTEGER,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, site) REFERENCES sites (tenant, id)
) STRICT, WITHOUT ROWID;

-- Currency units an hour, six places, from an instant on.
CREATE TABLE rates (
    tenant      BLOB    NOT NULL,
    person      BLOB    NOT NULL,
    valid_from  INTEGER NOT NULL,
    hourly_rate TEXT    NOT NULL,
    PRIMARY KEY (tenant, person, valid_from),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
) STRICT, WITHOUT ROWID;

-- XChaCha20-Poly1305: 24 bytes of nonce, then the ciphertext; bound to tenant, person, model, version.
CREATE TABLE templates (
    tenant  BLOB    NOT NULL,
    person  BLOB    NOT NULL,
    model   TEXT    NOT NULL,
    version INTEGER NOT NULL,
    photos  INTEGER NOT NULL,
    sealed  BLOB    NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (tenant, person, model),
    FOREIGN KEY (tenant, person) REFERENCES accounts (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE consents (
    tenant       BLOB    NOT NULL,
    person       BLOB    NOT NULL,
    id           BLOB    NOT NULL CHECK (length(id) = 16),
    purpose      TEXT    NOT NULL CHECK (purpose IN ('attendance', 'face-login')),
    text_version TEXT    NOT NULL,
    language     TEXT    NOT NULL,
    at           INTEGER NOT NULL,
    attested_by  BLOB    NOT NULL,
    confirmed    INTEGER,
    withdrawn    INTEGER,
    PRIMARY KEY (tenant, person, id),
    FOREIGN KEY (tenant, person) REFERENCES accounts (tenant, id)
) STRICT, WITHOUT ROWID;

-- Bearer tokens (by their jti) and browser sessions (by their cookie), hashed; no row, no entry.
CREATE TABLE sessions (
    tenant   BLOB    NOT NULL,
    key_hash BLOB    NOT NULL CHECK (length(key_hash) = 32),
    account  BLOB    NOT NULL,
    kind     TEXT    NOT NULL CHECK (kind IN ('token', 'cookie')),
    issued   INTEGER NOT NULL,
    expires  INTEGER NOT NULL,
    PRIMARY KEY (tenant, key_hash),
    FOREIGN KEY (tenant, account) REFERENCES accounts (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX sessions_by_key ON sessions (key_hash);
CREATE INDEX sessions_by_account ON sessions (tenant, account);

CREATE TABLE invitations (
    tenant      BLOB    NOT NULL REFERENCES tenants (tenant),
    id          BLOB    NOT NULL CHECK (length(id) = 16),
    token_hash  BLOB    NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    kind        TEXT    NOT NULL CHECK (kind IN ('employer', 'employee')),
    hourly_rate TEXT,
    created_by  BLOB    NOT NULL,
    created     INTEGER NOT NULL,
    expires     INTEGER NOT NULL,
    used        INTEGER,
    used_by     BLOB,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- `api` is the cloud itself, which signs uploaded check-ins; its seed is sealed with the data key.
CREATE TABLE terminals (
    tenant      BLOB    NOT NULL,
    id          BLOB    NOT NULL CHECK (length(id) = 16),
    site        BLOB    NOT NULL,
    kind        TEXT    NOT NULL CHECK (kind IN ('terminal', 'api')),
    name        TEXT    NOT NULL,
    public_key  BLOB    NOT NULL CHECK (length(public_key) = 32),
    sealing_key BLOB             CHECK (length(sealing_key) = 32),
    seed_sealed BLOB,
    certificate BLOB,
    claimed     INTEGER NOT NULL,
    revoked     INTEGER,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, site) REFERENCES sites (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX terminals_by_id ON terminals (id);

CREATE TABLE claims (
    tenant        BLOB    NOT NULL,
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    site          BLOB    NOT NULL,
    name          TEXT    NOT NULL,
    secret_sealed BLOB    NOT NULL,
    created_by    BLOB    NOT NULL,
    created       INTEGER NOT NULL,
    expires       INTEGER NOT NULL,
    progress      BLOB,
    used          INTEGER,
    terminal      BLOB,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, site) REFERENCES sites (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX claims_by_id ON claims (id);

-- The compact JWS as it came: the whole log can be verified without this program. The next event names
-- this one by `links`: the hash, but of a `void` the hash of the damaged event that it stands for.
CREATE TABLE events (
    tenant   BLOB    NOT NULL,
    terminal BLOB    NOT NULL,
    outbox   BLOB    NOT NULL CHECK (length(outbox) = 16),
    seq      INTEGER NOT NULL CHECK (seq > 0),
    hash     BLOB    NOT NULL CHECK (length(hash) = 32),
    prev     BLOB    NOT NULL CHECK (length(prev) = 32),
    links    BLOB    NOT NULL CHECK (length(links) = 32),
    compact  BLOB    NOT NULL,
    received INTEGER NOT NULL,
    PRIMARY KEY (tenant, terminal, outbox, seq),
    FOREIGN KEY (tenant, terminal) REFERENCES terminals (tenant, id)
) STRICT, WITHOUT ROWID;

-- What could not be placed: kept, acknowledged, and shown to a person.
CREATE TABLE quarantine (
    tenant   BLOB    NOT NULL,
    terminal BLOB    NOT NULL,
    outbox   BLOB    NOT NULL CHECK (length(outbox) = 16),
    hash     BLOB    NOT NULL CHECK (length(hash) = 32),
    seq      INTEGER NOT NULL,
    compact  BLOB    NOT NULL,
    received INTEGER NOT NULL,
    why      TEXT    NOT NULL,
    PRIMARY KEY (tenant, terminal, outbox, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX quarantine_by_seq ON quarantine (tenant, terminal, outbox, seq);

-- `through`: a seq up to which nothing is missing; the look-up begins there and moves it now and then.
-- `next`: the terminal's own next seq, as it last said. `forked`: when two histories were first seen, and
-- `fork_seq` the lowest seq that differed.
CREATE TABLE outboxes (
    tenant   BLOB    NOT NULL,
    terminal BLOB    NOT NULL,
    outbox   BLOB    NOT NULL CHECK (length(outbox) = 16),
    through  INTEGER NOT NULL DEFAULT 0,
    next     INTEGER NOT NULL DEFAULT 1,
    forked   INTEGER,
    fork_seq INTEGER,
    born     INTEGER NOT NULL,
    PRIMARY KEY (tenant, terminal, outbox),
    FOREIGN KEY (tenant, terminal) REFERENCES terminals (tenant, id)
) STRICT, WITHOUT ROWID;

-- Gaps that can't be filled any more.
CREATE TABLE lost (
    tenant   BLOB    NOT NULL,
    terminal BLOB    NOT NULL,
    outbox   BLOB    NOT NULL,
    from_seq INTEGER NOT NULL,
    to_seq   INTEGER NOT NULL,
    noticed  INTEGER NOT NULL,
    PRIMARY KEY (tenant, terminal, outbox, from_seq)
) STRICT, WITHOUT ROWID;

-- Events that attendance is concluded from, read out of the signed bodies at ingest. `body` is the JSON
-- of the claims.
CREATE TABLE facts (
    tenant   BLOB    NOT NULL,
    terminal BLOB    NOT NULL,
    outbox   BLOB    NOT NULL,
    seq      INTEGER NOT NULL,
    kind     TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    received INTEGER NOT NULL,
    person   BLOB,
    amends   INTEGER,
    body     TEXT    NOT NULL,
    PRIMARY KEY (tenant, terminal, outbox, seq),
    FOREIGN KEY (tenant, terminal, outbox, seq) REFERENCES events (tenant, terminal, outbox, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX facts_by_person ON facts (tenant, person, at);
CREATE INDEX facts_by_time ON facts (tenant, at);
CREATE INDEX facts_by_receipt ON facts (tenant, received);
CREATE INDEX facts_by_kind ON facts (tenant, kind, at);

-- What a terminal last said of itself: the session of its last `hello`, the number of the last status in
-- it, the versions that it holds in the epoch of this database, and the status as it came.
CREATE TABLE terminal_status (
    tenant    BLOB    NOT NULL,
    terminal  BLOB    NOT NULL,
    session   BLOB    NOT NULL CHECK (length(session) = 16),
    n         INTEGER NOT NULL DEFAULT 0,
    online    INTEGER NOT NULL CHECK (online IN (0, 1)),
    last_seen INTEGER NOT NULL,
    outbox    BLOB    NOT NULL CHECK (length(outbox) = 16),
    next      INTEGER NOT NULL DEFAULT 1,
    roster    INTEGER NOT NULL DEFAULT 0,
    digest    BLOB             CHECK (length(digest) = 32),
    settings  INTEGER NOT NULL DEFAULT 0,
    body      TEXT    NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant, terminal),
    FOREIGN KEY (tenant, terminal) REFERENCES terminals (tenant, id)
) STRICT, WITHOUT ROWID;

-- What a boot of a terminal last said with a clock held to a time server; dates its events from before.
CREATE TABLE sync_marks (
    tenant    BLOB    NOT NULL,
    terminal  BLOB    NOT NULL,
    boot      BLOB    NOT NULL CHECK (length(boot) = 16),
    uptime_ms INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (tenant, terminal, boot),
    FOREIGN KEY (tenant, terminal) REFERENCES terminals (tenant, id)
) STRICT, WITHOUT ROWID;

-- What a site's terminals are to hold. The version moves when the contents do: they are compared by hash
-- whenever somebody asks, so that no writer of people or templates has to remember to.
CREATE TABLE rosters (
    tenant  BLOB    NOT NULL,
    site    BLOB    NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (tenant, site),
    FOREIGN KEY (tenant, site) REFERENCES sites (tenant, id)
) STRICT, WITHOUT ROWID;

-- Each person of a site's roster with the version that last changed them; no content: to be forgotten.
CREATE TABLE roster_entries (
    tenant  BLOB    NOT NULL,
    site    BLOB    NOT NULL,
    person  BLOB    NOT NULL CHECK (length(person) = 16),
    version INTEGER NOT NULL,
    content BLOB             CHECK (length(content) = 32),
    PRIMARY KEY (tenant, site, person),
    FOREIGN KEY (tenant, site) REFERENCES rosters (tenant, site)
) STRICT, WITHOUT ROWID;

-- The version of the settings that a site's terminals are to hold, by the hash of their contents.
CREATE TABLE settings_versions (
    tenant  BLOB    NOT NULL,
    site    BLOB    NOT NULL,
    version INTEGER NOT NULL,
    content BLOB    NOT NULL CHECK (length(content) = 32),
    PRIMARY KEY (tenant, site),
    FOREIGN KEY (tenant, site) REFERENCES sites (tenant, id)
) STRICT, WITHOUT ROWID;

-- The next event of the outbox that the cloud itself writes as the terminal `api`.
CREATE TABLE api_heads (
    tenant   BLOB    NOT NULL,
    terminal BLOB    NOT NULL,
    outbox   BLOB    NOT NULL,
    next     INTEGER NOT NULL CHECK (next > 0),
    prev     BLOB    NOT NULL CHECK (length(prev) = 32),
    PRIMARY KEY (tenant, terminal),
    FOREIGN KEY (tenant, terminal) REFERENCES terminals (tenant, id)
) STRICT, WITHOUT ROWID;

-- A closed session that was paid, named by the punch that opened it.
CREATE TABLE paid_sessions (
    tenant       BLOB    NOT NULL,
    person       BLOB    NOT NULL,
    terminal     BLOB    NOT NULL,
    outbox       BLOB    NOT NULL,
    seq          INTEGER NOT NULL,
    check_in     INTEGER NOT NULL,
    check_out    INTEGER NOT NULL,
    amount_minor INTEGER NOT NULL,
    currency     TEXT    NOT NULL,
    paid         INTEGER NOT NULL,
    paid_by      BLOB    NOT NULL,
    PRIMARY KEY (tenant, person, terminal, outbox, seq),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
) STRICT, WITHOUT ROWID;

-- One JSON value a key; what is not set has its default in the program.
CREATE TABLE settings (
    tenant BLOB NOT NULL REFERENCES tenants (tenant),
    key    TEXT NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;

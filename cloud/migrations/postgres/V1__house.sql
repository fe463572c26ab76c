-- The whole house. Tenant first in every key; instants are microseconds since 1970 in UTC; money is
-- integer minor units; rates are decimal text with six places. Text is compared byte by byte, as in SQLite,
-- whatever the database's own collation.

-- One row: what this database is. A new epoch after every restore or promotion.
CREATE TABLE installation (
    only_row         bigint NOT NULL PRIMARY KEY CHECK (only_row = 1),
    epoch            uuid   NOT NULL,
    created          bigint NOT NULL,
    setup_token_hash bytea  CHECK (octet_length(setup_token_hash) = 32)
);

CREATE TABLE tenants (
    tenant   uuid             NOT NULL PRIMARY KEY,
    name     text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL CHECK (length(currency) = 3),
    created  bigint           NOT NULL
);

-- The site's private keys are sealed with the installation's data key.
CREATE TABLE sites (
    tenant         uuid             NOT NULL REFERENCES tenants (tenant),
    id             uuid             NOT NULL,
    name           text COLLATE "C" NOT NULL,
    zone           text COLLATE "C" NOT NULL,
    signing_sealed bytea            NOT NULL,
    sealing_sealed bytea            NOT NULL,
    created        bigint           NOT NULL,
    PRIMARY KEY (tenant, id)
);

-- Who can log in. An e-mail is one account, employer or employee, in the whole installation.
CREATE TABLE accounts (
    tenant        uuid             NOT NULL REFERENCES tenants (tenant),
    id            uuid             NOT NULL,
    kind          text COLLATE "C" NOT NULL CHECK (kind IN ('employer', 'employee')),
    owner         boolean          NOT NULL,
    username      text COLLATE "C" NOT NULL,
    email         text COLLATE "C" NOT NULL,
    email_key     text COLLATE "C" NOT NULL UNIQUE,
    password_hash text COLLATE "C" NOT NULL,
    face_login    boolean          NOT NULL,
    disabled      boolean          NOT NULL DEFAULT false,
    created       bigint           NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX accounts_by_id ON accounts (id);

-- Who works. The id is the account's id.
CREATE TABLE people (
    tenant  uuid             NOT NULL,
    id      uuid             NOT NULL,
    site    uuid             NOT NULL,
    name    text COLLATE "C" NOT NULL,
    created bigint           NOT NULL,
    left_at bigint,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, site) REFERENCES sites (tenant, id)
);

-- Currency units an hour, six places, from an instant on.
CREATE TABLE rates (
    tenant      uuid             NOT NULL,
    person      uuid             NOT NULL,
    valid_from  bigint           NOT NULL,
    hourly_rate text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, person, valid_from),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
);

-- XChaCha20-Poly1305: 24 bytes of nonce, then the ciphertext; bound to tenant, person, model, version.
CREATE TABLE templates (
    tenant  uuid             NOT NULL,
    person  uuid             NOT NULL,
    model   text COLLATE "C" NOT NULL,
    version bigint           NOT NULL,
    photos  bigint           NOT NULL,
    sealed  bytea            NOT NULL,
    created bigint           NOT NULL,
    PRIMARY KEY (tenant, person, model),
    FOREIGN KEY (tenant, person) REFERENCES accounts (tenant, id)
);

CREATE TABLE consents (
    tenant       uuid             NOT NULL,
    person       uuid             NOT NULL,
    id           uuid             NOT NULL,
    purpose      text COLLATE "C" NOT NULL CHECK (purpose IN ('attendance', 'face-login')),
    text_version text COLLATE "C" NOT NULL,
    language     text COLLATE "C" NOT NULL,
    at           bigint           NOT NULL,
    attested_by  uuid             NOT NULL,
    confirmed    bigint,
    withdrawn    bigint,
    PRIMARY KEY (tenant, person, id),
    FOREIGN KEY (tenant, person) REFERENCES accounts (tenant, id)
);

-- Bearer tokens (by their jti) and browser sessions (by their cookie), hashed; no row, no entry.
CREATE TABLE sessions (
    tenant   uuid             NOT NULL,
    key_hash bytea            NOT NULL CHECK (octet_length(key_hash) = 32),
    account  uuid             NOT NULL,
    kind     text COLLATE "C" NOT NULL CHECK (kind IN ('token', 'cookie')),
    issued   bigint           NOT NULL,
    expires  bigint           NOT NULL,
    PRIMARY KEY (tenant, key_hash),
    FOREIGN KEY (tenant, account) REFERENCES accounts (tenant, id)
);
CREATE UNIQUE INDEX sessions_by_key ON sessions (key_hash);
CREATE INDEX sessions_by_account ON sessions (tenant, account);

CREATE TABLE invitations (
    tenant      uuid             NOT NULL REFERENCES tenants (tenant),
    id          uuid             NOT NULL,
    token_hash  bytea            NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    kind        text COLLATE "C" NOT NULL CHECK (kind IN ('employer', 'employee')),
    hourly_rate text COLLATE "C",
    created_by  uuid             NOT NULL,
    created     bigint           NOT NULL,
    expires     bigint           NOT NULL,
    used        bigint,
    used_by     uuid,
    PRIMARY KEY (tenant, id)
);

-- `api` is the cloud itself, which signs uploaded check-ins; its seed is sealed with the data key.
CREATE TABLE terminals (
    tenant      uuid             NOT NULL,
    id          uuid             NOT NULL,
    site        uuid             NOT NULL,
    kind        text COLLATE "C" NOT NULL CHECK (kind IN ('terminal', 'api')),
    name        text COLLATE "C" NOT NULL,
    public_key  bytea            NOT NULL CHECK (octet_length(public_key) = 32),
    sealing_key bytea            CHECK (octet_length(sealing_key) = 32),
    seed_sealed bytea,
    certificate bytea,
    claimed     bigint           NOT NULL,
    revoked     bigint,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, site) REFERENCES sites (tenant, id)
);
CREATE UNIQUE INDEX terminals_by_id ON terminals (id);

CREATE TABLE claims (
    tenant        uuid             NOT NULL,
    id            uuid             NOT NULL,
    site          uuid             NOT NULL,
    name          text COLLATE "C" NOT NULL,
    secret_sealed bytea            NOT NULL,
    created_by    uuid             NOT NULL,
    created       bigint           NOT NULL,
    expires       bigint           NOT NULL,
    progress      bytea,
    used          bigint,
    terminal      uuid,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, site) REFERENCES sites (tenant, id)
);
CREATE UNIQUE INDEX claims_by_id ON claims (id);

-- The compact JWS as it came: the whole log can be verified without this program. The next event names
-- this one by `links`: the hash, but of a `void` the hash of the damaged event that it stands for.
CREATE TABLE events (
    tenant   uuid   NOT NULL,
    terminal uuid   NOT NULL,
    outbox   uuid   NOT NULL,
    seq      bigint NOT NULL CHECK (seq > 0),
    hash     bytea  NOT NULL CHECK (octet_length(hash) = 32),
    prev     bytea  NOT NULL CHECK (octet_length(prev) = 32),
    links    bytea  NOT NULL CHECK (octet_length(links) = 32),
    compact  bytea  NOT NULL,
    received bigint NOT NULL,
    PRIMARY KEY (tenant, terminal, outbox, seq),
    FOREIGN KEY (tenant, terminal) REFERENCES terminals (tenant, id)
);

-- What could not be placed: kept, acknowledged, and shown to a person.
CREATE TABLE quarantine (
    tenant   uuid             NOT NULL,
    terminal uuid             NOT NULL,
    outbox   uuid             NOT NULL,
    hash     bytea            NOT NULL CHECK (octet_length(hash) = 32),
    seq      bigint           NOT NULL,
    compact  bytea            NOT NULL,
    received bigint           NOT NULL,
    why      text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, terminal, outbox, hash)
);
CREATE INDEX quarantine_by_seq ON quarantine (tenant, terminal, outbox, seq);

-- `through`: a seq up to which nothing is missing; the look-up begins there and moves it now and then.
-- `next`: the terminal's own next seq, as it last said. `forked`: when two histories were first seen, and
-- `fork_seq` the lowest seq that differed.
CREATE TABLE outboxes (
    tenant   uuid   NOT NULL,
    terminal uuid   NOT NULL,
    outbox   uuid   NOT NULL,
    through  bigint NOT NULL DEFAULT 0,
    next     bigint NOT NULL DEFAULT 1,
    forked   bigint,
    fork_seq bigint,
    born     bigint NOT NULL,
    PRIMARY KEY (tenant, terminal, outbox),
    FOREIGN KEY (tenant, terminal) REFERENCES terminals (tenant, id)
);

-- Gaps that can't be filled any more.
CREATE TABLE lost (
    tenant   uuid   NOT NULL,
    terminal uuid   NOT NULL,
    outbox   uuid   NOT NULL,
    from_seq bigint NOT NULL,
    to_seq   bigint NOT NULL,
    noticed  bigint NOT NULL,
    PRIMARY KEY (tenant, terminal, outbox, from_seq)
);

-- Events that attendance is concluded from, read out of the signed bodies at ingest. `body` is the JSON
-- of the claims.
CREATE TABLE facts (
    tenant   uuid             NOT NULL,
    terminal uuid             NOT NULL,
    outbox   uuid             NOT NULL,
    seq      bigint           NOT NULL,
    kind     text COLLATE "C" NOT NULL,
    at       bigint           NOT NULL,
    received bigint           NOT NULL,
    person   uuid,
    amends   bigint,
    body     text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, terminal, outbox, seq),
    FOREIGN KEY (tenant, terminal, outbox, seq) REFERENCES events (tenant, terminal, outbox, seq)
);
CREATE INDEX facts_by_person ON facts (tenant, person, at);
CREATE INDEX facts_by_time ON facts (tenant, at);
CREATE INDEX facts_by_receipt ON facts (tenant, received);
CREATE INDEX facts_by_kind ON facts (tenant, kind, at);

-- What a terminal last said of itself: the session of its last `hello`, the number of the last status in
-- it, the versions that it holds in the epoch of this database, and the status as it came.
CREATE TABLE terminal_status (
    tenant    uuid             NOT NULL,
    terminal  uuid             NOT NULL,
    session   uuid             NOT NULL,
    n         bigint           NOT NULL DEFAULT 0,
    online    boolean          NOT NULL,
    last_seen bigint           NOT NULL,
    outbox    uuid             NOT NULL,
    next      bigint           NOT NULL DEFAULT 1,
    roster    bigint           NOT NULL DEFAULT 0,
    digest    bytea            CHECK (octet_length(digest) = 32),
    settings  bigint           NOT NULL DEFAULT 0,
    body      text COLLATE "C" NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant, terminal),
    FOREIGN KEY (tenant, terminal) REFERENCES terminals (tenant, id)
);

-- What a boot of a terminal last said with a clock held to a time server; dates its events from before.
CREATE TABLE sync_marks (
    tenant    uuid   NOT NULL,
    terminal  uuid   NOT NULL,
    boot      uuid   NOT NULL,
    uptime_ms bigint NOT NULL,
    at        bigint NOT NULL,
    PRIMARY KEY (tenant, terminal, boot),
    FOREIGN KEY (tenant, terminal) REFERENCES terminals (tenant, id)
);

-- What a site's terminals are to hold. The version moves when the contents do: they are compared by hash
-- whenever somebody asks, so that no writer of people or templates has to remember to.
CREATE TABLE rosters (
    tenant  uuid   NOT NULL,
    site    uuid   NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant, site),
    FOREIGN KEY (tenant, site) REFERENCES sites (tenant, id)
);

-- Each person of a site's roster with the version that last changed them; no content: to be forgotten.
CREATE TABLE roster_entries (
    tenant  uuid   NOT NULL,
    site    uuid   NOT NULL,
    person  uuid   NOT NULL,
    version bigint NOT NULL,
    content bytea  CHECK (octet_length(content) = 32),
    PRIMARY KEY (tenant, site, person),
    FOREIGN KEY (tenant, site) REFERENCES rosters (tenant, site)
);

-- The version of the settings that a site's terminals are to hold, by the hash of their contents.
CREATE TABLE settings_versions (
    tenant  uuid   NOT NULL,
    site    uuid   NOT NULL,
    version bigint NOT NULL,
    content bytea  NOT NULL CHECK (octet_length(content) = 32),
    PRIMARY KEY (tenant, site),
    FOREIGN KEY (tenant, site) REFERENCES sites (tenant, id)
);

-- The next event of the outbox that the cloud itself writes as the terminal `api`.
CREATE TABLE api_heads (
    tenant   uuid   NOT NULL,
    terminal uuid   NOT NULL,
    outbox   uuid   NOT NULL,
    next     bigint NOT NULL CHECK (next > 0),
    prev     bytea  NOT NULL CHECK (octet_length(prev) = 32),
    PRIMARY KEY (tenant, terminal),
    FOREIGN KEY (tenant, terminal) REFERENCES terminals (tenant, id)
);

-- A closed session that was paid, named by the punch that opened it.
CREATE TABLE paid_sessions (
    tenant       uuid             NOT NULL,
    person       uuid             NOT NULL,
    terminal     uuid             NOT NULL,
    outbox       uuid             NOT NULL,
    seq          bigint           NOT NULL,
    check_in     bigint           NOT NULL,
    check_out    bigint           NOT NULL,
    amount_minor bigint           NOT NULL,
    currency     text COLLATE "C" NOT NULL,
    paid         bigint           NOT NULL,
    paid_by      uuid             NOT NULL,
    PRIMARY KEY (tenant, person, terminal, outbox, seq),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
);

-- One JSON value a key; what is not set has its default in the program.
CREATE TABLE settings (
    tenant uuid             NOT NULL REFERENCES tenants (tenant),
    key    text COLLATE "C" NOT NULL,
    value  text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, key)
);

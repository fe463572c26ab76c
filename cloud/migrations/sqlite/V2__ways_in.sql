-- Ways in without a face.

-- The number that somebody types before their PIN: no secret, and kept when the PIN changes. The verifier is
-- bcrypt; NULL where the PIN was taken back.
CREATE TABLE pins (
    tenant   BLOB    NOT NULL,
    person   BLOB    NOT NULL,
    number   INTEGER NOT NULL CHECK (number BETWEEN 10 AND 99999999),
    verifier TEXT,
    PRIMARY KEY (tenant, person),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX pins_by_number ON pins (tenant, number);

-- `listed`: as rosters list it, `qr:` and the id of a signed badge, or what a reader types. A badge is
-- somebody's once; one that was revoked may be given to another.
CREATE TABLE badges (
    tenant  BLOB    NOT NULL,
    id      BLOB    NOT NULL CHECK (length(id) = 16),
    person  BLOB    NOT NULL,
    listed  TEXT    NOT NULL,
    issued  INTEGER NOT NULL,
    revoked INTEGER,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX badges_in_use ON badges (tenant, listed) WHERE revoked IS NULL;
CREATE INDEX badges_by_person ON badges (tenant, person);

-- Who changed whose ways in. Rows are only added.
CREATE TABLE way_changes (
    tenant BLOB    NOT NULL,
    person BLOB    NOT NULL,
    nth    INTEGER NOT NULL,
    what   TEXT    NOT NULL CHECK (what IN ('pin_set', 'pin_removed', 'badge_issued', 'badge_revoked')),
    badge  BLOB             CHECK (length(badge) = 16),
    by     BLOB    NOT NULL CHECK (length(by) = 16),
    at     INTEGER NOT NULL,
    PRIMARY KEY (tenant, person, nth),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
) STRICT, WITHOUT ROWID;

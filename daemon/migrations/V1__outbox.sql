-- What this terminal has to say and to whom it was said. Instants are microseconds since 1970 in UTC;
-- ids are the 16 bytes of a UUID, hashes the 32 bytes of a SHA-256.

-- The outboxes that this terminal has had, in order of birth. Its events lie at the places
-- `before` + 1, `before` + 2 …, up to the next outbox's `before`. `through`: the cloud holds every
-- event up to this seq. `end_seq` and `end_hash`: its last event, once another outbox followed it; where
-- the cloud held other events under later numbers, the last one on which both agree.
CREATE TABLE outboxes (
    number   INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id       BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    terminal BLOB    NOT NULL CHECK (length(terminal) = 16),
    hardware BLOB    NOT NULL CHECK (length(hardware) = 32),
    before   INTEGER NOT NULL CHECK (before >= 0),
    born     INTEGER NOT NULL,
    through  INTEGER NOT NULL DEFAULT 0 CHECK (through >= 0),
    end_seq  INTEGER                    CHECK (end_seq >= 0),
    end_hash BLOB                       CHECK (length(end_hash) = 32)
) STRICT;

-- The last event of the current outbox. Written in the append's transaction, so that deleting events
-- never cuts the chain.
CREATE TABLE head (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    number   INTEGER NOT NULL REFERENCES outboxes (number),
    seq      INTEGER NOT NULL CHECK (seq >= 0),
    hash     BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;

-- AUTOINCREMENT: a place is never used again, not even when the table was emptied.
CREATE TABLE events (
    place   INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    prev    BLOB    NOT NULL CHECK (length(prev) = 32),
    hash    BLOB    NOT NULL CHECK (length(hash) = 32),
    compact BLOB    NOT NULL
) STRICT;

-- How far the cloud had acknowledged an outbox on a day: what is old enough may be deleted.
CREATE TABLE marks (
    number  INTEGER NOT NULL REFERENCES outboxes (number),
    day     INTEGER NOT NULL,
    through INTEGER NOT NULL,
    PRIMARY KEY (number, day)
) STRICT, WITHOUT ROWID;

-- The states of the cloud's database that this terminal has met, in order; the last one is believed.
CREATE TABLE epochs (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    epoch  BLOB    NOT NULL UNIQUE CHECK (length(epoch) = 16)
) STRICT;

-- One row: the boot in which the clock was last seen synchronised.
CREATE TABLE clock (
    only_row    INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    synced_boot BLOB    NOT NULL CHECK (length(synced_boot) = 16)
) STRICT;

-- Commands that were begun: the id is written before anything is done.
CREATE TABLE commands (
    id    BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    begun INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

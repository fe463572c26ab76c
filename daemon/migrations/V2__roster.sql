-- Who may be recognised here, as the cloud last said.

-- One row: which roster and which settings this terminal holds.
CREATE TABLE holding (
    only_row         INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    roster_epoch     BLOB             CHECK (length(roster_epoch) = 16),
    roster_version   INTEGER NOT NULL DEFAULT 0,
    settings_epoch   BLOB             CHECK (length(settings_epoch) = 16),
    settings_version INTEGER NOT NULL DEFAULT 0,
    settings         TEXT
) STRICT;
INSERT INTO holding (only_row) VALUES (1);

-- Everything about a person but the face, sealed: 24 bytes of nonce, then XChaCha20-Poly1305, bound to
-- site and person. `hash` is of the templates as they came, for the digest that proves what is held.
CREATE TABLE people (
    person BLOB NOT NULL PRIMARY KEY CHECK (length(person) = 16),
    hash   BLOB NOT NULL CHECK (length(hash) = 32),
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- A face template, sealed the same way, bound to site, person, model and the roster version that brought
-- it.
CREATE TABLE templates (
    person  BLOB    NOT NULL REFERENCES people (person),
    model   TEXT    NOT NULL,
    place   INTEGER NOT NULL,
    version INTEGER NOT NULL,
    sealed  BLOB    NOT NULL,
    PRIMARY KEY (person, model, place)
) STRICT, WITHOUT ROWID;

-- Who helps an owner, single-use links, and what was done.

-- What an account may do. `kind` says on which side of the old routes it stands.
ALTER TABLE accounts ADD COLUMN role TEXT NOT NULL DEFAULT 'employee'
    CHECK (role IN ('owner', 'hr', 'manager', 'auditor', 'technician', 'employee'));
UPDATE accounts SET role = 'owner' WHERE kind = 'employer';
-- When its holder proved to read the e-mail.
ALTER TABLE accounts ADD COLUMN verified INTEGER;

-- What is sent by e-mail and works once. `join`: somebody becomes staff, under `role`; `verify` and `reset` are an
-- account's own.
CREATE TABLE links (
    tenant     BLOB    NOT NULL REFERENCES tenants (tenant),
    token_hash BLOB    NOT NULL CHECK (length(token_hash) = 32),
    purpose    TEXT    NOT NULL CHECK (purpose IN ('join', 'verify', 'reset')),
    account    BLOB             CHECK (length(account) = 16),
    email      TEXT    NOT NULL,
    role       TEXT             CHECK (role IN ('owner', 'hr', 'manager', 'auditor', 'technician')),
    made_by    BLOB    NOT NULL CHECK (length(made_by) = 16),
    created    INTEGER NOT NULL,
    expires    INTEGER NOT NULL,
    used       INTEGER,
    PRIMARY KEY (tenant, token_hash)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX links_by_token ON links (token_hash);

-- Who did what, before and after, each row with the hash of itself and the one before. Rows are only added.
CREATE TABLE audit (
    tenant  BLOB    NOT NULL REFERENCES tenants (tenant),
    nth     INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    by_whom BLOB    NOT NULL CHECK (length(by_whom) = 16),
    what    TEXT    NOT NULL,
    about   BLOB             CHECK (length(about) = 16),
    before  TEXT,
    after   TEXT,
    hash    BLOB    NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (tenant, nth)
) STRICT, WITHOUT ROWID;

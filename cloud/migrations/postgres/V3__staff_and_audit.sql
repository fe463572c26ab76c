-- Who helps an owner, single-use links, and what was done.

-- What an account may do. `kind` says on which side of the old routes it stands.
ALTER TABLE accounts
    ADD COLUMN role text COLLATE "C" NOT NULL DEFAULT 'employee'
        CHECK (role IN ('owner', 'hr', 'manager', 'auditor', 'technician', 'employee')),
    -- When its holder proved to read the e-mail.
    ADD COLUMN verified bigint;
UPDATE accounts SET role = 'owner' WHERE kind = 'employer';

-- What is sent by e-mail and works once. `join`: somebody becomes staff, under `role`; `verify` and `reset` are an
-- account's own.
CREATE TABLE links (
    tenant     uuid             NOT NULL REFERENCES tenants (tenant),
    token_hash bytea            NOT NULL CHECK (length(token_hash) = 32),
    purpose    text COLLATE "C" NOT NULL CHECK (purpose IN ('join', 'verify', 'reset')),
    account    uuid,
    email      text COLLATE "C" NOT NULL,
    role       text COLLATE "C"          CHECK (role IN ('owner', 'hr', 'manager', 'auditor', 'technician')),
    made_by    uuid             NOT NULL,
    created    bigint           NOT NULL,
    expires    bigint           NOT NULL,
    used       bigint,
    PRIMARY KEY (tenant, token_hash)
);
CREATE UNIQUE INDEX links_by_token ON links (token_hash);

-- Who did what, before and after, each row with the hash of itself and the one before. Rows are only added.
CREATE TABLE audit (
    tenant  uuid             NOT NULL REFERENCES tenants (tenant),
    nth     bigint           NOT NULL,
    at      bigint           NOT NULL,
    by_whom uuid             NOT NULL,
    what    text COLLATE "C" NOT NULL,
    about   uuid,
    before  text COLLATE "C",
    after   text COLLATE "C",
    hash    bytea            NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (tenant, nth)
);

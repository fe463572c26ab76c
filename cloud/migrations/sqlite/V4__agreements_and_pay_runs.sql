-- What was agreed, planned, asked for and decided about time and pay, and from which date on. Rows are only added: of
-- several for one subject and date the last one holds, and one without a body takes the earlier ones back.
CREATE TABLE agreements (
    tenant   BLOB    NOT NULL REFERENCES tenants (tenant),
    nth      INTEGER NOT NULL,
    kind     TEXT    NOT NULL,
    -- A person, a shift, a site; zeros for the tenant itself.
    subject  BLOB    NOT NULL CHECK (length(subject) = 16),
    person   BLOB             CHECK (length(person) = 16),
    from_day TEXT    NOT NULL CHECK (length(from_day) = 10),
    body     TEXT,
    at       INTEGER NOT NULL,
    by_whom  BLOB    NOT NULL CHECK (length(by_whom) = 16),
    PRIMARY KEY (tenant, nth)
) STRICT, WITHOUT ROWID;
CREATE INDEX agreements_by_person ON agreements (tenant, person);

-- `place` is the order in which runs began, `locked` that in which they were locked. `version` moves with each change.
CREATE TABLE pay_runs (
    tenant    BLOB    NOT NULL REFERENCES tenants (tenant),
    id        BLOB    NOT NULL CHECK (length(id) = 16),
    place     INTEGER NOT NULL,
    locked    INTEGER,
    version   INTEGER NOT NULL,
    body      TEXT    NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- What a locked run pays each person: its lines and adjustments. Written once.
CREATE TABLE pay_run_people (
    tenant BLOB NOT NULL,
    run    BLOB NOT NULL CHECK (length(run) = 16),
    person BLOB NOT NULL CHECK (length(person) = 16),
    body   TEXT NOT NULL,
    PRIMARY KEY (tenant, run, person),
    FOREIGN KEY (tenant, run) REFERENCES pay_runs (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX pay_run_people_by_person ON pay_run_people (tenant, person);

-- What was agreed, planned, asked for and decided about time and pay, and from which date on. Rows are only added: of
-- several for one subject and date the last one holds, and one without a body takes the earlier ones back.
CREATE TABLE agreements (
    tenant   uuid             NOT NULL REFERENCES tenants (tenant),
    nth      bigint           NOT NULL,
    kind     text COLLATE "C" NOT NULL,
    -- A person, a shift, a site; zeros for the tenant itself.
    subject  uuid             NOT NULL,
    person   uuid,
    from_day text COLLATE "C" NOT NULL CHECK (length(from_day) = 10),
    body     text COLLATE "C",
    at       bigint           NOT NULL,
    by_whom  uuid             NOT NULL,
    PRIMARY KEY (tenant, nth)
);
CREATE INDEX agreements_by_person ON agreements (tenant, person);

-- `place` is the order in which runs began, `locked` that in which they were locked. `version` moves with each change.
CREATE TABLE pay_runs (
    tenant  uuid             NOT NULL REFERENCES tenants (tenant),
    id      uuid             NOT NULL,
    place   bigint           NOT NULL,
    locked  bigint,
    version bigint           NOT NULL,
    body    text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, id)
);

-- What a locked run pays each person: its lines and adjustments. Written once.
CREATE TABLE pay_run_people (
    tenant uuid             NOT NULL,
    run    uuid             NOT NULL,
    person uuid             NOT NULL,
    body   text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, run, person),
    FOREIGN KEY (tenant, run) REFERENCES pay_runs (tenant, id)
);
CREATE INDEX pay_run_people_by_person ON pay_run_people (tenant, person);

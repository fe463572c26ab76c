-- Two people whose faces are too much alike, for somebody to settle.

-- `person` was to be enrolled when it was found. `near`: it was, and templates can't tell the two apart at the rate
-- that doors want. `double`: it was not, since the other has that face already.
CREATE TABLE alike (
    tenant     uuid             NOT NULL,
    person     uuid             NOT NULL,
    other      uuid             NOT NULL,
    kind       text COLLATE "C" NOT NULL CHECK (kind IN ('double', 'near')),
    found      bigint           NOT NULL,
    settled    bigint,
    settled_by uuid,
    settled_as text COLLATE "C"          CHECK (settled_as IN ('same', 'twins', 'different')),
    PRIMARY KEY (tenant, person, other),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, other) REFERENCES people (tenant, id)
);
CREATE INDEX alike_by_other ON alike (tenant, other);

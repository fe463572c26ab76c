-- Two people whose faces are too much alike, for somebody to settle.

-- `person` was to be enrolled when it was found. `near`: it was, and templates can't tell the two apart at the rate
-- that doors want. `double`: it was not, since the other has that face already.
CREATE TABLE alike (
    tenant     BLOB    NOT NULL,
    person     BLOB    NOT NULL,
    other      BLOB    NOT NULL,
    kind       TEXT    NOT NULL CHECK (kind IN ('double', 'near')),
    found      INTEGER NOT NULL,
    settled    INTEGER,
    settled_by BLOB             CHECK (length(settled_by) = 16),
    settled_as TEXT             CHECK (settled_as IN ('same', 'twins', 'different')),
    PRIMARY KEY (tenant, person, other),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, other) REFERENCES people (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX alike_by_other ON alike (tenant, other);

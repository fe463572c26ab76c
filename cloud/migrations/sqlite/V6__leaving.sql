-- Links by which people enrol their own face, and an e-mail that is free again when its holder has left.

-- Works once. `used`: its person agreed and is enrolled, or said no.
CREATE TABLE enrolment_links (
    tenant     BLOB    NOT NULL,
    token_hash BLOB    NOT NULL CHECK (length(token_hash) = 32),
    person     BLOB    NOT NULL,
    made_by    BLOB    NOT NULL CHECK (length(made_by) = 16),
    created    INTEGER NOT NULL,
    expires    INTEGER NOT NULL,
    used       INTEGER,
    PRIMARY KEY (tenant, token_hash),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX enrolment_links_by_token ON enrolment_links (token_hash);
CREATE INDEX enrolment_links_by_person ON enrolment_links (tenant, person);

-- What e-mails are compared by holds for whoever logs in; the address itself stays where it was.
UPDATE accounts SET email_key = 'dismissed ' || lower(hex(id)) WHERE disabled = 1;

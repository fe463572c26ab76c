-- Links by which people enrol their own face, and an e-mail that is free again when its holder has left.

-- Works once. `used`: its person agreed and is enrolled, or said no.
CREATE TABLE enrolment_links (
    tenant     uuid   NOT NULL,
    token_hash bytea  NOT NULL CHECK (length(token_hash) = 32),
    person     uuid   NOT NULL,
    made_by    uuid   NOT NULL,
    created    bigint NOT NULL,
    expires    bigint NOT NULL,
    used       bigint,
    PRIMARY KEY (tenant, token_hash),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
);
CREATE UNIQUE INDEX enrolment_links_by_token ON enrolment_links (token_hash);
CREATE INDEX enrolment_links_by_person ON enrolment_links (tenant, person);

-- What e-mails are compared by holds for whoever logs in; the address itself stays where it was.
UPDATE accounts SET email_key = 'dismissed ' || replace(id::text, '-', '') WHERE disabled;

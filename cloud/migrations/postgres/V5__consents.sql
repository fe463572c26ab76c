-- On what each template rests, the texts that people agree to, and the proof that a template was erased.

-- How a consent was given: `attested` by whoever registered the person, on `paper`, by a `link`, or by the account
-- holder `own` hand.
ALTER TABLE consents
    ADD COLUMN given text COLLATE "C" NOT NULL DEFAULT 'attested'
        CHECK (given IN ('attested', 'paper', 'link', 'own')),
    ADD COLUMN withdrawn_by uuid;
UPDATE consents SET given = 'own' WHERE attested_by = person;
UPDATE consents SET withdrawn_by = person WHERE withdrawn IS NOT NULL;

-- The consent that the template rests on.
ALTER TABLE templates ADD COLUMN consent uuid;
UPDATE templates x SET consent = (
    SELECT c.id FROM consents c
    WHERE c.tenant = x.tenant AND c.person = x.person AND c.purpose = 'attendance'
    ORDER BY c.at DESC, c.id DESC LIMIT 1
);

-- An organisation's own texts. Rows are only added: what somebody agreed to stays readable.
CREATE TABLE consent_texts (
    tenant   uuid             NOT NULL REFERENCES tenants (tenant),
    version  text COLLATE "C" NOT NULL,
    language text COLLATE "C" NOT NULL,
    text     text COLLATE "C" NOT NULL,
    made     bigint           NOT NULL,
    made_by  uuid             NOT NULL,
    PRIMARY KEY (tenant, version, language)
);

-- A person's templates are gone. `held` describes them as JSON: model, version, photographs, since when.
CREATE TABLE erasures (
    tenant  uuid             NOT NULL,
    id      uuid             NOT NULL,
    person  uuid             NOT NULL,
    at      bigint           NOT NULL,
    by_whom uuid             NOT NULL,
    why     text COLLATE "C" NOT NULL CHECK (why IN ('withdrawn', 'left', 'unused')),
    held    text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, person) REFERENCES accounts (tenant, id)
);
CREATE INDEX erasures_by_person ON erasures (tenant, person, at);

-- Each terminal that may have held them, and what it proved to hold since: the roster's version and its digest.
CREATE TABLE erasure_terminals (
    tenant    uuid   NOT NULL,
    erasure   uuid   NOT NULL,
    terminal  uuid   NOT NULL,
    confirmed bigint,
    version   bigint,
    digest    bytea           CHECK (length(digest) = 32),
    PRIMARY KEY (tenant, erasure, terminal),
    FOREIGN KEY (tenant, erasure) REFERENCES erasures (tenant, id),
    FOREIGN KEY (tenant, terminal) REFERENCES terminals (tenant, id)
);
CREATE INDEX erasure_terminals_by_terminal ON erasure_terminals (tenant, terminal) WHERE confirmed IS NULL;

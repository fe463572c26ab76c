-- On what each template rests, the texts that people agree to, and the proof that a template was erased.

-- How a consent was given: `attested` by whoever registered the person, on `paper`, by a `link`, or by the account
-- holder `own` hand.
ALTER TABLE consents ADD COLUMN given TEXT NOT NULL DEFAULT 'attested'
    CHECK (given IN ('attested', 'paper', 'link', 'own'));
ALTER TABLE consents ADD COLUMN withdrawn_by BLOB CHECK (length(withdrawn_by) = 16);
UPDATE consents SET given = 'own' WHERE attested_by = person;
UPDATE consents SET withdrawn_by = person WHERE withdrawn IS NOT NULL;

-- The consent that the template rests on.
ALTER TABLE templates ADD COLUMN consent BLOB CHECK (length(consent) = 16);
UPDATE templates SET consent = (
    SELECT c.id FROM consents c
    WHERE c.tenant = templates.tenant AND c.person = templates.person AND c.purpose = 'attendance'
    ORDER BY c.at DESC, c.id DESC LIMIT 1
);

-- An organisation's own texts. Rows are only added: what somebody agreed to stays readable.
CREATE TABLE consent_texts (
    tenant   BLOB    NOT NULL REFERENCES tenants (tenant),
    version  TEXT    NOT NULL,
    language TEXT    NOT NULL,
    text     TEXT    NOT NULL,
    made     INTEGER NOT NULL,
    made_by  BLOB    NOT NULL CHECK (length(made_by) = 16),
    PRIMARY KEY (tenant, version, language)
) STRICT, WITHOUT ROWID;

-- A person's templates are gone. `held` describes them as JSON: model, version, photographs, since when.
CREATE TABLE erasures (
    tenant  BLOB    NOT NULL,
    id      BLOB    NOT NULL CHECK (length(id) = 16),
    person  BLOB    NOT NULL,
    at      INTEGER NOT NULL,
    by_whom BLOB    NOT NULL CHECK (length(by_whom) = 16),
    why     TEXT    NOT NULL CHECK (why IN ('withdrawn', 'left', 'unused')),
    held    TEXT    NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, person) REFERENCES accounts (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX erasures_by_person ON erasures (tenant, person, at);

-- Each terminal that may have held them, and what it proved to hold since: the roster's version and its digest.
CREATE TABLE erasure_terminals (
    tenant    BLOB    NOT NULL,
    erasure   BLOB    NOT NULL,
    terminal  BLOB    NOT NULL,
    confirmed INTEGER,
    version   INTEGER,
    digest    BLOB             CHECK (length(digest) = 32),
    PRIMARY KEY (tenant, erasure, terminal),
    FOREIGN KEY (tenant, erasure) REFERENCES erasures (tenant, id),
    FOREIGN KEY (tenant, terminal) REFERENCES terminals (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX erasure_terminals_by_terminal ON erasure_terminals (tenant, terminal) WHERE confirmed IS NULL;

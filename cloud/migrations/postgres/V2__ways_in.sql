-- Ways in without a face.

-- The number that somebody types before their PIN: no secret, and kept when the PIN changes. The verifier is
-- bcrypt; NULL where the PIN was taken back.
CREATE TABLE pins (
    tenant   uuid             NOT NULL,
    person   uuid             NOT NULL,
    number   bigint           NOT NULL CHECK (number BETWEEN 10 AND 99999999),
    verifier text COLLATE "C",
    PRIMARY KEY (tenant, person),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
);
CREATE UNIQUE INDEX pins_by_number ON pins (tenant, number);

-- `listed`: as rosters list it, `qr:` and the id of a signed badge, or what a reader types. A badge is
-- somebody's once; one that was revoked may be given to another.
CREATE TABLE badges (
    tenant  uuid             NOT NULL,
    id      uuid             NOT NULL,
    person  uuid             NOT NULL,
    listed  text COLLATE "C" NOT NULL,
    issued  bigint           NOT NULL,
    revoked bigint,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
);
CREATE UNIQUE INDEX badges_in_use ON badges (tenant, listed) WHERE revoked IS NULL;
CREATE INDEX badges_by_person ON badges (tenant, person);

-- Who changed whose ways in. Rows are only added.
CREATE TABLE way_changes (
    tenant uuid             NOT NULL,
    person uuid             NOT NULL,
    nth    bigint           NOT NULL,
    what   text COLLATE "C" NOT NULL CHECK (what IN ('pin_set', 'pin_removed', 'badge_issued', 'badge_revoked')),
    badge  uuid,
    by     uuid             NOT NULL,
    at     bigint           NOT NULL,
    PRIMARY KEY (tenant, person, nth),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
);

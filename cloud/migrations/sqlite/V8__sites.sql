-- Several sites. The first one's keys sign and seal for all of them: its badges and its terminals are known
-- everywhere, and a terminal that moves keeps what it was claimed with. A later site has no keys (no bytes).

-- The local time at which a working day begins there; NULL: as the organisation has it.
ALTER TABLE sites ADD COLUMN day_start TEXT;
-- What terminals there are told, as JSON; NULL: the defaults.
ALTER TABLE sites ADD COLUMN doors TEXT;
UPDATE sites SET doors = (SELECT value FROM settings WHERE settings.tenant = sites.tenant AND key = 'site');

-- Where a terminal hangs, since when; `terminals.site` is the site whose keys it knows.
CREATE TABLE placements (
    tenant   BLOB    NOT NULL,
    terminal BLOB    NOT NULL,
    since    INTEGER NOT NULL,
    site     BLOB    NOT NULL,
    PRIMARY KEY (tenant, terminal, since),
    FOREIGN KEY (tenant, terminal) REFERENCES terminals (tenant, id),
    FOREIGN KEY (tenant, site) REFERENCES sites (tenant, id)
) STRICT, WITHOUT ROWID;
INSERT INTO placements (tenant, terminal, since, site)
    SELECT tenant, id, claimed, site FROM terminals WHERE kind = 'terminal';

-- Where the terminal of a claim code will hang; NULL: at the first site.
ALTER TABLE claims ADD COLUMN place BLOB CHECK (length(place) = 16);

-- Whose doors know a person; no row: all of them.
CREATE TABLE person_sites (
    tenant BLOB NOT NULL,
    person BLOB NOT NULL,
    site   BLOB NOT NULL,
    PRIMARY KEY (tenant, person, site),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, site) REFERENCES sites (tenant, id)
) STRICT, WITHOUT ROWID;

-- Whose manager an account is; no row: of all of them.
CREATE TABLE manager_sites (
    tenant  BLOB NOT NULL,
    account BLOB NOT NULL,
    site    BLOB NOT NULL,
    PRIMARY KEY (tenant, account, site),
    FOREIGN KEY (tenant, account) REFERENCES accounts (tenant, id),
    FOREIGN KEY (tenant, site) REFERENCES sites (tenant, id)
) STRICT, WITHOUT ROWID;

-- Of which sites somebody is invited to be the manager, as JSON; NULL: of all of them.
ALTER TABLE links ADD COLUMN sites TEXT;

-- The number that an organisation's own lists know somebody by.
CREATE TABLE personnel_numbers (
    tenant BLOB NOT NULL,
    person BLOB NOT NULL,
    number TEXT NOT NULL,
    PRIMARY KEY (tenant, person),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX personnel_numbers_by_number ON personnel_numbers (tenant, number);

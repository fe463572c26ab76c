-- Several sites. The first one's keys sign and seal for all of them: its badges and its terminals are known
-- everywhere, and a terminal that moves keeps what it was claimed with. A later site has no keys (no bytes).

-- The local time at which a working day begins there; NULL: as the organisation has it.
ALTER TABLE sites ADD COLUMN day_start text COLLATE "C";
-- What terminals there are told, as JSON; NULL: the defaults.
ALTER TABLE sites ADD COLUMN doors text COLLATE "C";
UPDATE sites SET doors = (SELECT value FROM settings WHERE settings.tenant = sites.tenant AND key = 'site');

-- Where a terminal hangs, since when; `terminals.site` is the site whose keys it knows.
CREATE TABLE placements (
    tenant   uuid   NOT NULL,
    terminal uuid   NOT NULL,
    since    bigint NOT NULL,
    site     uuid   NOT NULL,
    PRIMARY KEY (tenant, terminal, since),
    FOREIGN KEY (tenant, terminal) REFERENCES terminals (tenant, id),
    FOREIGN KEY (tenant, site) REFERENCES sites (tenant, id)
);
INSERT INTO placements (tenant, terminal, since, site)
    SELECT tenant, id, claimed, site FROM terminals WHERE kind = 'terminal';

-- Where the terminal of a claim code will hang; NULL: at the first site.
ALTER TABLE claims ADD COLUMN place uuid;

-- Whose doors know a person; no row: all of them.
CREATE TABLE person_sites (
    tenant uuid NOT NULL,
    person uuid NOT NULL,
    site   uuid NOT NULL,
    PRIMARY KEY (tenant, person, site),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, site) REFERENCES sites (tenant, id)
);

-- Whose manager an account is; no row: of all of them.
CREATE TABLE manager_sites (
    tenant  uuid NOT NULL,
    account uuid NOT NULL,
    site    uuid NOT NULL,
    PRIMARY KEY (tenant, account, site),
    FOREIGN KEY (tenant, account) REFERENCES accounts (tenant, id),
    FOREIGN KEY (tenant, site) REFERENCES sites (tenant, id)
);

-- Of which sites somebody is invited to be the manager, as JSON; NULL: of all of them.
ALTER TABLE links ADD COLUMN sites text COLLATE "C";

-- The number that an organisation's own lists know somebody by.
CREATE TABLE personnel_numbers (
    tenant uuid             NOT NULL,
    person uuid             NOT NULL,
    number text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, person),
    FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)
);
CREATE UNIQUE INDEX personnel_numbers_by_number ON personnel_numbers (tenant, number);

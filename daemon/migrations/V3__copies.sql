-- How far the cloud holds each outbox, a second time and on another page: one wrong bit in the first would keep events
-- from ever being sent. Where the two differ the lower one is believed.
CREATE TABLE through_again (
    number  INTEGER NOT NULL PRIMARY KEY REFERENCES outboxes (number),
    through INTEGER NOT NULL CHECK (through >= 0)
) STRICT;
INSERT INTO through_again (number, through) SELECT number, through FROM outboxes;

-- SHA-256 of the settings' text; NULL for those that were kept before there was one.
ALTER TABLE holding ADD COLUMN settings_hash BLOB CHECK (length(settings_hash) = 32);

-- Numbers that carriers call unknown: no marketing goes there until one is reached again, or until its time is over.
-- `key` is the number's digest (see optout). strikes: receipts in a row that called it unknown; 0: an operator's word,
-- which holds by itself. One row a number, so that this table stays small beside the messages.
CREATE TABLE suppressed (
    key      INTEGER PRIMARY KEY,
    number   TEXT NOT NULL,
    since    INTEGER NOT NULL,
    last     INTEGER NOT NULL,
    until    INTEGER NOT NULL,
    strikes  INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    bearer   INTEGER,           -- with code and message: the newest receipt that said so
    code     TEXT,
    message  INTEGER,
    source   TEXT NOT NULL      -- "receipt", or who did it
) STRICT;
CREATE INDEX suppressed_ends ON suppressed (until);

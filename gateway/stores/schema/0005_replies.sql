-- To whom replies belong, and what answers them.

-- Which account wrote last to a number by a bearer whose handsets see the bearer's own number (a SIM's): a reply says
-- nothing else. key: the number's digest, as in optout; message: what was written.
CREATE TABLE last_writer (
    bearer  INTEGER NOT NULL,
    key     INTEGER NOT NULL,
    account INTEGER NOT NULL,
    message INTEGER NOT NULL,
    PRIMARY KEY (bearer, key)
) STRICT, WITHOUT ROWID;

-- Answers of our own (a STOP's confirmation, a keyword's text), from the commit of the reply that asks for them until
-- they are submitted. id: the reply's.
CREATE TABLE auto_reply (
    id          INTEGER PRIMARY KEY,
    account     INTEGER NOT NULL,
    source      TEXT NOT NULL,
    destination TEXT NOT NULL,
    data_coding INTEGER NOT NULL,
    payload     BLOB NOT NULL,
    until       INTEGER NOT NULL
) STRICT;

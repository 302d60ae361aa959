-- Who wants no marketing, from whom, with the proof. The number itself goes when its owner asks for erasure; `key`,
-- its digest under a key that is not in this file, stays and goes on protecting him.

-- One row a scope and number: what holds now. state: 0 withdrawn, 1 opted out, 2 under review (until).
CREATE TABLE optout (
    scope        INTEGER NOT NULL,
    key          INTEGER NOT NULL,
    number       TEXT,              -- NULL once erased
    state        INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    until        INTEGER NOT NULL,
    source       TEXT NOT NULL,     -- "mo:36180", or who did it
    evidence     TEXT NOT NULL,
    confirmed_at INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;

-- What made it so: every STOP, START and operator's act, in its order (id). Append only, but that erasure takes
-- the number and the text.
CREATE TABLE optout_act (
    id       INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    act      TEXT NOT NULL,         -- stop, start, review, add, remove, import
    scope    INTEGER NOT NULL,
    key      INTEGER NOT NULL,
    number   TEXT,
    source   TEXT NOT NULL,
    evidence TEXT NOT NULL,
    mo       INTEGER,
    raw      TEXT
) STRICT;
CREATE INDEX optout_act_by_key ON optout_act (key);
CREATE TRIGGER optout_act_is_append_only_u BEFORE UPDATE ON optout_act
    WHEN new.number IS NOT NULL OR new.raw IS NOT NULL OR new.id <> old.id OR new.at <> old.at OR new.act <> old.act
        OR new.scope <> old.scope OR new.key <> old.key OR new.source <> old.source
        OR new.evidence <> old.evidence OR new.mo IS NOT old.mo
    BEGIN SELECT raise(ABORT, 'optout_act is append only'); END;
CREATE TRIGGER optout_act_is_append_only_d BEFORE DELETE ON optout_act
    BEGIN SELECT raise(ABORT, 'optout_act is append only'); END;

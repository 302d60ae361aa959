-- Proofs of consent, by scope (account:NAME, brand:NAME) and number. `key` is the number's digest (see optout), or that
-- of the reference where one proof stands for many numbers; number is '' then.

-- What holds now. state: 0 revoked, 1 given.
CREATE TABLE consent (
    scope     INTEGER NOT NULL,
    key       INTEGER NOT NULL,
    number    TEXT,              -- NULL once erased
    state     INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    reference TEXT,
    source    TEXT NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;

-- Every proof and every withdrawal, in its order (id). Append only, but that erasure takes what names somebody.
CREATE TABLE consent_act (
    id        INTEGER PRIMARY KEY,
    noted_at  INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    act       TEXT NOT NULL,     -- add, import, revoke, erase
    scope     INTEGER NOT NULL,
    key       INTEGER NOT NULL,
    number    TEXT,
    reference TEXT,
    source    TEXT NOT NULL,     -- where it was given, or why it was withdrawn
    text      TEXT,              -- what the person was shown
    who       TEXT NOT NULL
) STRICT;
CREATE INDEX consent_act_by_key ON consent_act (key);
CREATE TRIGGER consent_act_is_append_only_u BEFORE UPDATE ON consent_act
    WHEN new.number IS NOT NULL OR new.reference IS NOT NULL OR new.text IS NOT NULL OR new.id <> old.id
        OR new.noted_at <> old.noted_at OR new.at <> old.at OR new.act <> old.act OR new.scope <> old.scope
        OR new.key <> old.key OR new.source <> old.source OR new.who <> old.who
    BEGIN SELECT raise(ABORT, 'consent_act is append only'); END;
CREATE TRIGGER consent_act_is_append_only_d BEFORE DELETE ON consent_act
    BEGIN SELECT raise(ABORT, 'consent_act is append only'); END;

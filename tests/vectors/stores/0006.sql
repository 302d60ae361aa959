-- A store at schema 6. source: constructed, by tests/frozen_stores.py; never changed since.
BEGIN TRANSACTION;
CREATE TABLE attempt (
    message    INTEGER NOT NULL,
    part       INTEGER NOT NULL,
    try        INTEGER NOT NULL,
    bearer     INTEGER NOT NULL,
    carrier_id TEXT,
    state      INTEGER NOT NULL,
    error      TEXT,
    sent_at    INTEGER,
    done_at    INTEGER,
    PRIMARY KEY (message, part, try)
) STRICT, WITHOUT ROWID;
INSERT INTO "attempt" VALUES(382455102046224384,0,0,2,NULL,8,'088',1795251600000,1795251600000);
INSERT INTO "attempt" VALUES(382455148183568384,0,1,2,'1301',2,'000',1795251600000,1795251600000);
INSERT INTO "attempt" VALUES(382455148183568384,1,1,2,'1302',1,NULL,1795251600000,NULL);
CREATE TABLE audit (
    id     INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    who    TEXT NOT NULL,
    verb   TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
INSERT INTO "audit" VALUES(1,1795251600000,'root','hold','order 9');
CREATE TABLE auto_reply (
    id          INTEGER PRIMARY KEY,
    account     INTEGER NOT NULL,
    source      TEXT NOT NULL,
    destination TEXT NOT NULL,
    data_coding INTEGER NOT NULL,
    payload     BLOB NOT NULL,
    until       INTEGER NOT NULL
) STRICT;
INSERT INTO "auto_reply" VALUES(24,1,'36180','+33600000020',0,X'53544F5020636F6E6669726D6564',1795428000000);
CREATE TABLE backlog (
    route    INTEGER NOT NULL,
    kind     INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    account  INTEGER NOT NULL,
    tag      TEXT NOT NULL,
    due      INTEGER NOT NULL,
    id       INTEGER NOT NULL,
    expires  INTEGER NOT NULL,
    held     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (route, kind, priority, account, tag, due, id)
) STRICT, WITHOUT ROWID;
INSERT INTO "backlog" VALUES(3,0,0,1,'',0,382455135600656384,1795428000000,0);
INSERT INTO "backlog" VALUES(3,2,0,1,'',0,382455131406352384,1795428000000,1);
INSERT INTO "backlog" VALUES(3,2,0,1,'',0,382455139794960384,1795428000000,0);
INSERT INTO "backlog" VALUES(3,2,0,1,'',1795258800000,382455097851920384,1795428000000,0);
INSERT INTO "backlog" VALUES(3,3,0,1,'autumn',0,382455152377872384,1795428000000,0);
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
INSERT INTO "consent" VALUES(5,4389933776945764182,'+33600000023',1,1795251600000,'form-7','web form');
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
INSERT INTO "consent_act" VALUES(1,1795251600000,1795251600000,'add',5,4389933776945764182,'+33600000023','form-7','web form','I agree','root');
CREATE TABLE driver_state (
    bearer TEXT NOT NULL,
    key    TEXT NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (bearer, key)
) STRICT, WITHOUT ROWID;
INSERT INTO "driver_state" VALUES('carrier','ids','decimal');
CREATE TABLE last_writer (
    bearer  INTEGER NOT NULL,
    key     INTEGER NOT NULL,
    account INTEGER NOT NULL,
    message INTEGER NOT NULL,
    PRIMARY KEY (bearer, key)
) STRICT, WITHOUT ROWID;
INSERT INTO "last_writer" VALUES(6,3703451848808164392,1,382455106240528384);
CREATE TABLE message (
    id             INTEGER PRIMARY KEY,
    state          INTEGER NOT NULL,
    account        INTEGER NOT NULL,
    kind           INTEGER NOT NULL,
    priority       INTEGER NOT NULL,
    source         TEXT NOT NULL,
    destination    TEXT NOT NULL,
    data_coding    INTEGER NOT NULL,
    udh            BLOB,
    payload        BLOB,              -- NULL once wiped
    parts          INTEGER NOT NULL,
    registered     INTEGER NOT NULL,
    expires        INTEGER NOT NULL,
    route          INTEGER NOT NULL,
    reference      TEXT,
    tag            TEXT,
    user_reference INTEGER,
    echo           BLOB,
    grp            TEXT,
    due            INTEGER,
    bearer         INTEGER,
    carrier_id     TEXT,
    sent_at        INTEGER,
    done_at        INTEGER,
    error          TEXT,
    reason         TEXT,
    tries          INTEGER
, consent TEXT) STRICT;
INSERT INTO "message" VALUES(382455097851920384,0,1,2,0,'CHAPPE','+33600000001',0,NULL,X'426F6E6A6F7572',1,1,1795428000000,3,NULL,NULL,NULL,NULL,NULL,1795258800000,NULL,NULL,NULL,NULL,NULL,'deferred.hours',NULL,NULL);
INSERT INTO "message" VALUES(382455102046224384,1,1,2,0,'CHAPPE','+33600000002',0,NULL,X'426F6E6A6F7572',1,1,1795428000000,3,'order-2',NULL,NULL,NULL,NULL,NULL,2,'00424242',1795251600000,NULL,NULL,NULL,1,NULL);
INSERT INTO "message" VALUES(382455106240528384,2,1,2,0,'CHAPPE','+33600000003',0,NULL,X'426F6E6A6F7572',1,1,1795428000000,3,NULL,NULL,NULL,NULL,NULL,NULL,2,'33',1795251600000,1795253400000,NULL,NULL,1,NULL);
INSERT INTO "message" VALUES(382455110434832384,3,1,2,0,'CHAPPE','+33600000004',0,NULL,X'426F6E6A6F7572',1,1,1795428000000,3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1795251600000,NULL,'expired.waiting',NULL,NULL);
INSERT INTO "message" VALUES(382455114629136384,4,1,2,0,'CHAPPE','+33600000005',0,NULL,X'426F6E6A6F7572',1,1,1795428000000,3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1795251600000,NULL,'cancelled',NULL,NULL);
INSERT INTO "message" VALUES(382455118823440384,5,1,2,0,'CHAPPE','+33600000006',0,NULL,X'426F6E6A6F7572',1,1,1795428000000,3,NULL,NULL,NULL,NULL,NULL,NULL,2,'66',NULL,1795251600000,'027',NULL,1,NULL);
INSERT INTO "message" VALUES(382455123017744384,7,1,2,0,'CHAPPE','+33600000007',0,NULL,X'426F6E6A6F7572',1,1,1795428000000,3,NULL,NULL,NULL,NULL,NULL,NULL,2,'77',1795251600000,1795255200000,NULL,NULL,1,NULL);
INSERT INTO "message" VALUES(382455127212048384,8,1,3,0,'CHAPPE','+33600000008',0,NULL,X'426F6E6A6F7572',1,1,1795428000000,3,NULL,'spring',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1795251600000,NULL,'stop',NULL,'form-7');
INSERT INTO "message" VALUES(382455131406352384,10,1,2,0,'CHAPPE','+33600000009',0,NULL,X'426F6E6A6F7572',1,1,1795428000000,3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'held',NULL,NULL);
INSERT INTO "message" VALUES(382455135600656384,11,1,0,0,'CHAPPE','+33600000010',0,NULL,X'426F6E6A6F7572',1,1,1795428000000,3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "message" VALUES(382455139794960384,11,1,2,0,'CHAPPE','+33600000011',0,X'0500032A0201',X'426F6E6A6F7572',1,1,1795428000000,3,NULL,NULL,NULL,NULL,'shop +33600000011 42',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "message" VALUES(382455143989264384,12,1,2,0,'CHAPPE','+33600000012',0,NULL,X'426F6E6A6F7572',1,1,1795428000000,3,NULL,NULL,NULL,NULL,NULL,NULL,2,NULL,NULL,NULL,NULL,NULL,1,NULL);
INSERT INTO "message" VALUES(382455148183568384,1,1,2,0,'CHAPPE','+33600000013',0,NULL,X'6161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161',2,1,1795428000000,3,NULL,NULL,NULL,NULL,NULL,NULL,2,NULL,1795251600000,NULL,NULL,NULL,1,NULL);
INSERT INTO "message" VALUES(382455152377872384,11,1,3,0,'CHAPPE','+33600000014',0,NULL,X'426F6E6A6F7572',1,1,1795428000000,3,NULL,'autumn',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "meta" VALUES('holds','[["", "", "", "autumn"]]');
INSERT INTO "meta" VALUES('inflight_low','382455143989264384');
INSERT INTO "meta" VALUES('optout_key','6b0cc3119a1de8ed');
CREATE TABLE mo (
    id          INTEGER PRIMARY KEY,
    bearer      INTEGER NOT NULL,
    source      TEXT NOT NULL,
    destination TEXT NOT NULL,
    data_coding INTEGER NOT NULL,
    udh         BLOB,
    payload     BLOB,
    received_at INTEGER NOT NULL,
    account     INTEGER,
    message     INTEGER,
    complete    INTEGER NOT NULL
) STRICT;
INSERT INTO "mo" VALUES(20,2,'+33600000020','36180',0,NULL,X'4D65726369',1795251600000,1,NULL,1);
CREATE TABLE mo_part (
    id          INTEGER PRIMARY KEY,
    bearer      INTEGER NOT NULL,
    source      TEXT NOT NULL,
    destination TEXT NOT NULL,
    data_coding INTEGER NOT NULL,
    udh         BLOB NOT NULL,
    payload     BLOB NOT NULL,
    received_at INTEGER NOT NULL
) STRICT;
INSERT INTO "mo_part" VALUES(21,2,'+33600000020','36180',0,X'050003070201',X'68616C66',1795255200000);
CREATE TABLE name (
    id   INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
);
INSERT INTO "name" VALUES(1,'shop');
INSERT INTO "name" VALUES(2,'carrier');
INSERT INTO "name" VALUES(3,'default');
INSERT INTO "name" VALUES(4,'short_code:36180');
INSERT INTO "name" VALUES(5,'account:shop');
INSERT INTO "name" VALUES(6,'sim1');
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
INSERT INTO "optout" VALUES(4,-2632143308039173752,'+33600000021',1,1795251600000,0,'mo:36180','stop word STOP',0);
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
INSERT INTO "optout_act" VALUES(1,1795251600000,'stop',4,-2632143308039173752,'+33600000021','mo:36180','stop word STOP',20,'STOP');
CREATE TABLE orphan (
    id         INTEGER PRIMARY KEY,
    bearer     INTEGER NOT NULL,
    carrier_id TEXT NOT NULL,
    recipient  TEXT NOT NULL,
    state      INTEGER NOT NULL,
    final      INTEGER NOT NULL,
    code       TEXT NOT NULL,
    at         INTEGER NOT NULL,
    raw        BLOB NOT NULL
) STRICT;
INSERT INTO "orphan" VALUES(22,2,'stray','+33600000099',2,1,'000',1795251600000,X'69643A7374726179');
CREATE TABLE outbox (
    account INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    kind    INTEGER NOT NULL,
    message INTEGER,
    mo      INTEGER,
    state   INTEGER NOT NULL,
    error   TEXT,
    at      INTEGER NOT NULL,
    PRIMARY KEY (account, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO "outbox" VALUES(1,1,0,382455106240528384,NULL,2,NULL,1795251600000);
INSERT INTO "outbox" VALUES(1,2,0,382455118823440384,NULL,5,'027',1795251600000);
INSERT INTO "outbox" VALUES(1,3,2,NULL,20,0,NULL,1795251600000);
CREATE TABLE reference_0 (
    account INTEGER NOT NULL,
    ref     TEXT NOT NULL,
    id      INTEGER NOT NULL,
    PRIMARY KEY (account, ref)
) STRICT, WITHOUT ROWID;
INSERT INTO "reference_0" VALUES(1,'order-2',382455102046224384);
CREATE TABLE reference_1 (
    account INTEGER NOT NULL,
    ref     TEXT NOT NULL,
    id      INTEGER NOT NULL,
    PRIMARY KEY (account, ref)
) STRICT, WITHOUT ROWID;
INSERT INTO "reference_1" VALUES(1,'order-0',382455093657616384);
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
INSERT INTO "suppressed" VALUES(4762482174491852939,'+33600000022',1795251600000,1795251600000,1798855200000,1,'unknown',2,'001',382455118823440384,'receipt');
CREATE INDEX message_awaits_receipt ON message (ltrim(lower(carrier_id), '0x'))
    WHERE state IN (1, 7) AND carrier_id IS NOT NULL;
CREATE INDEX attempt_awaits_receipt ON attempt (ltrim(lower(carrier_id), '0x'))
    WHERE state IN (1, 7) AND carrier_id IS NOT NULL;
CREATE INDEX orphan_by_id ON orphan (ltrim(lower(carrier_id), '0x'));
CREATE TRIGGER audit_is_append_only_u BEFORE UPDATE ON audit BEGIN SELECT raise(ABORT, 'audit is append only'); END;
CREATE TRIGGER audit_is_append_only_d BEFORE DELETE ON audit BEGIN SELECT raise(ABORT, 'audit is append only'); END;
CREATE INDEX optout_act_by_key ON optout_act (key);
CREATE TRIGGER optout_act_is_append_only_u BEFORE UPDATE ON optout_act
    WHEN new.number IS NOT NULL OR new.raw IS NOT NULL OR new.id <> old.id OR new.at <> old.at OR new.act <> old.act
        OR new.scope <> old.scope OR new.key <> old.key OR new.source <> old.source
        OR new.evidence <> old.evidence OR new.mo IS NOT old.mo
    BEGIN SELECT raise(ABORT, 'optout_act is append only'); END;
CREATE TRIGGER optout_act_is_append_only_d BEFORE DELETE ON optout_act
    BEGIN SELECT raise(ABORT, 'optout_act is append only'); END;
CREATE INDEX suppressed_ends ON suppressed (until);
CREATE INDEX consent_act_by_key ON consent_act (key);
CREATE TRIGGER consent_act_is_append_only_u BEFORE UPDATE ON consent_act
    WHEN new.number IS NOT NULL OR new.reference IS NOT NULL OR new.text IS NOT NULL OR new.id <> old.id
        OR new.noted_at <> old.noted_at OR new.at <> old.at OR new.act <> old.act OR new.scope <> old.scope
        OR new.key <> old.key OR new.source <> old.source OR new.who <> old.who
    BEGIN SELECT raise(ABORT, 'consent_act is append only'); END;
CREATE TRIGGER consent_act_is_append_only_d BEFORE DELETE ON consent_act
    BEGIN SELECT raise(ABORT, 'consent_act is append only'); END;
COMMIT;
PRAGMA application_id=1128812624;
PRAGMA user_version=6;

-- Chappe's store, schema 1. Times are Unix milliseconds (0: not yet); message ids rise with time and carry
-- their own submission time; numbers of state, kind and cause are those of lifecycle.py and model.py.

-- Names of accounts, bearers and routes are written once; rows hold their number.
CREATE TABLE name (
    id   INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
);

-- One row a message, in the order of its id, so that inserts append and retention deletes a range.
-- A message of one segment has its whole story here; see `attempt` for the others.
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
) STRICT;

-- A receipt finds its message by the carrier's id, in any case and padding; only while one is outstanding
-- (ENROUTE, and UNKNOWN where a late one may come): an index with random keys over all rows costs the store
-- five times its speed.
CREATE INDEX message_awaits_receipt ON message (ltrim(lower(carrier_id), '0x'))
    WHERE state IN (1, 7) AND carrier_id IS NOT NULL;

-- Messages that could not leave at once, in the order in which they leave: a flow is a range of the key.
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

-- Tries before the last one, and the parts of a message of several segments.
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

CREATE INDEX attempt_awaits_receipt ON attempt (ltrim(lower(carrier_id), '0x'))
    WHERE state IN (1, 7) AND carrier_id IS NOT NULL;

-- What applications are owed, until they answer. A final receipt is built from the message's own row.
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

-- Parts of a long reply, kept until the others come or the wait is over.
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

-- Receipts that matched nothing: early ones wait here for their submit_sm_resp, the rest for an operator.
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
CREATE INDEX orphan_by_id ON orphan (ltrim(lower(carrier_id), '0x'));

-- Clients' references for idempotency (24 h), filled in sorted batches every few seconds; what is younger is in
-- RAM and is rebuilt at start from the messages behind `indexed_to`. Two tables take turns by day, so that
-- forgetting is emptying one: no index with random keys grows for ever.
CREATE TABLE reference_0 (
    account INTEGER NOT NULL,
    ref     TEXT NOT NULL,
    id      INTEGER NOT NULL,
    PRIMARY KEY (account, ref)
) STRICT, WITHOUT ROWID;
CREATE TABLE reference_1 (
    account INTEGER NOT NULL,
    ref     TEXT NOT NULL,
    id      INTEGER NOT NULL,
    PRIMARY KEY (account, ref)
) STRICT, WITHOUT ROWID;

-- What operators did: append only.
CREATE TABLE audit (
    id     INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    who    TEXT NOT NULL,
    verb   TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_is_append_only_u BEFORE UPDATE ON audit BEGIN SELECT raise(ABORT, 'audit is append only'); END;
CREATE TRIGGER audit_is_append_only_d BEFORE DELETE ON audit BEGIN SELECT raise(ABORT, 'audit is append only'); END;

-- Drivers' own facts (StateStore), by bearer and key.
CREATE TABLE driver_state (
    bearer TEXT NOT NULL,
    key    TEXT NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (bearer, key)
) STRICT, WITHOUT ROWID;

-- Marks: indexed_to, inflight_low, routes_digest, reference_day.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

"""Stores as older versions left them: the schema of that day, and rows in every table, messages in every state.

    python tests/frozen_stores.py 7 > tests/vectors/stores/0007.sql

once schema 7 has been released, and never again: what a release has written doesn't change. The rows are
constructed; their times are those of one day, MOMENT, and the digests those of KEY.
"""

import hashlib
import sqlite3
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
FOLDER = REPO / "tests/vectors/stores"
MOMENT = 1_795_255_200_000  # 2026-11-21T10:00:00Z
EPOCH_MS = 1_704_067_200_000
HOUR = 3_600_000
KEY = bytes(range(32))
STOPPED, GONE, AGREED = "+33600000021", "+33600000022", "+33600000023"


def message_id(number):
    """Of node 1, a second apart, the first an hour before MOMENT."""
    return (MOMENT - HOUR + number * 1000 - EPOCH_MS) << 22 | 1 << 14


def digest(text):
    return int.from_bytes(
        hashlib.blake2b(text.encode(), key=KEY, digest_size=8).digest(), "little", signed=True
    )


NAMES = {"shop": 1, "carrier": 2, "default": 3, "short_code:36180": 4, "account:shop": 5, "sim1": 6}
LATER = MOMENT + 48 * HOUR

# number, state, kind, then what that state makes of a row
MESSAGES = [
    (1, 0, 2, {"due": MOMENT + HOUR, "reason": "deferred.hours"}),
    (2, 1, 2, {"bearer": 2, "carrier_id": "00424242", "sent_at": MOMENT - HOUR, "tries": 1, "reference": "order-2"}),
    (3, 2, 2, {"bearer": 2, "carrier_id": "33", "sent_at": MOMENT - HOUR, "done_at": MOMENT - HOUR // 2, "tries": 1}),
    (4, 3, 2, {"done_at": MOMENT - HOUR, "reason": "expired.waiting"}),
    (5, 4, 2, {"done_at": MOMENT - HOUR, "reason": "cancelled"}),
    (6, 5, 2, {"bearer": 2, "carrier_id": "66", "done_at": MOMENT - HOUR, "error": "027", "tries": 1}),
    (7, 7, 2, {"bearer": 2, "carrier_id": "77", "sent_at": MOMENT - HOUR, "done_at": MOMENT, "tries": 1}),
    (8, 8, 3, {"done_at": MOMENT - HOUR, "reason": "stop", "tag": "spring"}),
    (9, 10, 2, {"reason": "held"}),
    (10, 11, 0, {}),
    (11, 11, 2, {"udh": b"\x05\x00\x03\x2a\x02\x01", "grp": "shop +33600000011 42"}),
    (12, 12, 2, {"bearer": 2, "tries": 1}),
    (14, 11, 3, {"tag": "autumn"}),
    (13, 1, 2, {"bearer": 2, "parts": 2, "payload": b"a" * 200, "tries": 1, "sent_at": MOMENT - HOUR}),
]  # fmt: skip
WAITING = {0: 0, 10: 1, 11: 0}


def _messages(db):
    for number, state, kind, given in MESSAGES:
        row = {
            "id": message_id(number), "state": state, "account": 1, "kind": kind, "priority": 0, "source": "CHAPPE",
            "destination": f"+336000000{number:02}", "data_coding": 0, "payload": b"Bonjour", "parts": 1,
            "registered": 1, "expires": LATER, "route": 3, **given,
        }  # fmt: skip
        db.execute(
            f"INSERT INTO message ({','.join(row)}) VALUES ({','.join('?' * len(row))})", list(row.values())
        )
        if state in WAITING:
            db.execute(
                "INSERT INTO backlog VALUES (3,?,0,1,?,?,?,?,?)",
                (kind, given.get("tag", ""), given.get("due", 0), row["id"], LATER, WAITING[state]),
            )


def rows_1(db):
    db.executemany("INSERT INTO name VALUES (?,?)", [(n, text) for text, n in NAMES.items()])
    _messages(db)
    at = MOMENT - HOUR
    insert = "INSERT INTO attempt VALUES (?,?,?,?,?,?,?,?,?)"
    db.execute(insert, (message_id(2), 0, 0, 2, None, 8, "088", at, at))
    db.execute(insert, (message_id(13), 0, 1, 2, "1301", 2, "000", at, at))
    db.execute(insert, (message_id(13), 1, 1, 2, "1302", 1, None, at, None))
    db.execute(
        "INSERT INTO mo VALUES (20, 2, '+33600000020', '36180', 0, NULL, ?, ?, 1, NULL, 1)", (b"Merci", at)
    )
    db.execute("INSERT INTO outbox VALUES (1, 1, 0, ?, NULL, 2, NULL, ?)", (message_id(3), at))
    db.execute("INSERT INTO outbox VALUES (1, 2, 0, ?, NULL, 5, '027', ?)", (message_id(6), at))
    db.execute("INSERT INTO outbox VALUES (1, 3, 2, NULL, 20, 0, NULL, ?)", (at,))
    udh = b"\x05\x00\x03\x07\x02\x01"
    db.execute(
        "INSERT INTO mo_part VALUES (21, 2, '+33600000020', '36180', 0, ?, ?, ?)", (udh, b"half", MOMENT)
    )
    db.execute(
        "INSERT INTO orphan VALUES (22, 2, 'stray', '+33600000099', 2, 1, '000', ?, ?)", (at, b"id:stray")
    )
    db.execute("INSERT INTO reference_0 VALUES (1, 'order-2', ?)", (message_id(2),))
    db.execute("INSERT INTO reference_1 VALUES (1, 'order-0', ?)", (message_id(0),))
    db.execute("INSERT INTO audit VALUES (1, ?, 'root', 'hold', 'order 9')", (at,))
    db.execute("INSERT INTO driver_state VALUES ('carrier', 'ids', 'decimal')")
    db.execute("INSERT INTO meta VALUES ('inflight_low', ?)", (str(message_id(12)),))
    db.execute("""INSERT INTO meta VALUES ('holds', '[["", "", "", "autumn"]]')""")


def rows_2(db):
    mark = hashlib.blake2b(b"the key of the opt-outs", key=KEY, digest_size=8).hexdigest()
    db.execute("INSERT INTO meta VALUES ('optout_key', ?)", (mark,))
    what = (MOMENT - HOUR, "mo:36180", "stop word STOP")
    db.execute(
        "INSERT INTO optout VALUES (4, ?, ?, 1, ?, 0, ?, ?, 0)", (digest(STOPPED), STOPPED, *what)
    )  # fmt: skip
    db.execute(
        "INSERT INTO optout_act VALUES (1, ?, 'stop', 4, ?, ?, ?, ?, 20, 'STOP')",
        (what[0], digest(STOPPED), STOPPED, *what[1:]),
    )


def rows_3(db):
    db.execute("UPDATE message SET consent='form-7' WHERE id=?", (message_id(8),))


def rows_4(db):
    db.execute(
        "INSERT INTO suppressed VALUES (?, ?, ?, ?, ?, 1, 'unknown', 2, '001', ?, 'receipt')",
        (digest(GONE), GONE, MOMENT - HOUR, MOMENT - HOUR, MOMENT + 1000 * HOUR, message_id(6)),
    )


def rows_5(db):
    db.execute("INSERT INTO last_writer VALUES (6, ?, 1, ?)", (digest("+33600000020"), message_id(3)))
    db.execute(
        "INSERT INTO auto_reply VALUES (24, 1, '36180', '+33600000020', 0, ?, ?)", (b"STOP confirmed", LATER)
    )


def rows_6(db):
    at = MOMENT - HOUR
    db.execute(
        "INSERT INTO consent VALUES (5, ?, ?, 1, ?, 'form-7', 'web form')", (digest(AGREED), AGREED, at)
    )
    db.execute(
        "INSERT INTO consent_act VALUES (1, ?, ?, 'add', 5, ?, ?, 'form-7', 'web form', 'I agree', 'root')",
        (at, at, digest(AGREED), AGREED),
    )


ROWS = [rows_1, rows_2, rows_3, rows_4, rows_5, rows_6]


def freeze(schema):
    """The dump of a store at that schema, as SQL."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    scripts = sorted((REPO / "gateway/stores/schema").glob("*.sql"))[:schema]
    for script, rows in zip(scripts, ROWS, strict=False):
        db.executescript(script.read_text(encoding="utf-8"))
        rows(db)
    head = f"-- A store at schema {schema}. source: constructed, by tests/frozen_stores.py; never changed since.\n"
    marks = f"PRAGMA application_id={0x43485050};\nPRAGMA user_version={schema};\n"
    return head + "\n".join(db.iterdump()) + "\n" + marks


def thaw(schema, path):
    """That store as a file, in WAL mode, as a daemon leaves it."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.executescript((FOLDER / f"{schema:04}.sql").read_text(encoding="utf-8"))
    db.close()
    path.with_name("hmac.key").write_bytes(KEY)
    path.with_name("hmac.key").chmod(0o600)


if __name__ == "__main__":
    sys.stdout.write(freeze(int(sys.argv[1])))

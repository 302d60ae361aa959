"""docs/logs.md has every event that the program logs, with its fields; and nothing that it never logs."""

import ast
import re
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
PAGE = REPO / "docs/logs.md"
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
TELLS = {"_say", "_note", "note", "noted", "said"}
"""Functions that log an event which they are given by name: see each module."""


def modules():
    for folder in ("gateway", "drivers"):
        for path in sorted((REPO / folder).rglob("*.py")):
            if "/cli/" not in path.as_posix() or path.name == "daemon.py":
                yield path, ast.parse(path.read_text(encoding="utf-8"))


def words(node):
    """The texts that an expression may be: "a" if x else "b" is two."""
    return {
        each.value
        for each in ast.walk(node)
        if isinstance(each, ast.Constant)
        and isinstance(each.value, str)
        and re.fullmatch(r"[a-z_.]+", each.value)
    }


def logged():
    """{event: fields} of every call that logs one."""
    found = {}
    for _, tree in modules():
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute | ast.Name):
                continue
            name = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id
            if name in LEVELS and _is_log(call.func):
                event = call.args[1] if name == "log" else call.args[0]
                fields = {word.arg for word in call.keywords} - {"exc_info", None}
                for word in words(event):
                    found.setdefault(word, set()).update(fields)
            elif name in TELLS:
                dotted = [
                    word for arg in call.args for word in words(arg) if re.fullmatch(r"[a-z]+\.[a-z_]+", word)
                ]
                for word in dotted:
                    found.setdefault(word, set())
    return found


def _is_log(function):
    """log.info(…), self._log.info(…); not logging.log or a parser's warning."""
    if not isinstance(function, ast.Attribute):
        return False
    owner = function.value
    return (isinstance(owner, ast.Name) and owner.id == "log") or (
        isinstance(owner, ast.Attribute) and owner.attr in ("log", "_log")
    )


def described():
    """{event: fields} of the page's tables."""
    rows = re.findall(
        r"^\| `([a-z_.]+)` \| (\w+) \|([^|]*)\| ([^|]+) \|$", PAGE.read_text("utf-8"), re.MULTILINE
    )
    assert len(rows) == len({row[0] for row in rows}), "an event stands there twice"
    assert all(meaning.strip() for *_, meaning in rows)
    return {event: set(re.findall(r"`(\w+)`", fields)) for event, _, fields, _ in rows}


def test_every_event_is_described_and_every_described_event_is_logged():
    code, page = set(logged()), set(described())
    assert code - page == set(), "docs/logs.md lacks these"
    assert page - code == set(), "docs/logs.md has these, nobody logs them"


def test_every_field_is_named():
    page = described()
    lacking = {
        event: fields - page[event] for event, fields in logged().items() if fields - page.get(event, fields)
    }
    assert lacking == {}


def test_the_search_finds_what_is_there():
    """Guards the guard: events of each way of logging are among those found."""
    found = logged()
    assert found["gateway.ready"] == {"name", "waiting"}
    for event in ("bearer.up", "bearer.down", "bind.refused", "pdu.ignored", "optout"):
        assert event in found, event
    assert len(found) > 60

"""What people see of an answer: nothing that a terminal obeys, tables that stay tables, arguments that arrive."""

import json

import pytest

from gateway.cli.output import Daemon, _given, harmless, table


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Bonjour 👨‍👩‍👧 à l'été\n- deux lignes\tet une", "Bonjour 👨‍👩‍👧 à l'été\n- deux lignes\tet une"),
        ("\x1b[2J\x1b]0;owned\x07", "\\x1b[2J\\x1b]0;owned\\x07"),
        ("one\rtwo", "one\\rtwo"),
        ("\x9b31mred", "\\x9b31mred"),
        ("abc\u202edcba", "abc\\u202edcba"),
    ],
)
def test_strangers_words_do_nothing_to_a_terminal(written, shown):
    assert harmless({"text": [written], "n": 7}) == {"text": [shown], "n": 7}
    daemon = Daemon("unused", as_json=False)
    assert daemon.written({"text": written}, lambda answer: [answer["text"]]) == shown
    raw = Daemon("unused", as_json=True).written({"text": written}, lambda answer: [])
    assert json.loads(raw) == {"text": written}


def test_a_cell_of_several_lines_is_one_row():
    head, row = table(("text", "n"), [("one\ntwo", 1)])
    assert row.split() == ["one", "two", "1"]
    assert head.split() == ["text", "n"]


def test_zero_is_an_answer_and_no_is_none():
    assert _given({"at": 0, "unmasked": False, "tag": "", "ids": [], "to": None, "n": 1}) == {"at": 0, "n": 1}

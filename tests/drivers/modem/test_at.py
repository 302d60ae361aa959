"""The dialogue: tables, any split of the octets, garbage, and what real modems and clients said to one another."""

import ast
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modem import answers
from drivers.modem.at import Answer, Command, Dialogue, Final, Late, Prompt, Urc
from drivers.modem.commands import At, Timings

VECTORS = Path(__file__).parents[2] / "vectors" / "at"
AT = At(Timings())
PDU = "07913306091093F0040B913316325476F80000621122008443000B507999FD0E93CB64500C"
REPORT = "07913306091093F006000B913316325476F8621122008414006211220084140000"


def said(events):
    """Events as plain values, to be compared."""
    plain = []
    for event in events:
        if isinstance(event, Answer):
            plain.append(("answer", event.lines, event.text))
        elif isinstance(event, Late):
            plain.append(("late", event.answer.command.text, event.answer.lines, event.answer.text))
        elif isinstance(event, Urc):
            plain.append(("urc", event.line, event.pdu))
        else:
            plain.append(("prompt",))
    return plain


def dialogue(command, data):
    at = Dialogue()
    if command is not None:
        at.send(command)
    return said(at.receive(data)), at


CASES = {
    "plain": (AT.attention(), b"\r\nOK\r\n", [("answer", [], "OK")]),
    "echo": (AT.attention(), b"AT\r\r\nOK\r\n", [("answer", [], "OK")]),
    "line feeds only": (AT.query("+CSQ"), b"\n+CSQ: 21,99\nOK\n", [("answer", ["+CSQ: 21,99"], "OK")]),
    "nul and 0xff": (AT.attention(), b"\0\xff\0\r\nOK\0\r\n", [("answer", [], "OK")]),
    "numbered error": (AT.query("+CPIN?"), b"\r\n+CME ERROR: 10\r\n", [("answer", [], "+CME ERROR: 10")]),
    "no prefix": (AT.identity("+CGSN"), b"\r\n860000000000018\r\nOK\r\n", [("answer", ["860000000000018"], "OK")]),
    "urc inside": (
        AT.query("+CSQ"), b"\r\n+CREG: 1\r\n^RSSI: 12\r\n+CSQ: 9,99\r\n\r\nOK\r\n",
        [("urc", "+CREG: 1", ""), ("urc", "^RSSI: 12", ""), ("answer", ["+CSQ: 9,99"], "OK")],
    ),
    "urc with the same prefix": (
        AT.registration("+CREG"), b'\r\n+CREG: 1\r\n\r\n+CREG: 2,1,"00C3","1A2B"\r\n\r\n+CREG: 5,"00C3","1A2B"\r\nOK\r\n',
        [("urc", "+CREG: 1", ""), ("urc", '+CREG: 5,"00C3","1A2B"', ""), ("answer", ['+CREG: 2,1,"00C3","1A2B"'], "OK")],
    ),
    "urc between header and pdu": (
        AT.list_all(), f"\r\n+CMGL: 1,0,,29\r\n^RSSI: 12\r\n{PDU}\r\nOK\r\n".encode(),
        [("urc", "^RSSI: 12", ""), ("answer", ["+CMGL: 1,0,,29", PDU], "OK")],
    ),
    "two-line urc inside": (
        AT.query("+CSQ"), f"\r\n+CDS: 25\r\n{REPORT}\r\n+CSQ: 9,99\r\nOK\r\n".encode(),
        [("urc", "+CDS: 25", REPORT), ("answer", ["+CSQ: 9,99"], "OK")],
    ),
    "final before the second line": (
        AT.attention(), f"\r\n+CMT: ,23\r\n\r\nOK\r\n{REPORT}\r\n".encode(),
        [("answer", [], "OK"), ("urc", "+CMT: ,23", REPORT)],
    ),
    "an operator called OK": (AT.query("+COPS?"), b'+COPS: 0,0,"OK",7\r\nOK\r\n', [("answer", ['+COPS: 0,0,"OK",7'], "OK")]),
    "a call that ends is no result": (AT.attention(), b"NO CARRIER\r\nOK\r\n", [("urc", "NO CARRIER", ""), ("answer", [], "OK")]),
    "boot banner in an answer": (AT.identity("+CGMM"), b"RDY\r\nSIM7600\r\nOK\r\n", [("urc", "RDY", ""), ("answer", ["SIM7600"], "OK")]),
    "prompt": (AT.submit(23), b"\r\n> ", [("prompt",)]),
    "prompt without a space": (AT.submit(23), b"\r\n>", [("prompt",)]),
    "error instead of a prompt": (AT.submit(23), b"\r\n+CMS ERROR: 322\r\n", [("answer", [], "+CMS ERROR: 322")]),
    "a bare OK is no prompt's answer": (AT.submit(23), b"+CMGS: 5\r\n", [("urc", "+CMGS: 5", "")]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_comes_gives_events(name):
    command, data, expected = CASES[name]
    assert dialogue(command, data)[0] == expected


@given(st.sampled_from(sorted(CASES)), st.lists(st.integers(0, 120), max_size=8))
def test_any_split_gives_the_same_events(name, cuts):
    command, data, expected = CASES[name]
    at = Dialogue()
    at.send(command)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    events = [event for low, high in pairwise(edges) for event in at.receive(data[low:high])]
    assert said(events) == expected


@given(
    st.lists(st.binary(max_size=200), max_size=6),
    st.sampled_from([AT.list_all(), AT.submit(9), AT.registration("+CREG")]),
)
def test_garbage_never_raises(chunks, command):
    at = Dialogue()
    at.send(command)
    for chunk in chunks:
        at.receive(chunk)
        at.receive(chunk + b"\r\n")
    at.flush_urc()
    assert at.receive(b"\r\n") == []


def test_echo_of_the_pdu_is_dropped():
    at = Dialogue()
    at.send(AT.submit(23))
    assert said(at.receive(b"AT+CMGS=23\r\r\n> ")) == [("prompt",)]
    assert at.write("0011000B91") == b"0011000B91\x1a"
    assert said(at.receive(b"0011000B91\x1a\r\n+CMGS: 7\r\n\r\nOK\r\n")) == [("answer", ["+CMGS: 7"], "OK")]


def test_one_command_at_a_time():
    at = Dialogue()
    at.send(AT.attention())
    with pytest.raises(RuntimeError, match="must wait"):
        at.send(AT.attention())


def test_a_pin_is_never_shown():
    assert "1234" not in repr(AT.enter_pin("1234"))
    assert AT.enter_pin("1234").text == 'AT+CPIN="1234"'


def test_a_missing_ok_is_forgiven_when_the_time_is_over():
    at = Dialogue()
    at.send(AT.query("+CPIN?"))
    at.receive(b"+CPIN: READY\r\n")
    answer = at.expire()
    assert answer.final is Final.NONE
    assert answer.ok


class TestLate:
    """What answers a command that was given up is never the next one's."""

    def given_up(self, command):
        at = Dialogue()
        at.send(command)
        assert at.expire().final is Final.NONE
        return at

    def test_while_nothing_is_asked(self):
        at = self.given_up(AT.query("+CSQ"))
        assert said(at.receive(b"+CSQ: 9,99\r\nOK\r\n")) == [("late", "AT+CSQ", ["+CSQ: 9,99"], "OK")]
        assert not said(at.receive(b"OK\r\n"))
        assert at.stray == 1

    def test_before_the_next_answer(self):
        at = self.given_up(AT.query("+CSQ"))
        at.send(AT.query("+COPS?"))
        events = at.receive(b'+CSQ: 9,99\r\nOK\r\n+COPS: 0,2,"20801"\r\nOK\r\n')
        assert said(events) == [
            ("late", "AT+CSQ", ["+CSQ: 9,99"], "OK"), ("answer", ['+COPS: 0,2,"20801"'], "OK")
        ]  # fmt: skip

    def test_a_bare_ok_is_not_the_answer_of_what_needs_a_line(self):
        at = self.given_up(AT.attention())
        at.send(AT.query("+CSQ"))
        assert said(at.receive(b"OK\r\n+CSQ: 9,99\r\nOK\r\n")) == [
            ("late", "AT", [], "OK"), ("answer", ["+CSQ: 9,99"], "OK")
        ]  # fmt: skip

    @pytest.mark.parametrize("late", [b"OK\r\n", b"ERROR\r\n", b"+CMS ERROR: 321\r\n"])
    def test_nothing_but_its_own_line_ends_a_submit(self, late):
        at = self.given_up(AT.slow("+CMGD=3"))
        at.send(AT.submit(9))
        at.receive(b"> ")
        at.write("00")
        assert [kind for kind, *_ in said(at.receive(late))] == ["late"]
        assert said(at.receive(b"+CMGS: 5\r\nOK\r\n")) == [("answer", ["+CMGS: 5"], "OK")]

    def test_a_bare_ok_never_says_that_a_message_was_taken(self):
        at = Dialogue()
        at.send(AT.submit(9))
        at.receive(b"> ")
        at.write("00")
        assert not at.receive(b"OK\r\n")
        assert at.command is not None

    def test_it_is_known_that_something_is_owed(self):
        at = self.given_up(AT.list_all())
        assert at.owes
        at.forget()
        assert not at.owes


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("OK", "OK"),
        ("ERROR", "ERROR"),
        ("+CMS ERROR: 500", "+CMS ERROR: 500"),
        ("+CME ERROR: SIM busy", "+CME ERROR"),
        ("+CMS ERROR: no answer from 0612345678", "+CMS ERROR"),
        ("+CMS ERROR: 33612345678", "+CMS ERROR"),
    ],
)
def test_logs_show_how_an_answer_ended_and_none_of_its_words(line, shown):
    at = Dialogue()
    at.send(AT.attention())
    at.expire()
    (late,) = at.receive(f"{line}\r\n".encode())
    assert late.answer.shown == shown


def test_a_line_without_end_costs_nothing():
    at = Dialogue()
    at.send(AT.query("+CSQ"))
    for _ in range(100):
        at.receive(b"x" * 1000)
    assert len(at._buffer) <= 2024
    assert said(at.receive(b"\r\n+CSQ: 9,99\r\nOK\r\n")) == [("answer", ["+CSQ: 9,99"], "OK")]
    assert at.noise == 1


def test_an_answer_without_end_is_ended():
    at = Dialogue()
    at.send(AT.query("+CSQ"))
    events = at.receive(b"+CSQ: 9,99\r\n" * 1000)
    assert [e.final for e in events if isinstance(e, Answer)] == [Final.TOO_LONG]


# ── dialogues of real clients ────────────────────────────────────────────────────────────────────────────────
_LINE = re.compile(r"\s*[\d.]+ (client|modem) +(.*?)(?:   \[\d+ writes\])?$")
_MARKS = {
    "<CR>": "\r",
    "<LF>": "\n",
    "<CTRL-Z>": "\x1a",
    "<ESC>": "\x1b",
    "<IMEI>": "860000000000018",
    "<NUL>": "\0",
}
_BARE = ("AT+CGMI", "AT+CGMM", "AT+CGMR", "AT+CGSN", "AT+CIMI", "AT+GMM", "AT+CLAC", "ATI")


def exchanges(path):
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("b'"):
            client, modem = (ast.literal_eval(part) for part in line.split(" -> "))
            yield "client", client.decode("latin-1")
            yield "modem", modem.decode("latin-1")
        elif (match := _LINE.match(line)) is not None:
            text = match[2]
            for mark, octet in _MARKS.items():
                text = text.replace(mark, octet)
            yield match[1], text


def command_of(text):
    name = re.match(r"AT([+^$]?[A-Z]+)?", text.upper())[1] or ""
    fits = answers.is_registration if name in ("+CREG", "+CGREG") and "?" in text else None
    return Command(
        text, 1.0, f"{name}:" if name[:1] in ("+", "^", "$") else "", bare=text.startswith(_BARE), fits=fits,
        listed=name in ("+CMGL", "+CMGR"), prompts=name == "+CMGS" and "=?" not in text,
    )  # fmt: skip


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.txt")), ids=lambda path: path.stem)
def test_transcripts_are_understood(path):
    """Each command has one answer, with the result that the modem said last; each prompt is seen."""
    at, finals, prompts = Dialogue(), [], 0
    expected, expected_prompts = [], 0
    for who, text in exchanges(path):
        if who == "client":
            line = text.strip("\r\n\0\x1b")
            if at.command is not None and at.command.prompts and text.endswith("\x1a"):
                at.write(line.strip("\x1a"))
            elif line.upper().startswith("AT"):
                if at.command is not None:  # the client gave up: its transcript leaves answers out
                    at.expire()
                    at.forget()
                at.send(command_of(line))
            continue
        if at.command is not None:
            last = [part for part in text.splitlines() if part.strip()]
            if last and (last[-1] in ("OK", "ERROR") or last[-1].startswith(("+CME ERROR", "+CMS ERROR"))):
                expected.append(last[-1])
            expected_prompts += text.endswith("> ")
        for event in at.receive(text.encode("latin-1")):
            if isinstance(event, Answer):
                finals.append(event.text)
            prompts += isinstance(event, Prompt)
    assert finals == expected
    assert prompts == expected_prompts
    assert len(finals) > 1

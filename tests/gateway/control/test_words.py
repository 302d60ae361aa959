"""What verbs read their arguments with: nothing reaches the store that it can't keep, or that no view could show."""

from datetime import UTC, datetime

import pytest

from gateway.control.parts import Refusal
from gateway.control.words import LATEST, Asked, entries, first_id, moment

NUMBER = "+33612345678"
COLUMNS = {"number": str, "at": int, "text": str}


def test_the_latest_moment_has_a_date():
    assert datetime(9999, 1, 1, tzinfo=UTC).timestamp() * 1000 == LATEST
    assert str(moment(LATEST - 1)).startswith("9998-12-31")
    assert (moment(0), moment(1)) == (None, "1970-01-01T00:00:00.001Z")
    assert moment(2**62) == moment(LATEST) == "9999-01-01T00:00:00.000Z"
    assert moment(-(2**62)) == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize("at", [LATEST, 2**62, 0, -5])
def test_every_moment_has_an_id_that_the_store_can_be_asked_for(at):
    assert 0 <= first_id(at) < 2**63


@pytest.mark.parametrize("text", ["\ud83d", "Bonjour \udc4b", "a\ud800b"])
def test_half_a_character_is_refused_wherever_it_stands(text):
    with pytest.raises(Refusal, match="reason holds half a character"):
        Asked({"reason": text}).text("reason")
    with pytest.raises(Refusal, match="text holds half a character"):
        entries({"entries": [[NUMBER, 0, text]]}, COLUMNS)
    assert Asked({"reason": "Bonjour 👋"}).text("reason") == "Bonjour 👋"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (7, "entries must be a list"),
        ([7], "an entry is"),
        ([[NUMBER, 0]], "an entry is"),
        ([[NUMBER, True, ""]], "an entry is"),
        ([[NUMBER, "0", ""]], "an entry is"),
        ([[NUMBER, -1, ""]], "no moment"),
        ([[NUMBER, LATEST, ""]], "no moment"),
        ([["33612345678", 0, ""]], "international form"),
        ([["+0612345678", 0, ""]], "international form"),
        ([["+٣٣٦١٢٣٤٥٦٧٨", 0, ""]], "international form"),
        ([[NUMBER + "\n", 0, ""]], "international form"),
    ],
)
def test_a_row_that_is_no_entry_is_refused_with_its_fault(rows, said):
    with pytest.raises(Refusal, match=said) as refused:
        entries({"entries": rows}, COLUMNS)
    assert refused.value.code == 2


@pytest.mark.parametrize(
    "said", ["+33 6 12 34 56 78", "0033612345678", "+33 (0)6.12-34/56\u00a078", "33612345678"]
)
def test_a_recipient_is_read_as_people_write_it(said):
    assert Asked({"number": said}).recipient("number") == NUMBER


@pytest.mark.parametrize("said", ["0612345678", "+0612345678", "STOP", "+٣٣٦١٢٣٤٥٦٧٨", "+336"])
def test_what_is_no_recipient_says_so(said):
    with pytest.raises(Refusal, match="number"):
        Asked({"number": said}).recipient("number")


def test_rows_come_as_they_were_sent():
    rows = [[NUMBER, LATEST - 1, "letter"], ["", 0, ""]]
    assert entries({"entries": rows}, COLUMNS) == rows
    assert entries({}, COLUMNS) == []

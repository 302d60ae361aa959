"""The grammar of a command line, V.250 §5: names, forms, arguments, several on one line."""

import pytest

from drivers.modem.sim_commands import CmeError, CmsError, Command, Failed, Form, commands_of


def shape(line):
    found = commands_of(line)
    return found if found is None else [(one.name, one.form, one.values) for one in found]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("AT", []),
        ("at+csq", [("+CSQ", Form.RUN, [])]),
        ("AT+CMEE=1;+CREG=2", [("+CMEE", Form.SET, ["1"]), ("+CREG", Form.SET, ["2"])]),
        ("ATE0V1", [("E", Form.RUN, ["0"]), ("V", Form.RUN, ["1"])]),
        ("AT&F", [("&F", Form.RUN, [])]),
        ("ATZ", [("Z", Form.RUN, [])]),
        ('AT+CPIN="12;34"', [("+CPIN", Form.SET, ["12;34"])]),
        ('AT+CUSD=1,"*123#",15', [("+CUSD", Form.SET, ["1", "*123#", "15"])]),
        ("AT+CNMI=2,1,,2", [("+CNMI", Form.SET, ["2", "1", "", "2"])]),
        ("AT+CSCS=?", [("+CSCS", Form.TEST, [])]),
        ("AT+CREG?", [("+CREG", Form.READ, [])]),
        ("AT$TSSPCSW=?", [("$TSSPCSW", Form.TEST, [])]),
        ("ATD+33612345678;", [("D", Form.RUN, ["+33612345678"])]),
        ("AT\xff", None),
        ("AT=", None),
    ],
)
def test_commands_of_a_line(line, wanted):
    assert shape(line) == wanted


def test_a_number_that_is_missing_or_none():
    command = Command("+CMGD", Form.SET, "3,")
    assert (command.number(), command.number(1, 7), command.number(2, 8)) == (3, 7, 8)
    with pytest.raises(CmeError):
        command.number(1)
    with pytest.raises(CmeError):
        Command("+CMGD", Form.SET, "three").number()


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (CmeError(10), ["ERROR", "+CME ERROR: 10", "+CME ERROR: SIM not inserted"]),
        (CmsError(331), ["+CMS ERROR: 331"] * 3),
        (Failed(), ["ERROR"] * 3),
        (Failed("NO CARRIER"), ["NO CARRIER"] * 3),
    ],
)
def test_how_an_error_is_shown_depends_on_cmee(error, shown):
    assert [error.shown(cmee) for cmee in (0, 1, 2)] == shown

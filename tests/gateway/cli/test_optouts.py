"""chappe optouts against a running gateway: what it prints, what it writes, what it refuses, its audit lines."""

import csv
import json
import stat

import pytest
import structlog
from click.testing import CliRunner
from running_gateway import CONFIG, Running

from gateway.cli.csv_lists import moment, number
from gateway.cli.messages import explain
from gateway.cli.optouts import optouts

NUMBER, OTHER = "+33612345678", "+33600000002"
RULES = CONFIG.replace('order = ["sender"]', 'order = ["sender", "stop"]').replace(
    "[accounts.shop]", '[accounts.shop]\nstop_number = "36180"\nbrand = "Chappe"'
)


@pytest.fixture
def gateway(tmp_path):
    structlog.configure(
        logger_factory=structlog.ReturnLoggerFactory()
    )  # one process here: its log is no answer
    with Running(tmp_path, config=RULES) as running:
        yield running
    structlog.reset_defaults()


@pytest.fixture
def chappe(gateway):
    """Runs `chappe optouts …`, and gives its result."""

    def invoke(*words, code=0, command=optouts):
        arguments = [*words, "--config", str(gateway.path)]
        result = CliRunner().invoke(command, arguments, env={"NO_COLOR": "1"})
        assert result.exit_code == code, result.output + result.stderr
        return result

    return invoke


def acts(gateway):
    return [(verb, detail) for _, verb, detail in gateway.audit()]


def file_of(tmp_path, text, name="list.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_one_number_by_hand_with_proof(gateway, chappe):
    words = (NUMBER, "--scope", "account:shop", "--evidence")
    assert chappe("add", *words, "letter of 3 March").stdout == "+336…678 opted out (account:shop)\n"
    assert "had opted out already" in chappe("add", *words, "again").stdout
    shown = chappe("list").stdout
    assert "1 opted out: account:shop 1" in shown
    assert "letter of 3 March" in shown and NUMBER not in shown
    (found,) = json.loads(chappe("list", "--unmasked", "--json", "--number", NUMBER).stdout)["optouts"]
    assert (found["number"], found["scope"], found["state"]) == (NUMBER, "account:shop", "opted out")
    told = chappe("--to", NUMBER, "--kind", "marketing", "--from", "CHAPPE", command=explain).stdout
    assert "refused by rule stop: the recipient has opted out (account:shop)" in told
    assert "may have marketing again" in chappe("remove", *words, "signed form").stdout
    assert "0 opted out" in chappe("list").stdout
    story = json.loads(chappe("list", "--number", NUMBER, "--json").stdout)["story"]
    assert [(act["act"], act["evidence"]) for act in story] == [
        ("add", "letter of 3 March"),
        ("remove", "signed form"),
    ]
    assert acts(gateway) == [
        ("optouts add", "+336…678 account:shop: 1 added"),
        ("optouts add", "+336…678 account:shop: 0 added"),
        ("optouts remove", "+336…678 account:shop: 1 removed"),
    ]


def test_marketing_that_waits_is_refused_when_its_number_is_added(gateway, chappe):
    waits, stays = (gateway.submit(NUMBER, kind=kind) for kind in ("marketing", "transactional"))
    chappe("add", NUMBER, "--scope", "short_code:36180")
    gateway.until(lambda: gateway.app.stops._ending is None or gateway.app.stops._ending.done())
    assert gateway.ask("trace", id=waits)["state"] == "rejected"
    assert gateway.ask("trace", id=stays)["state"] == "queued"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", NUMBER, "--scope", "36180"), "is no scope: use short_code:36180"),
        (("add", NUMBER, "--scope", "account:shp"), "no such account; there are shop"),
        (("add", "36180", "--scope", "global"), "in international form"),
        (("list", "--scope", "everything"), "is no scope"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(chappe, words, said):
    assert said in chappe(*words, code=2).stderr


def test_a_file_comes_in_and_goes_out_again(gateway, chappe, tmp_path):
    text = f'scope,Number,at,evidence\nglobal,{NUMBER},2026-03-01T08:00:00+01:00,"form, signed"\n,+33 6 00 00 00 02,,\n\n'
    path = file_of(tmp_path, text)
    told = chappe("import", str(path), "--scope", "short_code:36180").stdout
    assert told == "2 opted out, 0 had already, of 2 lines\n"
    assert "0 opted out, 2 had already" in chappe("import", str(path), "--scope", "short_code:36180").stdout
    masked = chappe("export").stdout
    assert NUMBER not in masked and "+336…678" in masked
    out = tmp_path / "out.csv"
    assert "2 opt-outs" in chappe("export", str(out), "--unmasked").stderr
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    rows = {row["number"]: row for row in csv.DictReader(out.read_text("utf-8").splitlines())}
    assert (rows[NUMBER]["scope"], rows[NUMBER]["at"], rows[NUMBER]["evidence"]) == (
        "global",
        "2026-03-01T07:00:00.000Z",
        "form, signed",
    )
    assert rows[OTHER]["scope"] == "short_code:36180"
    assert rows[NUMBER]["source"].startswith("import of list.csv by ")
    assert (
        "0 opted out, 2 had already, of 2 lines" in chappe("import", str(out)).stdout
    )  # it reads what it wrote
    lines = [json.loads(line) for line in chappe("export", "--json", "--scope", "global").stdout.splitlines()]
    assert [line["scope"] for line in lines] == ["global"]
    assert "File exists" in chappe("export", str(out), code=1).stderr
    assert ("optouts import begin", "list.csv: 2 lines") in acts(gateway)
    assert ("optouts import end", "list.csv: 2 added, 0 known, 0 refused") in acts(gateway)
    assert ("optouts export", "all, numbers in full") in acts(gateway)


def test_faults_are_named_by_line_and_nothing_is_applied_unless_asked(gateway, chappe, tmp_path):
    path = file_of(
        tmp_path,
        f"{NUMBER},global\n0612345678,global\n+33600000003\n{OTHER},all\n{OTHER},global,soon\nSTOP,global\n",
    )
    told = chappe("import", str(path), code=1).stdout
    assert "5 lines are refused" in told and "nothing was applied: --partial" in told
    assert gateway.ask("optouts")["total"] == 0
    rejects = tmp_path / "list.csv.rejects.csv"
    assert stat.S_IMODE(rejects.stat().st_mode) == 0o600
    faults = {row["line"]: row["reason"] for row in csv.DictReader(rejects.read_text("utf-8").splitlines())}
    assert sorted(faults) == ["2", "3", "4", "5", "6"]
    assert "international form" in faults["2"] and "--scope" in faults["3"]
    assert "is no scope" in faults["4"] and "is no moment" in faults["5"]
    assert acts(gateway) == []
    assert "1 opted out, 0 had already, of 6 lines" in chappe("import", str(path), "--partial", code=1).stdout
    assert gateway.ask("optouts")["counts"] == {"global": 1}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("+33612345678", NUMBER),
        ("33612345678", NUMBER),
        ("0033 6 12 34 56 78", NUMBER),
        ("+33 (0)6-12.34/56\u00a078", NUMBER),
        ("+33\u202f6\u202f12\u202f34\u202f56\u202f78", NUMBER),
        ("0612345678", "national number"),
        ("612345678", "may have lost its prefix"),
        ("+0612345678", "starts with 0 after its prefix"),
        ("3.36123E+10", "not a number"),
        ("+٣٣٦١٢٣٤٥٦٧٨", "not a number"),
        ("36180", "international form"),
        ("+336123456789012345", "7 to 15 digits"),
        ("", "no number"),
    ],
)
def test_a_number_is_read_as_people_and_spreadsheets_write_it(written, read):
    found, fault = number(written)
    assert found == read or read in fault
    assert bool(found) != bool(fault)


@pytest.mark.parametrize("said", ["soon", "1970-01-01T00:00:00Z", "1960-02-03", "9999-12-31T23:00:00-05:00"])
def test_a_moment_that_no_list_could_show_is_a_fault(said):
    assert "no moment" in moment(said)[1]
    assert moment("2026-03-01T08:00:00+01:00") == (1_772_348_400_000, "")


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_spreadsheet_may_separate_otherwise(gateway, chappe, tmp_path, separator):
    lines = [("number", "evidence", "scope"), (NUMBER, '"asked, twice"', "global"), (OTHER, "", "global")]
    path = file_of(tmp_path, "\ufeff" + "\r\n".join(map(separator.join, lines)))
    assert chappe("import", str(path)).stdout == "2 opted out, 0 had already, of 2 lines\n"
    (shown,) = gateway.ask("optouts", number=NUMBER)["optouts"]
    assert shown["evidence"] == "asked, twice"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"{OTHER},account:shp", "account:shp: no such account; there are shop"),
        (f"{OTHER},brand:chappe", "brand:chappe: no account has this brand; there are Chappe"),
        (f"{OTHER},global,,by letter, in March", "5 cells where 4 belong"),
        (f'{OTHER},global,,"by letter\n{NUMBER},global,,"', "evidence goes over several lines"),
        (f"{OTHER},global,1960-01-01,", "no moment between"),
    ],
)
def test_what_would_cover_nobody_or_less_than_it_says_is_refused(gateway, chappe, tmp_path, line, said):
    path = file_of(tmp_path, f"+33600000005,global\n{line}\n+33600000006,brand:Chappe\n")
    chappe("import", str(path), code=1)
    (fault,) = csv.DictReader((tmp_path / "list.csv.rejects.csv").read_text("utf-8").splitlines())
    assert (fault["line"], said in fault["reason"]) == ("2", True), fault
    assert gateway.ask("optouts")["total"] == 0
    chappe("import", str(path), "--partial", code=1)
    assert gateway.ask("optouts")["counts"] == {"brand:Chappe": 1, "global": 1}


def test_a_quote_that_is_never_closed_swallows_nobody(gateway, chappe, tmp_path):
    path = file_of(tmp_path, f'+33600000005,global\n{OTHER},global,,"by letter\n{NUMBER},global\n')
    for partial in ((), ("--partial",)):
        told = chappe("import", str(path), *partial, code=1).stderr
        assert "line 2: unexpected end of data" in told
    assert gateway.ask("optouts")["total"] == 0


def test_a_file_that_is_no_text_is_refused(chappe, tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes(b"\xff\xfe\x00\x00+\x003\x003")
    assert "a CSV file in UTF-8 is wanted" in chappe("import", str(path), code=1).stderr


def test_thousands_come_in_slices_and_out_in_pages_and_outlive_a_restart(tmp_path, gateway, chappe):
    numbers = [f"+3361{n:07}" for n in range(5_000)]
    path = file_of(tmp_path, "\n".join(numbers))
    assert (
        "5000 opted out, 0 had already" in chappe("import", str(path), "--scope", "short_code:36180").stdout
    )
    lines = chappe("export", "--unmasked").stdout.splitlines()
    assert sorted(line.split(",")[0] for line in lines[1:]) == numbers
    before = gateway.app.optouts
    gateway.run(gateway.app.reload())
    assert gateway.app.optouts is before and len(before) == 5_000
    assert len(gateway.run(gateway.app.store.query("SELECT id FROM optout_act"))) == 5_000

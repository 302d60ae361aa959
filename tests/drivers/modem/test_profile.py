"""Modem profiles: the shipped ones as the code reads them, and every way in which one can be wrong."""

import tomllib
from dataclasses import fields

import pytest
from hardware_files import PROFILES, profile

from drivers.modem import profile as profiles
from drivers.modem.profile import GENERIC, Profile, ProfileError, Quirks, Timing, for_usb, load, parse

TIMES = "\n".join(
    f"{name} = {{ value = {value}, min = {low}, max = {high} }}"
    for name, value, low, high in [
        ("supply_settle", 0.1, 0.1, 1), ("pwrkey_on", 0.5, 0.1, 1), ("ready_after_on", 20, 10, 60),
        ("pwrkey_off", 3, 2, 5), ("gone_after_off", 30, 28, 60), ("rest_before_on", 1, 0.8, 10),
        ("reset_pulse", 0.3, 0.1, 0.5),
    ]
)  # fmt: skip
OWN = f'name = "own"\n[timings]\n{TIMES}\n'


def faults_of(text):
    with pytest.raises(ProfileError) as caught:
        parse(text, "own.toml")
    assert str(caught.value) == "\n".join(caught.value.faults)
    return caught.value.faults


@pytest.mark.parametrize("name", PROFILES)
def test_a_shipped_profile_is_read_whole(name):
    seen, data = load(name), profile(name)
    assert (seen.name, seen.about) == (name, data["about"])
    assert seen.status_running == data["module"].get("status_running", "")
    assert seen.never_hold == data["module"].get("never_hold", 60.0)
    assert seen.timings == {
        key: Timing(each["value"], each["min"], each["max"]) for key, each in data["timings"].items()
    }
    assert seen.has_lines is ("pwrkey_on" in data["timings"])
    for quirk in fields(Quirks):
        wanted = data["quirks"].get(quirk.name, {"value": quirk.default})["value"]
        assert getattr(seen.quirks, quirk.name) == (tuple(wanted) if isinstance(wanted, list) else wanted)
    assert [(usb.id, usb.storage_id, usb.ports or usb.protocols) for usb in seen.usb] == [
        (usb["id"], usb.get("storage_id", ""), usb.get("ports") or usb["protocols"])
        for usb in data.get("usb", [])
    ]


def test_the_shipped_profiles_are_found_beside_the_driver(monkeypatch):
    monkeypatch.delenv("CONFIGURATION_DIRECTORY", raising=False)
    [shipped] = profiles.folders()
    assert {path.stem for path in shipped.glob("*.toml")} == set(PROFILES)


def test_an_unknown_model_names_those_there_are():
    with pytest.raises(ProfileError) as caught:
        load("sim9000")
    assert str(caught.value) == "no profile for a modem 'sim9000': there is " + ", ".join(sorted(PROFILES))


@pytest.mark.parametrize("name", ["../sim7600", "", "SIM7600", "a/b", ".toml"])
def test_a_name_is_no_path(name):
    with pytest.raises(ProfileError, match="no profile"):
        load(name)


def test_ones_own_profile_comes_first(tmp_path, monkeypatch):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles/sim7600.toml").write_text(OWN)
    monkeypatch.setenv("CONFIGURATION_DIRECTORY", f"/nowhere:{tmp_path}")
    assert load("sim7600").name == "own"
    assert load("ec25").name == "ec25"


def test_by_usb_id():
    assert for_usb("1e0e:9011").name == "sim7600"
    assert for_usb("12d1:1446").name == "huawei-stick", "as the disk that it is at first"
    assert for_usb("0403:6001") is None


def test_a_modem_of_which_nothing_is_known():
    assert parse('name = "generic"\nabout = "any modem: nothing is known of it"', "x") == GENERIC
    assert not GENERIC.has_lines
    assert GENERIC.quirks == Quirks()


def test_an_own_one_may_be_small():
    seen = parse(OWN + '[module]\nopen_drain = ["pwrkey", "reset"]\n', "own.toml")
    assert isinstance(seen, Profile)
    assert seen.has_lines
    assert seen.open_drain == {"pwrkey", "reset"}


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("name = ", "nam = ", "nam: unknown: there is about, module, name"),
        ('"own"', "5", "name: must be text in quotes"),
        ("value = 0.5,", "", "timings.pwrkey_on.value: None must be seconds, above 0 and at most 60"),
        ("value = 0.5,", "value = 2,", "timings.pwrkey_on: 2 must lie within its limits 0.1 to 1"),
        ("value = 0.5,", "value = 0.05,", "timings.pwrkey_on: 0.05 must lie within its limits 0.1 to 1"),
        ("value = 0.5,", "value = true,", "timings.pwrkey_on.value: True must be seconds"),
        ("max = 5 }", "max = 61 }", "timings.pwrkey_off.max: 61 must be seconds"),
        ("max = 5 }", "max = nan }", "timings.pwrkey_off.max: nan must be seconds"),
        ("value = 0.5, min = 0.1, max = 1 ", "value = 0.5, min = 0.1, max = 2 ", "timings.pwrkey_on: its max must be below pwrkey_off's min"),
        ("reset_pulse", "reset_puls", "timings.reset_puls: unknown: there is"),
        ("reset_pulse", "reset_puls", "timings: has some times of what has lines, and not reset_pulse"),
        ("[timings]", "[module]\nnever_hold = 4\n[timings]", "timings.pwrkey_off: its max must be below module.never_hold, 4 s"),
        ("[timings]", "[module]\nstatus_running = 'up'\n[timings]", 'module.status_running: must be "high" or "low"'),
        ("[timings]", "[module]\nopen_drain = ['led']\n[timings]", "module.open_drain: must be of pwrkey, reset"),
        ("[timings]", "[module]\nvolts = 3\n[timings]", "module.volts: unknown"),
        ("[timings]", "module = 3\n[timings]", "module: must be a table"),
        ("[timings]", "[quirks]\nechoes = { value = true }\n[timings]", "quirks.echoes: unknown"),
        ("[timings]", "[quirks]\nread_by = 'CMGR'\n[timings]", "quirks.read_by: must be a table"),
        ("[timings]", "[quirks]\nread_by = { value = 'CMGD' }\n[timings]", "quirks.read_by.value: must be CMGL or CMGR"),
        ("[timings]", "[quirks]\nacknowledge = { value = 1 }\n[timings]", "quirks.acknowledge.value: 1 must be true or false"),
        ("[timings]", "[quirks]\nboot_urcs = { value = 'RDY' }\n[timings]", "quirks.boot_urcs.value: must be a list"),
        ("[timings]", "[[usb]]\nid = '1E0E:9001'\n[timings]", "usb[0].id: '1E0E:9001' must be like 1e0e:9001"),
        ("[timings]", "[[usb]]\nid = '1e0e:9001'\nports = { '2' = 'at' }\n[timings]", "usb[0].2: must be two hex digits = one of at"),
        ("[timings]", "[[usb]]\nid = '1e0e:9001'\nports = { '02' = 'tty' }\n[timings]", "usb[0].02: must be two hex"),
        ("[timings]", "usb = 1\n[timings]", "usb: must be tables: [[usb]]"),
        ("[timings]", "[timings", "not TOML: "),
    ],
)  # fmt: skip
def test_a_fault_says_file_key_and_reason(old, new, fault):
    assert old in OWN
    assert any(line.startswith(f"own.toml: {fault}") for line in faults_of(OWN.replace(old, new, 1)))


def test_all_faults_are_told_at_once():
    text = OWN.replace("max = 5 }", "max = 70 }").replace("own", "x") + "[quirks]\nhum = {}\n[modul]\n"
    assert len(faults_of(text)) == 3
    assert tomllib.loads(text)["name"] == "x"


def test_a_file_that_cannot_be_read(tmp_path):
    (tmp_path / "bad.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(ProfileError, match="can't be read"):
        load("bad", [tmp_path])

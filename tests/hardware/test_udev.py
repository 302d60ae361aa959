"""The udev rules: parsed by a small grammar, and the same ids and ports as the profiles."""

import re
import shutil
import subprocess

import pytest
from hardware_files import PROFILES, RULES, profile

# udev(7): a key, maybe with {attribute}, an operator, a quoted value; which operators a key takes.
TERM = re.compile(
    r'(?P<key>[A-Z_]+)(?:\{(?P<attribute>[^}]+)\})?(?P<operator>==|!=|\+=|-=|:=|=)"(?P<value>[^"]*)"'
)
MATCH, ASSIGN = {"==", "!="}, {"=", "+=", "-=", ":="}
OPERATORS = {
    "ACTION": MATCH, "SUBSYSTEM": MATCH, "ATTRS": MATCH, "TEST": MATCH, "ATTR": MATCH | {"="}, "ENV": MATCH | ASSIGN,
    "SYMLINK": MATCH | ASSIGN, "GROUP": {"=", ":="}, "MODE": {"=", ":="}, "LABEL": {"="}, "GOTO": {"="},
}  # fmt: skip
WITH_ATTRIBUTE = {"ATTR", "ATTRS", "ENV"}
LINK = "chappe/modem-$env{ID_PATH_TAG}"


def terms(rule: str) -> list[tuple[str, str, str, str]]:
    """A rule as (key, attribute, operator, value) each; ValueError where udev would refuse it."""
    found = []
    for part in re.split(r",\s*(?=[A-Z_]+[{=!+:-])", rule.strip()):
        if not (term := TERM.fullmatch(part)):
            raise ValueError(f"not a term: {part}")
        if term["operator"] not in OPERATORS.get(term["key"], ()):
            raise ValueError(f"{term['key']} takes no {term['operator']}")
        if bool(term["attribute"]) != (term["key"] in WITH_ATTRIBUTE):
            raise ValueError(f"{term['key']} and its attribute: {part}")
        found.append((term["key"], term["attribute"] or "", term["operator"], term["value"]))
    return found


LINES = [line for line in RULES.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
PARSED = [terms(line) for line in LINES]


def value(rule: list[tuple[str, str, str, str]], key: str, attribute: str = "") -> str:
    return next((v for k, a, _, v in rule if (k, a) == (key, attribute)), "")


def links() -> list[list[tuple[str, str, str, str]]]:
    return [rule for rule in PARSED if value(rule, "SYMLINK")]


@pytest.mark.parametrize(
    "wrong",
    [
        'SYMLINK=="a" GROUP="b"',
        "GROUP=dialout",
        'GROUP+="dialout"',
        'ATTR=="1"',
        'MODE{x}="0660"',
        'SYMLNK+="a"',
        'ACTION="add"',
    ],
)
def test_the_grammar_refuses(wrong):
    with pytest.raises(ValueError):
        terms(wrong)


def test_every_goto_goes_forward_to_its_label():
    labels = {value(rule, "LABEL"): number for number, rule in enumerate(PARSED) if value(rule, "LABEL")}
    jumps = [(number, value(rule, "GOTO")) for number, rule in enumerate(PARSED) if value(rule, "GOTO")]
    assert jumps
    assert all(labels[goto] > number for number, goto in jumps)


def test_the_attributes_of_one_rule_belong_to_one_parent():
    for rule in PARSED:
        parents = {
            "interface" if name.startswith("bInterface") else "device"
            for key, name, *_ in rule
            if key == "ATTRS"
        }
        assert len(parents) <= 1


def test_each_modem_is_kept_from_modemmanager_and_from_sleep():
    seen = [rule for rule in PARSED if value(rule, "SUBSYSTEM") == "usb"]
    for rule in seen:
        assert value(rule, "ENV", "DEVTYPE") == "usb_device"
        assert ("ENV", "ID_MM_DEVICE_IGNORE", "=", "1") in rule
        assert ("ATTR", "power/control", "=", "on") in rule
    ids = [f"{value(rule, 'ATTR', 'idVendor')}:{value(rule, 'ATTR', 'idProduct')}" for rule in seen]
    assert sorted(ids) == sorted(usb["id"] for name in PROFILES for usb in profile(name).get("usb", []))


def test_each_link_is_to_the_at_port_of_its_profile():
    linked = {}
    for rule in links():
        usb = f"{value(rule, 'ENV', 'ID_VENDOR_ID')}:{value(rule, 'ENV', 'ID_MODEL_ID')}"
        assert usb not in linked
        linked[usb] = value(rule, "ENV", "ID_USB_INTERFACE_NUM") or value(rule, "ATTRS", "bInterfaceProtocol")
        assert ("SYMLINK", "", "+=", LINK) in rule, "stable by where it is plugged"
        assert value(rule, "GROUP") == "dialout"
        assert value(rule, "MODE") == "0660"
    assert linked == {
        usb["id"]: next(port for port, role in (usb.get("ports") or usb["protocols"]).items() if role == "at")
        for name in PROFILES
        for usb in profile(name).get("usb", [])
    }


def test_the_rules_run_between_serial_and_modemmanager():
    assert 60 < int(RULES.name[:2]) < 77, "after 60-serial.rules, which sets ID_*; before 77-mm-* and 80-mm-*"


def test_udevadm_agrees_where_it_can_verify():
    """systemd 254 or later brings `udevadm verify`; older ones leave the word to the grammar above."""
    udevadm = shutil.which("udevadm")
    version = (
        subprocess.run([udevadm, "--version"], check=False, capture_output=True, text=True).stdout
        if udevadm
        else "0"
    )
    if int(re.match(r"\d+", version)[0]) < 254:
        pytest.skip("no udevadm with `verify` on this machine")
    done = subprocess.run(
        [udevadm, "verify", "--resolve-names=never", RULES], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr

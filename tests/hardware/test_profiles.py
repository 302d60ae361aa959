"""Modem profiles: every value inside its limits and with its source, and limits that cannot hurt a module."""

import re
from dataclasses import fields

import pytest
from hardware_files import HARDWARE, PROFILES, profile

from drivers.modem.profile import POWER, Quirks, load

POWER_KEY = set(POWER)
QUIRKS = {quirk.name for quirk in fields(Quirks)}
ROLES = {"at", "at-second", "modem", "diagnostics", "gps", "audio"}
WITH_KEY = [name for name in PROFILES if "pwrkey_on" in profile(name)["timings"]]
TIMINGS = [(name, key) for name in PROFILES for key in profile(name)["timings"]]
USB = [(name, usb) for name in PROFILES for usb in profile(name).get("usb", [])]


def test_there_is_a_profile_for_each_modem_that_is_promised():
    assert set(PROFILES) >= {"sim7600", "ec25", "huawei-stick"}
    assert set(WITH_KEY) >= {"sim7600", "ec25"}


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_complete(name):
    seen = profile(name)
    assert seen["name"] == name == load(name).name, "and the driver reads it"
    assert seen["about"]
    assert seen["module"]["source"]
    assert seen["timings"].keys() <= POWER_KEY | {"reenumerate"}
    assert seen["timings"].keys() >= (POWER_KEY if name in WITH_KEY else {"reenumerate"})
    assert ("reenumerate" in seen["timings"]) == bool(seen.get("usb")), "what has USB comes back over it"
    assert seen["quirks"].keys() <= QUIRKS, "a new quirk is added here with its meaning in README"
    for quirk in seen["quirks"].values():
        assert quirk.keys() == {"value", "source"}
        assert quirk["source"]


@pytest.mark.parametrize("quirk", sorted(QUIRKS))
def test_a_quirk_is_used_and_explained(quirk):
    assert any(quirk in profile(name)["quirks"] for name in PROFILES)
    assert f"`{quirk}`" in (HARDWARE / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "key"), TIMINGS)
def test_a_timing_is_within_limits_that_have_a_source(name, key):
    timing = profile(name)["timings"][key]
    assert timing.keys() == {"value", "min", "max", "source"}
    assert 0 < timing["min"] <= timing["value"] <= timing["max"] <= 60
    assert timing["min"] < timing["max"], "limits that leave no room are a constant"
    assert len(timing["source"]) >= len("ours")


@pytest.mark.parametrize("name", WITH_KEY)
def test_a_pulse_to_switch_on_is_too_short_to_switch_off(name):
    timings = profile(name)["timings"]
    assert timings["pwrkey_on"]["max"] < timings["pwrkey_off"]["min"]


@pytest.mark.parametrize("name", WITH_KEY)
def test_limits_that_protect_the_module(name):
    seen = profile(name)
    timings, module = seen["timings"], seen["module"]
    assert timings["pwrkey_off"]["max"] < module.get("never_hold", 60.0)
    assert timings["gone_after_off"]["min"] > timings["pwrkey_off"]["min"], (
        "power is cut after it is gone, not before"
    )
    assert module["status_running"] in ("high", "low")
    volts = module["supply_volts"]
    assert 3.0 < volts["min"] < volts["typical"] < volts["max"] < 5.0, "never 5 V on VBAT"
    assert module["logic_volts"] < 3.3, "a Pi's line may not touch it"
    assert module["peak_amps"] >= 2.0
    assert seen["quirks"]["power_off_command"]["value"].startswith("AT+")


@pytest.mark.parametrize(
    ("name", "usb"), USB, ids=lambda item: item["id"] if isinstance(item, dict) else item
)
def test_usb_ids_and_the_roles_of_ports(name, usb):
    assert re.fullmatch(r"[0-9a-f]{4}:[0-9a-f]{4}", usb["id"])
    assert re.fullmatch(r"[0-9a-f]{4}:[0-9a-f]{4}", usb.get("storage_id", usb["id"]))
    assert usb["source"]
    roles = usb.get("ports") or usb["protocols"]
    assert all(re.fullmatch(r"[0-9a-f]{2}", port) for port in roles)
    assert set(roles.values()) <= ROLES
    assert list(roles.values()).count("at") == 1


def test_no_usb_id_belongs_to_two_profiles():
    ids = [usb[key] for _, usb in USB for key in ("id", "storage_id") if key in usb]
    assert len(set(ids)) == len(ids)

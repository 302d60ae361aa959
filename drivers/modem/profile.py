"""Modem profiles: what one model needs, read from `<name>.toml`. Data, no code.

Owns: the records, and the reading of a file. hardware/README.md explains the keys, each figure has its source
in the file.
Promises: times lie within limits that cannot hurt the module, or all faults are told at once, with file, key
and reason. Called when a modem is opened.
Never does: guess. A time that the file does not have is not there.
"""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

__all__ = [
    "GENERIC",
    "Profile",
    "ProfileError",
    "Quirks",
    "Timing",
    "Usb",
    "faults_of_model",
    "folders",
    "for_usb",
    "load",
    "parse",
]

POWER = (
    "supply_settle", "pwrkey_on", "ready_after_on", "pwrkey_off", "gone_after_off", "rest_before_on", "reset_pulse",
)  # fmt: skip
"""The times of whatever has lines: all of them or none."""
LONGEST = 60.0
"""Seconds: no manual asks for more, and PWRKEY held for 33 s starts a SIM800 again (never_hold)."""
ROLES = frozenset({"at", "at-second", "modem", "diagnostics", "gps", "audio"})
LINES = frozenset({"pwrkey", "reset", "status", "supply"})


class ProfileError(ValueError):
    """The file is missing or wrong. faults: each as "file: key: reason"."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds: the value to use, and the limits within which it may be moved."""

    value: float
    min: float
    max: float


@dataclass(frozen=True, slots=True)
class Quirks:
    """How a model differs from the others; README's table of quirks says what each means."""

    acknowledge: bool = True
    alarm_urcs: tuple[str, ...] = ()
    boot_urcs: tuple[str, ...] = ()
    cnmi_first: str = ""
    full_urc: str = ""
    noise_urcs: tuple[str, ...] = ()
    off_urc: str = ""
    pin_tries_command: str = ""
    power_off_command: str = ""
    read_by: str = "CMGL"
    serial_number_missing: bool = False
    soft_reset_drops_tty: bool = False


@dataclass(frozen=True, slots=True)
class Usb:
    """One way that the model shows on USB. id: "vvvv:pppp"; storage_id: what it is before usb_modeswitch, or "".

    ports: role by interface number; protocols: role by bInterfaceProtocol, where numbers tell nothing.
    """

    id: str
    storage_id: str = ""
    ports: Mapping[str, str] = field(default_factory=dict)
    protocols: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Profile:
    """One model of modem. timings: by name; empty of POWER for what has no lines.

    status_running: level of the STATUS pad while it runs, "" if there is none. open_drain: lines that go to a pad
    without a transistor between, so they may pull low and never drive high.
    """

    name: str
    about: str = ""
    status_running: str = ""
    never_hold: float = LONGEST
    open_drain: frozenset[str] = frozenset()
    timings: Mapping[str, Timing] = field(default_factory=dict)
    quirks: Quirks = Quirks()
    usb: tuple[Usb, ...] = ()

    @property
    def has_lines(self) -> bool:
        return all(name in self.timings for name in POWER)


GENERIC = Profile("generic", "any modem: nothing is known of it")


def folders() -> list[Path]:
    """Where profiles lie: $CONFIGURATION_DIRECTORY (systemd's; colons between several) before what is shipped."""
    own = os.environ.get("CONFIGURATION_DIRECTORY", "").split(":")
    return [*(Path(folder) / "profiles" for folder in own if folder), Path(__file__).parent / "profiles"]


def load(name: str, where: Sequence[Path] | None = None) -> Profile:
    """The profile of that name, from the first folder that has it. Raises ProfileError, naming those there are."""
    where = folders() if where is None else where
    if re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        for folder in where:
            path = folder / f"{name}.toml"
            if path.is_file():
                return _read(path)
    known = ", ".join(sorted({path.stem for path in _files(where)})) or "none"
    raise ProfileError([f"no profile for a modem {name!r}: there is {known}"])


def faults_of_model(name: str) -> tuple[str, ...]:
    """Why there is no such model, or what is wrong with its file; nothing where all is well."""
    try:
        load(name)
    except ProfileError as error:
        return error.faults
    return ()


def for_usb(usb_id: str, where: Sequence[Path] | None = None) -> Profile | None:
    """The profile that names this "vvvv:pppp", as modem or as the storage it is at first; None if none does."""
    for path in _files(folders() if where is None else where):
        profile = _read(path)
        if any(usb_id in (usb.id, usb.storage_id) for usb in profile.usb):
            return profile
    return None


def _files(where: Sequence[Path]) -> Iterator[Path]:
    for folder in where:
        yield from sorted(folder.glob("*.toml"))


def _read(path: Path) -> Profile:
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError([f"{path}: can't be read: {error}"]) from error


def parse(text: str, where: str) -> Profile:
    """The profile that a TOML text describes; `where` names it in the faults. Raises ProfileError."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError([f"{where}: not TOML: {error}"]) from error
    reader = _Reader(where)
    profile = reader.profile(data)
    if reader.faults:
        raise ProfileError(reader.faults)
    return profile


class _Reader:
    """One pass over a file that collects faults instead of stopping at the first."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.faults: list[str] = []

    def fault(self, key: str, reason: str) -> None:
        self.faults.append(f"{self.where}: {key}: {reason}")

    def profile(self, data: dict[str, Any]) -> Profile:
        self.known("", data, {"name", "about", "module", "timings", "quirks", "usb"})
        module = self.table(data, "module")
        self.known(
            "module.", module,
            {"logic_volts", "status_running", "supply_volts", "peak_amps", "never_hold", "open_drain", "source"},
        )  # fmt: skip
        if module.get("status_running", "high") not in ("high", "low"):
            self.fault("module.status_running", 'must be "high" or "low"')
        never_hold = self.seconds("module.never_hold", module.get("never_hold", LONGEST))
        open_drain = self.words("module.open_drain", module.get("open_drain", []))
        if not LINES.issuperset(open_drain):
            self.fault("module.open_drain", f"must be of {', '.join(sorted(LINES))}")
        return Profile(
            name=self.text("name", data.get("name")),
            about=self.text("about", data.get("about", "")),
            status_running=str(module.get("status_running", "")),
            never_hold=never_hold,
            open_drain=frozenset(open_drain),
            timings=self.timings(self.table(data, "timings"), never_hold),
            quirks=self.quirks(self.table(data, "quirks")),
            usb=tuple(self.usb(f"usb[{at}]", each) for at, each in enumerate(self.tables(data, "usb"))),
        )

    # ── times ────────────────────────────────────────────────────────────────────────────────────────────
    def timings(self, table: dict[str, Any], never_hold: float) -> dict[str, Timing]:
        self.known("timings.", table, {*POWER, "reenumerate"})
        timings = {
            name: self.timing(f"timings.{name}", self.table(table, name, "timings.")) for name in table
        }
        if 0 < len(missing := [name for name in POWER if name not in timings]) < len(POWER):
            self.fault("timings", f"has some times of what has lines, and not {', '.join(missing)}")
        on, off = timings.get("pwrkey_on"), timings.get("pwrkey_off")
        if on and off and on.max >= off.min:
            self.fault("timings.pwrkey_on", "its max must be below pwrkey_off's min: the key toggles")
        if off and off.max >= never_hold:
            self.fault("timings.pwrkey_off", f"its max must be below module.never_hold, {never_hold:g} s")
        return timings

    def timing(self, key: str, table: dict[str, Any]) -> Timing:
        self.known(f"{key}.", table, {"value", "min", "max", "source"})
        timing = Timing(*(self.seconds(f"{key}.{name}", table.get(name)) for name in ("value", "min", "max")))
        if timing.value < timing.min or timing.value > timing.max:
            self.fault(key, f"{timing.value:g} must lie within its limits {timing.min:g} to {timing.max:g}")
        return timing

    def seconds(self, key: str, value: object) -> float:
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= LONGEST:
            return float(value)
        self.fault(key, f"{value!r} must be seconds, above 0 and at most {LONGEST:g}")
        return math.nan  # fails no further test: one fault, one line

    # ── the rest ─────────────────────────────────────────────────────────────────────────────────────────
    def quirks(self, table: dict[str, Any]) -> Quirks:
        defaults = {each.name: each.default for each in fields(Quirks)}
        self.known("quirks.", table, set(defaults))
        found: dict[str, Any] = {}
        for name in defaults.keys() & table.keys():
            key = f"quirks.{name}.value"
            value = self.table(table, name, "quirks.").get("value")
            if isinstance(defaults[name], tuple):
                found[name] = self.words(key, value)
            elif type(value) is not type(defaults[name]):
                self.fault(
                    key, f"{value!r} must be {'true or false' if defaults[name] in (True, False) else 'text'}"
                )
            else:
                found[name] = value
        if found.get("read_by", "CMGL") not in ("CMGL", "CMGR"):
            self.fault("quirks.read_by.value", "must be CMGL or CMGR")
        return Quirks(**found)

    def usb(self, key: str, table: dict[str, Any]) -> Usb:
        self.known(f"{key}.", table, {"id", "storage_id", "ports", "protocols", "source"})
        ids = [self.text(f"{key}.{name}", table.get(name, "")) for name in ("id", "storage_id")]
        for name, usb_id in zip(("id", "storage_id"), ids, strict=True):
            if not re.fullmatch(r"[0-9a-f]{4}:[0-9a-f]{4}", usb_id) and (usb_id or name == "id"):
                self.fault(f"{key}.{name}", f"{usb_id!r} must be like 1e0e:9001, in lower case")
        ports, protocols = (self.table(table, name, f"{key}.") for name in ("ports", "protocols"))
        for port, role in (*ports.items(), *protocols.items()):
            if not re.fullmatch(r"[0-9a-f]{2}", port) or role not in ROLES:
                self.fault(f"{key}.{port}", f"must be two hex digits = one of {', '.join(sorted(ROLES))}")
        return Usb(ids[0], ids[1], ports, protocols)

    def known(self, prefix: str, table: Mapping[str, object], names: set[str]) -> None:
        for key in sorted(table.keys() - names):
            self.fault(f"{prefix}{key}", f"unknown: there is {', '.join(sorted(names))}")

    def table(self, data: dict[str, Any], key: str, prefix: str = "") -> dict[str, Any]:
        value = data.get(key, {})
        if isinstance(value, dict):
            return value
        self.fault(f"{prefix}{key}", "must be a table")
        return {}

    def tables(self, data: dict[str, Any], key: str) -> list[dict[str, Any]]:
        value = data.get(key, [])
        if isinstance(value, list) and all(isinstance(each, dict) for each in value):
            return value
        self.fault(key, f"must be tables: [[{key}]]")
        return []

    def text(self, key: str, value: object) -> str:
        if isinstance(value, str):
            return value
        self.fault(key, "must be text in quotes")
        return ""

    def words(self, key: str, value: object) -> tuple[str, ...]:
        if isinstance(value, list) and all(isinstance(word, str) for word in value):
            return tuple(value)
        self.fault(key, "must be a list of texts")
        return ()

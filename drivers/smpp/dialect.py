"""A carrier's dialect: how it spells receipts, and what its words and codes mean. Data, no code.

Owns: the Dialect record, the standard one, and the reading of `<name>.toml`.
Promises: a file says only what differs from STANDARD and comes before it; every fault is named at once,
with file, key and reason. Called when the configuration is read, never per message.
Never does: guess. A stat word that nobody mapped has no state and is not final.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from drivers.bearer import MessageState, Remedy
from drivers.smpp.status import NUMBERS

__all__ = ["STANDARD", "Dialect", "DialectError", "load", "parse"]

FIELDS = ("id", "sub", "dlvrd", "submit date", "done date", "stat", "err", "text")
"""The fields of Appendix B, in its order."""

# SCHEDULED and ENROUTE are on their way, whoever says so.
ALWAYS_FINAL = frozenset(
    {
        MessageState.DELIVERED,
        MessageState.EXPIRED,
        MessageState.DELETED,
        MessageState.UNDELIVERABLE,
        MessageState.REJECTED,
        MessageState.SKIPPED,
    }
)


class DialectError(ValueError):
    """The file is missing or wrong. faults: each as "file: key: reason"."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one carrier writes receipts.

    labels: field of Appendix B to its other spellings, any case, a blank standing for any blanks or "_".
    states: stat word in upper case to state. final: the states that end the matter for this carrier.
    unflagged: receipts come with esm_class 0, so text that looks like one is one.
    unknown_subscriber: err words, and network_error_code as "type/code", that mean a number out of service.
    statuses: command_status to remedy.
    id_tags, state_tags, code_tags: TLVs, of which the first that is not empty counts.
    """

    labels: Mapping[str, tuple[str, ...]]
    states: Mapping[str, MessageState]
    final: frozenset[MessageState] = ALWAYS_FINAL
    unflagged: bool = False
    unknown_subscriber: frozenset[str] = frozenset()
    statuses: Mapping[int, Remedy] = field(default_factory=dict)
    id_tags: tuple[int, ...] = (0x001E,)
    state_tags: tuple[int, ...] = (0x0427,)
    code_tags: tuple[int, ...] = (0x0423,)
    label_pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)
    label_fields: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        fields = {name: name for name in FIELDS}
        fields |= {squeeze(word): name for name, words in self.labels.items() for word in words}
        words = sorted(fields, key=len, reverse=True)
        spelled = "|".join("[ _]*".join(re.escape(part) for part in word.split()) for word in words)
        # At a word's beginning: "msgid:" is no "id:", but "…SMSAlert^id:" and "XMS=id:" are.
        pattern = re.compile(rf"(?<!\w)({spelled})[ \t]*:", re.IGNORECASE | re.ASCII)
        object.__setattr__(self, "label_pattern", pattern)
        object.__setattr__(self, "label_fields", {word.replace(" ", ""): fields[word] for word in words})

    def means_unknown_subscriber(self, err: str, network_error: bytes) -> bool:
        """Whether a failed receipt's codes say that nobody has this number."""
        codes = self.unknown_subscriber
        if err in codes:
            return True
        return len(network_error) == 3 and f"{network_error[0]}/{int.from_bytes(network_error[1:])}" in codes


def squeeze(label: str) -> str:
    """A label as it is compared: lower case, "_" and any blanks as one blank."""
    return " ".join(label.lower().replace("_", " ").split())


STANDARD = Dialect(
    labels={},
    states={
        **{state.name: state for state in MessageState},
        "DELIVRD": MessageState.DELIVERED,
        "UNDELIV": MessageState.UNDELIVERABLE,
        "ACCEPTD": MessageState.ACCEPTED,
        "REJECTD": MessageState.REJECTED,
        "FAILED": MessageState.UNDELIVERABLE,
        "DND_REJECTED": MessageState.REJECTED,
        "ACKED": MessageState.ENROUTE,
        "BUFFRED": MessageState.ENROUTE,
        "BUFFERD": MessageState.ENROUTE,
    },
    unknown_subscriber=frozenset({"3/1"}),
)


def load(name: str, folders: Sequence[Path]) -> Dialect:
    """The dialect of that name: `<name>.toml` in the first folder that has it. Raises DialectError."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise DialectError([f"dialect {name!r}: a name has lower-case letters, digits and '-' only"])
    for folder in folders:
        path = folder / f"{name}.toml"
        if path.is_file():
            try:
                return parse(path.read_text(encoding="utf-8"), str(path))
            except (OSError, UnicodeDecodeError) as error:
                raise DialectError([f"{path}: can't be read: {error}"]) from error
    if name == "standard":
        return STANDARD
    known = sorted({path.stem for folder in folders for path in folder.glob("*.toml")})
    where = ", ".join(map(str, folders)) or "no folder"
    raise DialectError(
        [f"dialect {name!r}: no {name}.toml in {where}; there is: {', '.join(known) or 'none'}"]
    )


def parse(text: str, where: str) -> Dialect:
    """The dialect that a TOML text describes; `where` names it in the faults. Raises DialectError."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DialectError([f"{where}: not TOML: {error}"]) from error
    reader = _Reader(where)
    dialect = reader.dialect(data)
    if reader.faults:
        raise DialectError(reader.faults)
    return dialect


class _Reader:
    """One pass over a file's tables that collects faults instead of stopping at the first."""

    TABLES: Final = ("final", "labels", "statuses", "states", "tlv", "unknown_subscriber")

    def __init__(self, where: str) -> None:
        self.where = where
        self.faults: list[str] = []

    def fault(self, key: str, reason: str) -> None:
        self.faults.append(f"{self.where}: {key}: {reason}")

    def dialect(self, data: dict[str, object]) -> Dialect:
        self.known("", data, ("description", "unflagged_receipts", *self.TABLES))
        if not isinstance(data.get("description", ""), str):
            self.fault("description", "must be text in quotes")
        tables = {name: self.table(data, name) for name in self.TABLES}
        tlv = tables["tlv"]
        self.known("tlv.", tlv, ("id", "state", "code"))
        return replace(
            STANDARD,
            labels=self.labels(tables["labels"]),
            states=self.states(tables["states"]),
            final=self.final(tables["final"]),
            unflagged=self.flag("unflagged_receipts", data.get("unflagged_receipts", False)),
            unknown_subscriber=self.unknown_subscriber(tables["unknown_subscriber"]),
            statuses=self.statuses(tables["statuses"]),
            id_tags=self.tags("tlv.id", tlv.get("id", []), STANDARD.id_tags),
            state_tags=self.tags("tlv.state", tlv.get("state", []), STANDARD.state_tags),
            code_tags=self.tags("tlv.code", tlv.get("code", []), STANDARD.code_tags),
        )

    def known(self, prefix: str, data: Mapping[str, object], keys: Sequence[str]) -> None:
        for key in data:
            if key not in keys:
                self.fault(prefix + key, f"unknown key; known are {', '.join(keys)}")

    def table(self, data: dict[str, object], name: str) -> dict[str, object]:
        value = data.get(name, {})
        if isinstance(value, dict):
            return value
        self.fault(name, f"must be a table: [{name}]")
        return {}

    def flag(self, key: str, value: object) -> bool:
        if not isinstance(value, bool):
            self.fault(key, f"{value!r} must be true or false")
        return value is True

    def words(self, key: str, value: object) -> tuple[str, ...]:
        if isinstance(value, list) and all(isinstance(word, str) and word.strip() for word in value):
            return tuple(value)
        self.fault(key, f"{value!r} must be a list of words in quotes")
        return ()

    def final(self, table: dict[str, object]) -> frozenset[MessageState]:
        self.known("final.", table, ("accepted", "unknown"))
        switches = {"accepted": MessageState.ACCEPTED, "unknown": MessageState.UNKNOWN}
        on = {state for key, state in switches.items() if self.flag(f"final.{key}", table.get(key, False))}
        return ALWAYS_FINAL | on

    def labels(self, table: dict[str, object]) -> Mapping[str, tuple[str, ...]]:
        self.known("labels.", table, FIELDS)
        labels: dict[str, tuple[str, ...]] = {}
        taken = {name: name for name in FIELDS}
        for name, value in table.items():
            words = self.words(f"labels.{name}", value)
            for word in map(squeeze, words):
                owner = taken.setdefault(word, name)
                if owner != name:
                    self.fault(f"labels.{name}", f"{word!r} means {owner!r} already")
            if spellings := tuple(word for word in words if squeeze(word) != name):
                labels[name] = spellings
        return labels

    def states(self, table: dict[str, object]) -> Mapping[str, MessageState]:
        states = dict(STANDARD.states)
        for word, value in table.items():
            if isinstance(value, str) and value in MessageState.__members__:
                states[word.upper()] = MessageState[value]
            else:
                self.fault(
                    f"states.{word}", f"{value!r} must be one of {', '.join(MessageState.__members__)}"
                )
        return states

    def unknown_subscriber(self, table: dict[str, object]) -> frozenset[str]:
        self.known("unknown_subscriber.", table, ("err", "network"))
        errs = self.words("unknown_subscriber.err", table.get("err", []))
        network = self.words("unknown_subscriber.network", table.get("network", []))
        for code in network:
            if not re.fullmatch(r"\d{1,3}/\d{1,5}", code, re.ASCII):
                self.fault("unknown_subscriber.network", f"{code!r} must be type/code in decimal, like '3/1'")
        return STANDARD.unknown_subscriber | set(errs) | set(network)

    def statuses(self, table: dict[str, object]) -> Mapping[int, Remedy]:
        remedies = {remedy.value: remedy for remedy in Remedy}
        statuses: dict[int, Remedy] = {}
        for key, value in table.items():
            number = NUMBERS.get(key)
            if number is None and re.fullmatch(r"0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10}", key):
                number = int(key, 16) if key[:2] in ("0x", "0X") else int(key)
            if not number or number > 0xFFFF_FFFF:
                self.fault(f"statuses.{key}", "must be a name like ESME_RSUBMITFAIL or a number like 0x45")
            elif not isinstance(value, str) or value not in remedies:
                self.fault(f"statuses.{key}", f"{value!r} must be one of {', '.join(remedies)}")
            elif number in statuses:
                self.fault(f"statuses.{key}", f"status 0x{number:02X} is there twice")
            else:
                statuses[number] = remedies[value]
        return statuses

    def tags(self, key: str, value: object, standard: tuple[int, ...]) -> tuple[int, ...]:
        tags: list[int] = []
        for tag in value if isinstance(value, list) else [value]:
            if isinstance(tag, bool) or not isinstance(tag, int) or not 0 < tag <= 0xFFFF:
                self.fault(key, f"{tag!r} must be a TLV tag from 0x0001 to 0xFFFF, in a list")
            else:
                tags.append(tag)
        return tuple(dict.fromkeys((*tags, *standard)))

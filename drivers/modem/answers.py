"""What the lines of answers and URCs say, typed (3GPP 27.005 §3, 27.007 §7 to §8).

Reading forgives what modems do (missing names, missing quotes, numbers or none) and no more: a line that can't
be read raises Unreadable, which says what was expected and shows the line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = [
    "Cell",
    "Stored",
    "Unreadable",
    "balance_text",
    "digits_of",
    "fields",
    "is_registration",
    "listed",
    "memories",
    "number",
    "operator_of",
    "pdu_header",
    "pin_tries",
    "quoted",
    "reference",
    "registration",
    "routing_choices",
    "signal",
    "sim_state",
    "usage",
]

_FIELD = re.compile(r'\s*(?:"([^"]*)"?|([^,]*))\s*(?:,|$)')
_GROUP = re.compile(r"\(([^()]*)\)")
_HEX4 = re.compile(r"(?:[0-9A-Fa-f]{4})+")


class Unreadable(ValueError):
    """A line that is not what its command answers."""

    def __init__(self, expected: str, line: str) -> None:
        super().__init__(f"expected {expected}, the modem says {line[:120]!r}")


class Cell:
    """+CREG, +CEREG, +CGREG. stat: 27.007 §7.2; 1 home, 5 roaming, 6 and 7 the same for SMS only."""

    __slots__ = ("stat",)

    def __init__(self, stat: int) -> None:
        self.stat = stat

    @property
    def registered(self) -> bool:
        return self.stat in (1, 5, 6, 7)

    @property
    def roaming(self) -> bool:
        return self.stat in (5, 7)

    @property
    def words(self) -> str:
        states = {0: "not searching", 1: "home", 2: "searching", 3: "denied", 5: "roaming"}
        return {**states, 6: "home, SMS only", 7: "roaming, SMS only"}.get(self.stat, "unknown")


class Stored:
    """A message in the modem's memory. length: of the TPDU by its header, in octets; None when it has none.
    pdu: as the modem wrote it, SMSC field first.
    """

    __slots__ = ("index", "length", "pdu")

    def __init__(self, index: int, length: int | None, pdu: str) -> None:
        self.index = index
        self.length = length
        self.pdu = pdu


def fields(line: str) -> list[str]:
    """What stands after the colon, cut at commas, without quotes: '+CMTI: "SM",1' gives ["SM", "1"]."""
    rest = line.partition(":")[2].strip()
    found: list[str] = []
    position = 0
    while position < len(rest):
        match = _FIELD.match(rest, position)
        if match is None:  # a quote in the middle of a field: no modem means anything by it
            found.append(rest[position:])
            break
        found.append((match[1] if match[1] is not None else match[2]).strip())
        position = match.end()
    return found


def number(text: str, expected: str, line: str) -> int:
    """A decimal number. Raises Unreadable."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise Unreadable(expected, line)
    return int(text)


def quoted(line: str) -> str:
    """The first field, also where the colon has no space or the text no quotes."""
    found = fields(line)
    return found[0] if found else ""


def digits_of(lines: Sequence[str], low: int, high: int, alphabet: str = "0123456789") -> str:
    """The first run of low to high digits in lines that may have a prefix (+CGSN: "…"); "" when there is none.

    alphabet: an ICCID may have an F at its end, as it is stored; it is cut.
    """
    for line in lines:
        text = (line.partition(":")[2] if line[:1] in "+^" else line).strip(' "').upper()
        text = text.split(",")[0].strip(' "')
        if set(text) <= set(alphabet) and low <= len(text.rstrip("F")) <= high:
            return text.rstrip("F")
    return ""


def sim_state(lines: Sequence[str]) -> str:
    """+CPIN: "READY", "SIM PIN", "SIM PUK", …; the last line counts; "" when none says it."""
    for line in reversed(lines):
        state = quoted(line).upper()
        if state:
            return state
    return ""


def pin_tries(lines: Sequence[str]) -> int | None:
    """PIN tries left, of +CPINR: SIM PIN,3,10, +QPINC: "SC",3,10 or ^CPIN: READY,,10,3,10,3; None if not told."""
    for line in lines:
        found = fields(line)
        if line.startswith("^CPIN:") and len(found) >= 4 and found[3].isdecimal():
            return int(found[3])  # PUK times, PIN times, PUK2 times, PIN2 times follow the state and a count
        if len(found) >= 2 and found[0].upper() in ("SIM PIN", "SC") and found[1].isdecimal():
            return int(found[1])
    return None


def is_registration(line: str) -> bool:
    """Whether a +C…REG: line answers the query: <n>,<stat>[,…]. The URC has <stat>[,"lac","ci"[,<act>]]."""
    found = fields(line)
    if len(found) < 2 or not (found[0].isdecimal() and len(found[0]) == 1):
        return False
    raw = line.partition(":")[2].split(",")[1].strip()
    return raw.isdecimal() and len(raw) <= 2 and int(raw) <= 10


def registration(lines: Sequence[str]) -> Cell:
    """The last line that answers. Raises Unreadable."""
    for line in reversed(lines):
        if is_registration(line):
            return Cell(int(fields(line)[1]))
    raise Unreadable("+CREG: <n>,<stat>", " ".join(lines))


def operator_of(lines: Sequence[str]) -> str:
    """+COPS: 0,2,"20801",7 gives "20801"; "" when there is none."""
    found = fields(lines[-1]) if lines else []
    return found[2] if len(found) > 2 else ""


def signal(lines: Sequence[str]) -> int | None:
    """The dBm of +CSQ: 0 to 31 is -113 to -51; None for 99, not known (27.007 §8.5). Raises Unreadable."""
    line = lines[-1] if lines else ""
    level = number((fields(line) or [""])[0], "+CSQ: <rssi>,<ber>", line)
    return -113 + 2 * level if level <= 31 else None


def memories(line: str) -> list[list[str]]:
    """+CPMS: ("SM","ME"),("SM"),… gives the names by argument, as many as the modem has. [] when it tells none.

    Some write (("SM","BM"),("SM")): groups are what stands in the innermost brackets.
    """
    groups = [[name.strip(' "') for name in group.split(",")] for group in _GROUP.findall(line)]
    return [[name for name in group if name] for group in groups if any(group)]


def usage(lines: Sequence[str]) -> tuple[int, int]:
    """(used, total) of the memory that is read, of a +CPMS set (numbers) or query (names too). Raises Unreadable."""
    line = lines[-1] if lines else ""
    found = [field for field in fields(line) if field.isdecimal()]
    if len(found) < 2:
        raise Unreadable("+CPMS: used,total,…", line)
    return int(found[0]), int(found[1])


def routing_choices(line: str) -> list[set[int]]:
    """+CNMI: (0,1,2),(0-3),(0,2),(0-2),(0,1): what each argument may be, as the modem claims."""
    return [_choices(group) for group in _GROUP.findall(line)]


def _choices(group: str) -> set[int]:
    found: set[int] = set()
    for part in group.split(","):
        low, _, high = part.strip().partition("-")
        if low.isdecimal() and (high or low).isdecimal():
            found.update(range(int(low), min(int(high or low), 99) + 1))
    return found


def reference(lines: Sequence[str]) -> int:
    """TP-MR of +CMGS: <mr>[,<more>]. Raises Unreadable."""
    line = lines[-1] if lines else ""
    mr = number((fields(line) or [""])[0], "+CMGS: <mr>", line)
    if mr > 255:
        raise Unreadable("+CMGS: 0 to 255", line)
    return mr


def pdu_header(line: str) -> int:
    """The length in +CMT: ,23 or +CMT: "name",23 or +CDS: 25 or +CDS: ,25: the last number. Raises Unreadable."""
    found = fields(line)
    return number(found[-1] if found else "", f"{line[:5]} …,<length>", line)


def listed(lines: Sequence[str], index: int | None = None) -> list[Stored]:
    """The messages of +CMGL (index first in each header) or, with `index`, of +CMGR.

    One that can't be read is left out, and so left where it is: it must not cost the others.
    """
    found: list[Stored] = []
    header: list[str] = []
    for line in lines:
        if line.startswith("+CMG"):
            header = fields(line)
        elif header:
            at = header[0] if index is None else str(index)
            if at.isascii() and at.isdecimal() and len(at) < 6:
                length = int(header[-1]) if len(header) > 1 and header[-1].isdecimal() else None
                found.append(Stored(int(at), length, line))
            header = []
    return found


def balance_text(line: str) -> tuple[int, str]:
    """(m, text) of +CUSD: m,"text",dcs (27.007 §7.15): UCS-2 written as hex is read, whatever the dcs says."""
    found = fields(line)
    m = number(found[0] if found else "", '+CUSD: <m>,"text",<dcs>', line)
    text = found[1] if len(found) > 1 else ""
    if len(text) >= 8 and _HEX4.fullmatch(text):
        try:
            read = bytes.fromhex(text).decode("utf-16-be")
        except UnicodeDecodeError:  # hex by chance
            return m, text
        text = read if read.isprintable() or "\n" in read else text
    return m, " ".join(text.split())

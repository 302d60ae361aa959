"""The memories of modem and SIM: which are read, how messages are told of, reading and deleting.

Messages are stored before we are told of them and deleted once they are durable with us, one by one: a delete of
all would take one that arrived meanwhile. A memory is read by +CMGL, whose answer says which index is which.
"""

from __future__ import annotations

from drivers.modem import answers
from drivers.modem.answers import Stored, Unreadable
from drivers.modem.at import Final
from drivers.modem.commands import ROUTINGS, At, Timings
from drivers.modem.facts import Facts, Memory
from drivers.modem.profile import Quirks
from drivers.modem.script import Script, ask, patient

__all__ = ["choose_memories", "choose_routing", "delete", "read_all", "select"]

_PREFERRED = ("ME", "SM", "MT")
_TOTAL_MAX = 255


def choose_memories(at: At, timings: Timings, facts: Facts) -> Script[None]:
    """ME if present, else SM, for all three; a modem may take only one or two arguments, or none."""
    answer = yield from patient(at.query("+CPMS=?"), timings)
    groups = answers.memories(answer.lines[-1]) if answer.lines else []
    named = [name for group in groups for name in group]
    chosen = next((name for name in _PREFERRED if name in (groups[0] if groups else _PREFERRED)), "")
    for name in dict.fromkeys([chosen, "SM"]) if chosen else ():
        for arguments in (3, 2, 1):
            facts.arguments = arguments
            if (yield from select(at, facts, name)):
                if arguments < 3 or not named:
                    named.append("SM")  # what takes new ones may be that still: not every argument was ours
                facts.reads = [name, *(each for each in ("ME", "SM", "SR") if each in named and each != name)]
                return
    facts.arguments = 0
    facts.reads = [""]  # there is no choice: one memory, whatever its name


def select(at: At, facts: Facts, name: str) -> Script[bool]:
    """Make a memory the one that is read, and see how full it is. "SR" is only ever read from."""
    if not facts.arguments or not name:
        return True
    home = facts.reads[0] if facts.reads else name
    names = [name, *[home if name == "SR" else name] * (facts.arguments - 1)]
    answer = yield from ask(at.query("+CPMS=" + ",".join(f'"{each}"' for each in names)))
    if not answer.ok:
        return False
    facts.selected = name
    try:
        facts.memories[name] = Memory(*answers.usage(answer.lines))
    except Unreadable:  # it is chosen all the same; how full it is stays unknown
        facts.memories.setdefault(name, Memory())
    return True


def choose_routing(at: At, facts: Facts, quirks: Quirks) -> Script[None]:
    """Modems list what they refuse (+CNMI=?): try in turn, keep the first OK."""
    for routing in dict.fromkeys([quirks.cnmi_first, *ROUTINGS] if quirks.cnmi_first else ROUTINGS):
        answer = yield from ask(at.plain(f"+CNMI={routing}"))
        if answer.ok:
            facts.routing = routing
            return


def read_all(at: At, facts: Facts, name: str, one_by_one: bool = False) -> Script[list[Stored]]:
    """Everything in a memory. one_by_one: +CMGL hangs some firmware (a profile says so)."""
    if not (yield from select(at, facts, name)):
        return []
    memory = facts.memories.get(name)
    if memory is not None and memory.total and not memory.used:
        return []
    found: list[Stored] = []
    if not one_by_one:
        answer = yield from ask(at.list_all())
        if answer.ok:
            found = answers.listed(answer.lines)
        one_by_one = not answer.ok and answer.final is not Final.NONE
    if one_by_one:
        found = yield from _read_one_by_one(at, memory or Memory(total=_TOTAL_MAX))
    return found


def _read_one_by_one(at: At, memory: Memory) -> Script[list[Stored]]:
    """From 0: some cards count so."""
    found: list[Stored] = []
    for index in range(min(memory.total or _TOTAL_MAX, _TOTAL_MAX) + 1):
        answer = yield from ask(at.read(index))
        if answer.ok and answer.lines:
            found += answers.listed(answer.lines, index)
        if memory.used and len(found) >= memory.used:
            break
    return found


def delete(at: At, facts: Facts, name: str, wanted: dict[int, str], doubt: bool) -> Script[list[int]]:
    """Delete these of one memory, PDUs by index; gives the indexes of those that are gone.

    Never asked twice: if only the answer was lost, a message that came meanwhile may stand there now. doubt: some
    answer came late, or is still to come: what was listed may be an old list, so each is looked at first.
    """
    if facts.selected != name and not (yield from select(at, facts, name)):
        return []
    gone: list[int] = []
    for index, pdu in sorted(wanted.items()):
        if doubt:
            answer = yield from ask(at.read(index))
            if [each.pdu for each in answers.listed(answer.lines, index)] != [pdu]:
                continue
        answer = yield from ask(at.slow(f"+CMGD={index}"), again=False)
        if answer.ok or answer.code == 321:  # invalid index: it was gone already
            gone.append(index)
            memory = facts.memories.get(name)
            if memory is not None:
                memory.used = max(0, memory.used - 1)
    return gone

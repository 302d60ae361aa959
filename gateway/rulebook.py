"""From [rules], the law and the store to a Rulebook: what each rule is made of, and what counters begin with.

Counters outlive a reload. At start they are read from the stored messages of their period, so that a crash
forgets nothing; what no account uses is not read. Blocks the loop meanwhile: at start, or at a reload that
switches a counter on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from gateway.accounts import Account
from gateway.answers import never_left
from gateway.config import Config
from gateway.config.lines import line_of, lines
from gateway.keywords import keyword_faults
from gateway.lifecycle import State
from gateway.model import EPOCH_MS, Kind
from gateway.rules import Rulebook
from gateway.rules.consent import ConsentRule
from gateway.rules.content import ContentRule
from gateway.rules.country_file import Law, load_law
from gateway.rules.frequency import FrequencyRule, RollingCounts, counts_alone
from gateway.rules.hours import HoursRule
from gateway.rules.quota import QuotaRule, Usage, month_of
from gateway.rules.rule import Rule
from gateway.rules.sender import SenderRule
from gateway.settings import ConfigError, Fault
from gateway.stores.reader import Reader

__all__ = ["Counters", "law_of", "rules_of"]

log = structlog.get_logger("rules")

_SLICE = 20_000
_QUARTER_MS = 900_000
"""A quarter of an hour: days begin with one in every time zone."""
_USED = (
    f"SELECT account, ((id >> 22) + ?) / {_QUARTER_MS}, state, coalesce(error, ''), coalesce(sent_at, 0) > 0,"
    " sum(parts) FROM message WHERE id>=? GROUP BY 1, 2, 3, 4, 5 ORDER BY 2"
)
"""A month of messages is added up by the database: a row for each of them would take a second a million."""
_MAY_HAVE_STAYED = frozenset({int(State.DELETED), int(State.EXPIRED), int(State.REJECTED)})
"""The states of which never_left can be true: the others need not be looked at, a million times at a start."""
_BY_LAW = frozenset({"content", "stop", "hours"})


def law_of(config: Config) -> Law | None:
    """The countries' files, when a rule needs them. Raises ConfigError with every fault of theirs, and of ours."""
    law = None if _BY_LAW.isdisjoint(config.rules.order) else load_law(config.rules.country)
    faults = [*keyword_faults(config, law), *(_law_faults(config, law) if law is not None else ())]
    if faults:
        path = Path(config.path)
        places = lines(path.read_text(encoding="utf-8")) if path.is_file() else {}
        raise ConfigError([fault.at(str(path), line_of(places, fault.path)) for fault in faults])
    return law


def _law_faults(config: Config, law: Law) -> Iterator[Fault]:
    profile = config.rules.hours.profile
    if profile not in law.home.profiles:
        known = ", ".join(law.home.profiles)
        text = f'country {law.home.code} has no profile "{profile}"; it has {known}'
        yield Fault(("rules", "hours", "profile"), text)
    for name, account in config.accounts.items():
        for region in account.extra_regions:
            if region not in law.optional_regions:
                known = ", ".join(sorted(law.optional_regions)) or "none"
                text = f'"{region}" is none of the regions that may be added: {known}'
                yield Fault(("accounts", name, "extra_regions"), text)


def rules_of(
    config: Config,
    law: Law | None,
    counters: Counters,
    account_of: Callable[[str], Account | None],
    others: Mapping[str, Rule],
) -> Rulebook:
    """The rules in the order of [rules]. others: rules that somebody else has made, by name."""
    zone = ZoneInfo(config.gateway.timezone)
    made: dict[str, Rule] = {
        "sender": SenderRule(),
        "consent": ConsentRule(),
        "frequency": FrequencyRule(counters.marketing, config.rules.frequency.marketing.messages),
        "quota": QuotaRule(counters.usage, zone, account_of),
        **others,
    }
    if law is not None:
        mention_of, wording = law.vocabulary.mention, law.home.stop.mention
        made["sender"] = SenderRule(law.places)
        made["content"] = ContentRule(config.rules.stop.mention, mention_of, wording)
        made["hours"] = HoursRule(law.places, config.rules.hours.profile)
    return Rulebook([made[name] for name in config.rules.judging if name in made], account_of)


class Counters:
    """What quota and frequency count, over reloads. Empty until load()."""

    def __init__(self) -> None:
        self.usage: dict[str, Usage] = {}
        self.marketing = RollingCounts(0)
        self._counted: set[str] = set()

    def load(self, config: Config, reader: Reader, now_ms: int) -> None:
        """Read what is not counted yet, and drop what is counted no more."""
        self._load_usage(config, reader, now_ms)
        per_ms = int(config.rules.frequency.marketing.per * 1000)
        senders = [account for account in config.accounts.values() if "marketing" in account.kinds]
        if "frequency" not in config.rules.order or not senders:
            self.marketing = RollingCounts(0)
        elif per_ms != self.marketing.per_ms:
            self.marketing = RollingCounts(per_ms)
            self.marketing.load(_marketing_since(reader, now_ms - per_ms))

    def _load_usage(self, config: Config, reader: Reader, now_ms: int) -> None:
        counted = {
            name
            for name, account in config.accounts.items()
            if "quota" in config.rules.order and any((account.quota.segments_per_day, account.quota.segments_per_month))
        }  # fmt: skip
        for name in self._counted - counted:
            self.usage.pop(name, None)
        fresh, self._counted = counted - self._counted, counted
        if not fresh:
            return
        zone = ZoneInfo(config.gateway.timezone)
        since, _ = month_of(now_ms, zone)
        numbers = {reader.number(name): name for name in fresh}
        for name in fresh:
            self.usage[name] = Usage(zone)
        for account, quarter, state, error, sent, parts in reader.read(_USED, (EPOCH_MS, _first_id(since))):
            if account in numbers and not never_left(State(state), error, sent):
                self.usage[numbers[account]].add(parts, quarter * _QUARTER_MS)


def _marketing_since(reader: Reader, since_ms: int) -> Iterator[tuple[str, int]]:
    columns = "destination, udh, state, error, sent_at"
    for row in _rows(reader, columns, _first_id(since_ms), f"AND kind={int(Kind.MARKETING)}"):
        message_id, destination, udh, state, error, sent_at = row
        if udh and not counts_alone(udh):
            continue
        if state not in _MAY_HAVE_STAYED or not never_left(State(state), error or "", sent_at or 0):
            yield destination, (message_id >> 22) + EPOCH_MS


def _rows(reader: Reader, columns: str, first_id: int, condition: str) -> Iterator[tuple[Any, ...]]:
    """All messages from an id on, in order; in slices, so that a long history needs no memory."""
    sql = f"SELECT id, {columns} FROM message WHERE id>=? {condition} ORDER BY id LIMIT {_SLICE}"
    while True:
        found = reader.read(sql, (first_id,))
        yield from found
        if len(found) < _SLICE:
            return
        first_id = found[-1][0] + 1


def _first_id(unix_ms: int) -> int:
    return max(0, unix_ms - EPOCH_MS) << 22

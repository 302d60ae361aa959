"""From [rules], the law and the store to a Rulebook: what each rule is made of, and what counters begin with.

Counters outlive a reload. Quotas begin with the sums that the store keeps; marketing by number is counted again
from the stored messages of its period, in slices, so that a crash forgets nothing. What no account uses is not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from gateway.accounts import Account
from gateway.config import Config
from gateway.config.lines import line_of, lines
from gateway.keywords import keyword_faults
from gateway.model import EPOCH_MS, Kind
from gateway.reading import Reading
from gateway.rules import Rulebook
from gateway.rules.consent import ConsentRule
from gateway.rules.content import ContentRule
from gateway.rules.country_file import Law, load_law
from gateway.rules.frequency import NOTHING, FrequencyRule, RollingCounts, counts_alone
from gateway.rules.hours import HoursRule
from gateway.rules.quota import QuotaRule, Usage
from gateway.rules.rule import Rule
from gateway.rules.sender import SenderRule
from gateway.settings import ConfigError, Fault
from gateway.stores.reader import Reader
from gateway.stores.usage import NEVER_LEFT, QUARTER_MS

__all__ = ["Counters", "law_of", "rules_of"]

log = structlog.get_logger("rules")

PAGE = 5_000
"""Messages of one slice, of whatever kind: some 8 ms."""
_PAGE = "SELECT id FROM message WHERE id>=? ORDER BY id LIMIT 1 OFFSET ?"
_MARKETING = (
    f"SELECT id, destination, udh FROM message WHERE id>=? AND id<? AND kind={int(Kind.MARKETING)}"
    f" AND NOT {NEVER_LEFT} ORDER BY id"
)
_NEWEST = "SELECT coalesce(max(quarter), 0) FROM usage WHERE account=?"
_USED = (
    "SELECT coalesce(sum(iif(quarter>=?, segments, 0)), 0), coalesce(sum(segments), 0) FROM usage"
    " WHERE account=? AND quarter>=?"
)
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
    first = ("reading",)  # what is still unread can't be judged
    return Rulebook([made[name] for name in (*first, *config.rules.judging) if name in made], account_of)


class Counters:
    """What quota and frequency count, over reloads. Empty until apply() and what it leaves to be read."""

    def __init__(self) -> None:
        self.usage: dict[str, Usage] = {}
        self.marketing = RollingCounts(0)
        self.reading = Reading("what each number was sent", self._read)
        self._counted: set[str] = set()
        self._reader: Reader | None = None
        self._now_ms = 0

    def load(self, config: Config, reader: Reader, now_ms: int) -> None:
        """As apply(), and all is read when it returns."""
        self.apply(config, reader, now_ms)
        self.reading.finish()

    def apply(self, config: Config, reader: Reader, now_ms: int) -> None:
        """Count what is not counted yet, and drop what is counted no more; `reading` is begun where need be."""
        self._load_usage(config, reader, now_ms)
        per_ms = int(config.rules.frequency.marketing.per * 1000)
        senders = [account for account in config.accounts.values() if "marketing" in account.kinds]
        if "frequency" not in config.rules.order or not senders:
            per_ms = 0
        if per_ms != self.marketing.per_ms:
            self._reader, self._now_ms = reader, now_ms
            self.marketing = RollingCounts(per_ms)
            self.reading.begin()

    def _read(self) -> Iterator[None]:
        counts, reader = self.marketing, self._reader
        counts.unread = _first_id(self._now_ms - counts.per_ms)
        yield
        if counts.per_ms and reader is not None:
            for upto, rows in _marketing_since(reader, counts.unread):
                counts.load(rows, upto)
                yield
        counts.unread = NOTHING

    def _load_usage(self, config: Config, reader: Reader, now_ms: int) -> None:
        counted = {
            name
            for name, account in config.accounts.items()
            if "quota" in config.rules.order and any((account.quota.segments_per_day, account.quota.segments_per_month))
        }  # fmt: skip
        zone = ZoneInfo(config.gateway.timezone)
        fresh: dict[str, Usage] = {}
        for name in counted - self._counted:
            number = reader.number(name)

            def since(day: int, month: int, number: int = number) -> tuple[int, int]:
                ((of_day, of_month),) = reader.read(_USED, (day // QUARTER_MS, number, month // QUARTER_MS))
                return of_day, of_month

            ((newest,),) = reader.read(_NEWEST, (number,))
            fresh[name] = Usage(zone)
            fresh[name].resume(max(now_ms, newest * QUARTER_MS), since)
        for name in self._counted - counted:
            self.usage.pop(name, None)
        self.usage.update(fresh)
        self._counted = counted


def _marketing_since(reader: Reader, first: int) -> Iterator[tuple[int, list[tuple[int, str]]]]:
    """Of each page of the messages from an id on: where it ends, and (id, number) of those in it that count."""
    upto = 0
    while upto != NOTHING:
        page = reader.read(_PAGE, (first, PAGE))
        upto = page[0][0] if page else NOTHING
        rows = reader.read(_MARKETING, (first, min(upto, NOTHING - 1)))
        yield upto, [(row[0], row[1]) for row in rows if not row[2] or counts_alone(row[2])]
        first = upto


def _first_id(unix_ms: int) -> int:
    return max(0, unix_ms - EPOCH_MS) << 22

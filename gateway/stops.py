"""What a reply does: STOP, START, CONTACT, keywords, doubt. And what operators do to the same list.

An objection is in the list before its commit begins, so that no marketing slips out meanwhile, and durable in the
commit of the reply, so that the carrier hears "taken" only when it is kept. Then the world is told: what waits for
that number is refused, once in 24 h the number gets a confirmation, and the bus an event. Everything that ever
happened to a number stays on disk as proof.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence

import structlog

from drivers.sms.alphabet import decode
from drivers.sms.udh import concat_of
from gateway.accounts import Account
from gateway.auto_replies import DAY_MS, MINUTE_MS, AutoReplies, is_number
from gateway.config.policy import RulesSettings, StopSettings
from gateway.desk import Desk
from gateway.events import OptedOut
from gateway.keywords import CONTACT, HELP, Keywords
from gateway.last_writers import LastWriters
from gateway.ledger import Ledger
from gateway.lifecycle import WAITING
from gateway.mo import Heard
from gateway.model import Message, Mo
from gateway.reading import Reading
from gateway.road import Road
from gateway.rules.country import Replies
from gateway.rules.country_file import Law
from gateway.rules.optouts import OptOuts
from gateway.rules.stopwords import Match, Meaning
from gateway.stores.optout_table import Act, OptOutTable
from gateway.stores.reply_table import Reply
from gateway.stores.store import StoreError

__all__ = ["Entry", "Stops"]

log = structlog.get_logger("gateway.stops")

SLICE = 500
_NO_MATCH = Match(Meaning.NONE)

Entry = tuple[str, str, int, str]
"""(scope, canonical number, Unix ms, evidence) of what an operator adds or removes."""


class _Told:
    """What one batch of replies leads to once it is durable."""

    __slots__ = ("acts", "events", "numbers", "replies")

    def __init__(self) -> None:
        self.acts: list[Act] = []
        self.events: list[OptedOut] = []
        self.numbers: list[str] = []
        self.replies: list[Reply] = []


class Stops:
    """See the module. roads: what is being handed to bearers. Without the rule "stop" only keywords are read."""

    def __init__(
        self, ledger: Ledger, desk: Desk, optouts: OptOuts, table: OptOutTable,
        account_of: Callable[[str], Account | None], roads: Mapping[str, Road], replies: AutoReplies,
        writers: LastWriters,
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._desk = desk
        self._table = table
        self._account_of = account_of
        self._roads = roads
        self._replies = replies
        self._writers = writers
        self._keywords: dict[str, Keywords] = {}
        self._law: Law | None = None
        self._settings = StopSettings()
        self._numbers: dict[str, None] = {}
        self._unwritten: set[tuple[str, int]] = set()
        self._ending: asyncio.Task[None] | None = None
        self.optouts = optouts
        self.table = table
        self.reading = Reading("opt-outs", self._read)

    def apply(self, settings: RulesSettings, law: Law | None) -> None:
        """New settings and words; the lists stay."""
        self._settings = settings.stop
        self._law = law if "stop" in settings.order else None
        self.optouts.mention = law.vocabulary.mention if law is not None else lambda _: ""

    def remember(self) -> None:
        """At start, before any door opens: doubts, and answers that were not given. The list is read behind them."""
        self.optouts.reviews.update(self._table.reviews(self._ledger.clock.wall_ms()))
        self._replies.load()
        self.reading.begin()

    def load(self) -> None:
        """All of it, at once."""
        self.remember()
        self.reading.finish()

    def _read(self) -> Iterator[None]:
        """Who objects meanwhile, or no longer does, is heard: the list asks the table about his number first."""
        self.optouts.stored = self._table.holds
        yield
        for scope, digests in self._table.active():
            self.optouts.fill(scope, digests)
            yield
        self.optouts.stored = None

    def turn(self) -> None:
        """Each second: answers that found no room are tried again."""
        self._replies.turn()

    # ── replies ──────────────────────────────────────────────────────────────────────────────────────────
    def hear(self, mos: Sequence[Mo]) -> Heard:
        """What these replies, or parts of one, mean. The list is changed at once; see Heard for the rest.

        START too is in force at once: put off to its commit, it could undo a STOP that came in between.
        """
        told = _Told()
        law = self._law
        for mo in mos:
            text = decode(mo.payload, mo.data_coding, udh=mo.udh)
            match = law.vocabulary.match(text) if law is not None else _NO_MATCH
            if law is not None and _counts(match, mo):
                self._acted(mo, text, match, law, told)
            elif match.meaning in (Meaning.NONE, Meaning.HELP):
                self._keyword(mo, text, match, told)
        if not told.acts and not told.replies:
            return Heard()
        rows = (*self._table.batches(told.acts), *self._replies.batches(told.replies))
        return Heard(rows, lambda: self._durable(told))

    def _acted(self, mo: Mo, text: str, match: Match, law: Law, told: _Told) -> None:
        if match.meaning is Meaning.STOP:
            self._stop(mo, text, match, law, told)
        elif match.meaning is Meaning.START:
            self._start(mo, text, match, law, told)
        elif match.meaning is Meaning.CONTACT:
            self._contact(mo, told)
        else:
            self._review(mo, text, match, told)

    def _stop(self, mo: Mo, text: str, match: Match, law: Law, told: _Told) -> None:
        scopes, name = self._scopes(mo)
        digest = self.optouts.digest(mo.source)
        fresh = [scope for scope in scopes if self.optouts.add(scope, digest)]
        self.optouts.reviews.pop(digest, None)
        now = self._ledger.clock.wall_ms()
        account = self._account_of(name)
        confirms = self._settings.confirm and law.home.stop.confirm and account is not None
        confirms = confirms and now - self._confirmed(scopes[0], digest) >= DAY_MS
        confirmed = now if confirms else 0
        for scope in scopes:
            told.acts.append(_act("stop", scope, mo, text, match, digest, confirmed=confirmed))
        if fresh:
            told.numbers.append(mo.source)
            told.events.append(_event("stop", mo, fresh, name, match))
        if confirms and account is not None:
            self._replies.given("stop", scopes[0], digest)
            self._answer(account, mo, _words(law).stop, told)

    def _start(self, mo: Mo, text: str, match: Match, law: Law, told: _Told) -> None:
        scopes, name = self._scopes(mo)
        digest = self.optouts.digest(mo.source)
        scopes += [s for s in self._table.scopes_of(digest, _source(mo)) if s not in scopes]
        gone = [scope for scope in scopes if self.optouts.remove(scope, digest)]
        if self.optouts.reviews.pop(digest, None) and not gone:
            gone = scopes[:1]
        if not gone:
            return
        told.acts += [_act("start", scope, mo, text, match, digest) for scope in gone]
        told.events.append(_event("start", mo, gone, name, match))
        account = self._account_of(name)
        if (
            self._settings.confirm
            and account is not None
            and self._replies.may("start", scopes[0], digest, DAY_MS)
        ):
            self._answer(account, mo, _words(law).start, told)

    def _contact(self, mo: Mo, told: _Told) -> None:
        """Who writes from this number: the account's own words for CONTACT, else its brand."""
        scopes, name = self._scopes(mo)
        account = self._account_of(name)
        digest = self.optouts.digest(mo.source)
        if account is not None and self._replies.may("contact", scopes[0], digest, MINUTE_MS):
            self._answer(account, mo, self._identity(account), told)

    def _identity(self, account: Account) -> str:
        own = self._keywords_of(account).named(CONTACT)[1]
        return own or (_words(self._law).contact if self._law is not None else account.brand or account.name)

    def _keyword(self, mo: Mo, text: str, match: Match, told: _Told) -> None:
        """The account's own answer to the first words of a whole reply; a word for help always has one."""
        account = self._account_of(mo.account)
        if account is None or not mo.complete or concat_of(mo.udh) is not None:
            return
        keywords = self._keywords_of(account)
        word, template = keywords.find(text)
        if not word and match.meaning is Meaning.HELP:
            word, template = keywords.named(*HELP)
            word, template = word or HELP[0], template or self._identity(account)
        digest = self.optouts.digest(mo.source)
        if word and self._replies.may(f"keyword {word}", account.name, digest, MINUTE_MS):
            self._answer(account, mo, template, told)

    def _keywords_of(self, account: Account) -> Keywords:
        known = self._keywords.get(account.name)
        if known is None or known.table is not account.keywords:  # a reload has brought new ones
            known = self._keywords[account.name] = Keywords(account.keywords)
        return known

    def _review(self, mo: Mo, text: str, match: Match, told: _Told) -> None:
        if not self._settings.review_days:
            return
        scopes, name = self._scopes(mo)
        digest = self.optouts.digest(mo.source)
        until = self._ledger.clock.wall_ms() + self._settings.review_days * DAY_MS
        self.optouts.review(digest, until)
        told.acts.append(_act("review", scopes[0], mo, text, match, digest, until=until))
        told.events.append(_event("review", mo, scopes[:1], name, match))

    def _scopes(self, mo: Mo) -> tuple[list[str], str]:
        """What a reply to this number objects to, and the account that it is meant for.

        One to a SIM whose number nobody knows, to which no account is known to have written, objects to all.
        """
        if mo.destination.isdecimal() and 3 <= len(mo.destination) <= 8:
            return [f"short_code:{mo.destination}"], mo.account
        name = (
            self._writers.account_of(mo.bearer, mo.source) or self._table.last_writer(mo.source) or mo.account
        )
        scopes = [f"sender:{mo.destination}"] if is_number(mo.destination) else []
        scopes += [f"account:{name}"] if name else []
        return scopes or ["global"], name

    # ── answers ──────────────────────────────────────────────────────────────────────────────────────────
    def _confirmed(self, scope: str, digest: int) -> int:
        return self._replies.last("stop", scope, digest) or self._table.confirmed_at(scope, digest)

    def _answer(self, account: Account, mo: Mo, template: str, told: _Told) -> None:
        reply = self._replies.answer(account, mo, template)
        if reply is not None:
            told.replies.append(reply)

    # ── what follows ─────────────────────────────────────────────────────────────────────────────────────
    def _durable(self, told: _Told) -> None:
        for event in told.events:
            scopes = ", ".join(event.scopes)
            log.info("optout", act=event.act, scopes=scopes, account=event.account, evidence=event.evidence)
            self._ledger.bus.publish(event)
        self._replies.send(told.replies)
        self._end_waiting(told.numbers)

    def _end_waiting(self, numbers: Sequence[str]) -> None:
        """Refuse what waits for these numbers. One task for all: the next batch joins the one that runs."""
        self._numbers.update(dict.fromkeys(numbers))
        if self._numbers and (self._ending is None or self._ending.done()):
            self._ending = asyncio.ensure_future(self._end_all())
            self._ending.add_done_callback(_complain)

    async def _end_all(self) -> None:
        while self._numbers:
            numbers = list(self._numbers)[:SLICE]
            for number in numbers:
                del self._numbers[number]
            ids = await self._table.waiting(numbers)
            for start in range(0, len(ids), SLICE):
                found = await self._desk.waiting(ids[start : start + SLICE])
                await self._refuse(list(found.values()))

    async def _refuse(self, messages: Sequence[Message]) -> None:
        """Those that the list covers; what is being handed to a bearer is judged there once more."""
        leaving = {
            s.id for road in self._roads.values() for line in (*road.staged, road.unanswered) for s in line
        }
        by_scope: dict[str, list[Message]] = {}
        for m in messages:
            account = self._account_of(m.account)
            if m.state in WAITING and m.id not in leaving and account is not None:
                by_scope.setdefault(self.optouts.covers(m, account), []).append(m)
        by_scope.pop("", None)
        for scope, covered in by_scope.items():
            await self._desk.opt_out(covered, f"stop: the recipient has opted out ({scope})")

    async def close(self) -> None:
        if self._ending is not None and not self._ending.done():
            self._ending.cancel()
            await asyncio.gather(self._ending, return_exceptions=True)

    # ── operators ────────────────────────────────────────────────────────────────────────────────────────
    async def add(self, entries: Sequence[Entry], source: str, act: str = "add") -> int:
        """Opt numbers out by hand or from a file; how many were not yet. Durable when it returns."""
        fresh = self._changed(entries, source, act, self._added)
        keys = {(each.scope, each.key) for each in fresh}
        if fresh:
            self._unwritten |= (
                keys  # it is obeyed at once; if it is not kept, the same again is no repetition
            )
            await self._table.write(fresh)
            self._unwritten -= keys
        if len(fresh) <= SLICE and act != "import":
            self._tell(fresh)
            self._end_waiting([each.number for each in fresh])
        return len(fresh)

    async def remove(self, entries: Sequence[Entry], source: str) -> int:
        """Withdraw by hand, with the reason as proof; how many were there. A review of the number ends as well."""
        gone = self._changed(entries, source, "remove", self.optouts.remove)
        known = {(each.scope, each.key) for each in gone}
        for scope, number, at, evidence in entries:
            key = self.optouts.digest(number)
            if self.optouts.reviews.pop(key, None) and (scope, key) not in known:
                gone.append(Act("remove", scope, number, key, at, source, evidence))
        if gone:
            try:
                await self._table.write(gone)
            except StoreError:  # without its proof nothing is withdrawn
                for each in gone:
                    self.optouts.add(each.scope, each.key)
                raise
        self._tell(gone)
        return len(gone)

    def _added(self, scope: str, key: int) -> bool:
        return self.optouts.add(scope, key) or (scope, key) in self._unwritten

    def _changed(
        self, entries: Sequence[Entry], source: str, act: str, change: Callable[[str, int], bool]
    ) -> list[Act]:
        digest = self.optouts.digest
        acts = []
        for scope, number, at, evidence in entries:
            key = digest(number)
            if change(scope, key):
                acts.append(Act(act, scope, number, key, at, source, evidence))
        return acts

    def _tell(self, acts: Sequence[Act]) -> None:
        now = self._ledger.clock.wall_ms()
        for each in acts:
            event = OptedOut(each.act, each.number, [each.scope], "", each.source, each.evidence, now)
            self._ledger.bus.publish(event)


def _counts(match: Match, mo: Mo) -> bool:
    """Whether this may be acted upon. A part says STOP only where it would say it in the whole text, too."""
    if match.meaning in (Meaning.NONE, Meaning.HELP):
        return False
    concat = concat_of(mo.udh)
    if concat is None:
        return True
    return match.meaning is Meaning.STOP and (
        concat.sequence == 1 or match.rule in ("phrase", "own-sentence")
    )


def _source(mo: Mo) -> str:
    return f"mo:{mo.destination}"


def _act(
    act: str, scope: str, mo: Mo, text: str, match: Match, digest: int, until: int = 0, confirmed: int = 0
) -> Act:
    return Act(
        act,
        scope,
        mo.source,
        digest,
        mo.received_at,
        _source(mo),
        match.evidence,
        mo.id,
        text,
        until,
        confirmed,
    )


def _event(act: str, mo: Mo, scopes: Sequence[str], account: str, match: Match) -> OptedOut:
    return OptedOut(act, mo.source, scopes, account, _source(mo), match.evidence, mo.received_at)


def _words(law: Law) -> Replies:
    return law.words[law.home.stop.languages[0]].reply


def _complain(task: asyncio.Task[None]) -> None:
    """What waits is still judged before it leaves, but an operator should know that it was not refused at once."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("stop.waiting_not_ended", error=f"{type(error).__name__}: {error}")

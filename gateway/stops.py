"""What a reply does: STOP, START, CONTACT, doubt. And what operators do to the same list.

An objection is in the list before its commit begins, so that no marketing slips out meanwhile, and durable in the
commit of the reply, so that the carrier hears "taken" only when it is kept. Then the world is told: what waits for
that number is refused, once in 24 h the number gets a confirmation, and the bus an event. Everything that ever
happened to a number stays on disk as proof.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import structlog

from drivers.sms.alphabet import decode, fit
from drivers.sms.split import segment_count
from drivers.sms.udh import concat_of
from gateway import answers
from gateway.accounts import Account
from gateway.config.policy import RulesSettings, StopSettings
from gateway.desk import Desk
from gateway.events import OptedOut
from gateway.ledger import Ledger
from gateway.lifecycle import WAITING
from gateway.mo import Heard
from gateway.model import Kind, Message, Mo
from gateway.road import Road
from gateway.rules.country import Replies
from gateway.rules.country_file import Law
from gateway.rules.optouts import OptOuts
from gateway.rules.stopwords import Match, Meaning
from gateway.stores.optout_table import Act, OptOutTable

if TYPE_CHECKING:
    from gateway.intake import Submitted

__all__ = ["Entry", "Stops"]

log = structlog.get_logger("gateway.stops")

DAY_MS = 86_400_000
CONTACT_MS = 60_000
"""Between two answers to CONTACT, so that two machines don't write to each other for ever."""
PATIENCE_MS = 600_000
"""How long an answer to a STOP that could not be submitted (rate, room) is tried again, each second."""
SLICE = 500
_MOST_RECENT = 100_000

Submit = Callable[[Account, Sequence[Message]], "Submitted"]
Entry = tuple[str, str, int, str]
"""(scope, canonical number, Unix ms, evidence) of what an operator adds or removes."""


class _Told:
    """What one batch of replies leads to once it is durable."""

    __slots__ = ("acts", "events", "numbers", "replies")

    def __init__(self) -> None:
        self.acts: list[Act] = []
        self.events: list[OptedOut] = []
        self.numbers: list[str] = []
        self.replies: list[tuple[Account, Message]] = []


class Stops:
    """See the module. law: whose words count; None reads no reply. roads: what is being handed to bearers."""

    def __init__(
        self, ledger: Ledger, desk: Desk, optouts: OptOuts, table: OptOutTable,
        account_of: Callable[[str], Account | None], roads: Mapping[str, Road], submit: Submit,
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._desk = desk
        self._table = table
        self._account_of = account_of
        self._roads = roads
        self._submit = submit
        self._law: Law | None = None
        self._settings = StopSettings()
        self._recent: dict[tuple[str, str, int], int] = {}
        self._unsent: list[tuple[int, Account, Message]] = []
        self._numbers: dict[str, None] = {}
        self._ending: asyncio.Task[None] | None = None
        self.optouts = optouts
        self.table = table

    def apply(self, settings: RulesSettings, law: Law | None) -> None:
        """New settings and words; the lists stay. Without the rule "stop" no reply is read."""
        self._settings = settings.stop
        self._law = law if "stop" in settings.order else None
        self.optouts.mention = law.vocabulary.mention if law is not None else lambda _: ""

    def load(self) -> None:
        """At start, before any door opens: marketing waits for the lists."""
        for scope, digests in self._table.active():
            self.optouts.fill(scope, digests)
        self.optouts.reviews.update(self._table.reviews(self._ledger.clock.wall_ms()))

    # ── replies ──────────────────────────────────────────────────────────────────────────────────────────
    def hear(self, mos: Sequence[Mo]) -> Heard:
        """What these replies, or parts of one, mean. The list is changed at once; see Heard for the rest.

        START too is in force at once: put off to its commit, it could undo a STOP that came in between.
        """
        law = self._law
        if law is None or not mos:
            return Heard()
        told = _Told()
        for mo in mos:
            text = decode(mo.payload, mo.data_coding, udh=mo.udh)
            match = law.vocabulary.match(text)
            if not _counts(match, mo):
                continue
            if match.meaning is Meaning.STOP:
                self._stop(mo, text, match, law, told)
            elif match.meaning is Meaning.START:
                self._start(mo, text, match, law, told)
            elif match.meaning is Meaning.CONTACT:
                self._contact(mo, law, told)
            elif match.meaning is Meaning.REVIEW:
                self._review(mo, text, match, told)
        return Heard(self._table.batches(told.acts), lambda: self._durable(told))

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
            self._remember("stop", scopes[0], digest, now)
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
        if self._settings.confirm and account is not None and self._may("start", scopes[0], digest, DAY_MS):
            self._answer(account, mo, _words(law).start, told)

    def _contact(self, mo: Mo, law: Law, told: _Told) -> None:
        """Who writes from this number: the account's own words for CONTACT, else its brand."""
        scopes, name = self._scopes(mo)
        account = self._account_of(name)
        if account is None or not self._may("contact", scopes[0], self.optouts.digest(mo.source), CONTACT_MS):
            return
        own = next((text for word, text in account.keywords.items() if word.casefold() == "contact"), "")
        self._answer(account, mo, own or _words(law).contact, told)

    def _review(self, mo: Mo, text: str, match: Match, told: _Told) -> None:
        if not self._settings.review_days:
            return
        scopes, name = self._scopes(mo)
        digest = self.optouts.digest(mo.source)
        until = self._ledger.clock.wall_ms() + self._settings.review_days * DAY_MS
        self.optouts.reviews[digest] = until
        told.acts.append(_act("review", scopes[0], mo, text, match, digest, until=until))
        told.events.append(_event("review", mo, scopes[:1], name, match))

    def _scopes(self, mo: Mo) -> tuple[list[str], str]:
        """What a reply to this number objects to, and the account that it is meant for."""
        if mo.destination.isdecimal() and 3 <= len(mo.destination) <= 8:
            return [f"short_code:{mo.destination}"], mo.account
        name = self._table.last_writer(mo.source) or mo.account
        scopes = [f"sender:{mo.destination}"]
        return ([*scopes, f"account:{name}"] if name else scopes), name

    # ── answers ──────────────────────────────────────────────────────────────────────────────────────────
    def _confirmed(self, scope: str, digest: int) -> int:
        recent = self._recent.get(("stop", scope, digest), 0)
        return recent or self._table.confirmed_at(scope, digest)

    def _may(self, word: str, scope: str, digest: int, pause: int) -> bool:
        """Whether this answer is due; if so, it counts as given."""
        now = self._ledger.clock.wall_ms()
        if now - self._recent.get((word, scope, digest), 0) < pause:
            return False
        self._remember(word, scope, digest, now)
        return True

    def _remember(self, word: str, scope: str, digest: int, now: int) -> None:
        if len(self._recent) >= _MOST_RECENT:
            self._recent = {key: at for key, at in self._recent.items() if now - at < DAY_MS}
        self._recent[word, scope, digest] = now

    def _answer(self, account: Account, mo: Mo, template: str, told: _Told) -> None:
        """One transactional message from the number that was written to, if that is the account's to send from."""
        if not mo.source.startswith("+"):
            return  # a short code or a name is a machine: two would answer each other
        text = template.replace("{brand}", account.brand or account.name).replace("{number}", mo.destination)
        own = [mo.destination, account.stop_number, account.default_sender]
        source = next((number for number in own if number and account.may_send_from(number)), mo.destination)
        coding, payload = fit(text)
        expires = self._ledger.clock.wall_ms() + int(account.validity[Kind.TRANSACTIONAL] * 1000)
        m = Message(
            0, account.name, Kind.TRANSACTIONAL, 0, source, mo.source, coding, b"", payload,
            segment_count(payload, coding), 0, expires,
        )  # fmt: skip
        told.replies.append((account, m))

    def turn(self) -> None:
        """Each second: answers that found no room are tried again."""
        unsent, self._unsent = self._unsent, []
        for until, account, message in unsent:
            self._send(account, message, until)

    def _send(self, account: Account, message: Message, until: int) -> None:
        (answer,) = self._submit(account, [message]).answers
        if answer.status == answers.OK:
            return
        busy = answer.status in (answers.THROTTLED, answers.QUEUE_FULL, answers.SYSTEM_ERROR)
        if busy and self._ledger.clock.wall_ms() < until:
            self._unsent.append((until, account, message))
        else:
            log.warning("stop.unanswered", account=account.name, to=message.destination, reason=answer.text)

    # ── what follows ─────────────────────────────────────────────────────────────────────────────────────
    def _durable(self, told: _Told) -> None:
        for event in told.events:
            scopes = ", ".join(event.scopes)
            log.info("optout", act=event.act, scopes=scopes, account=event.account, evidence=event.evidence)
            self._ledger.bus.publish(event)
        until = self._ledger.clock.wall_ms() + PATIENCE_MS
        for account, message in told.replies:
            self._send(account, message, until)
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
        fresh = self._changed(entries, source, act, self.optouts.add)
        if fresh:
            await self._table.write(fresh)
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
            await self._table.write(gone)
        self._tell(gone)
        return len(gone)

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

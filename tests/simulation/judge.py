"""The judge: a model so simple that it is evidently right. It sees what carriers and applications saw, no more.

What holds at the hand-over to a transport is judged there (throttle, STOP, hours); the rest once all is calm.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from simulation.books import RESPONSE_TIMEOUT, Ask, Attempt, Books, Reply
from simulation.judge_lanes import judge_lanes
from simulation.judge_lines import judge_lines
from simulation.judge_quota import SLOWER, judge_quota
from simulation.judge_requests import judge_requests
from simulation.judge_webhooks import judge_webhooks
from simulation.shape import QUOTA

__all__ = ["Judge"]

PARIS = ZoneInfo("Europe/Paris")
HOLIDAYS = {date(2026, 1, 1), date(2026, 4, 6), date(2026, 5, 1), date(2026, 5, 8), date(2026, 5, 14), date(2026, 5, 25),
            date(2026, 7, 14), date(2026, 8, 15), date(2026, 11, 1), date(2026, 11, 11), date(2026, 12, 25),
            date(2027, 1, 1)}  # fmt: skip
ON_DOUBT = {
    "shop": {"OTP": "resend", "ALERT": "resend", "TRANS": "resend", "PROMO": "wait"},
    "club": {"OTP": "resend", "ALERT": "resend", "TRANS": "resend", "PROMO": "wait"},
    "bank": {"OTP": "stop", "ALERT": "wait", "TRANS": "stop", "PROMO": "stop"},
}
WORDS = {"DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "UNKNOWN", "REJECTD"}
HOPELESS = {0x0B, 0x65}
PER_DAY = 3
JOINED = 1700.0
"""Seconds that the parts of a reply wait for one another, nearly; later ones are given for themselves."""
REMEMBERED = 2400.0
"""Seconds: how long a joined reply is known, and a bit; a part that comes again then is a reply of its own."""
SLACK = 0.5
"""Seconds between an answer in the gateway's hands and its COMMIT, on a disk that is well."""
RECEIPT_TIMEOUT = 3600.0
STALLED = 2.0
DOUBT = 600.0
"""Seconds that on_doubt = "wait" waits."""


class Judge:
    """See the module. handed() at each segment, settle() at the end."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self._lately: dict[str, deque[float]] = {}

    # ── at the hand-over ─────────────────────────────────────────────────────────────────────────────────
    def rate(self, bearer: str) -> None:
        """A segment leaves: exact in every sliding second."""
        now = self.books.now()
        times = self._lately.setdefault(bearer, deque())
        times.append(now)
        while times[0] <= now - 1.0:
            times.popleft()
        most = max(rate for _, rate in self.books.rates[bearer])
        if len(times) > max(1, math.ceil(most)):
            self.books.violation(
                "throttle", f"{len(times)} segments within a second by {bearer}, whose rate is {most:g}"
            )

    def handed(self, ask: Ask, attempt: Attempt) -> None:
        if ask.kind != "PROMO":
            return
        begun = any(a is not attempt and a.total > 1 and a.bearer == attempt.bearer for a in ask.attempts)
        if begun:
            return  # a long message that has begun goes on
        local = datetime.fromtimestamp(attempt.wall / 1000, PARIS)
        minutes = local.hour * 60 + local.minute
        if not 480 <= minutes < 1230 or local.weekday() == 6 or local.date() in HOLIDAYS:
            self.books.violation("hours", f"{ask} left at {local:%a %d %b %H:%M:%S}")
        for at, account, number in self.books.stops:
            if account == ask.account and number == ask.to and at < attempt.handed:
                self.books.violation(
                    "stop", f"{ask} left at {attempt.handed:.3f}, its STOP was taken at {at:.3f}"
                )
                break

    # ── once all is calm ─────────────────────────────────────────────────────────────────────────────────
    def settle(self) -> None:
        for ask in self.books.asks.values():
            self._ids(ask)
            self._states(ask)
            self._sendings(ask)
        self._order()
        self._frequency()
        judge_quota(self.books, "club", QUOTA["segments_per_day"], QUOTA["segments_per_month"])
        judge_requests(self.books)
        judge_lanes(self.books, self._disturbed)
        judge_lines(
            self.books,
            lambda account, begin, end: (
                self._disturbed(begin, end)
                or (account not in self.books.by_post and self._dropped(account, begin, end))
            ),
        )
        judge_webhooks(self.books, self._disturbed)
        self._replies()
        for account, given, _, stat, _, _ in self.books.strange:
            # An id that it never heard: its answer was lost, and it had no reference to ask again with.
            if not any(
                ask.account == account and ask.unsure and not ask.ids for ask in self.books.asks.values()
            ):
                self.books.violation(
                    "receipt", f"{account} was told {stat} of {given}, which it never submitted"
                )

    def open(self) -> list[Ask]:
        """Accepted, asked for a receipt, and not told to the end."""
        return [
            ask for ask in self.books.asks.values()
            if ask.ids and ask.registered & 1 and not any(ok for _, _, ok in ask.told)
        ]  # fmt: skip

    def _ids(self, ask: Ask) -> None:
        """The same reference is the same message."""
        if ask.reference and len(ask.ids) > 1:
            self.books.violation("idempotency", f"{ask} has {len(ask.ids)} ids")

    def _states(self, ask: Ask) -> None:
        wrong = self.books.violation
        stats = list(dict.fromkeys(stat for _, stat, _ in ask.told))
        if ask.ids and ask.registered & 1 and not any(ok for _, _, ok in ask.told):
            given = (
                f"given {ask.told} and no answer to it" if ask.told else "nobody was told what became of it"
            )
            wrong("lost", f"{ask} was accepted at {ask.accepted_at:.3f} and {given}: {ask.attempts}")
        if len(stats) > 1:
            wrong("one state", f"{ask} was told {stats}")
        if any(stat not in WORDS for stat in stats):
            wrong("one state", f"{ask} was told {stats}")
        if not ask.registered and ask.told:
            wrong("receipt", f"{ask} asked for none and was told {stats}")
        self._repeats(ask)
        if ask.ids and not ask.attempts and stats and stats[0] == "DELIVRD":
            wrong("truth", f"{ask} never left and was told {stats}")
        if stats:
            self.truth(ask, stats[0], ask.told[0][0])
        if ask.attempts and not ask.ids and ask.statuses and not ask.unsure:
            wrong("refused", f"{ask} was refused ({ask.statuses}) and left all the same: {ask.attempts}")

    def _repeats(self, ask: Ask) -> None:
        """Told again after a good answer only where a death, or a sick disk, lies between."""
        answered = -1.0
        for at, stat, ok in ask.told:
            if (
                answered >= 0
                and not self._disturbed(answered - 120, at)
                and not self._dropped(ask.account, answered, at)
            ):
                self.books.violation(
                    "receipt", f"{ask} was told {stat} at {at:.3f} again, answered at {answered:.3f}"
                )
                return
            if ok and answered < 0:
                answered = at

    def truth(self, ask: Ask, stat: str, told_at: float) -> None:
        """What it was told is what the carriers told us, as far as they had told it by then."""
        heard: dict[int, set[str]] = {}
        for attempt in ask.attempts:
            for said, at in attempt.receipts:
                if at < told_at:
                    heard.setdefault(attempt.part, set()).add(said)
        last = {a.part for a in ask.attempts}
        if stat == "DELIVRD":
            said = {word for attempt in ask.attempts for word, _ in attempt.receipts}
            sent = {a.part for a in ask.attempts if any(word == "DELIVRD" for word, _ in a.receipts)}
            if "DELIVRD" not in said and not any(a.status is None or a.status == 0 for a in ask.attempts):
                self.books.violation(
                    "truth", f"{ask} was told DELIVRD, the carriers said {said or 'nothing'}"
                )
            elif len(sent) < ask.parts and not any(a.receipts == [] for a in ask.attempts):
                self.books.violation("truth", f"{ask} was told DELIVRD, delivered are parts {sent}")
        elif stat == "UNKNOWN" and len(ask.attempts) == ask.parts and len(heard) == ask.parts == len(last):
            early = max(at for a in ask.attempts for _, at in a.receipts)
            good = all(said == {"DELIVRD"} for said in heard.values()) and told_at - early > SLACK
            good = (
                good and early < ask.attempts[0].handed + RECEIPT_TIMEOUT - 600
            )  # later ones come after the verdict
            if good and all(a.status == 0 and (self._sure(a) or self._late(ask, a)) for a in ask.attempts):
                self.books.violation("truth", f"{ask} was told UNKNOWN, its carrier had said DELIVRD")

    def _dropped(self, account: str, answered: float, at: float) -> bool:
        """Whether its answer may have been lost with a connection, or was a long time on its way."""
        return any(answered - 60 <= drop <= at for drop in self.books.drops[account])

    # ── how often it was sent ────────────────────────────────────────────────────────────────────────────
    def _sendings(self, ask: Ask) -> None:
        by_part: dict[int, list[Attempt]] = {}
        for attempt in ask.attempts:
            by_part.setdefault(attempt.part, []).append(attempt)
        rule = ON_DOUBT[ask.account][ask.kind]
        clean = all(self._sure(a) and a.status == 0 for a in ask.attempts)
        for part, attempts in by_part.items():
            for before, after in itertools.pairwise(attempts):
                long = ask.parts > 1 and (not clean or self._half_lost(ask, before, after))
                why = self._again(before, after, rule, long)
                if why:
                    self.books.violation("twice", f"{ask} part {part}: {before}, then {after}: {why}")
                    return
        if (
            clean
            and ask.attempts
            and ask.ids
            and len(by_part) < ask.parts
            and ask.told
            and ask.told[0][1] in ("DELIVRD", "UNKNOWN")
        ):
            if ask.told[0][1] == "UNKNOWN" and self._disturbed(ask.asked_at - 1, ask.told[0][0]):
                return
            self.books.violation(
                "tail", f"{ask} left in parts {sorted(by_part)} only, and was told {ask.told}"
            )

    def _half_lost(self, ask: Ask, before: Attempt, after: Attempt) -> bool:
        """Another bearer begins anew, and the one before has never had the whole text."""
        had = {a.part for a in ask.attempts if a.bearer == before.bearer and a.handed < after.handed}
        return before.bearer != after.bearer and len(had) < ask.parts

    def _again(self, before: Attempt, after: Attempt, rule: str, long: bool) -> str:
        if self._sure(before) and before.heard < after.handed:
            if before.status == 0:
                return "" if long and rule == "resend" else "the carrier had accepted it"
            return "the carrier had refused it for good" if before.status in HOPELESS and not long else ""
        if before.status and before.heard >= 0:
            return ""  # refused: whether that was kept or not, another try is right
        return "" if rule == "resend" else f"it was in doubt, and on_doubt is {rule}"

    def _sure(self, attempt: Attempt) -> bool:
        """Whether the gateway must know how this ended: the answer came in time, and nothing died behind it."""
        if attempt.status is None or not attempt.in_time:
            return False
        return not self._disturbed(attempt.heard - 0.1, attempt.heard + SLACK)

    def _late(self, ask: Ask, attempt: Attempt) -> bool:
        """Whether the gateway must know how this ended though its answer came late: on_doubt made it wait for that.

        Of a text in parts not: a receipt that it matched by the number has the word then.
        """
        if ask.parts > 1 or ON_DOUBT[ask.account][ask.kind] != "wait" or attempt.heard < 0:
            return False
        if attempt.heard > attempt.handed + RESPONSE_TIMEOUT + DOUBT - 60:
            return False
        return not self._disturbed(attempt.handed - 0.1, attempt.heard + SLACK)

    def _disturbed(self, begin: float, end: float) -> bool:
        books = self.books
        if any(begin <= at <= end for at in books.deaths):
            return True
        return any(sick_from <= end and begin <= sick_to for sick_from, sick_to in books.sick)

    # ── in which order ───────────────────────────────────────────────────────────────────────────────────
    def _order(self) -> None:
        """Per recipient within account, lane, tag and bearer, of those that left once, at once, undisturbed."""
        flows: dict[tuple[str, str, str, str, str], list[Ask]] = {}
        for ask in self.books.asks.values():
            if (
                len(ask.ids) == 1
                and len(ask.attempts) == ask.parts
                and all(self._sure(a) and not a.status for a in ask.attempts)
            ):
                bearers = {a.bearer for a in ask.attempts}
                if len(bearers) == 1 and not ask.wait and ask.replaced_at < 0:
                    flows.setdefault((ask.account, ask.kind, ask.tag, ask.to, *bearers), []).append(ask)  # type: ignore[arg-type]
        for key, asks in flows.items():
            asks.sort(key=lambda ask: int(ask.ids[0]))
            for one, two in itertools.pairwise(asks):
                first, second = one.attempts[0].handed, two.attempts[0].handed
                if second < first and not self._disturbed(min(one.accepted_at, second) - 60, first + 60):
                    if key[1] == "PROMO" or self._gave_way(key[4], one.accepted_at, first):
                        continue  # rules postpone each by itself; what stood ready elsewhere comes from there
                    self.books.violation("order", f"{two} left at {second:.3f} before {one} at {first:.3f}")

    def _gave_way(self, bearer: str, begin: float, end: float) -> bool:
        """Whether another bearer of the route refused, or did not answer, between: what stood ready for it takes this.

        After two seconds without an answer what stood ready for a full window goes back, whatever comes later.
        """
        return any(
            (attempt.status != 0 or not 0 <= attempt.heard <= attempt.handed + STALLED)
            and attempt.bearer != bearer
            and begin - RESPONSE_TIMEOUT <= attempt.handed <= end
            for ask in self.books.asks.values()
            for attempt in ask.attempts
        )

    def _frequency(self) -> None:
        """No number gets more than PER_DAY marketing messages in any 24 hours, by the moment they were taken.

        Who met only carriers that were too busy, and was cancelled then, was sent nothing.
        """
        taken: dict[str, list[int]] = {}
        for ask in self.books.asks.values():
            if ask.kind == "PROMO" and ask.ids and any(a.status not in SLOWER for a in ask.attempts):
                taken.setdefault(ask.to, []).append(int(ask.ids[0]) >> 22)
        for number, times in taken.items():
            times.sort()
            for first, last in zip(times, times[PER_DAY:], strict=False):
                if last - first < 86_400_000:
                    self.books.violation(
                        "frequency",
                        f"{PER_DAY + 1} marketing messages to {number} within {timedelta(milliseconds=last - first)}",
                    )

    def _as_another(self, reply: Reply) -> bool:
        """A STOP has no token: where one number sends several, who was given twice may have been another."""
        twins = self._twins(reply)
        given = sum(ok for each in twins for _, ok in each.given)
        return len(twins) > 1 and given >= sum(each.taken >= 0 for each in twins)

    def _has_twins(self, reply: Reply) -> bool:
        return len(self._twins(reply)) > 1

    def _twins(self, reply: Reply) -> list[Reply]:
        """Those that look like this one: STOPs of the same number to the same; else none but itself."""
        if reply.text != "STOP":
            return [reply]
        where = reply.source, reply.to
        return [r for r in self.books.replies.values() if r.text == "STOP" and (r.source, r.to) == where]

    def _replies(self) -> None:
        for reply in self.books.replies.values():
            good = [at for at, ok in reply.given if ok]
            waited = self.books.jumped or reply.taken > reply.begun + JOINED  # by the wall's clock
            scattered = (
                waited and reply.pieces
            )  # one at a time; a piece without the whole token is nobody's in the books
            if (
                reply.taken >= 0
                and reply.owner
                and not good
                and not scattered
                and not self._as_another(reply)
            ):
                self.books.violation(
                    "reply", f"{reply.token} to {reply.owner} was taken at {reply.taken:.3f} and never given"
                )
            if (
                len(good) > 1
                and reply.taken >= 0  # a carrier that never hears us sends it again and again
                and max(reply.taken, good[0]) < good[-1] - REMEMBERED
                and not self._disturbed(good[0] - 120, good[-1])
                and not self._dropped(reply.owner, good[0], good[-1])
                and not self._has_twins(reply)
            ):
                self.books.violation("reply", f"{reply.token} was given at {good}")

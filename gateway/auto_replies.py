"""Answers of our own to a reply: a STOP's confirmation, who writes, a keyword's text. Each is sent once.

An answer is durable with the reply that asks for it, and leaves like any transactional message of its account.
What finds no room is tried again for ten minutes, over a restart too. The reply's id is its reference, so that one
that was submitted just before a crash is not sent twice. Two machines do not write to each other for ever: who gets
answers too often gets none.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

import structlog

from drivers.sms.alphabet import fit
from drivers.sms.split import segment_count
from gateway import answers
from gateway.accounts import Account
from gateway.answers import Answer
from gateway.clock import Clock
from gateway.model import Kind, Message, Mo
from gateway.rules.optouts import scope_fault
from gateway.stores.reply_table import Reply
from gateway.stores.store import Batches

if TYPE_CHECKING:
    from gateway.intake import Submitted

__all__ = ["DAY_MS", "MINUTE_MS", "MOST_A_DAY", "AutoReplies", "Submit", "Table"]

log = structlog.get_logger("gateway.auto_replies")

DAY_MS, MINUTE_MS = 86_400_000, 60_000
PATIENCE_MS = 600_000
"""How long an answer that could not be submitted (rate, room) is tried again, each second."""
MOST_A_DAY = 20
"""Answers to one number in 24 h, confirmations of a STOP apart: a machine that answers us is not answered on."""
_MOST_RECENT = 100_000

Submit = Callable[[Account, Sequence[Message]], "Submitted"]


class Table(Protocol):
    """Where they wait (stores/reply_table.py)."""

    def all(self) -> list[Reply]: ...

    def batches(self, replies: Sequence[Reply]) -> Batches: ...

    def drop(self, reply: Reply) -> None: ...


class AutoReplies:
    """See the module."""

    def __init__(
        self, clock: Clock, table: Table, account_of: Callable[[str], Account | None], submit: Submit
    ) -> None:
        self._clock = clock
        self._table = table
        self._account_of = account_of
        self._submit = submit
        self._recent: dict[tuple[str, str, int], int] = {}
        self._given: dict[int, tuple[int, int]] = {}
        self._unsent: list[Reply] = []

    def load(self) -> None:
        """At start: those that the last process did not come to submit."""
        self._unsent = self._table.all()

    # ── may it be given ──────────────────────────────────────────────────────────────────────────────────
    def last(self, word: str, scope: str, digest: int) -> int:
        """When this number was last answered so, Unix ms; 0 when that is not remembered."""
        return self._recent.get((word, scope, digest), 0)

    def given(self, word: str, scope: str, digest: int) -> None:
        """It counts as answered from now on."""
        now = self._clock.wall_ms()
        if len(self._recent) >= _MOST_RECENT:
            self._recent = {key: at for key, at in self._recent.items() if now - at < DAY_MS}
        self._recent[word, scope, digest] = now

    def may(self, word: str, scope: str, digest: int, pause: int) -> bool:
        """Whether this answer is due after so many ms; if so, it counts as given."""
        now = self._clock.wall_ms()
        since, count = self._given.get(digest, (now, 0))
        if now - since >= DAY_MS:
            since, count = now, 0
        if now - self.last(word, scope, digest) < pause or count >= MOST_A_DAY:
            return False
        if len(self._given) >= _MOST_RECENT:
            self._given = {key: one for key, one in self._given.items() if now - one[0] < DAY_MS}
        self._given[digest] = (since, count + 1)
        self.given(word, scope, digest)
        return True

    # ── making it ────────────────────────────────────────────────────────────────────────────────────────
    def answer(self, account: Account, mo: Mo, template: str) -> Reply | None:
        """From the number that was written to, if that is the account's to send from. template: may have {brand} and
        {number}. None: a short code or a name wrote, which is a machine, and two would answer each other.
        """
        if not mo.source.startswith("+"):
            return None
        number = mo.destination if is_number(mo.destination) else ""
        own = [name for name in (number, account.stop_number, account.default_sender) if name]
        source = next((name for name in own if account.may_send_from(name)), own[0] if own else "")
        brand = account.brand or account.name
        text = template.replace("{brand}", brand).replace("{number}", number or source or brand)
        until = self._clock.wall_ms() + PATIENCE_MS
        return Reply(mo.id, account.name, source, mo.source, *fit(text), until)

    def batches(self, replies: Sequence[Reply]) -> Batches:
        """Their rows, for the commit of what they answer."""
        return self._table.batches(replies)

    # ── sending it ───────────────────────────────────────────────────────────────────────────────────────
    def send(self, replies: Sequence[Reply]) -> None:
        """They are durable: submit them."""
        for reply in replies:
            account = self._account_of(reply.account)
            if account is None:
                self._ended(reply, f"account {reply.account} is no longer configured")
                continue
            submitted = self._submit(account, [self._message(reply, account)])
            (answer,) = submitted.answers
            if submitted.durable is None:
                self._answered(reply, answer)
            else:
                submitted.durable.add_done_callback(partial(self._durable, reply, answer))

    def _durable(self, reply: Reply, answer: Answer, _: Future[None]) -> None:
        self._answered(reply, answer)

    def turn(self) -> None:
        """Each second: answers that found no room are tried again."""
        unsent, self._unsent = self._unsent, []
        self.send(unsent)

    def _message(self, reply: Reply, account: Account) -> Message:
        expires = self._clock.wall_ms() + int(account.validity[Kind.TRANSACTIONAL] * 1000)
        parts = segment_count(reply.payload, reply.data_coding)
        message = Message(
            0, account.name, Kind.TRANSACTIONAL, 0, reply.source, reply.destination, reply.data_coding, b"",
            reply.payload, parts, 0, expires,
        )  # fmt: skip
        message.reference = f"reply-to:{reply.id}"
        return message

    def _answered(self, reply: Reply, answer: Answer) -> None:
        """What intake said of it; for one that was taken, once that is durable."""
        if answer.status == answers.OK:
            self._table.drop(reply)
        elif answer.status not in (answers.THROTTLED, answers.QUEUE_FULL, answers.SYSTEM_ERROR):
            self._ended(reply, answer.text)
        elif self._clock.wall_ms() < reply.until:
            self._unsent.append(reply)
        else:
            self._ended(reply, f"tried for {PATIENCE_MS // MINUTE_MS} min: {answer.text}")

    def _ended(self, reply: Reply, why: str) -> None:
        log.warning("reply.unanswered", account=reply.account, to=reply.destination, reason=why)
        self._table.drop(reply)


def is_number(address: str) -> bool:
    """Whether somebody can write to it: a number or a short code, not a bearer's name."""
    return not scope_fault(f"sender:{address}")

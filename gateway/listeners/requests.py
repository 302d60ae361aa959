"""The rare requests of applications: query_sm, cancel_sm, replace_sm, submit_multi.

They read the store on its slow side, so each is awaited, one after another on its bind. A message is its
account's alone: another's is answered as one that does not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drivers.smpp import times
from drivers.smpp.build import header, query_resp_body, response
from drivers.smpp.pdu import RESPONSE, Cancel, Command, CommandStatus, Pdu, Query, Replace, Sm, SubmitMulti
from drivers.sms import address
from drivers.sms.address import AddressError
from gateway.accounts import Account
from gateway.answers import Answer
from gateway.desk import Desk
from gateway.intake import Intake
from gateway.ledger import Ledger
from gateway.lifecycle import FINAL, WAITING, State
from gateway.listeners.submission import Refused, Submissions
from gateway.model import Message
from gateway.outcomes import half_sent_of
from gateway.stores.store import StoreError

__all__ = ["Requests"]

S = CommandStatus
_LEAST_ADVANCED = (
    State.HELD, State.SCHEDULED, State.QUEUED, State.INFLIGHT, State.ENROUTE, State.UNKNOWN, State.DELETED,
    State.REJECTED, State.EXPIRED, State.UNDELIVERABLE, State.DELIVERED,
)  # fmt: skip


class Requests:
    """See the module."""

    def __init__(self, ledger: Ledger, desk: Desk, intake: Intake) -> None:
        self._ledger = ledger
        self._desk = desk
        self._intake = intake

    async def answer(self, account: Account, pdu: Pdu, version: int) -> bytes:
        """The whole response to a query, cancel or replace."""
        try:
            if isinstance(pdu, Query):
                return await self._query(account, pdu, version)
            if isinstance(pdu, Cancel):
                return await self._cancel(account, pdu)
            if isinstance(pdu, Replace):
                return await self._replace(account, pdu)
        except Refused as refused:
            return response(pdu.command_id, refused.status, pdu.sequence_number)
        except StoreError:
            return response(pdu.command_id, S.ESME_RSYSERR, pdu.sequence_number)
        return response(Command.GENERIC_NACK, S.ESME_RINVCMDID, pdu.sequence_number)

    # ── finding ──────────────────────────────────────────────────────────────────────────────────────────
    async def _find(self, account: Account, message_id: bytes, status: int) -> list[Message]:
        """The message of an id, or all of its submit_multi. Raises Refused with ESME_RINVMSGID or `status`."""
        text = message_id.rstrip(b"\0")
        if not text.isdigit() or len(text) > 19:
            raise Refused(S.ESME_RINVMSGID, "no such message")
        first = int(text)
        if first >> 63:
            raise Refused(S.ESME_RINVMSGID, "no such message: an id has 63 bits")
        found = await self._desk.waiting([first])
        lead = found.get(first)
        if lead is None or lead.group == f"multi:{first}":
            many = await self._ledger.store.query(
                "SELECT id FROM message WHERE id BETWEEN ? AND ? AND grp=?",
                (first, first + (2 << 22), f"multi:{first}"),  # their ids may cross into the next millisecond
            )
            found = await self._desk.waiting([row[0] for row in many])
        mine = [m for m in found.values() if m.account == account.name]
        if not mine:
            raise Refused(status, "no such message of this account")
        return mine

    # ── query_sm ─────────────────────────────────────────────────────────────────────────────────────────
    async def _query(self, account: Account, pdu: Query, version: int) -> bytes:
        found = await self._find(account, pdu.message_id, S.ESME_RQUERYFAIL)
        message = min(found, key=lambda m: _LEAST_ADVANCED.index(m.state))
        final = (
            times.format_absolute(message.done_at / 1000)
            if message.state in FINAL and message.done_at
            else b""
        )
        error = int(message.error) & 0xFF if message.error.isdigit() else 0
        body = query_resp_body(pdu.message_id, final, shown_state(message.state, version), error)
        return header(16 + len(body), Command.QUERY_SM | RESPONSE, 0, pdu.sequence_number) + body

    # ── cancel_sm ────────────────────────────────────────────────────────────────────────────────────────
    async def _cancel(self, account: Account, pdu: Cancel) -> bytes:
        """By id; or, with an empty id, all waiting from this source to this destination (§4.9)."""
        if pdu.message_id:
            found = await self._find(account, pdu.message_id, S.ESME_RINVMSGID)
            if pdu.destination_addr and len(found) > 1:
                named = self._canonical(pdu)
                found = [m for m in found if m.destination == named]
        else:
            found = await self._by_addresses(account, pdu)
        cancelled = await self._desk.cancel(found, "cancelled by the application")
        status = S.ESME_ROK if cancelled else S.ESME_RCANCELFAIL
        return response(pdu.command_id, status, pdu.sequence_number)

    async def _by_addresses(self, account: Account, pdu: Cancel) -> list[Message]:
        source = address.source(pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr)
        sql = (
            "SELECT m.id FROM backlog b JOIN message m ON m.id=b.id"
            " WHERE b.account=? AND m.source=? AND m.destination=? LIMIT 1000"
        )
        arguments: tuple[Any, ...] = (self._ledger.store.number(account.name), source, self._canonical(pdu))
        ids = [row[0] for row in await self._ledger.store.query(sql, arguments)]
        return list((await self._desk.waiting(ids)).values())

    def _canonical(self, pdu: Cancel) -> str:
        try:
            return address.destination(pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.destination_addr)
        except AddressError as error:
            raise Refused(S.ESME_RINVDSTADR, str(error)) from error

    # ── replace_sm ───────────────────────────────────────────────────────────────────────────────────────
    async def _replace(self, account: Account, pdu: Replace) -> bytes:
        found = await self._find(account, pdu.message_id, S.ESME_RREPLACEFAIL)
        message = found[0]
        if len(found) > 1 or message.state not in WAITING or message.udh or half_sent_of(message):
            raise Refused(
                S.ESME_RREPLACEFAIL, "it has left, has ended, is one of many, or a part of a longer text"
            )
        now = self._ledger.clock.wall_ms()
        as_sent = Sm(
            Command.SUBMIT_SM, 0, 0, b"", pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr, 1, 1,
            message.destination.lstrip("+").encode(), 0, 0, message.priority, pdu.schedule_delivery_time,
            pdu.validity_period, pdu.registered_delivery, 0, message.data_coding, 0, pdu.short_message,
        )  # fmt: skip
        fresh = Submissions(account).read(as_sent, now / 1000)
        if fresh.source != message.source:
            raise Refused(S.ESME_RREPLACEFAIL, "the source address is not that of the message")
        fresh.expires = fresh.expires if pdu.validity_period else message.expires
        fresh.due = (fresh.due or now) if pdu.schedule_delivery_time else message.due
        fresh.kind = message.kind
        spoilt = self._intake.rules.rewritten(fresh, account, now)
        if spoilt or fresh.kind != message.kind:
            text = spoilt or "its STOP mention makes it marketing: cancel it and submit it anew"
            raise Refused(S.ESME_RREPLACEFAIL, text)
        await self._desk.replace(message, fresh)
        return response(pdu.command_id, S.ESME_ROK, pdu.sequence_number)

    # ── submit_multi ─────────────────────────────────────────────────────────────────────────────────────
    async def submit_multi(
        self, account: Account, pdu: SubmitMulti, submissions: Submissions | None
    ) -> bytes:
        """One id for all; the response lists the addresses that could not be taken (§4.5.2)."""
        assert submissions is not None
        now = self._ledger.clock.wall_ms() / 1000
        messages: list[Message] = []
        addressed: list[tuple[int, int, bytes]] = []
        failed: list[tuple[tuple[int, int, bytes], int]] = []
        for destination in pdu.destinations:
            if isinstance(destination, bytes):
                failed.append(((0, 0, destination), int(S.ESME_RINVDLNAME)))
                continue
            sm = pdu.sm
            one = Sm(
                Command.SUBMIT_SM, 0, 0, sm.service_type, sm.source_addr_ton, sm.source_addr_npi, sm.source_addr,
                *destination, sm.esm_class, sm.protocol_id, sm.priority_flag, sm.schedule_delivery_time,
                sm.validity_period, sm.registered_delivery, sm.replace_if_present_flag, sm.data_coding,
                sm.sm_default_msg_id, sm.short_message, sm.tlvs,
            )  # fmt: skip
            try:
                message = submissions.read(one, now)
            except Refused as refused:
                failed.append((destination, refused.status))
            else:
                message.reference = ""  # one reference cannot name many messages
                messages.append(message)
                addressed.append(destination)
        answers: list[Answer] = []
        if messages:
            submitted = self._intake.submit(account, messages, multi=True)
            if submitted.durable is not None:
                try:
                    await submitted.durable
                except StoreError:
                    pass  # the answers say so
            answers = submitted.answers
        failed += [(to, a.status) for to, a in zip(addressed, answers, strict=True) if a.status]
        return _multi_response(
            pdu, [m for m, a in zip(messages, answers, strict=True) if not a.status], failed
        )


def _multi_response(
    pdu: SubmitMulti, taken: Sequence[Message], failed: Sequence[tuple[tuple[int, int, bytes], int]]
) -> bytes:
    if not taken:
        status = failed[0][1] if failed else int(S.ESME_RINVNUMDESTS)
        return response(pdu.command_id, status, pdu.sequence_number)
    body = b"%d\0%c" % (taken[0].public_id, len(failed))
    body += b"".join(
        b"%c%c%b\0" % (ton, npi, addr) + status.to_bytes(4, "big") for (ton, npi, addr), status in failed
    )
    return header(16 + len(body), pdu.command_id | RESPONSE, 0, pdu.sequence_number) + body


def shown_state(state: State, version: int) -> int:
    """message_state for query_sm: SCHEDULED is 5.0's, our own states are ENROUTE (SMPP 3.4 §5.2.28)."""
    if state is State.SCHEDULED and version >= 0x50:
        return 0
    return int(state) if 0 < state <= 8 else int(State.ENROUTE)

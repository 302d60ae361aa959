"""A chunk of submit_sm into what a simulated carrier does about it: answers, receipts and MOs, with delays.

Between Faults, which throws the dice, and the simulator, which has the connections. Pure: clock readings are
arguments, what lies ahead is told as delays, so a whole rehearsal can be computed without a loop.
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers.smpp.behaviour import Behaviour
from drivers.smpp.carrier_faults import Faults, Notice
from drivers.smpp.carrier_messages import Submitted, mo_bodies, receipt_body
from drivers.smpp.codec import response
from drivers.smpp.deliveries import Delivery
from drivers.smpp.pdu import Sm

__all__ = ["EARLINESS", "Batch", "CarrierCore", "Origin"]

EARLINESS = 0.05
"""Seconds that a response waits at least when its receipt comes first, perhaps on another connection."""


class Origin:
    """Where a chunk came from. bind: the connection's number. tlvs: whether its peer knows TLVs.

    at: steady seconds when its octets came; wall: Unix seconds.
    """

    __slots__ = ("at", "bind", "system_id", "tlvs", "wall")

    def __init__(self, system_id: str, bind: int, tlvs: bool, at: float, wall: float) -> None:
        self.system_id = system_id
        self.bind = bind
        self.tlvs = tlvs
        self.at = at
        self.wall = wall


class Batch:
    """What to do. responses, deliveries: by delay in seconds. early: deliver_sm before all responses."""

    __slots__ = ("deliveries", "early", "responses", "submitted")

    def __init__(self) -> None:
        self.submitted: list[Submitted] = []
        self.responses: dict[float, list[bytes]] = {}
        self.early: list[Delivery] = []
        self.deliveries: dict[float, list[Delivery]] = {}


class CarrierCore:
    """Decides by `behaviour`, which may be assigned at any time."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._faults = Faults(behaviour)
        self._reference = 0

    @property
    def behaviour(self) -> Behaviour:
        return self._faults.behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self._faults.behaviour = behaviour

    def take(self, submits: Sequence[Sm], origin: Origin) -> Batch:
        """All that follows from these submit_sm (or data_sm), in their order."""
        batch = Batch()
        faults = self._faults
        for sm in submits:
            status = faults.status(origin.at)
            if status:
                self._refuse(sm, status, origin, batch)
            else:
                self._accept(sm, origin, batch)
        return batch

    def _refuse(self, sm: Sm, status: int, origin: Origin, batch: Batch) -> None:
        raw = response(sm.command_id, status, sm.sequence_number)
        batch.responses.setdefault(self._faults.latency(), []).append(raw)
        batch.submitted.append(Submitted(sm, origin.at, origin.system_id, origin.bind, status, "", True))

    def _accept(self, sm: Sm, origin: Origin, batch: Batch) -> None:
        faults = self._faults
        message_id, receipt_id = faults.ids()
        answered = not faults.drawn(faults.behaviour.drop_response_percent)
        taken = Submitted(
            sm, origin.at, origin.system_id, origin.bind, 0, message_id.decode("ascii"), answered
        )
        batch.submitted.append(taken)
        delay = faults.latency()
        if sm.registered_delivery & 0x03 and self._receipts(taken, receipt_id, delay, origin, batch):
            delay = max(delay, EARLINESS)
        if answered:
            raw = response(sm.command_id, 0, sm.sequence_number, message_id)
            responses = batch.responses.get(delay)
            if responses is None:
                responses = batch.responses[delay] = []
            responses.append(raw)
        if faults.mo_is_due():
            b = faults.behaviour
            source, destination = b.mo_source or taken.destination, b.mo_destination or taken.source
            self._mo(source, destination, b.mo_text, b.mo_parts, delay + b.receipt_delay, taken, batch)

    def _receipts(
        self, taken: Submitted, receipt_id: bytes, answer: float, origin: Origin, batch: Batch
    ) -> bool:
        """Whether one of them is early; answer: the response's delay, behind which all others come.

        registered_delivery 2 asks for failures only (§5.2.17).
        """
        early = False
        b = self._faults.behaviour
        only_failures = taken.sm.registered_delivery & 0x03 == 2
        for notice in self._faults.notices():
            if only_failures and notice.delivered:
                continue
            delivery = self.receipt(taken, receipt_id, notice, origin.wall, origin.tlvs)
            if notice.early:
                early = True
                batch.early.append(delivery)
                continue
            delay = answer + notice.delay
            deliveries = batch.deliveries.get(delay)
            if deliveries is None:
                deliveries = batch.deliveries[delay] = []
            deliveries.append(delivery)
            if b.stop_percent and notice.delivered and self._faults.drawn(b.stop_percent):
                self._mo(taken.destination, taken.source, b.stop_text, 1, delay, taken, batch)
        return early

    def _mo(
        self, source: str, destination: str, text: str, parts: int, delay: float, to: Submitted, batch: Batch
    ) -> None:
        mos = self.mo(source, destination, text, parts, None, to.system_id)
        batch.deliveries.setdefault(delay, []).extend(mos)

    def receipt(
        self, taken: Submitted, receipt_id: bytes, notice: Notice, wall: float, tlvs: bool
    ) -> Delivery:
        """The deliver_sm that tells a message's fate, under the id that receipts use."""
        b = self._faults.behaviour
        body = receipt_body(
            taken.sm, receipt_id, notice, wall, b.receipt_style, tlvs and b.receipt_tlvs, b.receipt_flag
        )
        return Delivery(taken.system_id, body, "receipt", receipt_id, notice.stat)

    def mo(
        self, source: str, destination: str, text: str, parts: int, reference: int | None, system_id: str
    ) -> list[Delivery]:
        """The parts of a handset's message. reference None: the next one. Raises AddressError, ValueError."""
        if reference is None:
            self._reference = reference = self._reference + 1
        return [
            Delivery(system_id, body, "mo") for body in mo_bodies(source, destination, text, parts, reference)
        ]

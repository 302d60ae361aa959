"""What a simulated carrier writes down and tells: its log of submit_sm, and events for people.

The log is what rates are measured by: one line a submit_sm, with the moment when its octets were received,
not when they were decided upon. Events carry whole messages: parts are joined and decoded here, and only when
somebody listens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BufferedWriter
from pathlib import Path

from drivers.smpp.carrier_messages import Submitted
from drivers.smpp.pdu import status_name
from drivers.sms.split import Joined, Joiner

__all__ = ["CarrierEvent", "CarrierLog", "Tale"]


class CarrierEvent:
    """One line for a person.

    kind: listening, bound, bind_refused, closed, message, receipt, mo, behaviour. receipt and mo are told
    when the peer has answered them. fields: as their names say; a message's are those of Tale.messages.
    """

    __slots__ = ("fields", "kind")

    def __init__(self, kind: str, fields: dict[str, object]) -> None:
        self.kind = kind
        self.fields = fields

    def __repr__(self) -> str:
        return f"<CarrierEvent {self.kind} {self.fields}>"


class CarrierLog:
    """`time destination id data_coding esm_class length bind`, a line each; id "-" when it was refused.

    time: seconds of CLOCK_MONOTONIC, to the microsecond. length: octets of user data, header included.
    """

    def __init__(self, path: str) -> None:
        self._file: BufferedWriter | None = Path(path).open("ab") if path else None  # noqa: SIM115 - see close()

    def write(self, batch: Sequence[Submitted]) -> None:
        if self._file is None:
            return
        lines = [
            b"%.6f %b %b %d %d %d %d\n"
            % (
                taken.at,
                taken.sm.destination_addr,
                taken.message_id.encode("ascii") or b"-",
                taken.sm.data_coding,
                taken.sm.esm_class,
                len(taken.sm.user_data()),
                taken.bind,
            )
            for taken in batch
        ]
        self._file.write(b"".join(lines))

    def flush(self) -> None:
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class Tale:
    """Events, to `listener` or to nobody."""

    def __init__(self, listener: Callable[[CarrierEvent], None] | None) -> None:
        self._listener = listener
        self._joiner = Joiner(wait=60.0)

    @property
    def heard(self) -> bool:
        return self._listener is not None

    def tell(self, kind: str, **fields: object) -> None:
        if self._listener is not None:
            self._listener(CarrierEvent(kind, fields))

    def messages(self, batch: Sequence[Submitted], now: float) -> None:
        """Each refused segment at once, accepted ones when their message is whole."""
        if self._listener is None:
            return
        for taken in batch:
            if taken.status:
                self._message(Joined([taken.part()], complete=True))
            elif (joined := self._joiner.add(taken.part(), now)) is not None:
                self._message(joined)

    def overdue(self, now: float) -> None:
        """Messages whose missing parts are no longer waited for."""
        for joined in self._joiner.expired(now):
            self._message(joined)

    def _message(self, joined: Joined) -> None:
        parts = [taken for taken in joined.tokens if isinstance(taken, Submitted)]
        first = parts[0]
        self.tell(
            "message",
            source=first.source,
            destination=first.destination,
            text=joined.text(),
            parts=len(parts),
            complete=joined.complete,
            ids=[taken.message_id for taken in parts],
            status=status_name(first.status),
            bind=first.bind,
            system_id=first.system_id,
        )

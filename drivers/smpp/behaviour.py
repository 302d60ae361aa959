"""How a simulated carrier behaves: every fault that can be asked for, as data with a sentence each.

The defaults are a carrier without faults. `chappe simulate smsc` makes one option of each field (its help is
the field's metadata), tests pass them by name: so both ask in the same words. Times are seconds, percentages
0 to 100 of the messages that get so far, each drawn from one seeded generator.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal, TypeVar, get_args

from drivers.smpp.pdu import CommandStatus

__all__ = ["Behaviour", "IdStyle", "ReceiptStyle"]

Default = TypeVar("Default")
IdStyle = Literal["decimal", "hex", "uuid", "mixed"]
ReceiptStyle = Literal["standard", "capitals", "underscores", "seconds", "bare"]
Receipts = Literal["normal", "none"]

_CHOICES = {"ids": get_args(IdStyle), "receipt_style": get_args(ReceiptStyle), "receipts": get_args(Receipts)}


def _option(default: Default, words: str) -> Default:
    result: Default = field(default=default, metadata={"help": words})
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """See each field's help. Raises ValueError that names the field for a value outside its range."""

    # Who may come in
    system_id: str = _option("", "the only system_id that may bind; empty: anyone")
    password: str = _option("", "the password it must give; empty: any")
    bind_status: int = _option(0, "refuse every bind with this command_status")
    window: int = _option(100, "unanswered deliver_sm for each bind")
    response_timeout: float = _option(10.0, "seconds until an unanswered deliver_sm goes out again")
    retry_after: float = _option(1.0, "seconds until a deliver_sm answered ESME_RX_T_APPN goes out again")
    enquire_link: float = _option(60.0, "seconds of silence until the carrier asks; 0: never")

    # What it answers to submit_sm
    latency: float = _option(0.0, "seconds until submit_sm_resp")
    jitter: float = _option(0.0, "up to so many seconds more, for each message: responses change order")
    rate_limit: float = _option(0.0, "segments a second; ESME_RTHROTTLED beyond; 0: no limit")
    throttle_every: int = _option(0, "answer every so manieth submit_sm with ESME_RTHROTTLED; 0: none")
    throttle_percent: float = _option(0.0, "percent of submit_sm answered with ESME_RTHROTTLED")
    error_percent: float = _option(0.0, "percent of submit_sm refused with error_status")
    error_status: int = _option(int(CommandStatus.ESME_RSYSERR), "the command_status of refusals")
    drop_response_percent: float = _option(
        0.0, "percent accepted but never answered; receipts come all the same"
    )
    ids: IdStyle = _option(  # noqa: RUF009 - a field() all the same
        "decimal", "message ids; mixed: hexadecimal in the response, ten decimal digits in the receipt"
    )

    # Its receipts
    receipts: Receipts = _option("normal", "whether receipts are sent to those who ask for them")  # noqa: RUF009 - a field() all the same
    receipt_delay: float = _option(0.0, "seconds from the submit_sm_resp to the receipt")
    early_percent: float = _option(0.0, "percent of receipts that come before the submit_sm_resp")
    late_percent: float = _option(0.0, "percent of receipts that come late_delay later than the others")
    late_delay: float = _option(60.0, "how late, in seconds")
    duplicate_percent: float = _option(0.0, "percent of receipts that come twice")
    missing_percent: float = _option(0.0, "percent of receipts that never come")
    reorder: int = _option(0, "receipts leave in groups of so many, the last one first; 0: in order")
    enroute_percent: float = _option(0.0, "percent with an ENROUTE receipt before the final one")
    undeliverable_percent: float = _option(0.0, "percent whose receipt says UNDELIV")
    undeliverable_err: str = _option("001", "what err: says in receipts of messages that were not delivered")
    expired_percent: float = _option(0.0, "percent whose receipt says EXPIRED")
    rejected_percent: float = _option(0.0, "percent whose receipt says REJECTD")
    unknown_percent: float = _option(0.0, "percent whose receipt says UNKNOWN")
    receipt_tlvs: bool = _option(True, "receipted_message_id and message_state in receipts, for peers of 3.4")
    receipt_style: ReceiptStyle = _option("standard", "how the text of a receipt is spelled")  # noqa: RUF009 - a field() all the same
    receipt_flag: bool = _option(True, "whether esm_class says that a receipt is one")
    backlog: int = _option(
        100_000, "deliver_sm kept while nobody can receive them; beyond it the oldest is lost"
    )

    # What handsets say
    mo_every: int = _option(0, "an MO after every so manieth accepted message; 0: none")
    mo_source: str = _option("", "from this number; empty: the one that the message went to")
    mo_destination: str = _option("", "to this number; empty: the message's sender")
    mo_text: str = _option("Merci", "its text")
    mo_parts: int = _option(1, "cut into so many parts")
    stop_percent: float = _option(
        0.0, "percent of delivered messages that the handset answers with stop_text"
    )
    stop_text: str = _option("STOP", "what those handsets write")

    # What happens to connections
    half_open_after: int | None = _option(
        None, "after so many submit_sm of a bind: keep the socket, say nothing"
    )
    reset_after: int | None = _option(None, "after so many submit_sm of a bind: reset the connection (RST)")
    close_after: int | None = _option(None, "after so many submit_sm of a bind: close it without unbind")
    slow_read: float = _option(0.0, "read only so many octets a second; 0: all that comes")
    ignore_enquire_link: bool = _option(False, "leave enquire_link without an answer")

    # Its own books
    log: str = _option(
        "", "file for one line a submit_sm: time destination id data_coding esm_class length bind"
    )
    keep: int = _option(10_000, "messages remembered, for tests")
    seed: int = _option(1, "seed of all that is drawn: the same seed gives the same run")

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in _CHOICES and value not in _CHOICES[each.name]:
                raise ValueError(f"{each.name} {value!r}: must be one of {', '.join(_CHOICES[each.name])}")
            if isinstance(value, int | float) and each.name != "seed" and value < 0:
                raise ValueError(f"{each.name} {value}: must not be negative")
            if each.name.endswith("_percent") and value > 100:
                raise ValueError(f"{each.name} {value}: must be 0 to 100")
        for name in ("window", "mo_parts", "keep"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} {getattr(self, name)}: must be at least 1")
        if self.mo_parts > 255:
            raise ValueError(f"mo_parts {self.mo_parts}: at most 255 can be numbered")

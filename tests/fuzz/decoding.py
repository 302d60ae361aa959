"""What fuzzers feed: octets as a peer may send them, in pieces; raises AssertionError where we did not keep our word."""

from __future__ import annotations

from drivers.smpp.build import bind_body, encode, frame, header
from drivers.smpp.codec import BrokenFraming, decode
from drivers.smpp.pdu import RESPONSE, BadPdu, Command, Pdu, UnknownPdu
from drivers.smpp.receipt import parse
from drivers.smpp.session import Session, Side

__all__ = ["chew"]

_BIND = frame(Command.BIND_TRANSCEIVER, 1, bind_body(b"shop", b"secret"))
_BOUND = header(21, Command.BIND_TRANSCEIVER | RESPONSE, 0, 1) + b"smsc\0"


def chew(octets: bytes) -> None:
    """Whole into the decoder, and in pieces into a bound session of each side."""
    _decoded(octets)
    for side in Side:
        whole, cut = _bound(side), _bound(side)
        whole.receive(octets, 2.0)
        middle = len(octets) // 2
        for piece in (octets[:middle], octets[middle:]):
            cut.receive(piece, 2.0)
        assert bool(whole.closed) == bool(cut.closed)
        # Behind an unbind or a broken length more or less may be said; before that, all must be the same.
        assert whole.closed or whole.output() == cut.output(), "the answers hang on how the octets were cut"


def _decoded(octets: bytes) -> None:
    try:
        pdus, used = decode(octets)
    except BrokenFraming:
        return
    assert 0 <= used <= len(octets)
    for pdu in pdus:
        repr(pdu)
        if not isinstance(pdu, BadPdu | UnknownPdu):
            _comes_back(pdu)
    parse(octets, {})


def _comes_back(pdu: Pdu) -> None:
    """A PDU that we understood, written by us, is understood the same. Not all can be: we write strictly."""
    try:
        again = encode(pdu)
    except ValueError:
        return
    (twin,), _ = decode(again)
    assert encode(twin) == again, f"{pdu!r} changes when it is written and read"


def _bound(side: Side) -> Session:
    session = Session(side, window=10, enquire_link=30, response_timeout=60, bind_timeout=5)
    if side is Side.SMSC:
        (bind,) = session.receive(_BIND, 0.0).requests
        session.accept_bind(bind, b"chappe")  # type: ignore[arg-type]  # the one request is the bind
    else:
        session.bind(Command.BIND_TRANSCEIVER, bind_body(b"shop", b"secret"), 0.0)
        session.receive(_BOUND, 1.0)
    session.output()
    return session

"""Both ends of an SMPP session for tests: esme() and smsc(), bound or not, at time 0 and with nothing to write."""

from drivers.smpp import codec
from drivers.smpp.pdu import RESPONSE, Command, Tag
from drivers.smpp.session import BindState, Session, Side

C = Command
BINDS = {
    BindState.BOUND_TX: C.BIND_TRANSMITTER,
    BindState.BOUND_RX: C.BIND_RECEIVER,
    BindState.BOUND_TRX: C.BIND_TRANSCEIVER,
}
BIND_BODY = codec.bind_body(b"shop", b"secret")
SM = codec.sm_body(codec.address(5, 0, b"CHAPPE"), codec.address(1, 1, b"33612345678"), b"hello")


def new(side, **changes):
    settings = {"window": 10, "enquire_link": 30, "response_timeout": 60, "bind_timeout": 5, **changes}
    return Session(side, **settings)


def esme(state=BindState.BOUND_TRX, version=b"\x34", **changes):
    """Our ESME, bound to an SMSC of that version, at time 0."""
    session = new(Side.ESME, **changes)
    if state is BindState.OPEN:
        return session
    session.bind(BINDS[state], BIND_BODY, 0.0)
    session.output()
    tlv = codec.tlv(Tag.SC_INTERFACE_VERSION, version) if version else b""
    body = b"smsc\0" + tlv
    session.receive(codec.header(16 + len(body), BINDS[state] | RESPONSE, 0, 1) + body, 0.0)
    assert session.state is state
    return session


def smsc(state=BindState.BOUND_TRX, version=0x34, **changes):
    """Our SMSC side, with an ESME of that version bound to it, at time 0."""
    session = new(Side.SMSC, **changes)
    if state is BindState.OPEN:
        return session
    body = codec.bind_body(b"shop", b"secret", interface_version=version)
    (bind,) = session.receive(codec.frame(BINDS[state], 1, body), 0.0).requests
    assert session.accept_bind(bind, b"chappe")
    session.output()
    assert session.state is state
    return session


def replies(session):
    """What the session wrote: (command, status, sequence) of each PDU."""
    return [(p.command_id, p.command_status, p.sequence_number) for p in codec.decode(session.output())[0]]


def bind_request(session, version=0x34, sequence=1, command=C.BIND_TRANSCEIVER):
    """The bind that arrives at an SMSC's session, as its user gets it."""
    body = codec.bind_body(b"shop", b"secret", interface_version=version)
    return session.receive(codec.frame(command, sequence, body), 0.0).requests[0]


def answer(*sequences, status=0, command=C.SUBMIT_SM):
    """Responses to these numbers, joined."""
    return b"".join(codec.response(command, status, n, b"id%d" % n) for n in sequences)

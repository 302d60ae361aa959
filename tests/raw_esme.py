"""A bare ESME for tests of what stands on the other side: a session, a transport, and lists of what came."""

import asyncio

from drivers.smpp import codec
from drivers.smpp.pdu import Command, Sm, Tag
from drivers.smpp.receipt import parse
from drivers.smpp.session import Session, Side
from drivers.smpp.transport import connect
from drivers.sms.address import wire_octets

__all__ = ["RawEsme", "until"]

MODES = {
    "tx": Command.BIND_TRANSMITTER,
    "rx": Command.BIND_RECEIVER,
    "trx": Command.BIND_TRANSCEIVER,
}


async def until(condition, timeout=5.0):
    """Waits until condition() holds; TimeoutError when it does not come to that."""
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.002)


class RawEsme:
    """happened: ("answer", context, status, id) and ("deliver", Sm) in the order they came; end: how it closed.

    responses: the answers' PDUs, by context. status: what deliver_sm are answered with; None leaves them unanswered.
    """

    def __init__(self, window=1000, enquire_link=0.0, response_timeout=30.0, status=0):
        self.session = Session(
            Side.ESME,
            window=window,
            enquire_link=enquire_link,
            response_timeout=response_timeout,
            bind_timeout=5.0,
        )
        self.happened = []
        self.responses = {}
        self.status = status
        self.end = None
        self.transport = None

    @classmethod
    async def bound(cls, port, mode="trx", system_id=b"esme", password=b"secret", version=0x34, **options):
        esme = cls(**options)
        transport = await connect("127.0.0.1", port, esme.session, esme)
        esme.session.bind(MODES[mode], codec.bind_body(system_id, password, b"", version), transport._clock())
        transport.flush()
        await until(lambda: esme.session.bind_status is not None or esme.end)
        return esme

    def submit(self, count=1, text=b"Bonjour", to="+33612345678", sender="36180", receipt=1, **fields):
        """Sends so many at once; their contexts are the numbers from 0, or from what was sent before."""
        body = codec.sm_body(
            wire_octets(sender), wire_octets(to), text, registered_delivery=receipt, **fields
        )
        first = sum(1 for what in self.happened if what[0] == "sent")
        contexts = range(first, first + count)
        self.happened += [("sent", n) for n in contexts]
        self.session.send(Command.SUBMIT_SM, [body] * count, contexts, self.transport._clock())
        self.transport.flush()

    @property
    def answers(self):
        """(context, status, id) of every submit_sm_resp, in their order."""
        return [what[1:] for what in self.happened if what[0] == "answer"]

    @property
    def delivered(self):
        return [what[1] for what in self.happened if what[0] == "deliver"]

    @property
    def receipts(self):
        return [parse(sm.user_data(), sm.tlvs) for sm in self.delivered if sm.esm_class & 0x04]

    async def answered(self, count, timeout=5.0):
        await until(lambda: len(self.answers) >= count, timeout)
        return self.answers

    async def given(self, count, timeout=5.0):
        await until(lambda: len(self.delivered) >= count, timeout)
        return self.delivered

    async def ended(self, timeout=5.0):
        await until(lambda: self.end is not None, timeout)
        return self.end

    def close(self):
        self.transport.close()

    def connected(self, transport):
        self.transport = transport

    def received(self, transport, received):
        # The session sorts a chunk by kind; the order between kinds is not to be had here.
        self.happened += [
            ("answer", n, status, pdu and pdu.message_id) for n, status, pdu in received.answers
        ]
        self.responses.update((n, pdu) for n, _, pdu in received.answers)
        for pdu in received.requests:
            assert isinstance(pdu, Sm), pdu
            self.happened.append(("deliver", pdu))
            if self.status is not None:
                self.session.respond(codec.response(pdu.command_id, self.status, pdu.sequence_number, b""))

    def writable(self, transport, writable):
        pass

    def closed(self, transport, reason, unanswered):
        self.end = (reason, self.session.closed_detail, unanswered)

    def failed(self, transport, error):
        raise error


def receipted_id(sm):
    """The id that the TLV has, b"" if there is none."""
    return sm.tlvs.get(Tag.RECEIPTED_MESSAGE_ID, b"").rstrip(b"\0")

"""An SMSC on the loopback for tests of a bearer: answers as it is told, remembers everything.

async with Smsc() as smsc:            # smsc.port
    smsc.answer = lambda sm: (0, b"17")   # status and message_id, or None for no answer
    smsc.deliver(body);  smsc.answers     # deliver_sm out; (status, message_id) of its responses
"""

from __future__ import annotations

import asyncio
import itertools

from smpp_ends import new

from drivers.smpp import codec
from drivers.smpp.pdu import Bind, Command, Sm
from drivers.smpp.session import Side
from drivers.smpp.transport import SmppTransport, listen

__all__ = ["Recorder", "Smsc", "mo_body", "receipt_body", "until"]


async def until(condition, seconds=5.0):
    """Returns when condition() holds; AssertionError after `seconds`."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it did not happen in time"
        await asyncio.sleep(0.005)


class Smsc:
    """See the module. submits: every Sm that came, with the transport it came by in `by`."""

    def __init__(self, port=0, ssl=None, **session):
        self.port = port
        self.ssl = ssl
        self.session = {"window": 1000, "enquire_link": 0, **session}
        self.bind_statuses = []  # answers to the next binds; then all are accepted
        self.mute = False  # takes everything, answers nothing, enquire_link neither
        self.binds, self.submits, self.by, self.answers, self.ends, self.transports = [], [], [], [], [], []
        self.connections = 0
        self._ids = itertools.count(1)
        self.answer = lambda sm: (0, b"%08x" % next(self._ids))

    async def __aenter__(self):
        def factory():
            return MuteTransport(self, new(Side.SMSC, **self.session))

        self._server = await listen("127.0.0.1", self.port, factory, self.ssl)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        await self.stop()

    async def stop(self):
        """No more listening, every connection cut."""
        self._server.close()
        for transport in list(self.transports):
            transport.close()
        await asyncio.sleep(0.01)

    def abort(self):
        """RST on every connection."""
        for transport in list(self.transports):
            sock = transport._transport.get_extra_info("socket")
            sock.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SOL_SOCKET, SO_LINGER: on, 0 seconds
            transport._transport.abort()

    def connected(self, transport):
        self.connections += 1
        self.transports.append(transport)

    def received(self, transport, received):
        for pdu in received.requests:
            if isinstance(pdu, Bind):
                self._bind(transport, pdu)
            elif isinstance(pdu, Sm):
                self.submits.append(pdu)
                self.by.append(transport)
                self.respond(transport, pdu)
        self.answers += [(status, pdu.message_id, pdu.body) for _, status, pdu in received.answers]

    def _bind(self, transport, pdu):
        status = self.bind_statuses.pop(0) if self.bind_statuses else 0
        self.binds.append((pdu.command_id, pdu.system_id, pdu.password))
        if status:
            transport.session.refuse_bind(pdu, status)
        else:
            transport.session.accept_bind(pdu, b"carrier")

    def respond(self, transport, sm, answer=None):
        """Answers one submit_sm as self.answer says, or with the answer given."""
        answer = answer or self.answer(sm)
        if answer is not None:
            status, message_id = answer
            transport.session.respond(codec.response(sm.command_id, status, sm.sequence_number, message_id))
            transport.flush()

    def deliver(self, *bodies, command=Command.DELIVER_SM, transport=None):
        """Sends them in one write."""
        transport = transport or self.transports[-1]
        transport.session.send(command, bodies, bodies, asyncio.get_running_loop().time())
        transport.flush()

    def writable(self, transport, writable):
        pass

    def closed(self, transport, reason, unanswered):
        self.transports.remove(transport)
        self.ends.append(str(reason))

    def failed(self, transport, error):
        raise AssertionError("the test's SMSC failed") from error


class MuteTransport(SmppTransport):
    """Half open, once its SMSC is mute: the socket takes octets and nobody reads their meaning."""

    def __init__(self, smsc, session):
        super().__init__(session, smsc)
        self._smsc = smsc

    def data_received(self, data):
        if not self._smsc.mute:
            super().data_received(data)


class Recorder:
    """The gateway's side: emit() keeps every event, and says stored, not stored, or nothing until told.

    how: "stored", "not stored", "raise", "coroutine", or "later" (then release()).
    """

    def __init__(self):
        self.events, self.batches, self.how, self.held = [], [], "stored", []
        self.match = -1

    def __call__(self, events):
        self.events += events
        self.batches.append(list(events))
        for event in events:
            if type(event).__name__ == "Receipt":
                event.matched = min(self.match, len(event.keys) - 1)
        if self.how == "raise":
            raise self.error()
        if self.how == "coroutine":
            return self.store()
        future = asyncio.get_running_loop().create_future()
        if self.how == "stored":
            future.set_result(None)
        elif self.how == "not stored":
            future.set_exception(self.error())
        else:
            self.held.append(future)
        return future

    async def store(self):
        await asyncio.sleep(0)

    @staticmethod
    def error():
        from drivers.bearer import NotStored

        return NotStored("disk full")

    def release(self):
        held, self.held = self.held, []
        for future in held:
            future.set_result(None)

    def of(self, kind):
        return [event for event in self.events if type(event).__name__ == kind]


def receipt_body(message_id, stat=b"DELIVRD", source=b"33612345678", esm_class=4, tlvs=b"", err=b"000"):
    """A delivery receipt in the letter of Appendix B."""
    text = (
        b"id:%b sub:001 dlvrd:001 submit date:2501011200 done date:2501011201 stat:%b err:%b text:hello"
        % (message_id, stat, err)
    )
    return mo_body(text, source, esm_class=esm_class, tlvs=tlvs)


def mo_body(text, source=b"33612345678", destination=b"36180", esm_class=0, data_coding=0, tlvs=b"", ton=1):
    """deliver_sm from a handset."""
    return codec.sm_body(
        codec.address(ton, 1, source),
        codec.address(3, 0, destination),
        text,
        esm_class=esm_class,
        data_coding=data_coding,
        tlvs=tlvs,
    )

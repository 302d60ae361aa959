"""A client of a simulated modem without a line: says something at a moment, hears what comes."""

from __future__ import annotations

from drivers.modem.sim_behaviour import ModemBehaviour
from drivers.modem.sim_faults import Fault
from drivers.modem.sim_modem import SimulatedModem
from drivers.sms.tpdu import Submit, encode_submit

HANDSET = "+33612345678"


class Client:
    """Echo is off. now: the modem's seconds, which pass with `later` only."""

    def __init__(self, *faults: Fault, echo: bool = False, **behaviour) -> None:
        self.told = []
        self.modem = SimulatedModem(
            ModemBehaviour(**behaviour),
            script=faults,
            on_event=lambda kind, fields: self.told.append((kind, fields)),
        )
        self.now = 0.0
        if not echo:
            self.write("ATE0\r")

    @property
    def submitted(self):
        return self.modem.state.network.submitted

    def write(self, text: str) -> str:
        """What comes at once, with its CR and LF."""
        self.modem.receive(text.encode("latin-1"), self.now)
        return self.modem.output().decode("latin-1")

    def says(self, line: str) -> list[str]:
        """The lines of the answer to AT and this."""
        return lines(self.write(f"AT{line}\r"))

    def later(self, seconds: float) -> list[str]:
        """The lines that come meanwhile."""
        self.now += seconds
        self.modem.advance(self.now)
        return lines(self.modem.output().decode("latin-1"))

    def submit(self, text: str = "Code 123456", to: str = HANDSET, report: bool = True) -> list[str]:
        """A whole +CMGS with the times that the modem takes; the lines from CTRL-Z on."""
        tpdu = encode_submit(Submit(to, 0, b"", text.encode(), status_report=report))
        said = self.write(f"AT+CMGS={len(tpdu)}\r")
        if said != "\r\n> ":
            return lines(said)
        return lines(self.write(f"00{tpdu.hex().upper()}\x1a")) + self.later(self.modem.behaviour.submit)

    def mo(self, text: str = "STOP", source: str = HANDSET) -> list[str]:
        """A handset writes; the lines that come at once."""
        self.modem.mo(source, text, self.now)
        return lines(self.modem.output().decode("latin-1"))


def lines(said: str) -> list[str]:
    return [line for line in said.split("\r\n") if line]

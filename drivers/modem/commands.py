"""The AT commands that we use, with how long each may take (27.005, 27.007). What they answer: answers.py."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.modem.answers import is_registration
from drivers.modem.at import Command

__all__ = ["ICCID", "IDENTITY", "PIN_TRIES", "REGISTRATIONS", "ROUTINGS", "At", "Timings"]

ICCID = ("+CCID", "+QCCID", "+ICCID", "^ICCID?")
"""No standard names it: the first that works, remembered for the modem."""

IDENTITY = ("+CGMI", "+CGMM", "+CGMR", "+CGSN")
PIN_TRIES = ('+CPINR="SIM PIN"', '+QPINC="SC"', "^CPIN?")
REGISTRATIONS = ("+CREG", "+CEREG", "+CGREG")
ROUTINGS = ("2,1,0,2,0", "1,1,0,2,0", "2,1,0,1,0", "1,1,0,1,0", "2,1,0,0,0", "1,1,0,0,0")
"""+CNMI mode,mt,bm,ds,bfr: reports stored (+CDSI) before reports straight to us (+CDS), which are lost while we
are not there; then none. Modems refuse what they list: they are tried in turn.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Seconds. submit: networks take up to 60 and more; after it the outcome is not known.

    drain: what a port says after opening is dropped. quiet: a dialogue that went wrong is over when nothing
    has come for so long. busy: the most that a SIM is waited for. sweep: between two looks at the memories.
    probe: an idle modem is asked whether it is there. watch: registration and signal. registering: how long
    a modem may search before that is called no network. heal: between tries where only a human can help, or
    the network; balance: between two USSD queries. attention: from which on reports are looked for anew.
    """

    drain: float = 0.5
    wake: float = 1.0
    quick: float = 3.0
    sim: float = 10.0
    prompt: float = 5.0
    submit: float = 75.0
    ussd: float = 30.0
    quiet: float = 0.3
    busy: float = 60.0
    retry: float = 2.0
    pair: float = 1.5
    sweep: float = 60.0
    probe: float = 15.0
    watch: float = 60.0
    registering: float = 60.0
    heal: float = 60.0
    balance: float = 86_400.0
    status: float = 3.0
    again: float = 5.0
    reboot: float = 30.0


class At:
    """Commands with the time-outs of one modem."""

    def __init__(self, timings: Timings) -> None:
        self._t = timings

    def attention(self) -> Command:
        return Command("AT", self._t.wake)

    def plain(self, text: str) -> Command:
        """A setting without information: "E0", "+CMEE=1", "+CMGF=0", "+CMMS=1"."""
        return Command("AT" + text, self._t.quick)

    def slow(self, text: str) -> Command:
        """A setting that reads or writes the SIM: "+CMGD=3", "+CSCA=…"."""
        return Command("AT" + text, self._t.sim)

    def identity(self, text: str) -> Command:
        """+CGMM and its like: the answer is a line without a prefix, or with it."""
        prefix = text.rstrip("?") + ":"
        return Command("AT" + text, self._t.sim, prefix, bare=True, needs=True)

    def query(self, text: str) -> Command:
        """For "+CPIN?", "+CPMS=?", '+CPMS="SM"', "+CSQ": the answer has the prefix before "?" and "="."""
        prefix = text.partition("=")[0].rstrip("?") + ":"
        return Command("AT" + text, self._t.sim, prefix, needs=True)

    def own_numbers(self) -> Command:
        """A SIM that has none of its own written on it answers OK and nothing else."""
        return Command("AT+CNUM", self._t.sim, "+CNUM:")

    def registration(self, name: str) -> Command:
        return Command(f"AT{name}?", self._t.quick, f"{name}:", needs=True, fits=is_registration)

    def enter_pin(self, pin: str) -> Command:
        return Command(f'AT+CPIN="{pin}"', self._t.sim * 2, "+CPIN:", secret=True)

    def list_all(self) -> Command:
        return Command("AT+CMGL=4", self._t.sim * 2, "+CMGL:", listed=True)

    def read(self, index: int) -> Command:
        return Command(f"AT+CMGR={index}", self._t.sim, "+CMGR:", listed=True)

    def submit(self, octets: int) -> Command:
        """octets: of the TPDU, without the SMSC field. The prompt has its own, shorter time."""
        return Command(f"AT+CMGS={octets}", self._t.prompt, "+CMGS:", prompts=True, needs=True)

    def ussd(self, code: str) -> Command:
        """The answer is a URC, mostly after the OK."""
        return Command(f'AT+CUSD=1,"{code}",15', self._t.ussd)

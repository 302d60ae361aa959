"""How a simulated modem behaves: what it is, what its SIM and its network do, and what goes wrong by chance.

The defaults are a SIM7600 with an unlocked French SIM that never errs. `chappe simulate modem` makes one
option of each field (its help is the field's metadata), tests pass them by name. Times are seconds,
percentages 0 to 100, each drawn from one seeded generator. What must go wrong at a moment is a Fault.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal, TypeVar, get_args

__all__ = ["ModemBehaviour", "SimState"]

Default = TypeVar("Default")
SimState = Literal["present", "absent"]
_CHOICES = {"sim": get_args(SimState)}
_OCTETS = ("mr", "report_status")


def _option(default: Default, words: str) -> Default:
    result: Default = field(default=default, metadata={"help": words})
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class ModemBehaviour:
    """See each field's help. Raises ValueError that names the field for a value outside its range."""

    # What it is
    manufacturer: str = _option("SIMCOM INCORPORATED", "what +CGMI answers")
    model: str = _option("SIMCOM_SIM7600E", "what +CGMM answers")
    revision: str = _option("LE11B08SIM7600M22", "what +CGMR answers")
    imei: str = _option("860000000000018", "what +CGSN answers")
    echo_stuck: bool = _option(False, "echo what comes in, whatever ATE0 says")
    obedient: bool = _option(False, "answer OK to everything and do nothing: no modem at all")
    boot: float = _option(3.0, "seconds from a reset to the banner")
    gone: float = _option(0.0, "seconds that the port is away after a reset, as USB modems' are; 0: it stays")

    # Its SIM
    sim: SimState = _option("present", "whether there is a SIM")  # noqa: RUF009 - a field() all the same
    iccid: str = _option("8933010000000000018", "the SIM's own number")
    iccid_command: str = _option("+CCID", "the one command that tells it: +CCID, +QCCID, +ICCID, ^ICCID")
    imsi: str = _option("208011234567890", "what +CIMI answers")
    number: str = _option("+33700000001", "the subscriber's number, which handsets answer to")
    pin: str = _option("", "the SIM is locked with this PIN after each start; empty: not locked")
    puk: str = _option("12345678", "what unlocks it after three wrong PINs")
    show_tries: bool = _option(True, "whether +CPINR and +QPINC tell the remaining tries")
    sim_busy: float = _option(0.0, "seconds after start or PIN in which the SIM answers only 'busy'")

    # Its network
    operator: str = _option("Orange F", "the operator's name")
    plmn: str = _option("20801", "its MCC and MNC")
    registration: int = _option(1, "+CREG: 0 none, 1 home, 2 searching, 3 denied, 5 roaming")
    lte_only: bool = _option(False, "registered on 4G alone: +CREG says 0, +CEREG the truth")
    register: float = _option(0.0, "seconds from the SIM's readiness to registration")
    csq: int = _option(21, "signal strength as in +CSQ: 0 to 31, 99 unknown")
    smsc: str = _option("+33609001390", "the SIM's service centre; empty: none")
    balance: str = _option("Solde: 12,34 EUR", "the answer to any USSD code; empty: none comes")

    # What it can and cannot
    sm_size: int = _option(30, "places in the SIM's memory; 0: there is no such memory")
    me_size: int = _option(50, "places in the modem's own memory; 0: there is none")
    storage_arguments: int = _option(3, "how many memories +CPMS= takes; 0: the command is unknown")
    report_memory: str = _option("", "where reports are stored: SM, ME, SR; empty: where +CPMS says")
    ds_refused: str = _option("", "+CNMI with these ds is refused though +CNMI=? lists them: 1, 2 or 12")
    mode_refused: str = _option("", "+CNMI with these modes is refused though +CNMI=? lists them: 1, 2 or 12")
    urc_inside: bool = _option(False, "URCs come between a command and its answer too")

    # Its times
    latency: float = _option(0.0, "seconds from a command to its answer")
    submit: float = _option(0.2, "seconds from CTRL-Z to the answer")
    prompt: float = _option(0.0, "seconds from +CMGS to the prompt")
    ussd: float = _option(0.5, "seconds from +CUSD to its URC")
    ack: float = _option(15.0, "seconds that a +CMT or +CDS waits for +CNMA when +CSMS is 1")

    # Its submits and their reports
    mr: int = _option(0, "the first TP-MR")
    report_delay: float = _option(1.0, "seconds from a submit's answer to its report")
    report_jitter: float = _option(0.0, "up to so many seconds more: reports change order")
    report_status: int = _option(0, "TP-ST of reports: 0 delivered, 0x30 trying, 0x46 expired, …")
    report_national: bool = _option(False, "the report writes a French recipient as 06…")
    report_early_percent: float = _option(0.0, "percent of reports that come before the submit's answer")
    report_twice_percent: float = _option(0.0, "percent of reports that come twice")
    report_late_percent: float = _option(0.0, "percent of reports that come late_delay later")
    late_delay: float = _option(60.0, "how much later")
    report_none_percent: float = _option(0.0, "percent of reports that never come")

    # What goes wrong by chance
    mute_percent: float = _option(0.0, "percent of commands that get no answer and do nothing")
    storm_percent: float = _option(0.0, "percent of answers with a storm of URCs before them")
    refused_percent: float = _option(0.0, "percent of submits refused with submit_error")
    submit_error: str = _option("+CMS ERROR: 38", "that refusal")
    false_error_percent: float = _option(0.0, "percent of submits taken by the network yet answered 500")
    lost_answer_percent: float = _option(0.0, "percent of submits taken by the network, never answered")
    lost_submit_percent: float = _option(0.0, "percent of submits neither taken nor answered")

    # What handsets say
    mo_every: int = _option(0, "a reply after every so manieth accepted submit; 0: none")
    mo_text: str = _option("STOP", "its text")
    mo_delay: float = _option(2.0, "seconds from the submit to the reply")
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
            if each.name in _OCTETS and value > 255:
                raise ValueError(f"{each.name} {value}: must be 0 to 255")
        if self.report_memory not in ("", "SM", "ME", "SR"):
            raise ValueError(f"report_memory {self.report_memory!r}: must be SM, ME, SR or empty")

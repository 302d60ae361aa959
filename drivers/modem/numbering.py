"""Numbers as a SIM's network writes them, completed to E.164 by the country of the SIM.

Messages and reports mostly have the international form; some networks write the national one ('0612345678'). The
country is the IMSI's (its MCC, ITU-T E.212), else the service centre's, else the SIM's own number's: the home
network reads a national number as its own, also while the SIM roams. Pure. A number of a country that is not in
the table, a short code and a name stay as they are: a wrong guess would name a stranger.
"""

from __future__ import annotations

__all__ = ["Numbering", "numbering_of"]


class Numbering:
    """How one country writes its numbers.

    code: its calling code; trunk: what stands before a national number at home, "" for nothing; digits: how many a
    national number has without it; elsewhere: beginnings of national numbers that have another calling code.
    """

    __slots__ = ("code", "digits", "elsewhere", "trunk")

    def __init__(
        self, code: str, trunk: str, digits: range, elsewhere: tuple[tuple[str, str], ...] = ()
    ) -> None:
        self.code = code
        self.trunk = trunk
        self.digits = digits
        self.elsewhere = elsewhere

    def complete(self, address: str) -> str:
        """The E.164 form of a number: '0612345678' is '+33612345678'. What is no number of this country stays."""
        if not (address.isascii() and address.isdecimal()):
            return address
        if address.startswith("00") and len(address) > 2 + min(self.digits):
            return "+" + address[2:]
        for before in (self.trunk, self.code) if self.trunk else (self.code,):
            rest = address[len(before) :]
            if address.startswith(before) and len(rest) in self.digits and not rest.startswith("0"):
                return f"+{self._code_of(rest) if before is self.trunk else self.code}{rest}"
        if len(self.digits) == 1 and len(address) in self.digits and not address.startswith("0"):
            return (
                f"+{self._code_of(address)}{address}"  # type of number «national»: without its trunk prefix
            )
        return address

    def _code_of(self, national: str) -> str:
        return next((code for start, code in self.elsewhere if national.startswith(start)), self.code)


_NINE, _EIGHT_NINE = range(9, 10), range(8, 10)
_OVERSEAS = (
    *((start, "262") for start in ("262", "263", "269", "639", "692", "693")),
    *((start, "590") for start in ("590", "690", "691")),
    *((start, "594") for start in ("594", "694")),
    *((start, "596") for start in ("596", "696", "697")),
)
"""One plan for France and five overseas departments (ARCEP): 0692… dialled in Paris is a handset in La Réunion."""
_FRANCE = Numbering("33", "0", _NINE, _OVERSEAS)

_BY_MCC = {
    "204": Numbering("31", "0", _NINE),
    "206": Numbering("32", "0", _EIGHT_NINE),
    "208": _FRANCE,
    "214": Numbering("34", "", _NINE),
    "228": Numbering("41", "0", _NINE),
    "232": Numbering("43", "0", range(7, 14)),
    "234": Numbering("44", "0", range(9, 11)),
    "235": Numbering("44", "0", range(9, 11)),
    "262": Numbering("49", "0", range(7, 12)),
    "268": Numbering("351", "", _NINE),
    "272": Numbering("353", "0", range(7, 10)),
    "340": _FRANCE,
    "647": _FRANCE,
}
"""ITU-T E.212: 340 French Antilles and Guiana, 647 La Réunion and Mayotte. Plans: ITU-T E.129 communications."""
_BY_CODE = {"262": _FRANCE, "590": _FRANCE, "594": _FRANCE, "596": _FRANCE}
_BY_CODE |= {plan.code: plan for plan in _BY_MCC.values()}
_NONE = Numbering("", "", range(0))


def numbering_of(imsi: str, service_centre: str = "", number: str = "") -> Numbering:
    """That of a SIM's country; one that completes nothing where it isn't known."""
    found = _BY_MCC.get(imsi[:3])
    if found is not None:
        return found
    for address in (service_centre, number):
        for length in (3, 2):
            if address.startswith("+") and (found := _BY_CODE.get(address[1 : 1 + length])) is not None:
                return found
    return _NONE

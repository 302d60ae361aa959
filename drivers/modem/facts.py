"""What is known of a modem, its SIM and its network: written by the conversations, read by the bearer."""

from __future__ import annotations

from drivers.modem.answers import Cell

__all__ = ["Facts", "Memory"]


class Memory:
    """How full a memory is. total 0: not known."""

    __slots__ = ("total", "used")

    def __init__(self, used: int = 0, total: int = 0) -> None:
        self.used = used
        self.total = total

    @property
    def fill(self) -> float:
        return self.used / self.total if self.total else 0.0


class Facts:
    """Empty text: not known. The session begins with new ones: a modem or SIM may have been changed.

    arguments: how many +CPMS takes; reads: memories that may hold messages, the one that takes new ones first.
    routing: the +CNMI in force, "" for none (polling only). reports: whether it brings status reports at all.
    service_centre: +CSCA. code: MCC and MNC of the operator. dbm: None when not known.
    """

    __slots__ = (
        "arguments",
        "cell",
        "code",
        "dbm",
        "iccid",
        "imei",
        "imsi",
        "manufacturer",
        "memories",
        "model",
        "number",
        "operator",
        "reads",
        "revision",
        "routing",
        "selected",
        "service_centre",
    )

    def __init__(self) -> None:
        self.manufacturer = self.model = self.revision = ""
        self.imei = self.iccid = self.imsi = self.number = ""
        self.service_centre = ""
        self.cell = Cell(0)
        self.operator = self.code = ""
        self.dbm: int | None = None
        self.arguments = 0
        self.reads: list[str] = []
        self.selected = ""
        self.memories: dict[str, Memory] = {}
        self.routing = ""

    @property
    def reports(self) -> bool:
        return bool(self.routing) and self.routing.split(",")[3] != "0"

    @property
    def card(self) -> str:
        """What a PIN record is kept under: SIM, or modem where it tells no SIM before its PIN."""
        return self.iccid or f"imei-{self.imei}"

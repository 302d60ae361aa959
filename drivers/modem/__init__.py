"""A GSM modem as a bearer: AT commands over a serial port, TPDUs in PDU mode (3GPP 27.005, 23.040)."""

from __future__ import annotations

from drivers.modem.settings import Settings, Terms

__all__ = ["Settings", "Terms"]

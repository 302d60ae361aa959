"""Who may the message claim to be from: the account's own list of source addresses, none unless named.

And marketing to the gateway's own country comes from what its carriers let it come from ([sender] of the country's
file): a short code for promotion, a name of a certain form that is no reserved word, not from ordinary numbers where
that is forbidden. What carriers of other countries make of a sender is theirs to say. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from gateway import answers
from gateway.model import Kind, Message
from gateway.rules.rule import Action, Batch, Verdict
from gateway.rules.zones import Places

if TYPE_CHECKING:
    from gateway.accounts import Account

__all__ = ["SenderRule"]

_MARKETING = int(Kind.MARKETING)
_SOURCES_KEPT = 10_000


class SenderRule:
    """A number or a word that is not the account's would be somebody else's name. places: None judges lists only."""

    name: ClassVar = "sender"
    recheck: ClassVar = False

    def __init__(self, places: Places | None = None) -> None:
        self._places = places
        self._country = country = places.home.country if places is not None else None
        self._name = re.compile(country.sender.alphanumeric) if country is not None else None
        self._short_code = re.compile(country.sender.marketing_short_code) if country is not None else None
        self._faults: dict[str, str] = {}

    def sift(self, batch: Batch) -> Sequence[int]:
        senders = batch.account.senders
        foul = {
            source
            for source in {m.source for m in batch.messages}
            if (senders is not None and source not in senders) or self._fault(source)
        }
        return [place for place, m in enumerate(batch.messages) if m.source in foul] if foul else ()

    def judge(self, message: Message, account: Account, now_ms: int) -> Verdict | None:  # noqa: ARG002 - the contract's
        source = message.source
        if not account.may_send_from(source):
            allowed = ", ".join(sorted(account.senders or ())) or "none is configured"
            return self._no(f"{source or 'an empty address'} is not one of {account.name}'s ({allowed})")
        if message.kind != _MARKETING or not self._fault(source) or not self._at_home(message.destination):
            return None
        return self._no(self._fault(source))

    def _no(self, reason: str) -> Verdict:
        return Verdict(self.name, Action.REFUSE, reason, answers.BAD_SOURCE)

    def _at_home(self, number: str) -> bool:
        place = self._places.find(number) if self._places is not None else None
        return place is not None and place.country is self._country

    def _fault(self, source: str) -> str:
        """Why marketing at home may not come from there, or ""."""
        fault = self._faults.get(source)
        if fault is None:
            if len(self._faults) >= _SOURCES_KEPT:
                self._faults.clear()
            fault = self._faults[source] = self._looked_at(source)
        return fault

    def _looked_at(self, source: str) -> str:
        if self._country is None or self._name is None or self._short_code is None:
            return ""
        rules, where = self._country.sender, f"marketing in {self._country.name} may not come from"
        if source.startswith("+"):
            allowed = rules.long_number_marketing == "allowed"
            return "" if allowed else f"{where} {source}: ordinary numbers are not for it"
        if source.isdecimal():
            wanted = rules.marketing_short_code
            return (
                ""
                if self._short_code.fullmatch(source)
                else f"{where} {source}: its short codes match {wanted}"
            )
        if source.casefold() in map(str.casefold, rules.reserved):
            return f"{where} {source!r}: carriers refuse this word"
        good = self._name.fullmatch(source)
        return "" if good else f"{where} {source!r}: names of senders match {rules.alphanumeric}"

"""What may be done from the page: which of the operators' acts, by which role, and what each means in plain words.

The acts are those of the command line (gateway.control.acts), with the same words in the audit log; nothing is
done here that could not be done there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gateway.control.parts import View

__all__ = ["DEEDS", "Deed"]

_FLOW = ("route", "kind", "account", "tag")


def _no_words(_answer: Any) -> str:
    return ""


class Deed(NamedTuple):
    """verb, fixed: of ACTS and its arguments. fields: what the form adds to them. role: who may. means: what will
    happen. told: words for what the act answered. grave: shown as such.
    """

    title: str
    verb: str
    means: str
    role: str = "operator"
    fixed: Mapping[str, Any] = {}
    fields: tuple[str, ...] = ()
    needs: str = ""
    told: Callable[[Any], str] = _no_words
    grave: bool = False

    def args(self, form: Mapping[str, str]) -> dict[str, Any]:
        """The act's arguments; empty fields are left out."""
        return {
            **{name: form[name].strip() for name in self.fields if form.get(name, "").strip()},
            **self.fixed,
        }


def _link(answer: View) -> str:
    return f"{answer['bearer']}, {answer['unanswered']} segments unanswered; lasts {answer['lasts']}"


def _held(answer: View) -> str:
    return f"{answer['hold']}; {answer['waiting']} messages are held by flow now"


def _reloaded(changes: list[Mapping[str, str]]) -> str:
    return "; ".join(change["key"] for change in changes[:20]) or "nothing had changed"


DEEDS: Mapping[str, Deed] = {
    "link.enable": Deed(
        "Enable a bearer", "link",
        "Messages leave by it again as soon as its link is up.",
        fixed={"act": "enable"}, fields=("name",), needs="name", told=_link,
    ),
    "link.disable": Deed(
        "Disable a bearer", "link",
        "Nothing more leaves by it. What waits takes the next tier of its route, or waits. Its link stays, so receipts "
        "still come. It lasts until somebody enables it or the gateway restarts.",
        fixed={"act": "disable"}, fields=("name", "reason"), needs="name", told=_link, grave=True,
    ),
    "link.reset": Deed(
        "Reset a bearer", "link",
        "Its link is closed and opened anew at once. What it has not answered is in doubt, and treated as each "
        "account's on_doubt says.",
        fixed={"act": "reset"}, fields=("name",), needs="name", told=_link,
    ),
    "queue.hold": Deed(
        "Hold messages", "hold",
        "Everything that waits and fits, and everything that will still come, stays on disk until somebody releases "
        "it. Validity goes on: messages may expire while they are held.",
        fields=_FLOW, told=_held, grave=True,
    ),
    "queue.release": Deed(
        "Release a hold", "release",
        "What was held by these words may leave at once, at the rate of its bearers.",
        fields=_FLOW, told=lambda answer: str(answer["released"]),
    ),
    "drain": Deed(
        "Drain the gateway", "drain",
        "New messages are refused from now on; what is here goes on. For maintenance: applications should have "
        "another gateway.",
        role="admin", told=lambda answer: f"{answer['waiting']} messages wait, {answer['in_flight']} are in flight",
        grave=True,
    ),
    "undrain": Deed(
        "Take messages again", "drain", "New messages are taken again.",
        role="admin", fixed={"off": True},
    ),
    "reload": Deed(
        "Reload the configuration", "reload",
        "The file is read and checked. With a fault in it nothing is changed; otherwise the differences come into "
        "force, and sessions that they do not concern go on.",
        told=_reloaded,
    ),
}  # fmt: skip
"""By the words that MQTT has for them, too."""

"""Draws docs/lifecycle.md from the life-cycle's table: python docs/draw_lifecycle.py > docs/lifecycle.md"""

from __future__ import annotations

from gateway.lifecycle import FINAL, TRANSITIONS, WAITING, Cause, State

HEAD = """# The life of a message

Drawn from the table in `gateway/lifecycle.py` by `python docs/draw_lifecycle.py`; a test fails when it is stale.
State numbers are SMPP's `message_state` where SMPP has one; HELD, QUEUED and INFLIGHT are Chappe's own.

Only **INFLIGHT** means doubt: it is written before a segment may reach the wire, so after a crash everything
else is certain. What happens to a message in doubt is its account's `on_doubt`, by kind. An answer that
comes late after all ends the doubt as if it had come in time: while the message waits in doubt, or, accepted, while
it waits in the queue's memory to be sent again. What was told UNKNOWN stays so, but its id is known then: a receipt
still corrects it.
"""


def draw() -> str:
    """The whole page."""
    lines = [HEAD, "```mermaid", "stateDiagram-v2"]
    edges: dict[tuple[State, State], list[str]] = {}
    for before, cause, after, _ in TRANSITIONS:
        edges.setdefault((before, after), []).append(cause.name.lower())
    for (before, after), causes in edges.items():
        start = "[*]" if before is State.NEW else before.name
        lines.append(f"    {start} --> {after.name}: {', '.join(causes)}")
    lines += [f"    {state.name} --> [*]" for state in sorted(FINAL)]
    lines += ["```", "", "| from | cause | to | owner |", "|---|---|---|---|"]
    for before, cause, after, owner in TRANSITIONS:
        lines.append(f"| {before.name} | {cause.name.lower()} | {after.name} | {owner} |")
    lines += ["", "| state | number | |", "|---|---|---|"]
    for state in State:
        note = "told to the application, once" if state in FINAL else ""
        lines.append(f"| {state.name} | {int(state)} | {note or 'can be changed' * (state in WAITING)} |")
    causes = ", ".join(f"{cause.name.lower()} {int(cause)}" for cause in Cause)
    lines += ["", f"Causes are stored by number: {causes}.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    print(draw(), end="")  # noqa: T201 - a script that prints

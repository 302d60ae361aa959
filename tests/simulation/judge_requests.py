"""What follows from the rare requests, and from schedule_delivery_time: as the application may rely on it."""

from __future__ import annotations

from simulation.books import Ask, Books

__all__ = ["judge_requests"]

STATES = {"DELIVRD": 2, "EXPIRED": 3, "DELETED": 4, "UNDELIV": 5, "UNKNOWN": 7, "REJECTD": 8}
UNAVAILABLE = 0x08
THROTTLED = 0x58


def judge_requests(books: Books) -> None:
    for ask in books.asks.values():
        _schedule(books, ask)
        _cancelled(books, ask)
        _replaced(books, ask)
    for at, ask, status, state in books.queries:
        _query(books, at, ask, status, state)


def _schedule(books: Books, ask: Ask) -> None:
    """What is for later does not leave sooner, by the gateway's own clock at the try that it took, whichever that was."""
    if books.jumped and ask.tries > 1:
        return
    due = ask.accepted_wall + int(ask.wait * 1000)
    for attempt in ask.attempts if ask.wait else ():
        if attempt.wall < due - 1000:
            books.violation("schedule", f"{ask} left {(due - attempt.wall) / 1000:.1f} s before its time")
            return


def _cancelled(books: Books, ask: Ask) -> None:
    """What was cancelled before it left never leaves, and is DELETED."""
    if ask.cancelled_at < 0:
        return
    if any(attempt.handed < ask.cancelled_at for attempt in ask.attempts):
        return  # it waited for another try: one in doubt may be delivered after all
    if ask.attempts:
        books.violation("cancel", f"{ask} was cancelled at {ask.cancelled_at:.3f} and left: {ask.attempts}")
    elif ask.told and ask.told[-1][1] != "DELETED":
        books.violation("cancel", f"{ask} was cancelled at {ask.cancelled_at:.3f} and told {ask.told}")


def _replaced(books: Books, ask: Ask) -> None:
    """Once a replacement is acknowledged, only it leaves; one that was refused never does."""
    for attempt in ask.attempts:
        after = ask.replaced_at >= 0 and attempt.handed > ask.replaced_at
        if after and attempt.version not in ask.versions:
            books.violation(
                "replace",
                f"{ask} was replaced at {ask.replaced_at:.3f}, text {ask.versions}, and {attempt} has {attempt.version}",
            )
            return
        if attempt.version > max(ask.versions):
            books.violation("replace", f"{ask} leaves with text {attempt.version}, which was refused")
            return


def _query(books: Books, at: float, ask: Ask, status: int, state: int) -> None:
    """What was acknowledged is known; and what is told there is what its receipt told.

    While the disk hangs a window fills with what waits for it, and what is asked then has no room.
    """
    hung = any(begin <= at <= end for begin, end in books.sick)
    if status == UNAVAILABLE or (status == THROTTLED and hung):
        return
    if status:
        books.violation("query", f"{ask} is asked for at {at:.3f} and answered {status:#x}")
        return
    told = [stat for when, stat, _ in ask.told if when < at]
    if told and not ask.multi and told[-1] != "UNKNOWN" and state != STATES[told[-1]]:
        books.violation("query", f"{ask} was told {told[-1]}, and at {at:.3f} query_sm says {state}")

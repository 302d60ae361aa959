"""What is promised of a webhook, judged by the POSTs that came: what was taken is not posted again, failures are followed by
pauses that grow, batches shrink when they were too large.

That all of it comes is judged with the binds' (judge.py), its order too (judge_lines.py); address, signature, form, and one at a
time where the POST comes (webserver.py).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from simulation.books import Books, Post

__all__ = ["judge_webhooks"]

MOST = 100
FIRST, LONGEST, JITTER = 1.0, 300.0, 0.8
"""Seconds before the second try and between two at most; and what of them chance leaves."""
ROUND = 30.0
"""Seconds around a move within which its reload takes effect, and around a POST within which it is under way."""
WRITTEN = 0.5
"""Seconds after a 2xx was heard within which it is on the disk."""


def judge_webhooks(books: Books, disturbed: Callable[[float, float], bool]) -> None:
    by_account: dict[str, list[Post]] = {}
    for post in books.posts:
        by_account.setdefault(post.account, []).append(post)
    for account, posts in by_account.items():
        _once(books, posts, disturbed)
        moves = [at for at, name in books.moves if name == account]
        _pauses(books, posts, moves)
        _sizes(books, posts)


def _once(books: Books, posts: list[Post], disturbed: Callable[[float, float], bool]) -> None:
    """An event whose 2xx was heard, and written down, never comes again."""
    done: dict[str, float] = {}
    for post in posts:
        for event in post.events:
            heard = done.get(event["id"], -1.0)
            if 0 <= heard < post.began:
                books.violation(
                    "webhook", f"event {event['id']}, taken and heard at {heard:.3f}, comes again: {post}"
                )
                return
        if post.taken and post.heard >= 0 and not disturbed(post.heard - 0.1, post.heard + WRITTEN):
            done.update((event["id"], post.heard) for event in post.events)


def _pauses(books: Books, posts: list[Post], moves: list[float]) -> None:
    """After the n-th failure in a row, as far as it was heard: 1, 2, 4 … seconds, 300 at most.

    A start begins from one, and a new address is tried at once.
    """
    failures = 0
    for post, after in pairwise(posts):
        moved = any(post.began - ROUND <= at <= after.came + ROUND for at in moves)
        if post.taken or moved or any(post.came <= at <= after.came for at in books.starts):
            failures = 0
            continue
        if post.heard < 0:
            continue  # what else failed makes the next pause longer, but nobody knows whether the gateway has seen it
        failures += 1
        pause = JITTER * min(LONGEST, FIRST * 2.0 ** (failures - 1))
        if after.began < post.heard + pause - 0.01:
            books.violation("webhook", f"{after} came within {pause:.1f} s of failure {failures}, {post}")
            return


def _sizes(books: Books, posts: list[Post]) -> None:
    """Each 413 halves what one POST may hold, while the process lives."""
    most, at = MOST, 0.0
    for post in posts:
        if any(at < start <= post.came for start in books.starts):
            most = MOST
        at = post.came
        if len(post.events) > most:
            books.violation("webhook", f"{post}, and {most} may come at a time since it was too large")
            return
        if post.status == 413 and post.heard >= 0:
            most = max(1, most // 2)

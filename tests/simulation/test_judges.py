"""The judge's newer rules, each on books written by hand: once as it should be, once not."""

import pytest
from simulation.books import Ask, Attempt, Books, Reply
from simulation.judge import Judge
from simulation.judge_lanes import EACH, HUNGER, READY, judge_lanes
from simulation.judge_lines import judge_lines
from simulation.judge_quota import EPOCH_MS, SPENT, judge_quota
from simulation.judge_requests import judge_requests

NOON = 1_780_999_200_000
"""Unix ms of a noon in June 2026, the books' moment 0."""


@pytest.fixture
def books():
    return Books(lambda: 0.0, lambda: NOON)


def taken(books, token, at, *, kind="TRANS", parts=1, left=None, account="club", bearer="alpha"):
    """A message that was asked for and taken at once; left: when it was handed over."""
    ask = Ask(token, account, kind, "+33612340001", "", "", 1, b"", parts)
    ask.asked_at = ask.accepted_at = at
    ask.accepted_wall = NOON + int(1000 * at)
    ask.ids = [str((ask.accepted_wall - EPOCH_MS) << 22)]
    ask.tried = [(at, 0)]
    if left is not None:
        ask.attempts = [Attempt(bearer, 1, parts, left, NOON + int(1000 * left))]
        ask.attempts[0].status = 0
    books.asks[token] = ask
    return ask


def refused(books, token, at):
    ask = taken(books, token, at)
    ask.ids, ask.tried = [], [(at, SPENT)]


def found(books):
    return [words.split()[1].rstrip(":") for words in books.wrong]


# ── quota ────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("parts", "wrong"), [((2, 2, 1), []), ((2, 2, 2), ["quota"])])
def test_what_left_is_spent(books, parts, wrong):
    for n, count in enumerate(parts):
        taken(books, f"M{n}", 10.0 * n, parts=count, left=10.0 * n + 1)
    judge_quota(books, "club", 5, 100)
    assert found(books) == wrong


@pytest.mark.parametrize(
    ("told", "wrong"), [((12.0, "DELETED", True), ["quota"]), ((40.0, "DELETED", True), [])]
)
def test_what_ended_unsent_is_credited_from_when_it_was_told(books, told, wrong):
    taken(books, "M1", 10.0, parts=3).told = [told]
    taken(books, "M2", 11.0, parts=2, left=11.5)
    refused(books, "M3", 60.0)
    judge_quota(books, "club", 5, 100)
    assert found(books) == wrong


@pytest.mark.parametrize(("status", "wrong"), [(0x58, []), (0x14, []), (0x08, ["quota"]), (None, ["quota"])])
def test_a_carrier_that_was_too_busy_has_not_been_tried(books, status, wrong):
    taken(books, "M1", 10.0, parts=3, left=10.5).attempts[0].status = status
    taken(books, "M2", 20.0, parts=3, left=20.5)
    judge_quota(books, "club", 5, 100)
    assert found(books) == wrong


@pytest.mark.parametrize(("died", "wrong"), [(11.5, []), (12.5, ["quota"])])
def test_what_stood_ready_when_a_process_died_need_not_be_credited(books, died, wrong):
    taken(books, "M1", 10.0, parts=5).told = [(12.0, "EXPIRED", True)]
    books.deaths = [died]
    refused(books, "M2", 60.0)
    judge_quota(books, "club", 5, 100)
    assert found(books) == wrong


@pytest.mark.parametrize(("at", "wrong"), [(43_202.0, []), (43_300.0, ["quota"])])
def test_what_was_refused_just_before_midnight_may_be_heard_behind_it(books, at, wrong):
    taken(books, "M1", 10.0, parts=5, left=11.0)
    refused(books, "M2", at)
    judge_quota(books, "club", 5, 100)
    assert found(books) == wrong


def test_a_quota_begins_anew_at_midnight(books):
    midnight = 12 * 3600.0
    taken(books, "M1", midnight - 10, parts=5, left=midnight - 9)
    taken(books, "M2", midnight + 10, parts=5, left=midnight + 11)
    judge_quota(books, "club", 5, 100)
    assert found(books) == []


# ── lanes ────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("waits", "passes", "count", "wrong"),
    [
        ("OTP", "PROMO", READY, []),
        ("OTP", "PROMO", 3 * READY, ["lanes"]),
        ("OTP", "OTP", 3 * READY, []),
        ("TRANS", "OTP", EACH + HUNGER, []),
        ("TRANS", "OTP", EACH + HUNGER + 1, ["lanes"]),
    ],
)
def test_who_passes_whom(books, waits, passes, count, wrong):
    books.rates["alpha"] = [(0.0, 5.0)]
    taken(books, "M0", 0.0, kind=waits, left=1000.0)
    for n in range(1, count + 1):
        taken(books, f"M{n}", n, kind=passes, left=n + 0.1)
    judge_lanes(books, lambda begin, end: False)
    assert found(books)[:1] == wrong


@pytest.mark.parametrize(("parts", "count", "wrong"), [(1, EACH + HUNGER, []), (1, EACH + HUNGER + 1, ["lanes"]),
                                                       (2, EACH + HUNGER + 1, []), (2, 2 * EACH + HUNGER + 1, ["lanes"])])  # fmt: skip
@pytest.mark.parametrize("rate", [5.0, 50.0])
@pytest.mark.parametrize("when", [-5.0, 0.0], ids=["before it came", "and behind it"])
def test_after_a_short_text_of_its_lane_it_waits_less(books, parts, count, wrong, rate, when):
    """And whatever the rate, that is, with a slot kept for OTPs too."""
    books.rates["alpha"] = [(0.0, rate)]
    taken(books, "M0", 0.0, left=1000.0)
    taken(books, "M1", when, parts=parts, left=when + 0.5)
    for n in range(2, count + 2):
        taken(books, f"M{n}", n, kind="OTP", left=n + 0.1)
    judge_lanes(books, lambda begin, end: False)
    assert found(books)[:1] == wrong


@pytest.mark.parametrize(
    ("took", "back", "wrong"),
    [("sim1", 295.0, []), ("sim1", 280.0, ["lanes"]), ("beta", 295.0, ["lanes"])],
)
def test_while_a_bearer_that_is_back_proves_itself_the_sim_keeps_its_kinds(books, took, back, wrong):
    taken(books, "M0", 10.0, kind="OTP", left=300.0)
    taken(books, "M1", 9.0, kind="OTP", left=20.0, bearer=took)
    for n in range(2, 60):
        taken(books, f"M{n}", 5.0, kind="PROMO", left=back + n / 20)
    judge_lanes(books, lambda begin, end: False)
    assert found(books) == wrong


# ── lines ────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("first", "second", "excused", "wrong"),
    [
        (("a", 1), ("a", 2), False, []),
        (("a", 2), ("a", 1), False, ["order"]),
        (("a", 2), ("b", 1), False, []),
        (("a", 2), ("a", 1), True, []),
    ],
)
def test_replies_come_in_order_on_each_connection(books, first, second, excused, wrong):
    for token, begun, place in (("R1", 10.0, first), ("R2", 20.0, second)):
        reply = Reply(token, "+33612340001", "36180", "shop", "oui", 1, begun)
        reply.taken, reply.first_on, reply.given = begun + 1, place, [(begun + 2, True)]
        books.replies[token] = reply
    judge_lines(books, lambda *_: excused)
    assert found(books) == wrong


@pytest.mark.parametrize(("answered", "wrong"), [(10.2, ["order"]), (47.0, [])])
def test_the_receipt_of_what_was_answered_too_late_may_come_late(books, answered, wrong):
    for token, left, heard, told, place in (("M1", 10.0, answered, 48.0, 2), ("M2", 60.0, 60.1, 61.0, 1)):
        ask = taken(books, token, left - 1, left=left)
        ask.first_on, ask.told = ("a", place), [(90.0 + place, "DELIVRD", True)]
        attempt = ask.attempts[0]
        attempt.status, attempt.heard, attempt.told_from, attempt.receipts = (
            0,
            heard,
            told,
            [("DELIVRD", told)],
        )
    judge_lines(books, lambda *_: False)
    assert found(books) == wrong


def test_what_an_application_reads_much_later_may_come_by_another_connection(books):
    """What is not answered in time goes again, on another one, behind what came meanwhile; it reads that one first."""
    for token, begun, place in (("R1", 10.0, ("a", 2)), ("R2", 200.0, ("a", 1))):
        reply = Reply(token, "+33612340001", "36180", "shop", "oui", 1, begun)
        reply.taken, reply.first_on, reply.given = begun + 1, place, [(900.0, True)]
        books.replies[token] = reply
    judge_lines(books, lambda _, begin, end: begin < 899.0 < end)
    assert found(books) == []


@pytest.mark.parametrize(("given", "wrong"), [((True, True), []), ((True,), ["reply"])])
def test_stops_of_one_number_cannot_be_told_apart(books, given, wrong):
    """The first came again as if it were the second."""
    for token, begun in (("S1", 10.0), ("S2", 20.0)):
        stop = Reply(token, "+33612340001", "36180", "shop", "STOP", 1, begun)
        stop.taken = begun + 1
        books.replies[token] = stop
    books.replies["S1"].given = [(11.0, False)]
    books.replies["S2"].given = [(21.0 + n, ok) for n, ok in enumerate(given)]
    Judge(books)._replies()
    assert found(books) == wrong


@pytest.mark.parametrize(
    ("status", "heard", "wrong"),
    [(0, 10.6, ["order"]), (0, 13.0, []), (0, -1.0, []), (0x14, 10.6, []), (None, -1.0, [])],
)
def test_what_stood_ready_for_a_bearer_that_gave_way_comes_from_there(books, status, heard, wrong):
    for token, at, left in (("M1", 10.0, 12.0), ("M2", 10.001, 11.0)):
        attempt = taken(books, token, at, left=left, bearer="beta").attempts[0]
        attempt.status, attempt.heard = 0, left + 0.1
    other = taken(books, "M3", 9.0, left=10.5, bearer="alpha", account="shop").attempts[0]
    other.status, other.heard = status, heard
    Judge(books)._order()
    assert found(books) == wrong


@pytest.mark.parametrize(("status", "wrong"), [(0x14, []), (0x08, ["frequency"]), (0, ["frequency"])])
def test_who_met_only_a_carrier_that_was_too_busy_was_sent_nothing(books, status, wrong):
    for n in range(4):
        attempt = taken(books, f"M{n}", 10.0 * n, kind="PROMO", left=10.0 * n + 1).attempts[0]
        attempt.status = 0 if n else status
    Judge(books)._frequency()
    assert found(books) == wrong


@pytest.mark.parametrize(
    ("kind", "heard", "died", "wrong"),
    [
        ("PROMO", 0.1, 0.0, ["truth"]),
        ("PROMO", 35.0, 0.0, ["truth"]),
        ("PROMO", 35.0, 30.0, []),
        ("PROMO", 560.0, 0.0, []),
        ("PROMO", -1.0, 0.0, []),
        ("TRANS", 35.0, 0.0, []),
    ],
)
def test_a_late_answer_settles_what_waits_for_it(books, kind, heard, died, wrong):
    """It was told UNKNOWN, though its carrier had accepted it and said DELIVRD."""
    ask = taken(books, "M1", 1.0, kind=kind, left=1.0, account="shop")
    attempt = ask.attempts[0]
    attempt.heard = 1.0 + heard if heard > 0 else heard
    attempt.receipts = [("DELIVRD", 570.0)]
    ask.told = [(611.0, "UNKNOWN", True)]
    books.deaths = [died] if died else []
    Judge(books)._states(ask)
    assert found(books) == wrong


# ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────
def cancelled_and_left(books):
    taken(books, "M1", 1.0, left=9.0).cancelled_at = 5.0


def left_and_cancelled(books):
    taken(books, "M1", 1.0, left=4.0).cancelled_at = 5.0


def early(books):
    taken(books, "M1", 1.0, left=60.0).wait = 120.0


def early_at_one_try_of_two(books):
    """Which of the two was taken cannot be seen, and the clock lay between."""
    early(books)
    books.asks["M1"].tries, books.jumped = 2, True


def the_old_text(books):
    ask = taken(books, "M1", 1.0, left=60.0)
    ask.versions, ask.replaced_at = [1], 30.0


def the_new_text(books):
    the_old_text(books)
    books.asks["M1"].attempts[0].version = 1


def forgotten(books):
    books.queries.append((9.0, taken(books, "M1", 1.0, left=2.0), 0x67, -1))


def throttled(books):
    books.queries = [(8.0, taken(books, "M1", 1.0), 0x58, -1)]


def throttled_by_the_disk(books):
    throttled(books)
    books.sick = [[7.0, 9.0]]


def unavailable(books):
    books.queries.append((9.0, taken(books, "M1", 1.0, left=2.0), 0x08, -1))


def other_words(books):
    ask = taken(books, "M1", 1.0, left=2.0)
    ask.told = [(5.0, "DELIVRD", True)]
    books.queries.append((9.0, ask, 0, 7))


@pytest.mark.parametrize(
    ("story", "wrong"),
    [
        (cancelled_and_left, ["cancel"]),
        (left_and_cancelled, []),
        (early, ["schedule"]),
        (early_at_one_try_of_two, []),
        (the_old_text, ["replace"]),
        (the_new_text, []),
        (forgotten, ["query"]),
        (unavailable, []),
        (throttled, ["query"]),
        (throttled_by_the_disk, []),
        (other_words, ["query"]),
    ],
)
def test_what_applications_may_rely_on(books, story, wrong):
    story(books)
    judge_requests(books)
    assert found(books) == wrong

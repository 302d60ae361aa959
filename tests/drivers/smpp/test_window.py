"""The window alone: numbers, marks of the response timer, and what is remembered of the timed out."""

from hypothesis import given
from hypothesis import strategies as st

from drivers.smpp.window import LAST_SEQUENCE, MISSING, Window


def entered(window, contexts, now):
    out = []
    window.enter(4, [b""] * len(contexts), contexts, now, out)
    return [int.from_bytes(raw[12:16]) for raw in out]


def test_numbers_go_from_one_to_the_last_and_to_one_again():
    window = Window(10, 60.0)
    assert entered(window, ["a", "b"], 0.0) == [1, 2]
    assert window.next_sequence() == 3
    window.sequence = LAST_SEQUENCE
    assert window.next_sequence() == 1
    window.sequence = LAST_SEQUENCE - 1
    assert entered(window, ["c", "d"], 0.0) == [LAST_SEQUENCE, 1]


def test_a_minute_of_small_batches_costs_a_bounded_number_of_marks():
    window = Window(10, 60.0)
    for step in range(100_000):
        entered(window, ["a"], step / 1000)
        window.pending.clear()
    assert len(window._marks) < 140


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(0, 4), st.booleans()), max_size=60), st.booleans())
def test_each_unanswered_request_times_out_once_and_in_time(steps, near_the_wrap):
    """Against the plain rule: due at `sent + timeout`, told at the next tick, at most 1/64 late."""
    timeout, now = 8.0, 0.0
    window = Window(1000, timeout)
    if near_the_wrap:
        window.sequence = LAST_SEQUENCE - 7
    sent, told = {}, set()
    for pause, count, answered in steps:
        now += pause
        for context in window.expire(now):
            assert context not in told
            assert now >= sent[context] + timeout
            told.add(context)
        for context, at in sent.items():
            assert (
                context in told or now < at + timeout * (1 + 1 / 64) or context not in window.pending.values()
            )
        names = [(now, len(sent) + i) for i in range(count)]
        sent.update(dict.fromkeys(names, now))
        numbers = entered(window, names, now)
        if answered and numbers:
            window.pending.pop(numbers[0])
    left = set(window.expire(now + 2 * timeout))
    assert window.pending == {}
    assert not left & told


def test_the_timed_out_are_remembered_once_and_not_without_end():
    window = Window(20_000, 1.0)
    entered(window, list(range(15_000)), 0.0)
    assert len(window.expire(1.0)) == 15_000
    assert window.late(1) is MISSING  # the oldest were forgotten
    assert window.late(15_000) == 14_999
    assert window.late(15_000) is MISSING
    assert len(window._late) == 9_999

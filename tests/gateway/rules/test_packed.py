"""Packed counters against a dict: exact, whatever comes and goes, in little memory."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.packed import PackedCounts, packed


@given(st.lists(st.tuples(st.integers(1, 40), st.sampled_from([1, 1, -1])), max_size=300))
def test_as_a_dict_counts(steps):
    counts, model = PackedCounts(), {}
    for key, by in steps:
        counts.add(key * 2**40, by)
        model[key] = max(0, model.get(key, 0) + by)
    assert {key: counts.get(key * 2**40) for key in range(1, 42)} == {
        k: model.get(k, 0) for k in range(1, 42)
    }


def test_many_numbers_in_little_memory_and_keys_that_are_over_make_room():
    counts = PackedCounts()
    for number in range(33_600_000_000, 33_600_100_000):
        counts.add(number, 1)
    assert counts.octets < 6_000_000
    for number in range(33_600_000_000, 33_600_100_000):
        counts.add(number, -1)
    for number in range(33_700_000_000, 33_700_100_000):
        counts.add(number, 1)
    assert counts.octets < 6_000_000
    assert counts.get(33_600_000_001) == 0
    assert counts.get(33_700_000_001) == 1


def test_a_short_code_is_no_international_number():
    assert len({packed("+36180"), packed("36180"), packed("CHAPPE")}) == 3
    assert packed("+33612345678") == 33612345678

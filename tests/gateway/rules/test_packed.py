"""Packed counters against a dict: exact, whatever comes and goes, in little memory."""

from hypothesis import given
from hypothesis import strategies as st
from making import message

from gateway.rules.packed import PackedCounts, packed, packed_recipients


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
    old, new = ([packed(f"+33{first + n}") for n in range(100_000)] for first in (600_000_000, 700_000_000))
    for key in old:
        counts.add(key, 1)
    assert counts.octets < 6_000_000
    for key in old:
        counts.add(key, -1)
    counts.count(new)
    assert counts.octets < 6_000_000
    assert (counts.get(old[1]), counts.get(new[1])) == (0, 1)


@given(st.lists(st.lists(st.integers(1, 12), max_size=30), max_size=12), st.integers(1, 4))
def test_a_batch_counts_as_its_members_do(batches, least):
    one, many = PackedCounts(), PackedCounts()
    keys = [packed(f"+3360000{n:04}") for n in range(13)]
    for batch in batches:
        many.count([keys[n] for n in batch])
        for n in batch:
            one.add(keys[n], 1)
        assert many.at_least(keys, least) == [n for n, key in enumerate(keys) if one.get(key) >= least]
        assert [many.get(key) for key in keys] == [one.get(key) for key in keys]


def test_a_short_code_is_no_international_number():
    assert len({packed("+36180"), packed("36180"), packed("CHAPPE")}) == 3
    numbers = ["+33612345678", "36180", "CHAPPE", ""]
    assert packed_recipients([message(1, destination=each) for each in numbers]) == [*map(packed, numbers)]

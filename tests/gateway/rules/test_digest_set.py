"""The packed set against Python's own: the same answers after any mixture of adding and taking out."""

import random

import pytest

from gateway.rules.digest_set import DigestSet


@pytest.mark.parametrize("spread", [2**63, 2**14, 700])
def test_it_does_what_a_set_does(spread):
    draw = random.Random(spread)
    # A small spread puts all into few places, so that searches run over each other and round the end.
    values = [
        draw.randrange(1, spread) << 8 if spread < 2**63 else draw.randrange(-spread, spread) or 1
        for _ in range(900)
    ]
    packed, plain = DigestSet(), set()
    for _ in range(30_000):
        value = draw.choice(values)
        if draw.random() < 0.5:
            assert packed.add(value) is (value not in plain)
            plain.add(value)
        else:
            assert packed.discard(value) is (value in plain)
            plain.discard(value)
    assert len(packed) == len(plain)
    assert [value for value in values if (value in packed) != (value in plain)] == []


def test_many_at_once_cost_a_few_octets_each():
    draw = random.Random(1)
    values = [draw.randrange(-(2**63), 2**63) or 1 for _ in range(200_000)]
    packed = DigestSet()
    packed.update(values)
    assert all(value in packed for value in values[::97])
    assert packed.octets < 30 * len(set(values))

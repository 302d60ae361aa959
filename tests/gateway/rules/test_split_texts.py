"""Parts of one text have one key; whole texts have none."""

from making import message

from drivers.sms.udh import concat_header
from gateway.rules.split_texts import part_of, text_key


def key(sequence=1, reference=7, **fields):
    udh = concat_header(reference, 3, sequence)
    m = message(sequence, None, udh=udh, **fields)
    return text_key(m, part_of(udh))


def test_parts_of_one_text_have_one_key():
    assert key(1) == key(2, group="multi:5")
    others = [key(reference=8), key(destination="+33600000009"), key(account="news"), key(source="36180")]
    assert len({key(), *others}) == 5


def test_a_whole_text_is_no_part():
    assert part_of(b"") is None
    assert part_of(concat_header(7, 1, 1)) is None
    assert part_of(concat_header(7, 2, 3)) is None
    assert part_of(b"\x03\x24\x01\x01") is None
    assert part_of(concat_header(7, 3, 2)).sequence == 2

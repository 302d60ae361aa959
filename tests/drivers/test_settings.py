from typing import get_args

import pytest

from drivers.settings import Duration, File, LongerThanZero, Size, SmppPassword


def mark(alias):
    return get_args(alias)[-1]


@pytest.mark.parametrize(
    ("text", "seconds", "written"),
    [
        ("30s", 30, "30s"),
        ("5m", 300, "5m"),
        ("48h", 172_800, "2d"),
        ("7d", 604_800, "7d"),
        ("1h30m", 5400, "90m"),
        ("250ms", 0.25, "0.25s"),
        ("1.5s", 1.5, "1.5s"),
        ("0", 0, "0"),
        (0, 0, "0"),
        (90, 90, "90s"),
        (0.5, 0.5, "0.5s"),
    ],
)
def test_duration(text, seconds, written):
    assert mark(Duration).read(text) == seconds
    assert mark(Duration).show(float(seconds)) == written
    assert mark(Duration).read(written) == seconds


@pytest.mark.parametrize(
    "bad", ["", "30", "s", "-5s", "5 m", "1y", "30sec", -1, True, None, [], float("nan"), float("inf")]
)
def test_no_duration(bad):
    with pytest.raises(ValueError, match="must be a time like"):
        mark(Duration).read(bad)


def test_some_durations_are_longer_than_zero():
    with pytest.raises(ValueError, match="must be longer than 0"):
        mark(LongerThanZero).read("0")


@pytest.mark.parametrize(
    ("text", "octets", "written"),
    [("1GB", 10**9, "1GB"), ("1.5GB", 1_500_000_000, "1500MB"), ("512MiB", 2**29, 2**29), ("10kB", 10_000, "10kB"), ("7B", 7, 7), (0, 0, 0)],
)  # fmt: skip
def test_size(text, octets, written):
    assert mark(Size).read(text) == octets
    assert mark(Size).show(octets) == written


@pytest.mark.parametrize("bad", ["1", "GB", "1gb", "-1GB", -1, 1.5, True, None])
def test_no_size(bad):
    with pytest.raises(ValueError, match="must be a size like"):
        mark(Size).read(bad)


@pytest.mark.parametrize(
    ("password", "fits"),
    [("a", True), ("12345678", True), ("123456789", False), ("", False), ("é", False), ("a\n", False)],
)
def test_smpp_password(password, fits):
    if fits:
        assert mark(SmppPassword).read(password) == password
    else:
        with pytest.raises(ValueError, match="allows no more"):
            mark(SmppPassword).read(password)


@pytest.mark.parametrize("bad", ["", 1, None, "a\0b"])
def test_no_path(bad):
    with pytest.raises(ValueError, match="must be a path"):
        File("input").read(bad)

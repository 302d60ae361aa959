"""Who has which device: links are followed when somebody asks."""

import os

import pytest

from drivers.modem.claims import Claims


def test_a_claim_by_link_follows_the_link(tmp_path):
    link, claims = tmp_path / "modem", Claims()
    for name in ("tty0", "tty1"):
        (tmp_path / name).touch()
    link.symlink_to("tty0")
    claims.claim("sim1", str(link))
    assert claims.owner(str(tmp_path / "tty0")) == "sim1"
    link.unlink()
    link.symlink_to("tty1")
    assert claims.owner(str(tmp_path / "tty0")) == ""
    assert claims.owner(str(tmp_path / "tty1")) == "sim1"
    assert claims.devices() == {os.path.realpath(tmp_path / "tty1")}
    assert claims.devices(besides="sim1") == frozenset()


def test_a_claim_counts_until_each_is_released():
    claims = Claims()
    claims.claim("sim1", "/dev/ttyUSB2")
    with claims.held("sim1", "/dev/ttyUSB2"):
        claims.release("sim1", "/dev/ttyUSB2")
        assert claims.owner("/dev/ttyUSB2") == "sim1"
    assert claims.owner("/dev/ttyUSB2") == ""
    with pytest.raises(ValueError):
        claims.release("sim1", "/dev/ttyUSB2")


def test_held_releases_when_its_block_fails():
    claims = Claims()
    with pytest.raises(KeyError), claims.held("sim1", "/dev/ttyUSB2"):
        raise KeyError
    assert claims.devices() == frozenset()

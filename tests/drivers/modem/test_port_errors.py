"""What an errno means to an operator: the reason, and the remedy in words."""

import errno
import os
import pty
import stat
import termios

import pytest
import serial

from drivers.modem import port_errors
from drivers.modem.port_errors import PortError, busy_detail, explain, holders

E = errno


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (E.ENOENT, "port.missing"),
        (E.ENODEV, "port.missing"),
        (E.ENXIO, "port.missing"),
        (E.EIO, "port.missing"),
        (E.ELOOP, "port.missing"),
        (E.EAGAIN, "port.busy"),
        (E.EBUSY, "port.busy"),
        (E.EACCES, "port.denied"),
        (E.EPERM, "port.denied"),
        (E.ENOTTY, "port.not_serial"),
        (E.EISDIR, "port.not_serial"),
        (E.EINVAL, "port.baud"),
        (E.EMFILE, "port.failed"),
        (E.EPROTO, "port.failed"),
    ],
)
def test_each_errno_has_its_reason_whoever_brings_it(tmp_path, code, reason):
    path = tmp_path / "ttyUSB0"
    path.write_text("")
    bare = OSError(code, "words")
    pyserials = serial.SerialException(code, "could not open port")
    hidden = serial.SerialException(
        "Could not configure port: (25, 'words')"
    )  # no errno: it is in the context
    hidden.__context__ = termios.error(code, "words")
    for error in (bare, pyserials, hidden, termios.error(code, "words")):
        told = explain(str(path), 9600, error)
        assert isinstance(told, PortError)
        assert (told.reason, str(path) in told.detail) == (reason, True), error
        assert str(told) == f"{told.reason}: {told.detail}"


def test_a_speed_that_the_device_does_not_do():
    told = explain("/dev/ttyS0", 1_234_567, ValueError("Failed to set custom baud rate"))
    assert told.reason == "port.baud"
    assert "1234567 baud" in told.detail


def test_an_error_without_a_number_keeps_its_words():
    assert explain("/dev/ttyS0", 9600, OSError("odd")).detail == "/dev/ttyS0: odd"


def test_denied_names_group_user_and_both_ways_in(tmp_path, monkeypatch):
    path = tmp_path / "ttyUSB0"
    path.write_text("")
    path.chmod(0o660)
    monkeypatch.setattr(port_errors, "_group", lambda number: "dialout")
    monkeypatch.setattr(port_errors, "_user", lambda number: "chappe")
    detail = explain(str(path), 9600, PermissionError(E.EACCES, "no")).detail
    assert "-rw-rw---- of group dialout, and user chappe is not in it" in detail
    assert "SupplementaryGroups=dialout" in detail
    assert "usermod -aG dialout chappe" in detail


def test_denied_names_of_numbers_that_the_system_does_not_know():
    assert port_errors._group(4_000_000) == "4000000"
    assert port_errors._user(4_000_000) == "4000000"
    assert port_errors._user(0) == "root"


def test_denied_by_the_services_device_policy_says_so():
    assert "hardware.conf" in explain("/dev/ttyUSB0", 9600, PermissionError(E.EPERM, "no")).detail


def test_denied_on_the_way(tmp_path):
    assert (
        "a folder on the way" in explain(str(tmp_path / "x/y"), 9600, PermissionError(E.EACCES, "no")).detail
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open anything")
def test_denied_for_real(tmp_path):
    path = tmp_path / "ttyUSB0"
    path.write_text("")
    path.chmod(0)
    with pytest.raises(OSError) as caught:
        os.open(path, os.O_RDWR)
    assert explain(str(path), 9600, caught.value).reason == "port.denied"


@pytest.mark.parametrize(
    ("program", "remedy"),
    [
        ("ModemManager", "70-chappe-modems.rules"),
        ("gammu-smsd", "systemctl disable --now gammu-smsd"),
        ("smsd", "smstools"),
        ("brltty", "apt remove brltty"),
        ("agetty", "serial-getty@"),
        ("minicom", "stop it"),
    ],
)
def test_busy_says_who_and_what_to_do(program, remedy):
    detail = busy_detail("/dev/ttyUSB2", [f"{program} (process 17)"])
    assert f"/dev/ttyUSB2 is taken by {program} (process 17)" in detail
    assert remedy in detail


def test_busy_by_somebody_whom_this_user_may_not_see():
    assert "fuser -v /dev/ttyUSB2" in busy_detail("/dev/ttyUSB2", [])


def test_holders_are_found_by_the_device_and_not_by_its_name(tmp_path):
    """A folder like /proc: process 7 has the device under another name, 8 has another device, 9 has gone."""
    far, near = pty.openpty()
    other_far, other = pty.openpty()
    try:
        for pid, target in ((7, os.ttyname(near)), (8, os.ttyname(other))):
            folder = tmp_path / str(pid)
            (folder / "fd").mkdir(parents=True)
            (folder / "comm").write_text(f"program{pid}\n")
            (folder / "fd" / "0").symlink_to("/dev/null")
            (folder / "fd" / "1").symlink_to(tmp_path / "gone")
            (folder / "fd" / "2").symlink_to(target)
        (tmp_path / "9").mkdir()
        (tmp_path / "self").mkdir()
        link = tmp_path / "by-path"
        link.symlink_to(os.ttyname(near))
        assert holders(str(link), str(tmp_path)) == ["program7 (process 7)"]
        assert holders(os.ttyname(near), with_us=True) == [port_errors.OURSELVES]
        assert holders(os.ttyname(near)) == []
    finally:
        for descriptor in (far, near, other_far, other):
            os.close(descriptor)


def test_nobody_holds_what_is_no_device(tmp_path):
    assert holders(str(tmp_path)) == []
    assert holders(str(tmp_path / "nothing")) == []
    assert not stat.S_ISCHR(tmp_path.stat().st_mode)

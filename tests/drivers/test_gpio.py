"""Lines: what is asked of libgpiod, and in which words it is told that one can't be had."""

import errno
import inspect
import sys
import types

import gpiod
import gpiod.line
import pytest
from gpio_chip import Chip, Held

from drivers.gpio import GpioError, Line, Lines, request

KEY = Line("GPIO4", output=True)


@pytest.fixture
def chip(monkeypatch):
    chip = Chip()
    monkeypatch.setattr(gpiod, "request_lines", chip.request_lines)
    return chip


@pytest.fixture
def path(tmp_path):
    """What stands for /dev/gpiochip0: it exists, and the fake does not look into it."""
    (tmp_path / "gpiochip0").touch()
    return str(tmp_path / "gpiochip0")


def why(chip_path, line="GPIO4", role="pwrkey"):
    with pytest.raises(GpioError) as caught:
        request(chip_path, {role: Line(line, output=True)})
    return str(caught.value)


# ── the fake is like the real one ────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", ["set_value", "get_value", "release"])
def test_the_fakes_line_has_the_real_ones_signature(name):
    fake, real = (
        list(inspect.signature(getattr(kind, name)).parameters) for kind in (Held, gpiod.LineRequest)
    )
    assert fake == real


def test_the_real_package_takes_what_is_asked(monkeypatch, path):
    seen = []
    real = inspect.signature(gpiod.request_lines)
    monkeypatch.setattr(gpiod, "request_lines", lambda *a, **k: seen.append(real.bind(*a, **k)))
    Lines(path).add("pwrkey", KEY)
    assert seen[0].arguments["path"] == path
    assert isinstance(seen[0].arguments["config"]["GPIO4"], gpiod.LineSettings)


# ── asking ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_an_output_is_requested_at_rest_with_its_direction(chip, path):
    request(path, {"pwrkey": KEY, "reset": Line("6", output=True, active_low=True, open_drain=True)})
    asked = chip.settings["GPIO4"]
    assert asked.direction is gpiod.line.Direction.OUTPUT
    assert asked.output_value is gpiod.line.Value.INACTIVE
    assert (asked.active_low, asked.drive) == (False, gpiod.line.Drive.PUSH_PULL)
    assert (chip.settings["6"].active_low, chip.settings["6"].drive) == (True, gpiod.line.Drive.OPEN_DRAIN)
    assert chip.log == [(0.0, "GPIO4", False), (0.0, "6", False)]
    assert chip.consumers["GPIO4"] == "chappe pwrkey"


@pytest.mark.parametrize("role", ["pwrkey", "led_carrier", "reset"])
def test_the_kernel_has_room_for_the_consumers_name(chip, path, role):
    request(path, {role: KEY})
    assert len(chip.consumers["GPIO4"]) < 32


@pytest.mark.parametrize(
    ("high", "active_low", "reads"), [(True, False, True), (True, True, False), (False, True, True)]
)
def test_an_input_reads_what_its_level_means(chip, path, high, active_low, reads):
    lines = request(path, {"status": Line("GPIO5", output=False, active_low=active_low)})
    chip.inputs["GPIO5"] = lambda: high
    assert chip.settings["GPIO5"].direction is gpiod.line.Direction.INPUT
    assert lines.get("status") is reads
    assert chip.log == [], "an input is never driven"


def test_set_rest_and_close(chip, path):
    lines = request(path, {"pwrkey": KEY, "status": Line("GPIO5", output=False)})
    assert lines.roles == {"pwrkey", "status"}
    lines.set("pwrkey", True)
    assert chip.active() == {"GPIO4"}
    lines.rest("pwrkey")
    assert chip.active() == set()
    lines.set("pwrkey", True)
    lines.close()
    assert chip.active() == set()
    assert chip.held == {}
    lines.close()
    lines.rest("pwrkey")
    assert [active for _, _, active in chip.log] == [False, True, False, True, False]


def test_no_line_asked_for_needs_no_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "gpiod", None)
    assert request("/dev/null", {}).roles == frozenset()


# ── what can be wrong ────────────────────────────────────────────────────────────────────────────────────────
def test_the_real_package_says_that_a_chip_is_missing(tmp_path):
    text = why(str(tmp_path / "gpiochip9"))
    assert text.startswith(f"pwrkey: there is no chip {tmp_path}/gpiochip9 (there is: ")
    assert "gpiodetect" in text


def test_the_real_package_says_that_a_device_is_no_chip():
    assert why("/dev/null") == "pwrkey: /dev/null is no GPIO chip: name the one that gpiodetect shows"


@pytest.mark.parametrize("line", ["PWR", "GPIO99", "99"])
def test_a_line_that_is_not_there(chip, path, line):
    assert (
        why(path, line) == f"pwrkey: {path} has no line {line}: name one that gpioinfo shows, or its offset"
    )


def test_a_line_in_use_and_none_is_kept(chip, path):
    chip.busy.add("GPIO6")
    with pytest.raises(GpioError, match=r"^reset: line GPIO6 of .* is in use, gpioinfo says by whom"):
        request(path, {"pwrkey": KEY, "reset": Line("GPIO6", output=True)})
    assert chip.held == {}


def test_one_line_under_two_keys(chip, path):
    with pytest.raises(GpioError, match="another key of this configuration"):
        request(path, {"pwrkey": KEY, "reset": KEY})


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "no permission to open .*group that owns it"),
        (OSError(errno.ENOTTY, "Inappropriate ioctl"), "is no GPIO chip"),
        (OSError(errno.EINVAL, "Invalid argument"), r"line GPIO4 of .*: \[Errno 22\] Invalid argument"),
    ],
)
def test_what_the_kernel_refuses(monkeypatch, path, error, words):
    def refuse(*args, **kwargs):
        raise error

    monkeypatch.setattr(gpiod, "request_lines", refuse)
    with pytest.raises(GpioError, match=f"^pwrkey: .*{words}"):
        request(path, {"pwrkey": KEY})


def test_the_package_is_missing(monkeypatch, path):
    monkeypatch.setitem(sys.modules, "gpiod", None)
    assert "pip install 'chappe[gpio]'" in why(path)


def test_the_package_is_version_one(monkeypatch, path):
    old = types.ModuleType("gpiod")
    old.__file__ = "/usr/lib/python3/dist-packages/gpiod.so"
    monkeypatch.setitem(sys.modules, "gpiod", old)
    assert "version 1 of gpiod" in why(path)


# ── a chip that goes away ────────────────────────────────────────────────────────────────────────────────────
def test_a_line_that_fails_says_where(chip, path):
    lines = request(path, {"pwrkey": KEY, "status": Line("GPIO5", output=False)})
    chip.broken |= {"GPIO4", "GPIO5"}
    for use in (lambda: lines.set("pwrkey", True), lambda: lines.get("status")):
        with pytest.raises(GpioError, match="No such device: is the chip still there"):
            use()


def test_rest_lets_go_of_a_line_that_cannot_be_set(chip, path):
    lines = request(path, {"pwrkey": KEY})
    lines.set("pwrkey", True)
    chip.broken.add("GPIO4")
    lines.rest("pwrkey")
    assert chip.held == {}
    assert chip.active() == set(), "its resistor decides"
    with pytest.raises(GpioError, match=r"pwrkey: its line on .* is not held"):
        lines.set("pwrkey", True)
    lines.close()


def test_nothing_is_held_after_close(chip, path):
    lines = request(path, {"status": Line("GPIO5", output=False)})
    lines.close()
    with pytest.raises(GpioError, match="not held"):
        lines.get("status")

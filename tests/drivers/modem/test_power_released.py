"""No pulse outlives its task: cancelled at any await, in a loop that stands still, on a chip that goes away."""

import asyncio
import threading
import time
from dataclasses import replace

import pytest
from powered_module import OUTPUTS, Bench

from drivers.gpio import GpioError
from drivers.modem.power import PowerError
from drivers.modem.profile import Timing


@pytest.fixture
def bench(monkeypatch):
    return lambda **options: Bench(monkeypatch, **options)


def run(coroutine):
    return asyncio.run(coroutine)


OPERATIONS = {
    "on": (False, lambda power: power.on()),
    "off": (True, lambda power: power.off()),
    "reset": (True, lambda power: power.reset()),
    "cycle_supply": (True, lambda power: power.cycle_supply()),
}


async def cancelled_at(b, operation, count):
    """Cancel it at its count-th await; whether it got so far."""
    awaits = 0

    def stop_here():
        nonlocal awaits
        awaits += 1
        if awaits == count:
            task.cancel()

    async def sleep(seconds):
        stop_here()
        await b.chip.sleep(seconds)

    async def alive():
        stop_here()
        return await b.module.alive()

    task = asyncio.create_task(operation(b.with_seams(sleep=sleep, alive=alive)))
    await asyncio.gather(task, return_exceptions=True)
    return task.cancelled()


@pytest.mark.parametrize("name", OPERATIONS)
def test_cancelled_at_any_await_every_line_is_released(bench, name):
    running, operation = OPERATIONS[name]
    count = 1
    pressed = 0
    while True:
        b = bench(running=running)
        if not run(cancelled_at(b, operation, count)):
            break
        assert b.at_rest(), f"after await {count}"
        pressed += any(on for _, _, on in b.chip.log)
        b.power.close()
        count += 1
    assert count > 1
    assert pressed, "at least one of them fell into a pulse"
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(1.0)
            assert not thread.is_alive(), "a guard has outlived its pulse"


def test_after_a_cancelled_one_the_next_is_free(bench):
    b = bench(running=True)

    async def both():
        task = asyncio.create_task(b.power.off())
        await asyncio.sleep(0)
        assert b.chip.active() == {"GPIO4"}
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await b.power.reset()

    run(both())
    assert b.module.resets == 1


def test_two_at_once_take_turns(bench):
    b = bench(running=True)

    async def both():
        await asyncio.gather(b.power.reset(), b.power.off())

    run(both())
    [(reset_at, reset_for)] = b.chip.pulses("GPIO6")
    [(off_at, _)] = b.chip.pulses("GPIO4")
    assert off_at >= reset_at + reset_for


def test_a_loop_that_stands_still_does_not_hold_the_key(bench):
    b = bench()

    async def stalled(seconds):
        until = time.monotonic() + 5.0
        while b.chip.active() and time.monotonic() < until:
            time.sleep(0.005)  # the loop does not turn meanwhile
        assert b.at_rest(), "the guard lets the key go"
        await b.chip.sleep(seconds)

    power = b.with_seams(sleep=stalled)
    power.profile = replace(power.profile, timings={**b.times, "pwrkey_on": Timing(0.01, 0.01, 0.05)})
    with pytest.raises(PowerError, match="does not run"):
        run(power.on())
    assert b.at_rest()


def test_a_chip_that_goes_in_a_pulse_lets_the_line_go(bench):
    b = bench()

    async def unplugged(seconds):
        b.chip.broken |= OUTPUTS | {"GPIO5"}
        await b.chip.sleep(seconds)

    with pytest.raises(GpioError, match="is the chip still there"):
        run(b.with_seams(sleep=unplugged).on())
    assert "GPIO4" not in b.chip.held
    assert b.at_rest()


def test_close_leaves_the_module_as_it_is(bench):
    b = bench(running=True)
    b.power.close()
    assert b.chip.held == {}
    assert b.at_rest()
    assert b.module.running
    with pytest.raises(GpioError, match="not held"):
        b.power.running()

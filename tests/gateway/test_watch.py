"""Who watches is built from the configuration, started last and stopped while the store is open."""

import pytest
from making import run
from mqtting import GATEWAY, gateway_with, started


def test_nobody_watches_unless_a_table_says_so(tmp_path):
    async def main():
        async with started(tmp_path, GATEWAY) as app:
            assert (app.watch.watchers, app.watch.mqtt, app.watch.asked) == ([], None, None)
            assert not app.bus.watched

    run(main())


@pytest.mark.parametrize("more", ["", "\n[leds]\nchip = 'no-such-chip'\npower = 'GPIO17'\n"])
def test_what_cannot_be_reached_costs_an_alarm(tmp_path, more):
    async def main():
        async with started(tmp_path, gateway_with(1) + more) as app:
            assert len(app.watch.watchers) == (2 if more else 1)
            watch = app.watch
        assert not app.bus.watched
        assert watch.watchers == []
        await watch.stop()  # a second call does nothing

    run(main())

"""One stream of facts; a slow watcher loses its oldest, and nobody waits for it."""

import asyncio

import pytest
from making import LOOPS, run

from gateway.bus import Bus
from gateway.events import Moved, StoreMoved


def facts(*numbers):
    return [StoreMoved(True, "", n) for n in numbers]


def at(events):
    return [event.at for event in events]


@pytest.mark.parametrize("loop", LOOPS)
def test_every_watcher_sees_every_fact_in_order(loop):
    async def main():
        bus = Bus()
        assert not bus.watched
        one, two = bus.subscribe("one"), bus.subscribe("two")
        assert bus.watched
        waiting = asyncio.create_task(one.next())
        await asyncio.sleep(0)
        for fact in facts(1, 2, 3):
            bus.publish(fact)
        assert at(await waiting) == at(await two.next()) == [1, 2, 3]
        for fact in facts(4, 5):
            bus.publish(fact)
        assert at(await one.next()) == [4, 5]
        one.close()
        one.close()
        bus.publish(facts(6)[0])
        assert at(await two.next()) == [4, 5, 6]
        two.close()
        assert not bus.watched

    run(main(), loop)


def test_a_slow_watcher_loses_its_oldest_and_can_tell():
    async def main():
        bus = Bus()
        slow, quick = bus.subscribe("slow", room=3), bus.subscribe("quick", room=100)
        for fact in facts(*range(10)):
            bus.publish(fact)
        assert (at(await slow.next()), slow.lost) == ([7, 8, 9], 7)
        assert (len(await quick.next()), quick.lost) == (10, 0)

    run(main())


def test_next_waits_for_the_next():
    async def main():
        bus = Bus()
        watcher = bus.subscribe("one")
        bus.publish(facts(1)[0])
        await watcher.next()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(watcher.next(), 0.01)
        bus.publish(facts(2)[0])
        assert at(await watcher.next()) == [2]

    run(main())


def test_a_watcher_is_woken_for_what_it_wants_only():
    async def main():
        bus = Bus()
        watcher = bus.subscribe("one", wanted=frozenset({StoreMoved}))
        waiting = asyncio.create_task(watcher.next())
        await asyncio.sleep(0)
        bus.publish(Moved([], 1))
        await asyncio.sleep(0)
        assert not waiting.done()
        bus.publish(facts(2)[0])
        assert at(await waiting) == [2]

    run(main())

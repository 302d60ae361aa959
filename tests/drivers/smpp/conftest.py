"""For tests with the simulated carrier."""

import asyncio

import pytest
import uvloop

from drivers.smpp.behaviour import Behaviour
from drivers.smpp.simulator import SimulatedCarrier

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=LOOPS)
def play(request):
    """play(scene, **behaviour): scene(carrier, port) against a carrier that behaves so, at most 20 s."""

    def run(scene, on_event=None, **behaviour):
        async def main():
            carrier = SimulatedCarrier(Behaviour(**behaviour), on_event)
            port = await carrier.start()
            try:
                async with asyncio.timeout(20):
                    await scene(carrier, port)
            finally:
                await carrier.stop()
                await asyncio.sleep(0.01)

        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            runner.run(main())

    return run

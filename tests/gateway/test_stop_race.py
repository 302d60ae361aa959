"""The race: after a STOP is acknowledged to the carrier, no marketing to that number is handed to the transport."""

import asyncio
import random

from stopping import promo, stopping

from gateway.lifecycle import State
from gateway.model import Kind

MESSAGES, NUMBERS = 1_000, 100


def test_no_marketing_leaves_after_its_stop_is_acknowledged(tmp_path):
    """Campaign and bills side by side, through memory, store and the staged slots of a slow bearer."""

    async def story():
        draw = random.Random(36180)
        async with stopping(tmp_path, road={"rate": 400.0, "window": 60}) as gw:
            acknowledged: set[str] = set()
            late: list[str] = []
            leaving = []

            def handed(segments):
                leaving.extend(segments)
                late.extend(
                    s.destination
                    for s in segments
                    if s.context.kind == Kind.MARKETING and s.destination in acknowledged
                )

            gw.a.on_submit = handed
            numbers = [f"+336{n:08}" for n in range(NUMBERS)]
            messages = [promo(gw, numbers[n % NUMBERS], f"{n} STOP 36180".encode()) for n in range(MESSAGES)]
            for n in range(0, MESSAGES, 7):
                messages[n].kind = Kind.TRANSACTIONAL
            waiting = list(messages)
            objecting = numbers[::2]
            draw.shuffle(objecting)
            emits = []
            while waiting or gw.queue.count or gw.a.given or objecting:
                if waiting:
                    batch, waiting = waiting[:40], waiting[40:]
                    gw.intake.submit(gw.shop, batch)
                for _ in range(draw.randrange(3)):
                    if objecting:
                        number = objecting.pop()
                        emit = gw.a.mo(b"STOP", source=number)
                        emit.add_done_callback(lambda _, number=number: acknowledged.add(number))
                        emits.append(emit)
                for _ in range(draw.randrange(4)):
                    await asyncio.sleep(0)
                if draw.random() < 0.3:
                    await gw.store.flush()
                gw.a.accept(gw.a.given[: draw.randrange(60)])
                gw.clock.pass_(0.02)
                gw.dispatcher.pump_all()
            await asyncio.gather(*emits)
            await gw.settled()
            assert late == []
            assert len(acknowledged) == NUMBERS // 2
            refused = [
                m
                for m in messages
                if m.kind == Kind.MARKETING and m.destination in acknowledged and not m.sent_at
            ]
            left = {s.destination for s in leaving if s.context.kind == Kind.MARKETING}
            assert refused  # some were stopped, some had left, and the others' all left
            assert left & acknowledged
            assert left >= set(numbers) - acknowledged
            assert all(m.state is State.ENROUTE for m in messages if m.kind == Kind.TRANSACTIONAL)
            assert gw.mismatches == []

    asyncio.run(story())

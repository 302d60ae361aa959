"""What the gateway relies on, for every driver: the rules at the head of drivers/bearer.py, drain and reset."""

import asyncio
import contextlib
import itertools
from collections import Counter

import pytest
import uvloop
from contracts.rigs import RIGS
from loopback_smsc import Recorder, until

from drivers.bearer import Bearer, Segment

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
OUTCOMES = ("Accepted", "Refused", "Unsent", "Doubtful")


@pytest.fixture(params=LOOPS)
def run(request):
    """Runs one coroutine to its end, at most 15 s."""

    def run(main):
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            return runner.run(asyncio.wait_for(main, 15))

    return run


@pytest.fixture(params=RIGS)
def rig(request):
    return RIGS[request.param]()


class Watcher(Recorder):
    """A gateway that also notes, at each emit, what credit the bearer shows."""

    def __init__(self, bearer):
        super().__init__()
        self.bearer = bearer
        self.credit = 0  # the last one that we know of

    def __call__(self, events):
        future = super().__call__(events)
        self.credit = self.bearer.credit()
        return future

    def outcomes(self):
        """How many answers each segment has."""
        return Counter(e.segment.id for e in self.events if type(e).__name__ in OUTCOMES)


@contextlib.asynccontextmanager
async def running(rig):
    async with rig:
        gateway = Watcher(rig.bearer)
        task = asyncio.create_task(rig.bearer.run(gateway))
        await until(lambda: rig.bearer.credit() > 0)
        await asyncio.sleep(0.05)  # the rest of its binds
        try:
            yield rig.bearer, gateway, task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await asyncio.sleep(0.01)


def segments(count, start=0):
    return [
        Segment(start + n, -1, "CHAPPE", f"+336{start + n:08}", 0, b"", b"hello", 0.0, True, 0, None)
        for n in range(count)
    ]


def once(count):
    return Counter(range(count))


def test_it_is_a_bearer(rig, run):
    async def main():
        async with rig:
            bearer: Bearer = rig.bearer
            assert isinstance(bearer.name, str)
            assert isinstance(bearer.takes_whole, bool)
            assert isinstance(bearer.from_own_number, bool)
            assert bearer.credit() == 0  # nothing runs

    run(main())


# ── rule 1 ───────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("how", "outcome"), [("take", "Accepted"), ("refuse", "Refused"), ("silence", "Doubtful")]
)
def test_each_segment_has_one_answer(rig, run, how, outcome):
    async def main():
        async with running(rig) as (bearer, gateway, _):
            rig.answer(how)
            count = bearer.credit()
            batch = segments(count)
            bearer.submit(batch)
            await until(lambda: len(gateway.outcomes()) == count)
            await asyncio.sleep(2 * rig.answer_timeout)
            assert gateway.outcomes() == once(count)
            assert {type(e).__name__ for e in gateway.events if hasattr(e, "segment")} == {outcome}
            given = {id(e.segment) for e in gateway.events if hasattr(e, "segment")}
            assert given == {id(segment) for segment in batch}  # given back, not copied

    run(main())


def test_a_cut_leaves_one_answer_for_each(rig, run):
    async def main():
        async with running(rig) as (bearer, gateway, _):
            rig.answer("silence")
            count = bearer.credit()
            bearer.submit(segments(count))
            rig.cut()
            await until(lambda: len(gateway.outcomes()) == count)
            await asyncio.sleep(2 * rig.answer_timeout)
            assert gateway.outcomes() == once(count)
            assert not gateway.of("Accepted")

    run(main())


def test_an_answer_that_comes_late_is_said_once_and_behind_the_doubt(rig, run):
    async def main():
        async with running(rig) as (bearer, gateway, _):
            rig.answer("silence")
            count = bearer.credit()
            batch = segments(count)
            bearer.submit(batch)
            await until(lambda: len(gateway.outcomes()) == count)
            late = rig.answer_late()  # 0 where the network cannot
            await until(lambda: len(gateway.of("Late")) >= late)
            await asyncio.sleep(0.05)
            assert gateway.outcomes() == once(count)
            said = [event.outcome for event in gateway.of("Late")]
            assert len({id(outcome.segment) for outcome in said}) == len(said) == late
            assert {id(outcome.segment) for outcome in said} <= {id(segment) for segment in batch}
            assert {type(outcome).__name__ for outcome in said} <= {"Accepted", "Refused"}

    run(main())


def test_more_than_the_credit_is_answered_too(rig, run):
    async def main():
        async with running(rig) as (bearer, gateway, _):
            rig.answer("take")
            count = bearer.credit() + 5
            bearer.submit(segments(count))
            await until(lambda: len(gateway.outcomes()) == count)
            await asyncio.sleep(2 * rig.answer_timeout)
            assert gateway.outcomes() == once(count)
            assert len(gateway.of("Unsent")) == 5

    run(main())


# ── rule 2 ───────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("how", ["take", "silence"])
def test_credit_never_rises_in_silence(rig, run, how):
    """Who looks only at each emit knows every rise."""

    async def main():
        async with running(rig) as (bearer, gateway, _):
            gateway.credit = bearer.credit()
            full = bearer.credit()
            rig.answer(how)
            bearer.submit(segments(full))
            gateway.credit = bearer.credit()
            cut = False
            for step in range(120):
                assert bearer.credit() <= gateway.credit
                if step == 80:
                    rig.cut()
                    cut = True
                await asyncio.sleep(0.005)
            assert cut
            await until(lambda: bearer.credit() == full)
            assert gateway.credit == full

    run(main())


def test_submit_lowers_credit_by_what_it_takes(rig, run):
    async def main():
        async with running(rig) as (bearer, _, __):
            rig.answer("silence")
            before = bearer.credit()
            count = min(3, before)
            bearer.submit(segments(count))
            assert bearer.credit() == before - count

    run(main())


# ── rule 3 ───────────────────────────────────────────────────────────────────────────────────────────────
def test_the_network_is_told_only_when_it_is_durable(rig, run):
    async def main():
        async with running(rig) as (_, gateway, __):
            gateway.how = "later"
            rig.deliver(2)
            await until(lambda: len(gateway.of("Inbound")) == 2)
            await asyncio.sleep(0.05)
            assert rig.told == 0
            gateway.release()
            await until(lambda: rig.told == 2)
            assert rig.denied == 0

    run(main())


def test_what_is_not_stored_is_not_told(rig, run):
    async def main():
        async with running(rig) as (bearer, gateway, __):
            gateway.how = "not stored"
            rig.deliver(2)
            await until(lambda: len(gateway.of("Inbound")) == 2 and rig.denied == 2)
            assert rig.told == 0
            gateway.how = "stored"
            rig.answer("take")
            bearer.submit(segments(1))  # the road is none the worse for it
            await until(lambda: gateway.of("Accepted"))

    run(main())


def test_a_slow_store_holds_up_no_answers(rig, run):
    async def main():
        async with running(rig) as (bearer, gateway, _):
            rig.answer("take")
            gateway.how = "later"
            rig.deliver(1)
            await until(lambda: gateway.of("Inbound"))
            bearer.submit(segments(1))
            await until(lambda: gateway.of("Accepted"))
            gateway.release()
            await until(lambda: rig.told == 1)

    run(main())


# ── rule 4 ───────────────────────────────────────────────────────────────────────────────────────────────
def test_when_run_ends_nothing_more_is_said(rig, run):
    async def main():
        async with running(rig) as (bearer, gateway, task):
            rig.answer("silence")
            bearer.submit(segments(3))
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            said = len(gateway.events)
            assert gateway.outcomes() == Counter()  # the gateway makes them Doubtful
            await asyncio.sleep(2 * rig.answer_timeout)
            assert len(gateway.events) == said
            assert bearer.credit() == 0

    run(main())


# ── the link ─────────────────────────────────────────────────────────────────────────────────────────────
def turns(gateway):
    """Up and down in turn; a second word about the same state must at least give another reason."""
    events = gateway.of("LinkChanged")
    for before, after in itertools.pairwise(events):
        assert (before.up, before.reason) != (after.up, after.reason), "told twice"
    return [up for up, _ in itertools.groupby(event.up for event in events)]


def test_each_change_of_the_link_is_told_once(rig, run):
    async def main():
        async with running(rig) as (bearer, gateway, _):
            assert [event.up for event in gateway.of("LinkChanged")] == [True]
            rig.cut()
            await until(lambda: len(turns(gateway)) == 3)
            await asyncio.sleep(0.1)
            assert turns(gateway) == [True, False, True]
            assert all(event.reason and " " not in event.reason for event in gateway.of("LinkChanged"))
            assert bearer.credit() > 0

    run(main())


def test_reset_opens_the_link_anew(rig, run):
    async def main():
        async with running(rig) as (bearer, gateway, _):
            rig.answer("silence")
            bearer.submit(segments(2))
            bearer.reset()
            await until(lambda: turns(gateway) == [True, False, True])
            assert gateway.outcomes() == once(2)
            rig.answer("take")
            bearer.submit(segments(1, start=10))
            await until(lambda: gateway.of("Accepted"))

    run(main())


def test_drain_takes_no_more_and_waits_for_answers(rig, run):
    async def main():
        async with running(rig) as (bearer, gateway, _):
            rig.answer("silence")
            bearer.submit(segments(2))
            draining = asyncio.create_task(bearer.drain(5))
            await asyncio.sleep(0)
            assert bearer.credit() == 0
            await draining
            assert gateway.outcomes() == once(2)
            assert turns(gateway) == [True, False]
            bearer.submit(segments(1, start=10))
            await until(lambda: gateway.outcomes()[10] == 1)
            assert [unsent.segment.id for unsent in gateway.of("Unsent")] == [10]

    run(main())


def test_drain_gives_up_in_time(rig, run):
    async def main():
        async with running(rig) as (bearer, _, __):
            rig.answer("silence")
            bearer.submit(segments(2))
            await asyncio.wait_for(bearer.drain(rig.answer_timeout / 4), rig.answer_timeout / 4 + 1)
            assert bearer.credit() == 0

    run(main())

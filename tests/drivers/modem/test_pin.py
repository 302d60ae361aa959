"""The PIN: what is tried, what never is, and what stands in the store before it is sent."""

import asyncio
import json
import threading
import types

import pytest
from modem_script import Talk, play

from drivers.modem.commands import At, Timings
from drivers.modem.line import Line
from drivers.modem.pin import Lock, pin_key, unlock
from drivers.modem.script import Keep, Reckon, Silent, Trouble

T = Timings()
CARD = "8933010000000000018"
ENTER = 'AT+CPIN="1234"'
LOCKED = "+CPIN: SIM PIN"
READY = "+CPIN: READY"
FULL = {'AT+CPINR="SIM PIN"': "+CPINR: SIM PIN,3,10"}


def unlocked(table, kept=None, pin="1234"):
    return play(unlock(At(T), T, Lock(CARD, pin, "[bearers.x.link]")), table, kept)


def refused(table, kept=None, pin="1234"):
    with pytest.raises(Trouble) as caught:
        unlocked(table, kept, pin)
    return caught.value


def test_a_ready_sim_is_left_alone():
    _, talk = unlocked({"AT+CPIN?": READY})
    assert talk.asked == ["AT+CPIN?"]


def test_the_try_is_recorded_before_it_is_sent_and_success_clears_it():
    _, talk = unlocked({"AT+CPIN?": [LOCKED, READY], ENTER: "OK", **FULL})
    steps = [step.key if isinstance(step, Keep) else getattr(step, "text", "") for step in talk.log]
    assert steps.index(pin_key(CARD)) < steps.index(ENTER)
    assert talk.kept == {pin_key(CARD): ""}
    assert "1234" not in str([step.value for step in talk.log if isinstance(step, Keep)])


def test_after_success_a_modem_that_restarts_is_unlocked_again():
    kept = {}
    for _ in range(3):
        _, talk = unlocked({"AT+CPIN?": [LOCKED, READY], ENTER: "OK", **FULL}, kept)
        assert ENTER in talk.asked


@pytest.mark.parametrize("answer", ["+CME ERROR: 16", "ERROR", None])
def test_a_refusal_or_a_lost_answer_forbids_that_pin_for_ever(answer):
    kept = {}
    first = refused({"AT+CPIN?": LOCKED, ENTER: answer, **FULL}, kept)
    assert first.reason == ("sim.pin_unanswered" if answer is None else "sim.pin_refused")
    assert "PIN" in first.detail
    again = refused({"AT+CPIN?": LOCKED, ENTER: "OK", **FULL}, kept)
    assert again.reason == "sim.pin_refused"
    assert ENTER not in again.talk.asked
    assert "change the PIN in [bearers.x.link]" in again.detail


def test_another_pin_by_the_operator_is_tried():
    kept = {}
    refused({"AT+CPIN?": LOCKED, ENTER: "+CME ERROR: 16", **FULL}, kept)
    two_left = {'AT+CPINR="SIM PIN"': "+CPINR: SIM PIN,2,10"}
    _, talk = unlocked({"AT+CPIN?": [LOCKED, READY], 'AT+CPIN="4321"': "OK", **two_left}, kept, "4321")
    assert 'AT+CPIN="4321"' in talk.asked


def test_ready_in_the_answer_itself_is_success():
    _, talk = unlocked({"AT+CPIN?": [LOCKED, READY], ENTER: f"{READY}\nOK", **FULL})
    assert talk.kept == {pin_key(CARD): ""}


@pytest.mark.parametrize(("left", "record"), [(2, ""), (1, ""), (1, '{"digest": "other"}'), (0, "")])
def test_few_tries_left_are_left_to_a_human(left, record):
    kept = {pin_key(CARD): record} if record else {}
    trouble = refused(
        {"AT+CPIN?": LOCKED, ENTER: "OK", 'AT+CPINR="SIM PIN"': f"+CPINR: SIM PIN,{left},10"}, kept
    )
    assert trouble.reason == "sim.pin_tries_low"
    assert ENTER not in trouble.talk.asked


def test_a_damaged_record_forbids():
    trouble = refused({"AT+CPIN?": LOCKED, ENTER: "OK", **FULL}, {pin_key(CARD): "not json"})
    assert trouble.reason == "sim.pin_refused"


def test_no_record_no_try():
    class Broken(Talk):
        def take(self, step):
            if isinstance(step, Keep):
                raise Trouble("store.failed", "disk full")
            return super().take(step)

    talk = Broken({"AT+CPIN?": LOCKED, ENTER: "OK", **FULL})
    assert refused(talk).reason == "store.failed"
    assert ENTER not in talk.asked


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("+CPIN: SIM PUK", "sim.puk"),
        ("+CPIN: SIM PUK2", "sim.puk"),
        ("+CPIN: SIM PIN2", "sim.locked"),
        ("+CPIN: PH-SIM PIN", "sim.locked"),
        ("+CPIN: PH-NET PUK", "sim.locked"),
        ("+CME ERROR: 10", "sim.absent"),
        ("+CME ERROR: 13", "sim.failure"),
        ("+CME ERROR: 12", "sim.puk"),
        ("OK", "modem.says_only_ok"),
        ("+CME ERROR: 100", "sim.unreadable"),
    ],
)
def test_what_is_never_answered_by_program(answer, reason):
    trouble = refused({"AT+CPIN?": answer, ENTER: "OK"})
    assert trouble.reason == reason
    assert trouble.detail
    assert ENTER not in trouble.talk.asked


def test_no_pin_in_the_configuration():
    assert refused({"AT+CPIN?": LOCKED}, pin="").reason == "sim.pin_missing"


def test_a_busy_sim_is_waited_for():
    _, talk = unlocked({"AT+CPIN?": ["+CME ERROR: 14", "+CME ERROR: 14", READY]})
    assert 2 <= talk.paused <= T.busy


def test_silence_is_the_ladders_business():
    with pytest.raises(Silent):
        unlocked({"AT+CPIN?": None, "AT": "OK"})


def test_its_digest_is_slow_and_holds_nobody_up():
    """It is worked out by a thread, while the loop goes on."""
    script = unlock(At(T), T, Lock(CARD, "1234", "[bearers.x.link]"))
    talk = Talk({"AT+CPIN?": LOCKED, **FULL})
    step = next(script)
    while not isinstance(step, Reckon):
        step = script.send(talk.take(step))

    def conversation():
        return (yield step), (yield Reckon(threading.get_ident))

    async def played():
        line = Line(lambda _: None, lambda: None, None, lambda: 0.0, 0.0, "m")
        await line.connect(opened, "/dev/null", 115200, "m")
        working = asyncio.ensure_future(line.play(conversation()))
        turns = 0
        while not working.done():
            await asyncio.sleep(0)
            turns += 1
        line.close()
        return *working.result(), turns

    digest, thread, turns = asyncio.run(played())
    assert (len(digest), thread == threading.get_ident()) == (32, False)
    assert turns > 10
    step = script.send(digest)
    while not isinstance(step, Keep):
        step = script.send(talk.take(step))
    assert json.loads(step.value) == {"digest": digest}
    script.close()


async def opened(*_):
    return types.SimpleNamespace(write=lambda _: None, close=lambda: None)

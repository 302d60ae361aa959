"""Every alarm that the gateway raises has its advice, and no advice is for an alarm that nobody raises."""

import re
from pathlib import Path

import pytest

import gateway
from gateway.listeners.http.page.advice import ADVICE, UNKNOWN, advice_for
from gateway.watchers import leds

SOURCES = Path(gateway.__file__).parent
CALL = re.compile(r'(?:alarms\.|self\._alarms\.)(?:turn|raise_)\(\s*f?"([a-z_.]+)')


def raised():
    found = {leds.ALARM}
    for path in SOURCES.rglob("*.py"):
        found |= {words.rstrip(".") for words in CALL.findall(path.read_text(encoding="utf-8"))}
    return found


def test_each_alarm_of_the_sources_has_advice():
    assert {"bearer", "fallback", "disk", "store", "mqtt.taken"} <= raised()
    assert {alarm for alarm in raised() if advice_for(alarm) is UNKNOWN} == set()


def test_nothing_is_advised_for_alarms_that_are_never_raised():
    assert set(ADVICE) - raised() == set()


@pytest.mark.parametrize(
    ("alarm", "title"),
    [
        ("bearer.orange", "bearer"),
        ("mqtt", "mqtt"),
        ("mqtt.taken", "mqtt.taken"),
        ("fallback.to.france", "fallback"),
    ],
)
def test_an_id_finds_its_advice(alarm, title):
    assert advice_for(alarm) is ADVICE[title]
    assert advice_for(alarm).steps

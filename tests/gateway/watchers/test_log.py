"""Lines of the log: no number and no text leaves whole, whatever the field; systemd's priorities."""

import io
import json

import pytest
import structlog

from gateway.config.sections import LogSettings
from gateway.watchers.log import configure

NUMBER = "+33612345678"


@pytest.fixture(autouse=True)
def as_before():
    yield
    structlog.reset_defaults()


def lines(write, monkeypatch=None, **settings):
    stream = io.StringIO()
    configure(LogSettings(**({"format": "json"} | settings)), stream)
    write(structlog.get_logger("test"))
    return stream.getvalue()


def fail(log):
    secret_text, number = "code 424242", NUMBER
    try:
        raise ValueError(f"{number} is nobody")
    except ValueError:
        log.exception("it.failed", about=[secret_text[:4], number])


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize(
    "write",
    [
        lambda log: log.info("x", detail=f"to {NUMBER}, refused"),
        lambda log: log.info("x", detail="destination 33612345678 is barred"),
        lambda log: log.info("x", detail="national 0612345678"),
        lambda log: log.info("x +33612345678"),
        lambda log: log.info("x", changes=[{"to": NUMBER}, (NUMBER,)]),
        fail,
    ],
)
def test_numbers_are_masked_everywhere(write, form):
    line = lines(write, format=form)
    assert line
    for whole in ("33612345678", "612345678", "424242"):
        assert whole not in line


def test_ids_addresses_and_times_stay_readable():
    line = json.loads(
        lines(
            lambda log: log.warning(
                "x", id="381234567890123456", carrier_id="0059113978", peer="127.0.0.1:54321"
            )
        )
    )
    assert (line["id"], line["carrier_id"], line["peer"]) == (
        "381234567890123456",
        "0059113978",
        "127.0.0.1:54321",
    )
    assert line["level"] == "warning"
    assert line["timestamp"].startswith("20")


def test_masking_can_be_switched_off():
    assert NUMBER in lines(lambda log: log.info("x", to=NUMBER), mask_numbers=False)


def test_the_level_is_kept():
    assert lines(lambda log: log.debug("x")) == ""
    assert lines(lambda log: log.info("x"), level="error") == ""
    assert lines(lambda log: log.debug("x"), level="debug")


@pytest.mark.parametrize(
    ("level", "prefix"), [("info", "<6>"), ("warning", "<4>"), ("error", "<3>"), ("critical", "<2>")]
)
def test_under_systemd_each_line_has_its_priority(monkeypatch, level, prefix):
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    assert lines(lambda log: getattr(log, level)("x")).startswith(prefix + "{")

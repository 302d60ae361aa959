"""explain and the rules: a Sunday where the recipient is, and what a text makes of its message."""

from datetime import datetime

import pytest
from running_gateway import CONFIG, Running

RULES = (
    CONFIG.replace(
        'senders = ["CHAPPE", "36180"]', 'senders = ["CHAPPE", "36180"]\nmo = ["36180"]\nbrand = "Chappe"'
    ).replace('order = ["sender"]', 'order = ["sender", "content", "consent", "hours", "frequency", "quota"]')
    + '[routes.others]\nbearers = ["orange"]\n'
)
SUNDAY = int(datetime.fromisoformat("2026-11-22T10:00:00+01:00").timestamp() * 1000)
AD = "Chappe: -20 % samedi STOP 36180"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    with Running(tmp_path_factory.mktemp("rules"), config=RULES) as running:
        yield running


@pytest.mark.parametrize(
    ("to", "until", "place"),
    [
        ("+33612345678", "2026-11-23T07:00:00.000Z", "Europe/Paris"),
        ("+262692123456", "2026-11-23T04:00:00.000Z", "Indian/Reunion"),
        # 22 November, 10:00 in Paris is Saturday 23:00 in Tahiti: closed until Monday, by the latest of three zones.
        ("+68987123456", "2026-11-23T18:00:00.000Z", "Pacific/Tahiti"),
    ],
)
def test_marketing_on_a_sunday(gateway, to, until, place):
    told = gateway.ask("explain", to=to, kind="marketing", text=AD, at=SUNDAY)
    verdict = told["rules"]["verdict"]
    assert (verdict["rule"], verdict["action"], verdict["until"]) == ("hours", "postpone", until)
    assert "Sun 22 Nov 2026 is no sending day" in verdict["reason"]
    assert place in told["rules"]["hours"]
    assert "08:00" in told["rules"]["hours"]
    assert told["outcome"].startswith("taken, and postponed by rule hours until")


def test_an_otp_goes_on_a_sunday(gateway):
    told = gateway.ask("explain", to="+33612345678", kind="otp", text="123456 STOP 36180", at=SUNDAY)
    assert told["rules"]["verdict"] is None
    assert told["rules"]["hours"] is None


def test_a_transactional_text_with_a_stop_mention_is_told_as_marketing(gateway):
    told = gateway.ask("explain", to="+33612345678", kind="transactional", text=AD, at=SUNDAY)
    assert (told["kind"], told["sent_as"]) == ("marketing", "transactional")
    assert told["rules"]["verdict"]["rule"] == "hours"
    assert told["validity_s"] == 48 * 3600, "it was given its validity before its text was read"
    assert told["expires"] == "2026-11-24T09:00:00.000Z"


def test_a_consent_can_be_named(gateway):
    before = gateway.path.read_text(encoding="utf-8")
    gateway.path.write_text(
        before.replace("[accounts.shop]", "[accounts.shop]\nrequire_consent = true"), "utf-8"
    )
    gateway.ask("reload")
    question = {"to": "+33612345678", "kind": "marketing", "text": AD, "at": SUNDAY}
    assert gateway.ask("explain", **question)["rules"]["verdict"]["rule"] == "consent"
    assert gateway.ask("explain", **question, consent="form-12")["rules"]["verdict"]["rule"] == "hours"
    gateway.path.write_text(before, encoding="utf-8")
    gateway.ask("reload")


def test_a_moment_without_a_date_is_refused(gateway):
    assert gateway.refused("explain", to="+33612345678", at=2**62).code == 2


def test_the_reload_of_a_rule(gateway):
    """The App's own wiring: refused without a brand, and without that rule no more."""
    question = {"to": "+33612345678", "kind": "marketing", "text": "Soldes STOP 36180", "from": "36180"}
    assert gateway.ask("explain", **question, at=SUNDAY)["rules"]["verdict"]["status"] == "0x0405"
    before = gateway.path.read_text(encoding="utf-8")
    gateway.path.write_text(before.replace('"content", ', ""), encoding="utf-8")
    gateway.ask("reload")
    assert gateway.ask("explain", **question, at=SUNDAY)["rules"]["verdict"]["rule"] == "hours"
    gateway.path.write_text(before, encoding="utf-8")
    gateway.ask("reload")

"""Settings into parts."""

from types import SimpleNamespace

import pytest
from core import ScriptedBearer

from drivers.simulated import SimulatedBearer
from gateway import build
from gateway.config import load_config
from gateway.config.roads import BearerSettings
from gateway.model import Kind
from gateway.sweeper import Keep

TOML = """
[gateway]
state_dir = "{path}"
{store}
[accounts.shop]
password = "secret"
default_kind = "otp"
[bearers.a]
driver = "simulated"
rate = 50
kinds = ["otp", "alert"]
reserve = {{ otp = 5, alert = 2 }}
retry = {{ tries = 4, first = "3s", max = "1m" }}
[bearers.b]
driver = "simulated"
rate = 1
[routes.french]
match = {{ to = ["+33"], kinds = ["otp"], accounts = ["shop"], from = ["36180"] }}
bearers = [["a"], ["b"]]
fallback_after = "5s"
[routes.rest]
bearers = ["b"]
"""


@pytest.fixture
def config(tmp_path):
    def load(store=""):
        file = tmp_path / "gateway.toml"
        file.write_text(TOML.format(path=tmp_path, store=store))
        file.chmod(0o600)
        return load_config(file, {})

    return load


def test_routes_in_their_order(config):
    french, rest = build.routes_of(config().routes)
    assert (french.name, french.tiers, french.fallback_after) == ("french", (("a",), ("b",)), 5.0)
    assert (french.to, set(french.kinds), set(french.accounts), set(french.senders)) == (
        ("+33",), {Kind.OTP}, {"shop"}, {"36180"},
    )  # fmt: skip
    assert (rest.name, rest.tiers) == ("rest", (("b",),))
    assert not (rest.to or rest.accounts or rest.senders), "what is not said matches everything"


def test_a_road_has_its_bearer_s_figures(config):
    settings = config().bearers["a"]
    road = build.road_of(settings, ScriptedBearer("a"), 100.0)
    assert (road.name, road.tries, road.throttle.rate, road.reserves) == ("a", 4, 50, True)
    assert set(road.health.kinds) == {Kind.OTP, Kind.ALERT}
    assert road.backoff.wait(1, 0.5) == pytest.approx(3.0)
    assert road.backoff.wait(50, 0.5) == pytest.approx(60.0)


FRANCE = SimpleNamespace(
    home=SimpleNamespace(code="FR", sender=SimpleNamespace(long_number_marketing="forbidden"))
)
ELSEWHERE = SimpleNamespace(
    home=SimpleNamespace(code="XX", sender=SimpleNamespace(long_number_marketing="allowed"))
)


@pytest.mark.parametrize(
    ("own", "contract", "law", "kinds", "note"),
    [
        (False, "", FRANCE, {Kind.OTP, Kind.MARKETING}, ""),
        (True, "", FRANCE, set(), "bearers.sim1.sim_contract"),
        (True, "M2M 4711", FRANCE, {Kind.OTP}, "country FR forbids it"),
        (True, "M2M 4711", ELSEWHERE, {Kind.OTP, Kind.MARKETING}, ""),
        (True, "M2M 4711", None, {Kind.OTP, Kind.MARKETING}, ""),
    ],
)
def test_what_a_sim_may_carry(own, contract, law, kinds, note):
    settings = BearerSettings(
        name="sim1", driver="modem", rate=0.2, kinds=("otp", "marketing"), sim_contract=contract
    )
    found, words = build.carried(settings, own, law)
    assert set(found) == kinds
    assert note in words if note else words == ""


def test_a_bearer_is_opened_by_its_driver(config):
    assert isinstance(build.bearer_of(config().bearers["b"], None), SimulatedBearer)


HOUR, DAY = 3_600_000, 86_400_000


@pytest.mark.parametrize(
    ("store", "keep", "wiped"),
    [
        ("", Keep(7 * DAY, 0, 365 * DAY, 7 * DAY), {Kind.OTP}),
        ('[store.retention]\ntext = "1h"\notp_text = "2h"\nmetadata = "2d"\noutbox = "3h"',
         Keep(HOUR, 2 * HOUR, 2 * DAY, 3 * HOUR), set()),
        ('[store.retention]\ntext = "0s"', Keep(0, 0, 365 * DAY, 7 * DAY), set(Kind)),
    ],
)  # fmt: skip
def test_how_long_things_are_kept(config, store, keep, wiped):
    made = config(store)
    found = build.keep_of(made.store)
    assert [getattr(found, name) for name in Keep.__slots__] == [
        getattr(keep, name) for name in Keep.__slots__
    ]
    assert build.wiped_at_once(made) == wiped

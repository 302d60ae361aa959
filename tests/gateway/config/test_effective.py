import tomllib
from pathlib import Path

import pytest

from gateway.config import RELOAD, Effect, describe_effective, diff
from gateway.config.effective import effect_of

ROOT = Path(__file__).parents[3]
SMALL = (ROOT / "tests" / "vectors" / "small-gateway.toml").read_text("utf-8")


@pytest.mark.parametrize(
    "file", ["examples/two-carriers-and-modem.toml", "examples/campaign-fr.toml", "gateway.toml"]
)
def test_the_effective_text_loads_as_the_same_configuration(written, file):
    for name in ("shop", "oncall", "agenda", "campaign", "orange", "carrier", "north", "south"):
        written.file(f"credentials/{name}", "s3cret\n")
    config = written.load((ROOT / "config" / file).read_text("utf-8"))
    again = written.load(describe_effective(config))
    assert again.document.accounts == config.document.accounts
    assert diff(config, again) == []


def test_secrets_are_hidden_and_defaults_shown(written):
    text = describe_effective(written.load())
    assert '"secret' not in text
    table = tomllib.loads(text)
    assert table["accounts"]["shop"]["password"] == "***"
    assert table["bearers"]["orange"]["link"]["password"] == "***"
    assert table["accounts"]["shop"]["validity"]["otp"] == "5m"
    assert table["store"]["min_free_disk"] == "1GB"
    assert table["routes"]["default"]["bearers"] == ["orange"]


def test_tokens_and_odd_names_are_written_as_toml(written):
    tokens = '[[listeners.http.tokens]]\nname = "ops"\ntoken_file = "/t"\nrole = "admin"\n'
    text = SMALL + tokens + '[accounts.shop.keywords]\n"INFO 1" = "Rue du \\"Télégraphe\\""\n'
    table = tomllib.loads(describe_effective(written.load(text)))
    assert table["listeners"]["http"]["tokens"] == [{"name": "ops", "token_file": "/t", "role": "admin"}]
    assert table["accounts"]["shop"]["keywords"] == {"INFO 1": 'Rue du "Télégraphe"'}


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("rate = 100", "rate = 50", "bearers.orange.rate: 100.0 -> 50.0 [live]"),
        ("port = 2776", "port = 2777", "bearers.orange.link.port: 2776 -> 2777 [rebind]"),
        ('"secret"\n', '"other"\n', "bearers.orange.link.password: *** -> *** [rebind]"),
        ("port = 2776", "port = 2776\nreconnect = { max = '5m' }", 'bearers.orange.link.reconnect.max: "1m" -> "5m" [rebind]'),
        ('"secret08"', '"secret09"', "accounts.shop.password: *** -> *** [live]"),
        ('"transactional"', '"otp"', 'accounts.shop.default_kind: "transactional" -> "otp" [live]'),
        ("[routes", "[gateway]\nnode = 2\n[routes", "gateway.node: 1 -> 2 [restart]"),
        ("[routes", "[gateway]\nlate_receipts = true\n[routes", "gateway.late_receipts: false -> true [live]"),
        ("[routes", "[store]\nurl = 'sqlite:b.db'\n[routes", 'store.url: "sqlite:chappe.db" -> "sqlite:b.db" [restart]'),
        ("[routes", "[store.retention]\ntext = '1d'\n[routes", 'store.retention.text: "7d" -> "1d" [live]'),
        ("[routes", "[listeners.smpp]\nport = 2999\n[routes", "listeners.smpp.port: 2775 -> 2999 [restart]"),
        ("[routes", "[mqtt]\n[routes", "mqtt: added [restart]"),
        ("[routes", "[accounts.b]\npassword='b'\ndefault_kind='otp'\n[routes", "accounts.b: added [live]"),
        ('["orange"]', '["orange"]\n[routes.a]\nbearers=["orange"]', "routes.a: added [live]"),
        ('senders = ["CHAPPE"]', "", 'accounts.shop.senders: ["CHAPPE"] -> [] [live]'),
        ('"smpp"', '"smpp"\nenabled = false', "bearers.orange.enabled: true -> false [rebind]"),
        ("[routes.default]", "[routes.other]", "routes.default: removed [live]"),
    ],
)  # fmt: skip
def test_each_change_says_what_it_takes(written, old, new, change):
    before = written.load()
    assert old in SMALL
    after = written.load(SMALL.replace(old, new))
    assert change in map(str, diff(before, after))
    assert len(diff(before, after)) == (2 if change.startswith("routes.default") else 1)


def test_the_order_of_routes_counts(written):
    two = '[routes.{}]\nbearers = ["orange"]\n'
    before = written.load(SMALL + two.format("a") + two.format("b"))
    (change,) = diff(before, written.load(SMALL + two.format("b") + two.format("a")))
    assert str(change) == "routes: default > a > b -> default > b > a [live]"


def test_a_new_password_in_the_file_is_a_change(written):
    text = SMALL.replace('password = "secret"\n', 'password_file = "orange"\n')
    written.file("orange", "one")
    before = written.load(text)
    written.file("orange", "two")
    assert list(map(str, diff(before, written.load(text)))) == [
        "bearers.orange.link.password: *** -> *** [rebind]"
    ]


def test_the_table_speaks_for_every_key(written):
    """No key falls through to `no rule says otherwise`, and no pattern is dead."""
    from gateway.config.effective import _entries, _flat

    full = (ROOT / "tests" / "vectors" / "contract-gateway.toml").read_text("utf-8")
    body = "\n".join(
        line.removeprefix("# ") for line in full.split("[gateway]", 1)[1].splitlines() if "──" not in line
    )
    body = body.replace('driver = "modem"', 'driver = "modem"\nenabled = false').replace('"oncall"', '"shop"')
    config = written.load("[gateway]" + body)
    keys = {*_flat(config), *_entries(config)}
    assert all(effect_of(key)[1] != "no rule says otherwise" for key in keys)
    reasons = {effect_of(key) for key in keys}
    assert reasons == {(effect, why) for _, effect, why in RELOAD}
    assert effect_of("something.new") == (Effect.RESTART, "no rule says otherwise")

from pathlib import Path

import pytest

from gateway.config import warnings

SMALL = (Path(__file__).parents[2] / "vectors" / "small-gateway.toml").read_text("utf-8")
OPEN = "[listeners.smpp]\nhost = '{}'\n[routes"


def warned(written, text: str, start: str) -> bool:
    return any(line.startswith(start) for line in warnings(written.load(text)))


@pytest.mark.parametrize(
    ("old", "new", "warning"),
    [
        ('"secret08"', '"secret08"', "accounts.shop.password: in clear"),
        ('"secret"\n', '"secret"\n', "bearers.orange.link.password: in clear"),
        ('senders = ["CHAPPE"]', "", "accounts.shop.senders: none is named"),
        ('mo = ["36180"]', "", "accounts.shop.stop_number: marketing needs a short code"),
        ("rate = 100", "rate = 100\nkinds = ['otp', 'alert', 'marketing']", "accounts.shop.kinds: no route carries transactional"),
        ('["orange"]', '["orange"]\nmatch = { accounts = ["shop"], kinds = ["otp"] }', "accounts.shop.kinds: no route carries alert"),
        ("[routes", OPEN.format("10.0.0.5"), "listeners.smpp.host: passwords and texts cross the network"),
        ("[routes", OPEN.format("0.0.0.0"), "accounts.shop.networks: only this machine may bind"),
        ("[routes", "[listeners.http]\nhost = '::'\n[routes", "listeners.http.host: passwords"),
        ("[routes", "[listeners.smpp]\nenabled = false\n[routes", "listeners.smpp: switched off"),
        (
            "[accounts.shop]", "[accounts.shop.keywords]\nINFO = '" + "é" * 161 + "'\n[accounts.shop]",
            "accounts.shop.keywords.INFO: each answer takes 2 segments",
        ),
        (
            "[accounts.shop]", "[accounts.shop.keywords]\nINFO = 'x'\n[accounts.shop]",
            "accounts.shop.keywords: answers to what is written to 36180 leave from another sender",
        ),
        ("[routes", "[mqtt]\nurl = 'mqtt://9.9.9.9'\n[routes", "mqtt.url: what is said with 9.9.9.9"),
        ("[routes", "[mqtt]\nsubmit = ['shop']\n[routes", "mqtt.username: a broker that lets in"),
        ("[routes", "[mqtt]\npassword_file = 'p'\n[routes", "mqtt.username: empty, so the password"),
        ("[routes", "[listeners.http]\n[routes", "listeners.http: no token is named"),
        (
            "[routes", "[store.retention]\nmetadata = '1d'\n[routes",
            "store.retention.metadata: shorter than rules.frequency.marketing.per",
        ),
        (
            "[accounts.shop]", "[store.retention]\nmetadata = '8d'\n[accounts.shop]\nquota = { segments_per_month = 9 }",
            "store.retention.metadata: shorter than a month",
        ),
        ('driver = "smpp"', 'driver = "smpp"\nenabled = false', "routes.default.bearers: all of them are switched off"),
        ('driver = "smpp"', 'driver = "smpp"\nenabled = false', "bearers: none is there"),
        ('[routes.default]\nbearers = ["orange"]', "", "bearers.orange: no route names it"),
        ('host = "127.0.0.1"', 'host = "9.9.9.9"', "bearers.orange.link.tls: texts cross the internet"),
        ('password = "secret08"', 'password_file = "gone"', "accounts.shop.password_file: "),
    ],
)  # fmt: skip
def test_warning(written, old, new, warning):
    assert old in SMALL
    assert warned(written, SMALL.replace(old, new), warning)
    if old != new:
        assert not warned(written, SMALL, warning)


def test_the_lights_are_served(written):
    assert not warned(written, SMALL.replace("[routes", "[leds]\npower = 'GPIO17'\n[routes"), "leds")


@pytest.mark.parametrize(
    ("mode", "open_to_all"), [(0o600, False), (0o640, False), (0o644, True), (0o604, True)]
)
def test_a_secret_that_everybody_can_read(written, mode, open_to_all):
    path = written.file("shop", mode=mode)
    text = SMALL.replace('password = "secret08"', 'password_file = "shop"')
    line = f"accounts.shop.password_file: everybody on this machine can read {path}: chmod 600 it"
    assert (line in warnings(written.load(text))) is open_to_all


def test_a_token_file_in_a_list_is_looked_at(written):
    tokens = '[[listeners.http.tokens]]\nname = "ops"\ntoken_file = "nowhere"\n'
    assert warned(written, SMALL + tokens, "listeners.http.tokens[0].token_file: ")


def test_a_modem_is_for_alerts_with_a_contract(written):
    text = (
        SMALL
        + '[bearers.sim1]\ndriver = "modem"\nrate = 0.2\n{}\n[bearers.sim1.link]\nport = "/dev/ttyUSB2"\n'
    )
    assert warned(written, text.format(""), "bearers.sim1.sim_contract: ")
    assert warned(written, text.format(""), "bearers.sim1.kinds: no SIM's contract allows marketing")
    right = text.format('sim_contract = "M2M 4711"\nkinds = ["otp", "alert"]')
    assert not warned(written, right, "bearers.sim1.sim_contract")
    assert not warned(written, right, "bearers.sim1.kinds")
    twin = right + right.removeprefix(SMALL).replace("sim1", "sim2")
    assert warned(written, twin, "bearers.sim2.link.port: bearers.sim1 has the same")
    assert not warned(written, twin.replace("USB2", "USB3", 1), "bearers.sim2.link.port")


def test_tls_silences_the_listener(written):
    tls = "\ntls_certificate_file = 'c'\ntls_key_file = 'k'\n[routes"
    text = SMALL.replace("[routes", OPEN.format("10.0.0.5").removesuffix("[routes") + tls)
    assert not warned(written, text, "listeners.smpp.host")
    assert warned(written, text, "listeners.smpp.tls_key_file: ")

"""Warnings about tokens, webhooks and Alertmanager: each named, each gone when what it says is done."""

from pathlib import Path

import pytest

from gateway.config import warnings

SMALL = (Path(__file__).parents[2] / "vectors" / "small-gateway.toml").read_text("utf-8")


@pytest.mark.parametrize(
    ("account", "tables", "start"),
    [
        ("", "[listeners.http]", "listeners.http: no token is named"),
        ("http_token_file = 'good'\n", "", "accounts.shop.http_token_file: there is no [listeners.http]"),
        ("http_token_file = 'short'\n", "[listeners.http]", "accounts.shop.http_token_file: "),
        (
            "http_token_file = 'good'\n",
            "[listeners.http]\n[[listeners.http.tokens]]\nname = 'ops'\ntoken_file = 'good'",
            "accounts.shop.http_token_file: the same token as listeners.http.tokens.ops",
        ),
        ("webhook = 'https://shop.example/x'\n", "", "accounts.shop.webhook_secret_file: none"),
        ("webhook = 'http://shop.example/x'\n", "", "accounts.shop.webhook: numbers and replies cross"),
        ("webhook = 'http://9.9.9.9/x'\n", "", "accounts.shop.webhook: numbers and replies cross"),
        ("webhook = 'https://me:secret@shop.example/x'\n", "", "accounts.shop.webhook: holds a password"),
        ("", "[alertmanager]\naccount = 'shop'", "alertmanager: there is no [listeners.http]"),
        ("", "[alertmanager]\naccount = 'shop'", "alertmanager.groups: nobody is named"),
        ("", "[alertmanager]\naccount = 'shop'\ngroups = { night = ['+33600000001'] }", "alertmanager.groups: no default"),
        ("kinds = ['otp', 'transactional']\n", "[alertmanager]\naccount = 'shop'", "alertmanager.account: accounts.shop.kinds"),
    ],
)  # fmt: skip
def test_what_is_warned_of(written, account, tables, start):
    text = SMALL.replace("[accounts.shop]\n", f"[accounts.shop]\n{account}").replace(
        "[routes", f"{tables}\n[routes", 1
    )
    config = written.load(text)
    config.state_dir.mkdir(exist_ok=True)
    (config.state_dir / "good").write_text("a-token-that-is-long-enough")
    (config.state_dir / "short").write_text("short")
    assert any(line.startswith(start) for line in warnings(config)), warnings(config)
    assert not any(line.startswith(start) for line in warnings(written.load(SMALL)))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9000/x", "http://10.0.0.8/x", "http://localhost/x", "https://shop.example/x"]
)
def test_a_webhook_near_by_or_over_tls_is_well(written, url):
    text = SMALL.replace("[accounts.shop]\n", f"[accounts.shop]\nwebhook = '{url}'\n")
    assert not any("cross the network readable" in line for line in warnings(written.load(text)))

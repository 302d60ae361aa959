import pytest

from drivers.smpp.settings import Settings
from gateway.settings import read

NEEDED = {"host": "smsc", "port": 2775, "system_id": "chappe", "password": "secret"}


def test_the_promised_defaults():
    link = read(Settings, NEEDED)
    assert (link.bind, link.binds, link.window, link.enquire_link, link.response_timeout) == (
        "transceiver",
        1,
        50,
        30,
        30,
    )
    assert (link.reconnect.first, link.reconnect.max) == (1, 60)
    assert (link.tls, link.system_type, link.service_type, link.interface_version) == (False, "", "", "3.4")
    assert (link.source_ton_npi, link.receipts, link.message_id) == ("auto", "all-segments", "auto")
    assert (link.long_messages, link.default_alphabet, link.dialect) == ("udh", "gsm7", "standard")
    assert link.faults() == []


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"system_id": "sixteen-letters!"}, "system_id: must be 1 to 15 characters"),
        ({"system_type": "x" * 13}, "system_type: must be 0 to 12 characters"),
        ({"service_type": "PROMO!"}, "service_type: must be 0 to 5 characters"),
        ({"window": "ten"}, 'window: must be a whole number, is "ten"'),
        ({"window": 0}, "window: must be 1 to 10000, is 0"),
        ({"bind": "receiver"}, 'bind: must be "transceiver" or "transmitter+receiver", is "receiver"'),
        ({"source_ton_npi": "5-0"}, 'source_ton_npi: must be "auto" or like "5/0", is "5-0"'),
        ({"tls": "yes"}, 'tls: must be true or false, is "yes"'),
        ({"reconnect": {"frist": "1s"}}, "reconnect.frist: unknown key; did you mean 'first'?"),
        ({"reconnect": "1s"}, 'reconnect: must be a table, is "1s"'),
    ],
)
def test_fault(keys, fault):
    (found,) = read(Settings, NEEDED | keys)
    assert str(found).startswith(fault)


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"password": "x", "reconnect": {"first": "2m"}}, "reconnect.max"),
        ({"tls": True, "tls_key_file": "k"}, "tls_certificate_file"),
        ({"tls_ca_file": "ca"}, "tls"),
    ],
)
def test_keys_that_belong_together(keys, key):
    assert [found for found, _ in read(Settings, NEEDED | keys).faults()] == [key]


def test_a_password_is_required():
    link = read(Settings, {key: value for key, value in NEEDED.items() if key != "password"})
    assert [key for key, _ in link.faults()] == ["password_file"]


def test_the_driver_shows_these_settings():
    import drivers

    assert drivers.load("smpp").Settings is Settings

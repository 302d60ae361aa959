"""The broker's address, what we show it, and why it did not let us in."""

import pytest
from aiomqtt import MqttCodeError, MqttError
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from gateway.config.policy import MqttSettings
from gateway.watchers.mqtt_broker import CLOSED, SILENT, BrokerError, address_of, credentials, refusal_of


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://broker.lan", ("broker.lan", 1883, False)), ("mqtts://broker.lan", ("broker.lan", 8883, True)),
        ("mqtts://10.0.0.1:1234", ("10.0.0.1", 1234, True)), ("mqtt://[::1]:1883", ("::1", 1883, False)),
    ],
)  # fmt: skip
def test_addresses(url, address):
    assert address_of(MqttSettings(url=url)) == address


@pytest.mark.parametrize("url", ["mqtt://broker:99999", "mqtt://:1883"])
def test_addresses_that_are_none(url):
    with pytest.raises(BrokerError) as error:
        address_of(MqttSettings(url=url))
    assert error.value.reason == "settings"


def test_a_password_is_the_file_s_line(tmp_path):
    file = tmp_path / "password"
    file.write_text("s3cret é \n")
    assert credentials(MqttSettings(password_file=file), False) == ("s3cret é ", None)
    file.write_text("renewed")
    assert credentials(MqttSettings(password_file=file), False)[0] == "renewed"


def test_files_that_cannot_be_used(tmp_path):
    (tmp_path / "rubbish").write_text("no certificate")
    for settings in (
        MqttSettings(password_file=tmp_path / "gone"),
        MqttSettings(ca_file=tmp_path / "rubbish"),
        MqttSettings(ca_file=tmp_path / "gone"),
    ):
        with pytest.raises(BrokerError) as error:
            credentials(settings, True)
        assert error.value.reason == "settings"
        assert "mqtt" in str(error.value)


def connack(value):
    return MqttConnectError(ReasonCode(PacketTypes.CONNACK, identifier=value))


@pytest.mark.parametrize(
    ("error", "reason", "words"),
    [
        (connack(0x84), "closed", "is it an MQTT broker"), (MqttError(CLOSED), "closed", "does it want TLS"),
        (connack(0x86), "password", "mqtt.password_file"), (connack(0x87), "not_authorized", "mqtt.username"),
        (connack(0x88), "refused", "Server unavailable"), (MqttCodeError(5), "refused", "h:1 refuses us"),
        (MqttError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1006)"),
         "certificate", "not valid: certificate has expired;"),
        (MqttError("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)"), "certificate", "no TLS with h:1"),
        (MqttError(SILENT), "silent", "says nothing"), (MqttError("[Errno 111] Connection refused"), "unreachable", "Connection refused"),
    ],
)  # fmt: skip
def test_refusals_in_an_operator_s_words(error, reason, words):
    refusal = refusal_of(error, "h:1", True)
    assert refusal.reason == reason
    assert words in str(refusal)

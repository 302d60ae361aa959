"""[bearers.NAME.link] of a modem: what it may say."""

import pytest
from pydantic import TypeAdapter, ValidationError

from drivers.modem.settings import Settings


def read(**values):
    return TypeAdapter(Settings).validate_python(values)


def test_a_port_is_enough():
    settings = read(port="/dev/chappe/modem")
    assert (settings.baud, settings.pin, settings.service_centre, settings.number) == (115_200, "", "", "")
    assert not settings.faults()
    assert "1234" not in repr(read(port="/dev/modem", pin="1234"))


def test_auto_needs_an_imei():
    assert read(port="auto").faults() == [("imei", 'is required where port = "auto"')]
    assert not read(port="auto", imei="860000000000018").faults()


@pytest.mark.parametrize(
    "wrong",
    [{"port": ""}, {"imei": "86"}, {"baud": 1}, {"pin": "12"}, {"service_centre": "0609001390"}, {"number": "abc"}, {"balance": "*#?"}],
)  # fmt: skip
def test_bad_values(wrong):
    with pytest.raises(ValidationError, match="must"):
        read(**{"port": "/dev/modem", **wrong})

"""What the page can do is what operators can do, with arguments that the acts know."""

import inspect
from typing import get_args

import pytest

from gateway.config import policy
from gateway.control.acts import ACTS
from gateway.listeners.http.page.deeds import DEEDS


@pytest.mark.parametrize("key", DEEDS)
def test_a_deed_is_an_act_of_the_command_line(key):
    deed = DEEDS[key]
    assert deed.verb in ACTS
    assert deed.role in ("operator", "admin")
    assert deed.means.endswith(".")
    source = inspect.getsource(inspect.getmodule(ACTS[deed.verb]))
    for field in {*deed.fields, *deed.fixed}:
        assert f'"{field}"' in source, f"{deed.verb} reads no {field}"


def test_mqtt_calls_them_the_same():
    assert {key for key in DEEDS if key != "undrain"} == set(get_args(policy.Command))


def test_only_its_own_fields_go_to_the_act_and_what_is_fixed_stays():
    form = {"name": " orange ", "act": "disable", "reason": "", "off": "1", "kind": "otp"}
    assert DEEDS["link.reset"].args(form) == {"name": "orange", "act": "reset"}
    assert DEEDS["queue.hold"].args(form) == {"kind": "otp"}
    assert DEEDS["drain"].args(form) == {}
    assert DEEDS["undrain"].args(form) == {"off": True}


def test_what_stops_the_whole_gateway_takes_an_admin():
    assert {key for key, deed in DEEDS.items() if deed.role == "admin"} == {"drain", "undrain"}

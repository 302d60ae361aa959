"""What a bearer's own table may say of a SIM and its power: limits, and names that must not be empty."""

import pytest

from drivers.terms import PowerLines, Quota
from gateway.settings import read


def faults(kind, **table):
    found = read(kind, table, ("bearers", "sim1"))
    return [str(fault) for fault in found] if isinstance(found, list) else found


def test_none_asks_for_the_drivers_default_and_0_is_unlimited():
    assert faults(Quota) == Quota(per_minute=None, per_hour=None, per_day=None, recipients_per_month=None)
    assert faults(Quota, per_minute=0, per_hour=5) == Quota(per_minute=0, per_hour=5)


@pytest.mark.parametrize("value", [-1, 1.5, "6", True])
def test_a_limit_is_a_whole_number(value):
    (fault,) = faults(Quota, per_minute=value)
    assert "bearers.sim1.per_minute" in fault


def test_lines_are_names_and_a_model_is_needed():
    assert faults(PowerLines, model="sim7600", pwrkey="GPIO4").chip == "/dev/gpiochip0"
    assert "bearers.sim1.model: is required" in faults(PowerLines, pwrkey="GPIO4")[0]
    assert "bearers.sim1.reset" in faults(PowerLines, model="sim7600", reset="")[0]
    assert "bearers.sim1.active_low[0]" in faults(PowerLines, model="sim7600", active_low=["power"])[0]

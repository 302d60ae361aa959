"""Gateways for the tests of what operators ask and do."""

import pytest
from running_gateway import Running

from drivers.smpp.behaviour import Behaviour
from drivers.smpp.simulator import SimulatedCarrier


@pytest.fixture
def lonely(tmp_path):
    """A gateway whose bearers lead nowhere."""
    with Running(tmp_path) as gateway:
        yield gateway


@pytest.fixture
def linked(tmp_path):
    """A gateway bound to a carrier."""
    with Running(tmp_path, SimulatedCarrier(Behaviour(ids="mixed"))) as gateway:
        gateway.bound()
        yield gateway

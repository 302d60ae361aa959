"""lab: a configuration of its own on free ports, and what runs with it. chappe: a command to its end."""

import lab as laboratory
import pytest


@pytest.fixture
def lab(tmp_path, running):
    return laboratory.Lab(tmp_path, running)


@pytest.fixture
def chappe():
    """chappe("check", "--config", …)"""
    return laboratory.chappe

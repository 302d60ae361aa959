"""What the tests of MQTT share: a gateway's configuration with [mqtt], and the schemas of docs/mqtt."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from gateway.app import App
from gateway.config import load_config

SCHEMAS = Path(__file__).resolve().parents[1] / "docs" / "mqtt"
PREFIX = "chappe/v1/lab/lyon-1"

GATEWAY = """
[gateway]
name = "lyon-1"
site = "lab"
[store]
min_free_disk = "1MB"
[listeners.smpp]
enabled = false
[accounts.shop]
password = "secret"
default_kind = "transactional"
senders = ["CHAPPE", "36180"]
[accounts.oncall]
password = "secret"
default_kind = "alert"
senders = ["CHAPPE"]
[bearers.sim]
driver = "simulated"
rate = 1000
[routes.all]
bearers = ["sim"]
[rules]
order = ["sender"]
"""


def gateway_with(port: int, more: str = "", table: str = "mqtt") -> str:
    """The configuration with a broker on this port; more: lines of [mqtt]."""
    return f'{GATEWAY}\n[{table}]\nurl = "mqtt://127.0.0.1:{port}"\n{more}\n'


@asynccontextmanager
async def started(folder: Path, text: str) -> AsyncIterator[App]:
    """A gateway in this loop, of a configuration's text."""
    file = folder / "gateway.toml"
    file.write_text(text)
    file.chmod(0o600)
    app = App(load_config(file, {}))
    await app.start()
    try:
        yield app
    finally:
        await app.stop(0.2)


async def until(true: Callable[[], Any], timeout: float = 8.0) -> Any:
    """What true() gives, once it gives something."""
    deadline = asyncio.get_running_loop().time() + timeout
    while not (found := true()):
        assert asyncio.get_running_loop().time() < deadline, "waited in vain"
        await asyncio.sleep(0.01)
    return found


@cache
def validator(name: str) -> Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def schema_of(topic: str) -> str:
    """The schema's name for a topic below the prefix."""
    rest = topic.split("/", 4)[4]
    if rest.endswith("/reply"):
        return f"{rest.split('/')[0]}-reply"
    if found := re.fullmatch(r"(bearer|modem|account|queue)/[^/]+/(state|metrics)", rest):
        return f"{found[1]}-{found[2]}"
    if rest.startswith(("cmd/", "submit/", "alarm/")):
        return rest.split("/")[0]
    return rest.replace("/", "-")


def check(topic: str, view: Any) -> None:
    """AssertionError with what is wrong, unless the payload is what docs/mqtt promises for the topic."""
    wrong = [
        f"{list(error.path)}: {error.message}" for error in validator(schema_of(topic)).iter_errors(view)
    ]
    assert not wrong, f"{topic}: {wrong} in {view}"

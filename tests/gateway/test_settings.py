from dataclasses import dataclass, field
from typing import Annotated, Literal

import pytest

from drivers.settings import Between, Duration, Matches, NotEmpty, Secret
from gateway.settings import ConfigError, Fault, dotted, leaves, read, to_table, toml_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    port: Annotated[int, Between(1, 10)] = 5
    secret: Secret = ""
    from_: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    name: Annotated[str, Matches("[a-z]+", "small letters")]
    wait: Duration = 30.0
    on: bool = True
    mode: Literal["a", "b"] = "a"
    inner: Inner = field(default_factory=Inner)
    many: dict[str, Inner] = field(default_factory=dict)
    rows: tuple[Inner, ...] = ()
    words: Annotated[tuple[str, ...], NotEmpty()] | None = None


def test_a_table_becomes_an_object():
    found = read(
        Outer, {"name": "x", "wait": "5m", "many": {"k": {"port": 3, "from": ["a"]}}, "rows": [{"port": 1}]}
    )
    assert found == Outer(
        name="x", wait=300.0, many={"k": Inner(port=3, from_=("a",))}, rows=(Inner(port=1),)
    )


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ({}, "name: is required"),
        ({"name": "X"}, 'name: must be small letters, is "X"'),
        ({"name": 1}, "name: must be a text in quotes, is 1"),
        ({"name": "x", "on": 1}, "on: must be true or false, is 1"),
        ({"name": "x", "on": "true"}, 'on: must be true or false, is "true"'),
        ({"name": "x", "mode": "c"}, 'mode: must be "a" or "b", is "c"'),
        ({"name": "x", "wiat": "5s"}, "wiat: unknown key; did you mean 'wait'?"),
        ({"name": "x", "zzzz": 1}, "zzzz: unknown key"),
        ({"name": "x", "inner": {"prot": 1}}, "inner.prot: unknown key; did you mean 'port'?"),
        ({"name": "x", "inner": {"from_": []}}, "inner.from_: unknown key; did you mean 'from'?"),
        ({"name": "x", "inner": {"form": []}}, "inner.form: unknown key; did you mean 'from'?"),
        ({"name": "x", "inner": {"port": 3.5}}, "inner.port: must be a whole number, is 3.5"),
        ({"name": "x", "inner": {"port": True}}, "inner.port: must be a whole number, is true"),
        ({"name": "x", "many": {"k": {"port": 11}}}, "many.k.port: must be 1 to 10, is 11"),
        ({"name": "x", "many": {"k": 1}}, "many.k: must be a table, is 1"),
        ({"name": "x", "many": {"k": {"prt": 1}}}, "many.k.prt: unknown key; did you mean 'port'?"),
        ({"name": "x", "rows": [{}, {"prt": 1}]}, "rows[1].prt: unknown key; did you mean 'port'?"),
        ({"name": "x", "rows": {}}, "rows: must be a list [ … ], is a table"),
        ({"name": "x", "words": ["a", "a"]}, 'words: must name each one once, is ["a", "a"]'),
        ({"name": "x", "words": []}, "words: must not be empty, is []"),
        ({"name": "x", "inner": {"secret": 1234}}, "inner.secret: must be a text in quotes"),
    ],
)
def test_fault(table, fault):
    (found,) = read(Outer, table)
    assert str(found) == fault


def test_all_faults_at_once_below_a_path():
    faults = read(Outer, {"name": 1, "on": 2, "inner": {"port": 0}}, ("a", "b"))
    assert sorted(dotted(fault.path) for fault in faults) == ["a.b.inner.port", "a.b.name", "a.b.on"]


def test_a_fault_knows_its_place():
    fault = Fault(("a", 1, "b"), "must be so").at("gateway.toml", 42)
    assert str(fault) == "gateway.toml:42: a[1].b: must be so"
    assert str(ConfigError([fault, fault])) == f"{fault}\n{fault}"


def test_back_to_a_table_and_its_leaves():
    outer = Outer(name="x", many={"k": Inner(secret="s3cret")}, rows=(Inner(),))
    table = to_table(outer)
    assert table["wait"] == "30s"
    assert table["many"]["k"] == {"port": 5, "secret": "***", "from": []}
    assert table["rows"] == [{"port": 5, "secret": "", "from": []}]
    assert "words" not in table
    assert ("many", "k", "secret") in {path for path, _, _ in leaves(outer)}


@pytest.mark.parametrize("value", [True, 1, 1.5, 'é " \\ \n', ["a", 1], {"a b": {"c": []}, "d-1": False}])
def test_toml_value(value):
    import tomllib

    assert tomllib.loads(f"k = {toml_value(value)}")["k"] == value

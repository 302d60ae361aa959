"""Configurations on disk for the tests of gateway.config, independent of which drivers are built."""

from pathlib import Path
from types import SimpleNamespace

import pytest

import drivers
from drivers.modem import settings as modem
from drivers.smpp import settings as smpp
from gateway.config import Config, ConfigError, load_config

SMALL = (Path(__file__).parents[2] / "vectors" / "small-gateway.toml").read_text("utf-8")


@pytest.fixture(autouse=True)
def only_settings(monkeypatch):
    """The configuration's own view of drivers: their settings, of which nothing is opened."""
    there = {"smpp": smpp.Settings, "modem": modem.Settings}

    def load(name):
        if name not in there:
            raise LookupError(
                f"no driver {name!r}: use one of {', '.join(drivers.BUILT_IN)}, or a dotted module"
            )
        return SimpleNamespace(Settings=there[name])

    monkeypatch.setattr(drivers, "load", load)


class Written:
    """Writes gateway.toml into a folder of its own and loads it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "gateway.toml"

    def load(self, text: str = SMALL, **env: str) -> Config:
        self.path.write_text(text, encoding="utf-8")
        return load_config(self.path, env)

    def faults(self, text: str, **env: str) -> list[str]:
        """Each fault as `line: key: reason`."""
        with pytest.raises(ConfigError) as caught:
            self.load(text, **env)
        return [str(fault).removeprefix(f"{self.path}:") for fault in caught.value.faults]

    def file(self, name: str, text: str = "secret08\n", mode: int = 0o600) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path


@pytest.fixture
def written(tmp_path):
    return Written(tmp_path)

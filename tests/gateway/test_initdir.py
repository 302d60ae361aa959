import random
import stat

import pytest

import drivers
from drivers.smpp.settings import Settings
from gateway.accounts import Account, Accounts
from gateway.config import load_config, warnings
from gateway.initdir import AlreadyThere, next_steps, write


@pytest.fixture(autouse=True)
def smpp_driver(monkeypatch):
    from types import SimpleNamespace

    monkeypatch.setattr(drivers, "load", lambda name: SimpleNamespace(Settings=Settings))


@pytest.fixture
def rnd():
    return random.Random(5).randbytes


def test_what_it_writes_loads_without_a_warning(tmp_path, rnd):
    files = write(tmp_path / "new", rnd)
    assert [path.name for path in files] == ["gateway.toml", "shop", "carrier"]
    config = load_config(files[0], {})
    assert warnings(config) == []
    assert config.bearers["carrier"].link.port == 2776
    assert config.control_socket == tmp_path / "new" / "var" / "control.sock"


def test_its_passwords_work_are_private_and_differ(tmp_path, rnd):
    config_file, *credentials = write(tmp_path, rnd)
    config = load_config(config_file, {})
    passwords = [path.read_text().strip() for path in credentials]
    assert len(set(passwords)) == 2
    assert {len(password) for password in passwords} == {8}
    assert {stat.S_IMODE(path.stat().st_mode) for path in credentials} == {0o600}
    assert stat.S_IMODE((tmp_path / "credentials").stat().st_mode) == 0o700
    accounts = Accounts(config.accounts, rnd)
    assert isinstance(accounts.authenticate("shop", passwords[0].encode(), "127.0.0.1", 0.0), Account)
    accounts.close()
    assert config.bearers["carrier"].link.password == passwords[1]


@pytest.mark.parametrize("name", ["gateway.toml", "credentials/shop", "credentials/carrier"])
def test_nothing_is_overwritten_and_nothing_half_written(tmp_path, rnd, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(AlreadyThere, match=f"{name} is there already"):
        write(tmp_path, rnd)
    assert path.read_text() == "mine"
    assert sorted(tmp_path.rglob("*")) == before


def test_a_dangling_link_is_not_followed(tmp_path, rnd):
    (tmp_path / "gateway.toml").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AlreadyThere):
        write(tmp_path, rnd)
    assert not (tmp_path / "elsewhere").exists()


def test_it_says_what_comes_next(tmp_path):
    steps = next_steps(tmp_path)
    assert f"  chappe run --config {tmp_path}/gateway.toml" in steps
    assert any("simulate smsc" in step for step in steps)

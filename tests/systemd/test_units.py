"""The units as systemd itself judges them, without a running systemd; and what they name exists in the program."""

import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest
from peers import install

from gateway.cli import chappe
from gateway.cli.config_file import BAD_CONFIGURATION
from gateway.cli.daemon import DRAIN
from gateway.config import load_config

REPO = Path(__file__).resolve().parents[2]
FOLDER = REPO / "systemd"
UNITS = {"chappe.service": "chappe.service", "chappe@.service": "chappe@lyon.service"}
"""File -> a name under which it runs."""

pytestmark = pytest.mark.peers("systemd")


def tool(name, *arguments, units=None):
    """systemd's tool to its end; it sees the units of that folder and those that systemd ships."""
    env = install.environment()
    if units is not None:
        shipped = ["/usr/lib/systemd/system", "/lib/systemd/system"]
        shipped += [f"{install.ROOT}{path}" for path in shipped]
        env |= {"SYSTEMD_UNIT_PATH": ":".join([str(units), *shipped]), "SYSTEMD_COLORS": "0"}
    return subprocess.run(
        [install.program(name), *map(str, arguments)],
        check=False, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
    )  # fmt: skip


def runnable(folder, file, text=None):
    """The unit under a name that runs, its commands replaced by one that this machine surely has."""
    command = folder / "command"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    text = (FOLDER / file).read_text() if text is None else text
    unit = folder / UNITS[file]
    unit.write_text(re.sub(r"^(Exec\w+=)(?:chappe|kill) ", rf"\1{command} ", text, flags=re.MULTILINE))
    return unit


def with_hardware(folder, unit):
    drop_in = folder / f"{unit.name}.d" / "hardware.conf"
    drop_in.parent.mkdir()
    drop_in.write_text((FOLDER / "chappe.service.d" / "hardware.conf").read_text())


def settings(path):
    """[(section, key, value)] of a unit file, in order; comments and empty lines left out."""
    section, found = "", []
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and line[0] not in "#;":
            key, equals, value = line.partition("=")
            assert equals, f"{path.name}: {line}"
            found.append((section, key, value))
    return found


def values(path, key):
    return [value for _, name, value in settings(path) if name == key]


# ── systemd's own word ───────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("hardware", [False, True], ids=["plain", "hardware"])
@pytest.mark.parametrize("file", UNITS)
def test_systemd_finds_no_fault(tmp_path, file, hardware):
    unit = runnable(tmp_path, file)
    if hardware:
        with_hardware(tmp_path, unit)
    done = tool("systemd-analyze", "verify", "--man=no", unit, units=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("broken", ["unit", "drop-in"])
def test_systemd_would_find_one(tmp_path, broken):
    unit = runnable(tmp_path, "chappe.service")
    with_hardware(tmp_path, unit)
    path = unit if broken == "unit" else tmp_path / "chappe.service.d" / "hardware.conf"
    path.write_text(re.sub("^(WatchdogSec|DevicePolicy)=", r"\1x=", path.read_text(), flags=re.MULTILINE))
    done = tool("systemd-analyze", "verify", "--man=no", unit, units=tmp_path)
    assert re.search("Unknown key.*(WatchdogSecx|DevicePolicyx)", done.stderr)


@pytest.mark.parametrize(("hardware", "most"), [(False, 1.6), (True, 1.8)], ids=["plain", "hardware"])
@pytest.mark.parametrize("file", UNITS)
def test_little_is_exposed(tmp_path, file, hardware, most):
    unit = runnable(tmp_path, file)
    if hardware:
        with_hardware(tmp_path, unit)
    done = tool("systemd-analyze", "security", "--offline=yes", "--no-pager", unit, units=tmp_path)
    exposure = re.search(r"Overall exposure level for (\S+): ([0-9.]+)", done.stdout)
    assert exposure, done.stdout + done.stderr
    assert exposure[1] == unit.name
    assert float(exposure[2]) <= most, done.stdout
    assert ("PrivateDevices=" in re.findall(r"^✗ (\S+)", done.stdout, re.MULTILINE)) is hardware


def test_the_credentials_shown_are_lines_that_systemd_takes(tmp_path):
    text = (FOLDER / "chappe.service").read_text()
    plain = re.sub("^#(LoadCredential)", r"\1", text, flags=re.MULTILINE)
    assert plain.count("\nLoadCredential") == 3
    done = tool(
        "systemd-analyze", "verify", "--man=no", runnable(tmp_path, "chappe.service", plain), units=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_user_and_the_groups_are_made():
    done = tool("systemd-sysusers", "--dry-run", FOLDER / "sysusers.d" / "chappe.conf")
    assert done.returncode == 0, done.stderr
    lines = [
        shlex.split(line, comments=True)
        for line in (FOLDER / "sysusers.d" / "chappe.conf").read_text().splitlines()
    ]
    made = {(line[0], line[1]) for line in lines if line}
    assert made == {("u", "chappe"), ("g", "gpio")}
    for file in UNITS:
        assert values(FOLDER / file, "User") == values(FOLDER / file, "Group") == ["chappe"]


def test_the_folders_are_made_and_only_root_sees_the_secrets(tmp_path):
    conf = FOLDER / "tmpfiles.d" / "chappe.conf"
    lines = [line.split() for line in conf.read_text().splitlines() if line and line[0] != "#"]
    assert lines == [
        ["d", "/etc/chappe", "0750", "root", "chappe", "-"],
        ["d", "/etc/chappe/credentials", "0700", "root", "root", "-"],
    ]
    # As whoever runs the tests, below a folder: the users are not here, the rest is judged by the tool.
    ours = tmp_path / "chappe.conf"
    ours.write_text(re.sub("root +chappe|root +root", "- -", conf.read_text()))
    done = tool("systemd-tmpfiles", "--create", f"--root={tmp_path}", ours)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "etc/chappe").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "etc/chappe/credentials").stat().st_mode & 0o777 == 0o700


# ── what they say, against the program ───────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("file", UNITS)
@pytest.mark.parametrize("key", ["ExecStart", "ExecReload"])
def test_commands_and_options_exist(file, key):
    for line in values(FOLDER / file, key):
        program, *arguments = shlex.split(line)
        if program != "chappe":
            assert [program, *arguments] == ["kill", "-HUP", "$MAINPID"]
            continue
        verb = chappe.get_command(click.Context(chappe), arguments[0])
        assert verb is not None, line
        with verb.make_context(arguments[0], arguments[1:]) as context:  # raises on an unknown option
            named = Path(context.params["config"])
        (folder,) = values(FOLDER / file, "ConfigurationDirectory")
        assert named == Path("/etc") / folder / "gateway.toml"


def test_what_the_units_promise_is_what_the_daemon_does():
    given = {key: value for _, key, value in settings(FOLDER / "chappe.service")}
    assert given["RestartPreventExitStatus"] == str(BAD_CONFIGURATION)
    assert given["Type"] == "notify"
    assert float(given["TimeoutStopSec"].removesuffix("s")) >= DRAIN + 15, "the drain would be cut short"
    assert given["KillMode"] == "mixed"
    # The sockets are for the operators' group, the store is not.
    assert int(given["RuntimeDirectoryMode"], 8) & 0o070 == 0o050
    assert int(given["StateDirectoryMode"], 8) & 0o077 == 0


def test_the_template_is_the_same_unit():
    def common(file):
        return [
            (section, key, value.replace("chappe-%i", "chappe").removesuffix(" %i"))
            for section, key, value in settings(FOLDER / file)
        ]

    assert common("chappe@.service") == common("chappe.service")
    for key in ("StateDirectory", "RuntimeDirectory", "ConfigurationDirectory"):
        assert values(FOLDER / "chappe@.service", key) == ["chappe-%i"], "two gateways would share a folder"


def test_the_configuration_that_the_readme_shows_has_no_fault(tmp_path):
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    example = (REPO / "config/examples/one-carrier.toml").read_text(encoding="utf-8")
    path = tmp_path / "gateway.toml"
    assert '[gateway]\nname = "lyon-1"\n' in example
    path.write_text(example.replace('[gateway]\nname = "lyon-1"\n', shown), encoding="utf-8")
    by_daemon = load_config(path, {"STATE_DIRECTORY": "/var/lib/chappe", "RUNTIME_DIRECTORY": "/run/chappe"})
    by_operator = load_config(path, {})
    for config in (by_daemon, by_operator):
        assert config.store_path == Path("/var/lib/chappe/chappe.db")
        assert config.control_socket == Path("/run/chappe/control.sock")


def test_the_readme_installs_every_file():
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    files = [
        path.relative_to(FOLDER).as_posix()
        for path in FOLDER.rglob("*")
        if path.suffix in {".conf", ".service"}
    ]
    assert len(files) == 5
    assert [file for file in files if f"systemd/{file}" not in page] == []
    for verb in set(re.findall(r"\bchappe (?!-|simulate smsc)([a-z-]+) --config", page)):
        assert chappe.get_command(click.Context(chappe), verb) is not None, verb

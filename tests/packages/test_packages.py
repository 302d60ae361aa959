"""What is shipped is whole: the parts of the packages at every run, wheel, sdist and .deb with CHAPPE_PACKAGES=1.

What an installed .deb does is systemd/packages/install_test.py's business: `make package-test`, as root.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import click
import pytest

from gateway import __version__
from gateway.cli import VERBS, chappe
from gateway.config import load_config, warnings

REPO = Path(__file__).resolve().parents[2]
NAMES = [name for verbs in VERBS.values() for name in verbs]
built = pytest.mark.skipif(
    os.environ.get("CHAPPE_PACKAGES") != "1", reason="builds packages, which takes minutes: CHAPPE_PACKAGES=1"
)


def module(name):
    spec = importlib.util.spec_from_file_location(name, REPO / "systemd" / "packages" / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def call(*command, **how):
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, **how)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


# ── the parts, at every run ──────────────────────────────────────────────────────────────────────────────
def test_every_file_that_the_deb_copies_is_there():
    assert [name for name in module("deb").COPIES if not (REPO / name).exists()] == []


def test_the_packaged_configuration_starts_as_it_is():
    """Root's check, the operators' view and the daemon's under systemd: one store, one socket, no fault."""
    path = REPO / "systemd/packages/deb/gateway.toml"
    by_daemon = load_config(path, {"STATE_DIRECTORY": "/var/lib/chappe", "RUNTIME_DIRECTORY": "/run/chappe"})
    for config in (by_daemon, load_config(path, {})):
        assert config.store_path == Path("/var/lib/chappe/chappe.db")
        assert config.control_socket == Path("/run/chappe/control.sock")
        assert config.smpp.host == "127.0.0.1"
    assert [text.partition(":")[0] for text in warnings(by_daemon)] == ["accounts", "bearers"]


def test_the_units_start_what_the_package_brings():
    unit = (REPO / "systemd/chappe.service").read_text()
    assert "--config /etc/chappe/gateway.toml" in unit
    assert module("deb").COPIES["systemd/packages/deb/gateway.toml"] == "etc/chappe"


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm", "chappe"])
def test_the_scripts_are_sh(script):
    call("sh", "-n", str(REPO / "systemd/packages/deb" / script))


def test_the_manual_page_has_every_verb_and_every_option():
    page = module("manpage").page()
    plain = page.replace("\\-", "-")
    context = click.Context(chappe, info_name="chappe")
    for name in NAMES:
        assert re.search(rf"^\.SS chappe {name}( |$)", plain, re.MULTILINE), name
        command = chappe.get_command(context, name)
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert option.opts[-1] in plain, (name, option.opts)


@pytest.mark.skipif(shutil.which("man") is None, reason="no man on this machine")
def test_the_manual_page_is_sound_roff(tmp_path):
    page = tmp_path / "chappe.1"
    page.write_text(module("manpage").page(), encoding="utf-8")
    done = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(page)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a-b", "a\\-b"), (".TH", "\\&.TH"), ("'x", "\\&'x"), ("C:\\x", "C:\\ex"), ("a.b", "a.b")],
)
def test_text_stays_text_in_roff(text, shown):
    assert module("manpage").escaped(text) == shown


@pytest.mark.parametrize(
    ("wheels", "libc"),
    [
        ([], "2.17"),
        (["Tag: py3-none-any"], "2.17"),
        (["Tag: cp311-cp311-manylinux_2_17_x86_64\nTag: cp311-cp311-manylinux_2_28_x86_64"], "2.17"),
        (["Tag: cp311-cp311-manylinux_2_28_x86_64", "Tag: cp311-cp311-manylinux_2_17_x86_64"], "2.28"),
    ],
)
def test_the_glibc_in_depends_is_what_all_wheels_take(tmp_path, wheels, libc):
    for number, text in enumerate(wheels):
        (tmp_path / f"w{number}.dist-info").mkdir()
        (tmp_path / f"w{number}.dist-info" / "WHEEL").write_text(text)
    assert module("deb").libc(tmp_path) == libc


def test_the_container_is_built_from_what_is_there():
    """Each COPY finds its source, and the builder is sent it."""
    ignored = [
        line for line in (REPO / ".containerignore").read_text().splitlines() if line[:1] not in ("", "#")
    ]
    sent = [line[1:] for line in ignored if line.startswith("!")]
    for line in re.findall(r"^COPY (?!--from)(.+)", (REPO / "Containerfile").read_text(), re.MULTILINE):
        for source in line.split()[:-1]:
            assert (REPO / source).exists(), source
            assert source.split("/")[0] in sent, f"{source}: .containerignore keeps it away"


def test_the_container_has_what_the_package_links_to():
    """gateway/ and drivers/ hold links to folders elsewhere: the image must have those folders too."""
    copied = re.findall(r"^COPY (?!--from)(\S+) ", (REPO / "Containerfile").read_text(), re.MULTILINE)
    links = [
        path for folder in ("gateway", "drivers") for path in (REPO / folder).rglob("*") if path.is_symlink()
    ]
    assert links
    for link in links:
        target = link.resolve().relative_to(REPO).as_posix()
        assert any(target == name or target.startswith(name + "/") for name in copied), f"{link} -> {target}"


# ── built ────────────────────────────────────────────────────────────────────────────────────────────────
def data_files():
    """What pyproject.toml says goes along, as it is named in a wheel."""
    import tomllib

    table = tomllib.loads((REPO / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    found = set()
    for package, patterns in table.items():
        for path in (REPO / package).glob(
            "**/*"
        ):  # pathlib's ** does not enter links: data has none but these
            found |= _below(package, path, patterns)
    return found


def _below(package, path, patterns):
    paths = [path]
    if path.is_symlink() and path.is_dir():
        paths = [path / below.relative_to(path.resolve()) for below in path.resolve().rglob("*")]
    names = [each.relative_to(REPO / package).as_posix() for each in paths if each.is_file()]
    return {
        f"{package}/{name}"
        for name in names
        if any(fnmatch(name, pattern.replace("**/", "*")) for pattern in patterns)
    }


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """sdist, and the wheel that is built from it: what an index would hold."""
    folder = tmp_path_factory.mktemp("dist")
    source = folder / "source"
    skip = shutil.ignore_patterns(".*", "tests", "bench", "build", "dist", "*.egg-info", "__pycache__")
    shutil.copytree(REPO, source, symlinks=True, ignore=skip)
    call(sys.executable, "-m", "venv", str(folder / "tools"))
    call(str(folder / "tools/bin/pip"), "install", "-q", "build")
    call(str(folder / "tools/bin/python"), "-m", "build", "-q", "--outdir", str(folder), str(source))
    return folder


@built
@pytest.mark.timeout(600)
def test_wheel_and_sdist_have_all_data(dist):
    wanted = data_files()
    assert {"gateway/stores/schema/0001_initial.sql", "gateway/rules/countries/words/fr.toml"} <= wanted
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert wanted - set(archive.namelist()) == set()
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert wanted - names == set()
    assert "LICENSE" in names


@built
@pytest.mark.timeout(600)
def test_the_wheel_runs_in_a_new_venv(dist, tmp_path):
    call(sys.executable, "-m", "venv", str(tmp_path / "venv"))
    (wheel,) = dist.glob("*.whl")
    call(str(tmp_path / "venv/bin/pip"), "install", "-q", str(wheel))
    program = str(tmp_path / "venv/bin/chappe")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    assert __version__ in call(program, "version", cwd=tmp_path, env=env)
    call(program, "init", "lab", cwd=tmp_path, env=env)
    assert "no faults" in call(program, "check", "--config", "lab/gateway.toml", cwd=tmp_path, env=env)
    assert "exactly one final state" in call(program, "demo", cwd=tmp_path, env=env)
    for folder, least in {"rules/countries": 2, "rules/countries/words": 7, "stores/schema": 6}.items():
        (site,) = (tmp_path / "venv/lib").glob("python3*/site-packages")
        assert len(list((site / "gateway" / folder).glob("*.*"))) >= least, folder


@built
@pytest.mark.timeout(600)
def test_the_deb_holds_what_it_should(tmp_path):
    call(sys.executable, str(REPO / "systemd/packages/deb.py"), str(tmp_path))
    (deb,) = tmp_path.glob("*.deb")
    listed = call("dpkg-deb", "-c", str(deb))
    modes = {line.split()[5]: (line.split()[0], line.split()[1]) for line in listed.splitlines()}
    site = f"./usr/lib/chappe/lib/python3.{sys.version_info.minor}/site-packages"
    assert {owner for _, owner in modes.values()} == {"root/root"}
    assert modes["./usr/bin/chappe"][0] == "-rwxr-xr-x"
    for name in (
        "./etc/chappe/gateway.toml", "./usr/lib/systemd/system/chappe@.service", "./usr/lib/sysusers.d/chappe.conf",
        "./usr/share/man/man1/chappe.1.gz", "./usr/share/bash-completion/completions/chappe",
        "./usr/share/zsh/vendor-completions/_chappe", "./usr/share/fish/vendor_completions.d/chappe.fish",
        "./usr/share/doc/chappe/copyright", "./usr/share/doc/chappe/examples/hardware.conf",
        *(f"{site}/{name}" for name in data_files()),
    ):  # fmt: skip
        assert modes[name][0] == "-rw-r--r--", name
    assert [name for name in modes if "__pycache__" in name] == []
    assert not any(
        name.startswith(("./etc/systemd", "./usr/lib/systemd/system/chappe.service.d")) for name in modes
    )
    assert call("dpkg-deb", "-f", str(deb), "Version").strip() == f"{__version__}-1"
    if shutil.which("lintian"):
        call("lintian", "--fail-on", "error,warning", "--allow-root", str(deb))

"""What `make compiled` builds: the list of modules, what mypyc can't do with them, and the copy that it works in."""

import ast
import importlib.util
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("compiled", REPO / "systemd" / "packages" / "compiled.py")
compiled = importlib.util.module_from_spec(spec)
spec.loader.exec_module(compiled)


def classes(path):
    return [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.ClassDef)]


def bases(node):
    return {base.id if isinstance(base, ast.Name) else getattr(base, "attr", "") for base in node.bases}


def imported(path, listed):
    """Name -> class, of the compiled classes that this file imports."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module in listed:
            theirs = {each.name: each for each in classes(REPO / listed[node.module])}
            names = {alias.name: alias.asname or alias.name for alias in node.names}
            found |= {
                names[name]: theirs[name] for name in names.keys() & theirs.keys() if not bases(theirs[name])
            }
    return found


def test_no_plain_class_inherits_from_a_compiled_one():
    """Python refuses it when the module is imported: «interpreted classes cannot inherit from compiled»."""
    listed = {module.removesuffix(".py").replace("/", "."): module for module in compiled.listed()}
    found = []
    for folder in ("gateway", "drivers", "tests"):
        for path in (REPO / folder).rglob("*.py"):
            if path.relative_to(REPO).as_posix() in listed.values():
                continue
            theirs = imported(path, listed).keys()
            found += [f"{path}: {node.name}" for node in classes(path) if bases(node) & theirs]
    assert not found, found


def test_a_constant_of_a_compiled_class_says_that_it_is_one():
    """Without Final or ClassVar mypyc makes it an attribute of each instance, and Class.NAME is not its value."""
    found = [
        f"{module}: {node.name}.{each.targets[0].id}"
        for module in compiled.listed()
        for node in classes(REPO / module)
        if not bases(node) & {"Enum", "IntEnum", "IntFlag", "StrEnum"}
        for each in node.body
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name)
        if each.targets[0].id.isupper()
    ]
    assert not found, found


@pytest.fixture
def repo(tmp_path, monkeypatch):
    """A checkout of three files, and its list."""
    root = tmp_path / "a checkout"
    for name in (
        "gateway/one.py",
        "gateway/two.py",
        "tests/test_one.py",
        ".cache/fetched",
        "build/lib/one.py",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"NAME = {name!r}\n")
    (root / "gateway/data").symlink_to("../tests")
    (root / "list.txt").write_text("# a reason\ngateway/one.py  # another\n\n")
    monkeypatch.setattr(compiled, "REPO", root)
    monkeypatch.setattr(compiled, "LIST", root / "list.txt")
    return root


def files(tree):
    return {path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file()}


def test_the_copy_is_the_checkout_as_it_is_now(repo):
    tree = repo / "build" / "compiled"
    compiled.copied(tree)
    assert files(tree) - {".cache/fetched"} == {
        "gateway/one.py", "gateway/two.py", "tests/test_one.py", "list.txt",
    }  # fmt: skip
    assert (tree / "gateway/data").is_symlink()
    assert (tree / ".cache").resolve() == repo / ".cache"
    (tree / "gateway/one.cpython-311.so").write_text("built")
    (repo / "gateway/two.py").unlink()
    (repo / "gateway/one.py").write_text("changed\n")
    compiled.copied(tree)
    assert not (tree / "gateway/two.py").exists()
    assert (tree / "gateway/one.py").read_text() == "changed\n"
    assert (tree / "gateway/one.cpython-311.so").exists()


def test_it_is_built_again_only_when_a_source_has_changed(repo, monkeypatch):
    tree, runs = repo / "build" / "compiled", []
    compiled.copied(tree)

    def built(folder, *command):
        runs.append(command[1:])
        (folder / "gateway/one.cpython-311.so").write_text("built")

    monkeypatch.setattr(compiled, "_run", built)
    assert compiled.listed() == ["gateway/one.py"]
    assert compiled.compiled(tree, ["gateway/one.py"])
    assert not compiled.compiled(tree, ["gateway/one.py"])
    (repo / "gateway/two.py").write_text("plain, but compiled code trusts its types\n")
    assert compiled.compiled(tree, ["gateway/one.py"])
    (tree / "gateway/one.cpython-311.so").unlink()
    assert compiled.compiled(tree, ["gateway/one.py"])
    assert runs == [("setup.py", "-q", "build_ext", "--inplace")] * 3
    assert "gateway/one.py" in (tree / "setup.py").read_text()


def test_a_module_that_is_gone_is_named(repo):
    (repo / "list.txt").write_text("gateway/gone.py\n")
    with pytest.raises(compiled.CannotBuild, match=r"names what is not there: gateway/gone\.py"):
        compiled.listed()

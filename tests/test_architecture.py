"""The house rules that a program can check: sizes, names, docstrings, excuses, paths. import-linter has the arrows.

Run as a script it prints what is not wrong yet: long files and functions, modules without a test of their own.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
FILE_LIMIT, FILE_REPORT = 400, 300
FUNCTION_LIMIT, FUNCTION_REPORT = 50, 30
YARDSTICKS = {"bench/limit.py"}  # kept as it was measured

# Modules whose tests stand elsewhere than in the mirrored place, with the file that covers them.
COVERED_BY = {
    "drivers/bearer.py": "tests/contracts/test_bearer.py",
    "drivers/smpp/constants.py": "tests/drivers/smpp/test_codec.py",
    "drivers/smpp/pdu.py": "tests/drivers/smpp/test_codec.py",
    "drivers/smpp/bodies.py": "tests/drivers/smpp/test_codec.py",
    "drivers/smpp/build.py": "tests/drivers/smpp/test_codec.py",
}

NOT_OURS = {"node_modules", "__pycache__", "build", "dist", "var", "vectors"}
TEXT = {
    ".py",
    ".md",
    ".toml",
    ".sql",
    ".c",
    ".js",
    ".html",
    ".service",
    ".conf",
    ".json",
    ".example",
    ".yml",
    "",
}


def files(*folders: str) -> Iterator[Path]:
    """Every text file of the repository, or of some folders; not what is built, cached or brought."""
    for start in [REPO / folder for folder in folders] or [REPO]:
        for path in sorted(start.rglob("*")):
            parts = path.relative_to(REPO).parts
            hidden = any(part.startswith(".") and part != ".ci" for part in parts[:-1])
            if hidden or NOT_OURS & set(parts) or any(part.endswith(".egg-info") for part in parts):
                continue
            if path.is_file() and path.suffix in TEXT and path.name != "smppload":
                yield path


def python(*folders: str) -> list[Path]:
    return [path for path in files(*folders) if path.suffix == ".py"]


def name(path: Path) -> str:
    return path.relative_to(REPO).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def code_lines(path: Path) -> set[int]:
    """The numbers of the lines that hold code: no blanks, no comments, no docstrings."""
    idle = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
        if token.type not in idle:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                lines.difference_update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return lines


def long_files(limit: int) -> list[str]:
    sizes = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in python()}
    return [
        f"{file}: {size} lines" for file, size in sizes.items() if size > limit and file not in YARDSTICKS
    ]


def long_functions(limit: int, *folders: str) -> list[str]:
    found = []
    for path in python(*folders):
        code = code_lines(path)
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = sum(line in code for line in range(node.lineno, (node.end_lineno or node.lineno) + 1))
                if size > limit:
                    found.append(f"{name(path)}:{node.lineno} {node.name}: {size} code lines")
    return found


def untested() -> list[str]:
    """Source modules with neither a mirrored test file nor an entry in COVERED_BY whose file is there."""
    found = []
    for path in python("gateway", "drivers"):
        module = path.relative_to(REPO)
        mirrored = Path("tests", module.parent, f"test_{module.name}")
        covered = COVERED_BY.get(module.as_posix(), mirrored.as_posix())
        if code_lines(path) and path.name != "__init__.py" and not (REPO / covered).exists():
            found.append(f"{module.as_posix()}: no {covered}")
    return found


def nothing(found: list[str]) -> None:
    """Fails with one line for each place: pytest's own view of a list stops at the first."""
    if found:
        pytest.fail("\n".join(found), pytrace=False)


def test_no_file_is_too_long():
    nothing(long_files(FILE_LIMIT))


def test_no_function_is_too_long():
    nothing(long_functions(FUNCTION_LIMIT, "gateway", "drivers", "tests/peers"))


def test_no_module_or_class_is_named_for_nothing():
    modules = [name(path) for path in python() if path.stem in {"utils", "util", "common", "helpers", "misc"}]
    classes = [
        f"{name(path)}:{node.lineno} {node.name}"
        for path in python()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef) and re.search("Manager|Helper|Util", node.name)
    ]
    nothing(modules + classes)


def test_every_module_says_what_it_is():
    silent = [
        name(path)
        for path in python("gateway", "drivers")
        if code_lines(path) and not ast.get_docstring(tree(path))
    ]
    nothing(silent)


def test_every_broad_except_has_its_reason():
    excuses = []
    for path in python("gateway", "drivers"):
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.ExceptHandler):
                continue
            caught = (
                {part.id for part in ast.walk(node.type) if isinstance(part, ast.Name)}
                if node.type
                else {"Exception"}
            )
            comment = lines[node.lineno - 1].partition("#")[2]
            reason = re.sub(r"noqa(: ?[A-Z0-9, ]+)?", "", comment).strip(" #:-")
            if caught & {"Exception", "BaseException"} and len(reason) < 10:
                excuses.append(
                    f"{name(path)}:{node.lineno} catches everything and gives no reason on that line"
                )
    nothing(excuses)


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b", id="work-left-for-later"),
        pytest.param(
            r"(?<![\w./*}])/(ho" + r"me/\w|ro" + r"ot/|wo" + r"rk(?![\w-]))", id="a-path-of-one-machine"
        ),
    ],
)
def test_no_file_has(pattern: str):
    found = [
        f"{name(path)}:{number} {line.strip()[:80]}"
        for path in files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(pattern, line)
    ]
    nothing(found)


def test_the_map_of_covered_modules_is_not_stale():
    nothing([module for module in COVERED_BY if not (REPO / module).exists()])


if __name__ == "__main__":
    for title, lines in (
        (f"Files over {FILE_REPORT} lines", long_files(FILE_REPORT)),
        (
            f"Functions over {FUNCTION_REPORT} code lines",
            long_functions(FUNCTION_REPORT, "gateway", "drivers", "tests"),
        ),
        ("Modules without a test of their own", untested()),
    ):
        print(f"{title}: {len(lines)}", *lines, sep="\n  ")

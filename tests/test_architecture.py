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
CODEC, SIMULATOR = "tests/drivers/smpp/test_codec.py", "tests/drivers/smpp/test_simulator.py"
STORIES, VERBS = "tests/gateway/control/test_stories.py", "tests/gateway/cli/test_operator_verbs.py"
PAGE = "tests/gateway/listeners/http/page/test_site.py"
LOAD, RULEBOOK = "tests/gateway/config/test_load.py", "tests/gateway/rules/test_rulebook.py"
SIM_MESSAGES = "tests/drivers/modem/test_sim_messages.py"
MODEM, START = "tests/drivers/modem/test_modem.py", "tests/drivers/modem/test_start.py"
COVERED_BY = {
    "drivers/bearer.py": "tests/contracts/test_bearer.py",
    "drivers/modem/books.py": MODEM,
    "drivers/modem/commands.py": START,
    "drivers/modem/facts.py": START,
    "drivers/modem/line.py": MODEM,
    "drivers/modem/network.py": START,
    "drivers/modem/receiver.py": MODEM,
    "drivers/modem/script.py": START,
    "drivers/modem/sender.py": MODEM,
    "drivers/modem/shown.py": MODEM,
    "drivers/modem/storage.py": START,
    "drivers/modem/sim_behaviour.py": "tests/drivers/modem/test_sim_modem.py",
    "drivers/modem/sim_card.py": "tests/drivers/modem/test_sim_modem.py",
    "drivers/modem/sim_dialogue.py": "tests/drivers/modem/test_sim_modem.py",
    "drivers/modem/sim_general.py": "tests/drivers/modem/test_sim_modem.py",
    "drivers/modem/sim_incoming.py": SIM_MESSAGES,
    "drivers/modem/sim_memory.py": "tests/drivers/modem/test_simulator.py",
    "drivers/modem/sim_network.py": SIM_MESSAGES,
    "drivers/modem/sim_shell.py": "tests/drivers/modem/test_simulator.py",
    "drivers/modem/sim_state.py": "tests/drivers/modem/test_sim_modem.py",
    "drivers/modem/sim_storage.py": SIM_MESSAGES,
    "drivers/modem/sim_terminal.py": "tests/drivers/modem/test_sim_modem.py",
    "drivers/modem/sim_text.py": SIM_MESSAGES,
    "drivers/smpp/bodies.py": CODEC,
    "drivers/smpp/constants.py": "tests/drivers/smpp/test_pdu.py",
    "drivers/smpp/behaviour.py": "tests/drivers/smpp/test_carrier_faults.py",
    "drivers/smpp/carrier_books.py": SIMULATOR,
    "drivers/smpp/carrier_core.py": SIMULATOR,
    "drivers/smpp/carrier_link.py": "tests/drivers/smpp/test_simulator_links.py",
    "drivers/smpp/carrier_messages.py": SIMULATOR,
    "drivers/smpp/deliveries.py": "tests/drivers/smpp/test_simulator_deliveries.py",
    "gateway/__main__.py": "tests/gateway/cli/test_daemon.py",
    "gateway/cli/application.py": "tests/gateway/cli/test_send.py",
    "gateway/cli/config_file.py": "tests/gateway/cli/test_setup.py",
    "gateway/cli/demo_stage.py": "tests/gateway/cli/test_demo.py",
    "gateway/cli/csv_lists.py": "tests/gateway/cli/test_optouts.py",
    "gateway/cli/messages.py": VERBS,
    "gateway/cli/operate.py": VERBS,
    "gateway/cli/watch.py": VERBS,
    "gateway/config/checks.py": LOAD,
    "gateway/config/document.py": LOAD,
    "gateway/config/files.py": LOAD,
    "gateway/config/policy.py": LOAD,
    "gateway/config/roads.py": LOAD,
    "gateway/config/sections.py": LOAD,
    "gateway/control/copying.py": VERBS,
    "gateway/control/finding.py": STORIES,
    "gateway/control/live.py": STORIES,
    "gateway/control/parts.py": STORIES,
    "gateway/control/person_view.py": "tests/gateway/control/test_privacy.py",
    "gateway/control/rates.py": STORIES,
    "gateway/control/roads.py": STORIES,
    "gateway/control/views.py": STORIES,
    "gateway/control/waiting.py": STORIES,
    "gateway/events.py": "tests/gateway/test_bus.py",
    "gateway/listeners/http/page/documents.py": PAGE,
    "gateway/listeners/http/page/forms.py": PAGE,
    "gateway/listeners/http/page/home.py": PAGE,
    "gateway/listeners/http/page/static.py": PAGE,
    "gateway/listeners/http/page/story.py": PAGE,
    "gateway/listeners/listener.py": "tests/gateway/listeners/test_smpp.py",
    "gateway/rules/country_checks.py": "tests/gateway/rules/test_country_file.py",
    "gateway/rules/rule.py": RULEBOOK,
    "gateway/rules/wording.py": "tests/gateway/rules/test_hours.py",
    "gateway/stores/clerk.py": "tests/gateway/stores/test_apart.py",
    "gateway/stores/names.py": "tests/gateway/stores/test_sqlite.py",
    "gateway/stores/opening.py": "tests/gateway/stores/test_sqlite.py",
    "gateway/stores/person.py": "tests/gateway/control/test_privacy.py",
    "gateway/stores/rows.py": "tests/gateway/stores/test_sqlite.py",
    "gateway/stores/scribe.py": "tests/gateway/stores/test_writer.py",
    "gateway/stores/store.py": "tests/gateway/stores/test_writer.py",
    "gateway/watchers/watcher.py": "tests/gateway/test_watch.py",
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


def mirrored(module: Path) -> Path:
    """Where the tests of a module are looked for first."""
    return REPO / "tests" / module.parent / f"test_{module.name}"


def untested() -> list[str]:
    """Source modules with neither a mirrored test file nor an entry in COVERED_BY whose file is there."""
    found = []
    for path in python("gateway", "drivers"):
        module = path.relative_to(REPO)
        covered = REPO / COVERED_BY.get(module.as_posix(), mirrored(module))
        if code_lines(path) and path.name != "__init__.py" and not covered.exists():
            found.append(f"{module.as_posix()}: no {name(covered)}")
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


def test_every_module_has_its_test():
    nothing(untested())


def test_the_map_of_covered_modules_is_not_stale():
    gone = [module for module in COVERED_BY if not (REPO / module).exists()]
    needless = [f"{module} has a test of its own" for module in COVERED_BY if mirrored(Path(module)).exists()]
    nothing(gone + needless)


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

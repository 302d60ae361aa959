"""What is drawn from the code is fresh, and what the pages name exists."""

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_life_cycle_page_is_drawn_from_the_table():
    spec = importlib.util.spec_from_file_location("draw_lifecycle", ROOT / "docs/draw_lifecycle.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs/lifecycle.md").read_text(encoding="utf-8") == module.draw(), (
        "python docs/draw_lifecycle.py > docs/lifecycle.md"
    )


def test_every_file_that_a_page_links_to_exists():
    missing = []
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("hardware/*.md")]:
        targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        missing += [
            f"{page.relative_to(ROOT)} -> {target}"
            for target in targets
            if "://" not in target and not (page.parent / target).exists()
        ]
    assert not missing, missing


def test_every_test_that_the_conformance_page_names_exists():
    page = ROOT / "docs/conformance.md"
    gone = []
    for name in set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page.read_text(encoding="utf-8"))):
        path, function = name
        file = ROOT / path
        if not file.exists() or (function and f"def {function}(" not in file.read_text(encoding="utf-8")):
            gone.append("::".join(filter(None, name)))
    assert not gone, gone

"""Every dotted reason that the driver can give stands in docs/modem.md, and none stands there that it can't."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
FAMILIES = "port|modem|sim|network|store|power"
COMPOSED = {"sim.barred", "sim.failing"}  # of FailureStreak's word: f"sim.{suspended}"
LOGGED = re.compile(r'(?:_log\.\w+|_note)\(\s*"[a-z_.]+"')  # the names of log lines are no reasons


def given():
    """The reasons between quotes in the driver; the simulated modem gives none of its own."""
    found = set(COMPOSED)
    for module in sorted((ROOT / "drivers/modem").glob("*.py")):
        if not module.name.startswith(("sim_", "simulator")):
            text = LOGGED.sub("", module.read_text(encoding="utf-8"))
            found |= set(re.findall(rf'"((?:{FAMILIES})\.[a-z_]+)"', text))
    return found


def explained():
    """The reasons in the first column of the page's tables."""
    page = (ROOT / "docs/modem.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (`[^|]+) \|", page, flags=re.MULTILINE)
    return {reason for cell in cells for reason in re.findall(rf"`((?:{FAMILIES})\.[a-z_]+)`", cell)}


def test_every_reason_has_its_row():
    assert len(given()) > 20
    assert not given() - explained(), "docs/modem.md: say what it means and what helps"


def test_every_row_has_its_reason():
    assert not explained() - given(), "docs/modem.md: the driver does not say this any more"

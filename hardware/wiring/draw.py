"""Draws the wiring: each *.yaml here by WireViz into the *.svg beside it, stamped with the hash of its source.

    pip install wireviz==0.4.1, apt-get install graphviz, then: python hardware/wiring/draw.py

A test compares the stamp with the source, so a drawing cannot be older than what it shows.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def stamp(source: Path) -> str:
    """The comment that ties a drawing to its source."""
    return f"<!-- drawn from {source.name}, sha256 {hashlib.sha256(source.read_bytes()).hexdigest()} -->"


def draw(source: Path) -> str:
    """The drawing as SVG text, with its stamp after the XML declaration.

    Raises FileNotFoundError without WireViz or graphviz, CalledProcessError with a source that it refuses.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = ["wireviz", "-f", "s", "-o", folder, source]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own file, no shell
        drawn = (Path(folder) / source.with_suffix(".svg").name).read_text(encoding="utf-8")
    declaration, rest = drawn.split("?>", 1)
    rest = re.sub(r"[ \t]+$", "", rest, flags=re.MULTILINE)
    return f"{declaration}?>\n{stamp(source)}{rest}"


def main() -> None:
    """Draws every source; ends with words and 1 when a program is missing."""
    for source in sorted(HERE.glob("*.yaml")):
        try:
            drawing = draw(source)
        except FileNotFoundError as missing:
            sys.exit(f"{missing.filename} is not here: see the head of this file")
        source.with_suffix(".svg").write_text(drawing, encoding="utf-8")


if __name__ == "__main__":
    main()

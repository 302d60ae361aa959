#!/usr/bin/env python3
"""Octets from nobody in particular into the decoder and a session of each side, guided by coverage (atheris).

    python tests/fuzz/fuzz_decoder.py [-max_total_time=20] [more of libFuzzer's options] [CORPUS …]

Begins from tests/vectors/pdus.json. Ends with an error when anything but BrokenFraming comes out of the decoder,
when a session raises, or when a PDU that was read does not come back the same from its own encoding.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2])]

import atheris  # noqa: E402 - the paths come first

with atheris.instrument_imports(include=["drivers"]):
    from fuzz.decoding import chew

SECONDS = "-max_total_time=20"


def main() -> None:
    options = sys.argv[1:]
    if not any(option.startswith("-max_total_time") for option in options):
        options.append(SECONDS)
    if not any(option.startswith("-artifact_prefix") for option in options):
        found = HERE.parents[2] / ".cache" / "fuzz"
        found.mkdir(parents=True, exist_ok=True)
        options.append(f"-artifact_prefix={found}/")
    vectors = json.loads((HERE.parents[1] / "vectors" / "pdus.json").read_text())["items"]
    with tempfile.TemporaryDirectory() as corpus:
        for item in vectors:
            Path(corpus, item["id"]).write_bytes(bytes.fromhex(item["hex"]))
        atheris.Setup([sys.argv[0], *options, corpus], chew)
        atheris.Fuzz()


if __name__ == "__main__":
    main()

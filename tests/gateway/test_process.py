"""What a gateway sets for its whole process, seen in a process of its own."""

import json
import subprocess
import sys

LOOK = """
import gc, json, sys
from gateway import process
process.settle()
print(json.dumps([sys.getswitchinterval(), gc.get_threshold(), gc.get_freeze_count(), gc.isenabled()]))
"""


def test_a_thread_gets_the_gil_soon_and_what_stands_is_not_looked_at_again():
    shown = subprocess.run(
        [sys.executable, "-c", LOOK], capture_output=True, text=True, check=True, timeout=30
    )
    switch, threshold, frozen, enabled = json.loads(shown.stdout)
    assert round(switch, 6) == 0.0001
    assert threshold == [20_000, 50, 100]
    assert frozen > 1_000
    assert enabled

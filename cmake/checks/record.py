"""Runs one test and records how it went: record.py NAME RESULTS ROWS -- COMMAND.

GoogleTest programs write a file of their own (RESULTS/NAME.gtest.json). What
they cannot say is written here: that a program crashed, and how the tests went
that are not GoogleTest's. ROWS: the capabilities tested, separated by commas.
"""

import json
import os
import subprocess
import sys

SKIPPED = 77


def listed(program):
    """Names of all tests in a GoogleTest program."""
    run = subprocess.run([program, "--gtest_list_tests"], capture_output=True,
                         text=True)
    names, suite = [], ""
    for line in run.stdout.splitlines():
        word = line.split("#")[0].strip()
        if line and not line[0].isspace() and word.endswith("."):
            suite = word
        elif line.startswith("  "):
            names.append(suite + word)
    return names


name, results, rows = sys.argv[1:4]
command = sys.argv[5:]
os.makedirs(results, exist_ok=True)
own = os.path.join(results, name + ".gtest.json")
if os.path.exists(own):
    os.remove(own)

status = subprocess.run(command, stdin=subprocess.DEVNULL).returncode
record = {"name": name, "status": status, "rows": [r for r in rows.split(",") if r],
          "state": {0: "passed", SKIPPED: "skipped"}.get(status, "failed"),
          "crashed": []}
if any(word.startswith("--gtest_output=") for word in command):
    if not os.path.exists(own):
        record["crashed"] = listed(command[0])
with open(os.path.join(results, name + ".test.json"), "w", encoding="utf-8") as f:
    json.dump(record, f)
# A signal (negative here) is a failure to ctest whatever its number.
sys.exit(status if status >= 0 else 1)

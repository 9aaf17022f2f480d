"""Runs one test and records how it went: record.py NAME RESULTS ROWS -- COMMAND.

GoogleTest programs write a file of their own (RESULTS/NAME.gtest.json). What
they cannot say is written here: how the tests went that are not GoogleTest's;
and when a program crashes, its tests run one by one to see which of them do.
ROWS: the capabilities tested, separated by commas.
"""

import json
import os
import subprocess
import sys
import time

SKIPPED = 77
PATIENCE = 200  # seconds for tests one by one


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


def one_by_one(command, own):
    """Runs each test in a process of its own; returns those that crash."""
    crashed, suites, start = [], [], time.monotonic()
    for test in listed(command[0]):
        alone = [f"--gtest_output=json:{own}.one" if w.startswith("--gtest_output=")
                 else w for w in command] + [f"--gtest_filter={test}"]
        left = PATIENCE - (time.monotonic() - start)
        try:
            subprocess.run(alone, stdin=subprocess.DEVNULL, capture_output=True,
                           timeout=max(left, 0.1))
            with open(own + ".one", encoding="utf-8") as f:
                suites += json.load(f)["testsuites"]
            os.remove(own + ".one")
        except (OSError, subprocess.TimeoutExpired):
            print(f"crashed, or not reached: {test}")
            crashed.append(test)
    with open(own, "w", encoding="utf-8") as f:
        json.dump({"testsuites": suites}, f)
    return crashed


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
        print(f"{name} ended with status {status}; its tests one by one:", flush=True)
        record["crashed"] = one_by_one(command, own)
with open(os.path.join(results, name + ".test.json"), "w", encoding="utf-8") as f:
    json.dump(record, f)
# A signal (negative here) is a failure to ctest whatever its number.
sys.exit(status if status >= 0 else 1)

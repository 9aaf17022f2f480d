"""What the tests have left behind: files of GoogleTest, of lit, of record.py."""

import glob
import json
import os
import re

ID = re.compile(r"(?<![A-Za-z0-9])C\d{3}(?!\d)")
LIT_STATE = {"PASS": "passed", "XFAIL": "failed", "FLAKYPASS": "failed",
             "UNSUPPORTED": "skipped", "SKIPPED": "skipped", "EXCLUDED": "skipped"}


def read(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def gtests(path):
    """(name, ids, state, reason) of each test in a GoogleTest result file."""
    program = os.path.basename(path)[:-len(".gtest.json")]
    for suite in read(path).get("testsuites", []):
        for test in suite.get("testsuite", []):
            name = f"{suite['name']}.{test['name']}"
            ids = ID.findall(f"{name} {test.get('capability', '')}")
            reason = ""
            if test.get("failures"):
                state = "failed"
                reason = test["failures"][0].get("failure", "").strip()
            elif test.get("result") == "SKIPPED":
                state = "skipped"
                messages = test.get("skipped") or [{}]
                reason = messages[0].get("message", "").strip()
            elif test.get("status") == "RUN":
                state = "passed"
            else:
                state, reason = "skipped", "disabled"
            yield f"{program}: {name}", ids, state, reason


def lit_tests(path, source):
    for test in read(path).get("tests", []):
        file = test["name"].split(" :: ", 1)[1]
        try:
            with open(os.path.join(source, "test", file),
                      encoding="utf-8") as f:
                marks = re.findall(r"^\s*(?://|#).*\bCAPABILITY:(.*)$", f.read(), re.M)
        except OSError:
            marks = []
        state = LIT_STATE.get(test["code"], "failed")
        reason = "" if state == "passed" else test["code"].lower()
        yield f"lit: {file}", ID.findall(" ".join(marks)), state, reason


def recorded(path):
    test = read(path)
    yield f"ctest: {test['name']}", test["rows"], test["state"], ""
    for name in test["crashed"]:
        yield (f"{test['name']}: {name}", ID.findall(name), "failed",
               f"the test program ended with status {test['status']}")


def all_tests(folder, source):
    """(name, rows, state, reason) of all tests with results in the folder."""
    for pattern, reader in (("*.gtest.json", gtests), ("*.test.json", recorded)):
        for path in sorted(glob.glob(os.path.join(folder, pattern))):
            yield from reader(path)
    if os.path.exists(os.path.join(folder, "lit.json")):
        yield from lit_tests(os.path.join(folder, "lit.json"), source)

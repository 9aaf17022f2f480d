"""Writes capabilities.json: for each row which tests it has and how they went.

Rows stand in test/capabilities/rows.json. A test is tied to rows by their ids:
in the name of a GoogleTest suite or test (TEST(C040_C041, SecondDerivative)) or
its property `capability`; in a line `// CAPABILITY: C134` of a lit file; by
CAPABILITIES of etch_add_test. Ids that are no row are an error.
"""

import argparse
import glob
import json
import os
import re
import sys

ID = re.compile(r"(?<![A-Za-z0-9])C\d{3}(?!\d)")
LIT_STATE = {"PASS": "passed", "XFAIL": "failed", "FLAKYPASS": "failed",
             "UNSUPPORTED": "skipped", "SKIPPED": "skipped", "EXCLUDED": "skipped"}

arguments = argparse.ArgumentParser()
for name in ("rows", "source", "results", "out"):
    arguments.add_argument("--" + name, required=True)
options = arguments.parse_args()


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


def lit_tests(path):
    for test in read(path).get("tests", []):
        file = test["name"].split(" :: ", 1)[1]
        try:
            with open(os.path.join(options.source, "test", file),
                      encoding="utf-8") as f:
                marks = re.findall(r"^\s*(?://|#).*\bCAPABILITY:(.*)$", f.read(), re.M)
        except OSError:
            marks = []
        state = LIT_STATE.get(test["code"], "failed")
        reason = "" if state == "passed" else test["code"].lower()
        yield f"lit: {file}", ID.findall(" ".join(marks)), state, reason


def recorded(path):
    test = read(path)
    if test["rows"]:
        yield f"ctest: {test['name']}", test["rows"], test["state"], ""
    for name in test["crashed"]:
        yield (f"{test['name']}: {name}", ID.findall(name), "failed",
               f"the test program ended with status {test['status']}")


rows = {row["id"]: dict(row, tests=[]) for row in read(options.rows)}
unknown = []
for pattern, reader in (("*.gtest.json", gtests), ("lit.json", lit_tests),
                        ("*.test.json", recorded)):
    for path in sorted(glob.glob(os.path.join(options.results, pattern))):
        for name, ids, state, reason in reader(path):
            for row in sorted(set(ids)):
                if row not in rows:
                    unknown.append(f"{name} names {row}, which is no row")
                    continue
                test = {"name": name, "state": state}
                if reason:
                    test["reason"] = " ".join(reason.split())[:300]
                rows[row]["tests"].append(test)

count = {"passed": 0, "failed": 0, "skipped": 0, "without test": 0}
report = []
for row in rows.values():
    states = {test["state"] for test in row["tests"]}
    reason = ""
    if not states:
        state, reason = "skipped", "no test names this row"
        count["without test"] += 1
    else:
        state = next(s for s in ("failed", "passed", "skipped") if s in states)
        reasons = [t.get("reason", "") for t in row["tests"] if t["state"] == state]
        reason = next((r for r in reasons if r), "") if state != "passed" else ""
        count[state] += 1
    report.append({"id": row["id"], "statement": row["statement"],
                   "check": row["check"], "state": state, "reason": reason,
                   "tests": row["tests"]})

with open(options.out, "w", encoding="utf-8") as f:
    json.dump(report, f, ensure_ascii=False, indent=1)
    f.write("\n")

lines = [f"capabilities: {len(rows)} rows, " +
         ", ".join(f"{n} {state}" for state, n in count.items())]
lines += [f"  {row['id']} {row['state']}: {row['statement']}"
          + (f" ({row['reason']})" if row["reason"] else "")
          for row in report if row["state"] == "failed"]
missing = [row["id"] for row in report if not row["tests"]]
if missing:
    lines.append("  without test: " + " ".join(missing))
lines.append(f"  {os.path.relpath(options.out, options.source)}")
summary = "\n".join(lines + unknown) + "\n"
print(summary, end="")
os.makedirs(options.results, exist_ok=True)
with open(os.path.join(options.results, "summary.txt"), "w", encoding="utf-8") as f:
    f.write(summary)
sys.exit(1 if unknown else 0)

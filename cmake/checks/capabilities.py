"""Writes capabilities.json: for each row which tests it has and how they went.

Rows stand in test/capabilities/rows.json. A test is tied to rows by their ids:
in the name of a GoogleTest suite or test (TEST(C040_C041, SecondDerivative)) or
its property `capability`; in a line `// CAPABILITY: C134` of a lit file; by
CAPABILITIES of etch_add_test. Ids that are no row are an error.
"""

import argparse
import json
import os
import sys

import results

arguments = argparse.ArgumentParser()
for name in ("rows", "source", "results", "out"):
    arguments.add_argument("--" + name, required=True)
options = arguments.parse_args()


rows = {row["id"]: dict(row, tests=[]) for row in results.read(options.rows)}
unknown = []
for name, ids, state, reason in results.all_tests(options.results, options.source):
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

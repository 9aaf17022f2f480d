"""What DeZero's own tests check is checked here: test/data/dezero_tests.json.

For each of its test files and functions ("#2": the second of that name) the
table names the tests that show the same: "Suite.Test", or "OpCases op/case"
for a reference case of the conformance tests. All of them exist. Where a second
argument gives the oracle folder, so do the cases.
"""

import json
import os
import re
import sys

import tree

ROOT = sys.argv[1]
ORACLES = sys.argv[2] if len(sys.argv) > 2 else ""
TABLE = "test/data/dezero_tests.json"
FUNCTIONS = "test/conformance/OpFunctions.cpp"

problems = []


def once(pairs):
    """An object without the repeated keys that JSON would pass over."""
    found = dict(pairs)
    if len(found) < len(pairs):
        problems.append(f"{TABLE}: a name stands twice among {', '.join(found)}")
    return found


tests, operations = tree.tests(ROOT), set()
if os.path.exists(os.path.join(ROOT, FUNCTIONS)):
    operations.update(re.findall(r'\{"(\w+)",\s*\[|\bc\.op == "(\w+)"',
                                 tree.without_comments(tree.text(ROOT, FUNCTIONS))))
operations = {name for pair in operations for name in pair if name}
# What is not listed there is a pointwise op under its own name.
operations.update(tree.ops(ROOT)[0].values())
cases = None
if ORACLES:
    with open(os.path.join(ORACLES, "goldens/ops.json"), encoding="utf-8") as f:
        cases = {f"{case['op']}/{case['name']}" for case in json.load(f)}


def wrong(name):
    """Why there is no such test, or nothing."""
    case = re.fullmatch(r"OpCases ((\w+)/\w+)", name)
    if not case:
        return "" if name in tests else "there is no such test"
    if case.group(2) not in operations:
        return f"{FUNCTIONS} has no such operation"
    return "there is no such case" if cases and case.group(1) not in cases else ""


table = json.loads(tree.text(ROOT, TABLE), object_pairs_hook=once)
count = 0
for file, functions in table.items():
    if not functions:
        problems.append(f"{file}: no function")
    for function, names in functions.items():
        count += 1
        if not names or len(set(names)) < len(names):
            problems.append(f"{file}: {function}: no test, or one twice")
        problems += [f"{file}: {function}: {name}: {wrong(name)}"
                     for name in names if wrong(name)]

tree.finish("dezero-tests", problems, f"{len(table)} files, {count} test functions")

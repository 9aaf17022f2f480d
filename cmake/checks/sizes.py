"""Holds every file to the budget of lines of its kind."""

import sys

import tree

ROOT = sys.argv[1]
PASSES = ("compiler/Transforms/", "compiler/Buffer/", "compiler/Conversion/")
# (kind, suffixes, folders, lines); the first row that fits holds.
BUDGETS = [
    ("lit file", (".mlir", ".test"), ("test/",), 300),
    ("example", (".cpp", ".c"), ("examples/",), 100),
    ("pass", (".cpp",), PASSES, 400),
    ("source file", (".cpp", ".c", ".py"), ("",), 800),
    ("header", (".h", ".hpp", ".cuh"), ("",), 250),
    ("TableGen file", (".td",), ("",), 1000),
    ("README", ("README.md",), ("",), 150),
]

problems, seen = [], 0
suffixes = tuple(s for row in BUDGETS for s in row[1])
for path in tree.files(ROOT, *suffixes):
    kind, budget = next((row[0], row[3]) for row in BUDGETS
                        if path.endswith(row[1]) and path.startswith(row[2]))
    lines = tree.text(ROOT, path).count("\n")
    seen += 1
    if lines > budget:
        problems.append(f"{path}: {lines} lines; a {kind} has at most {budget}")

tree.finish("sizes", problems, f"{seen} files")

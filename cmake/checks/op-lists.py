"""Finds lists of ops written by hand: they belong into .td files.

Where LINES lines of a source file name more than LIMIT different ops (by class
name `FooOp`, by "etch.foo" or by "foo"), there is such a list, whatever its form.
Code that must visit all ops goes through an op interface or a generated table.
"""

import re
import sys

import tree

ROOT = sys.argv[1]
LINES, LIMIT = 30, 10
FOLDERS = ("compiler/", "dialects/", "frontend/", "runtime/", "cmake/")

names, _ = tree.ops(ROOT)
by_class = {record: record for record in names}
by_mnemonic = {mnemonic: record for record, mnemonic in names.items()}
by_mnemonic.update({f"etch.{m}": r for m, r in list(by_mnemonic.items())})

problems, seen = [], 0
for path in tree.files(ROOT, ".h", ".hpp", ".c", ".cpp", ".inc", ".def", ".py",
                       ".cmake", "CMakeLists.txt"):
    if not path.startswith(FOLDERS):
        continue
    seen += 1
    source = tree.without_comments(tree.text(ROOT, path))
    # (line, op) wherever one is named; a sliding window over them.
    named = []
    for number, line in enumerate(source.split("\n"), 1):
        words = re.findall(r"\b[A-Z]\w*Op\b", line)
        named += [(number, by_class[w]) for w in words if w in by_class]
        words = re.findall(r'"([a-z0-9_.]+)"|\bOpId::(\w+)', line)
        named += [(number, by_mnemonic[w]) for pair in words for w in pair
                  if w in by_mnemonic]
    for first, _ in named:
        near = {op for line, op in named if first <= line < first + LINES}
        if len(near) > LIMIT:
            problems.append(f"{path}:{first}: {len(near)} ops within {LINES} lines "
                            f"({', '.join(sorted(near)[:5])}, ...): a list")
            break

tree.finish("op-lists", problems, f"{seen} files, {len(names)} ops")

"""Finds lists of ops written by hand: they belong into .td files.

A source file that names more than LIMIT different ops as data (by class name
`FooOp`, by "etch.foo" or by "foo") holds such a list. Code that must visit all
ops goes through an op interface or a generated table.
"""

import re
import sys

import tree

ROOT = sys.argv[1]
LIMIT = 12
FOLDERS = ("compiler/", "dialects/", "frontend/", "runtime/", "cmake/")

names = tree.ops(ROOT)
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
    named = {by_class[w] for w in re.findall(r"\b[A-Z]\w*Op\b", source)
             if w in by_class}
    named |= {by_mnemonic[w] for w in re.findall(r'"([a-z0-9_.]+)"', source)
              if w in by_mnemonic}
    # An enumeration is a list, however it is spelt: kOps.tanh, OpId::tanh, ...
    named |= {by_mnemonic[w] for w in re.findall(r"\bOpId::(\w+)", source)
              if w in by_mnemonic}
    if len(named) > LIMIT:
        problems.append(f"{path}: names {len(named)} ops ({', '.join(sorted(named)[:6])}"
                        f", ...); at most {LIMIT}, or go through the generated table")

tree.finish("op-lists", problems, f"{seen} files, {len(names)} ops")

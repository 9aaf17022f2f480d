"""Every op has a lit test with dynamic extents: test/dialects/Etch/dynamic/.

There the op stands, in either form, in a statement whose types show a `?`
(constants excepted: they have all their extents), or its verifier refuses it.
"""

import re
import sys

import tree

ROOT = sys.argv[1]
FOLDER = "test/dialects/Etch/dynamic/"

sources = [tree.without_comments(tree.text(ROOT, path))
           for path in tree.files(ROOT, ".mlir") if path.startswith(FOLDER)]
# A verifier that refuses them is tested, too.
refused = set(re.findall(
    r"expected-error.*'etch\.(\w+)' op .*extents are those of a call",
    "\n".join(tree.text(ROOT, path) for path in tree.files(ROOT, ".mlir")
              if path.startswith("test/dialects/Etch/invalid-"))))
ops, constants = tree.ops(ROOT)
problems = []
for record, mnemonic in sorted(ops.items(), key=lambda item: item[1]):
    # From the op's name to the end of its statement, which is where the next
    # one begins: a line that defines a value, a terminator, a closing brace.
    statement = (rf'\betch\.{re.escape(mnemonic)}(?![\w.]).*?'
                 r'(?=\n\s*(?:%|func\.|return|"?etch\.|"func\.|\})|\Z)')
    used = [m.group(0) for s in sources for m in re.finditer(statement, s, re.S)]
    if not any("?" in use or record in constants or mnemonic in refused
               for use in used):
        problems.append(f"etch.{mnemonic} ({record}) has no test with dynamic extents"
                        f" in {FOLDER}")

tree.finish("op-tests", problems, f"{len(ops)} ops")

"""Every pass has a lit file of its name, every diagnostic a test that provokes it.

A pass `etch-x` of a Passes.td has a file x.mlir under test/compiler that runs it;
the walls `etch-verify-x` share verify.mlir. Each text that a verifier of dialects/ or a
pass of compiler/Transforms or compiler/Buffer gives with emitError or
emitOpError stands in a test: its longest piece, or an expected-error that is
part of it. (What a target objects to, only a fault of a pass can provoke.)
"""

import os
import re
import sys

import tree

# What no program provokes.
FAULTS = {
    "expands to": "an expansion of another type is a fault of its op",
    ": has no gradient, and what is differentiated depends on it":
        "every op of the dialect has a gradient, or none flows through it",
    "of a result has an extent that depends on values":
        "no op of the dialect has such extents",
}

ROOT = sys.argv[1]
TESTS = "test"
problems = []


def files(folder, *endings):
    for path, folders, names in os.walk(os.path.join(ROOT, folder)):
        folders[:] = [f for f in folders if f not in ("data", "Inputs")]
        for name in sorted(names):
            if name.endswith(endings):
                yield os.path.relpath(os.path.join(path, name), ROOT)


def flags(source):
    """The names of the passes that a Passes.td defines."""
    classes = {"Pass": ""}
    for name, prefix in re.findall(
            r'class (\w+)<string \w+>\s*:\s*Pass<"([\w-]*)"', source):
        classes[name] = prefix
    for name, flag in re.findall(r'def \w+\s*:\s*(\w+)<"([\w-]+)"', source):
        if name in classes:
            yield classes[name] + flag


lit = {path: tree.text(ROOT, path) for path in files(TESTS, ".mlir", ".test")}
passes = 0
for path in files("compiler", "Passes.td"):
    for flag in flags(tree.text(ROOT, path)):
        passes += 1
        name = flag.removeprefix("etch-")
        wanted = "verify.mlir" if name.startswith("verify-") else name + ".mlir"
        found = [text for file, text in lit.items()
                 if os.path.basename(file) == wanted]
        if not any(re.search(rf"RUN:.*-{flag}\b", text.replace("\\\n//", ""))
                   for text in found):
            problems.append(f"{path}: {flag}: no {wanted} that runs it")

said = "\n".join(lit.values()) + "\n".join(
    tree.text(ROOT, path) for path in files(TESTS, ".cpp"))
said = re.sub(r'"\s*"', "", re.sub(r"\s+", " ", said))
expected = [part.strip() for text in lit.values()
            for found in re.findall(r"expected-error[^{]*\{\{(.*?)\}\}", text)
            for part in re.split(r"\{\{|\}\}|\\\\|'[^']*'|\d+", found)
            if len(part.strip()) >= 8]
diagnostics = 0
for folder in ("dialects", "compiler/Transforms", "compiler/Buffer"):
    for path in files(folder, ".cpp"):
        source = tree.text(ROOT, path)
        for match in re.finditer(r"\bemit(?:Op)?Error\(", source):
            statement = source[match.start():source.index(";", match.start())]
            words = re.findall(r'"((?:[^"\\]|\\.)*)"', statement)
            words = [w.strip() for w in words if len(w.strip()) > 3]
            if not words:
                continue
            diagnostics += 1
            longest = max(words, key=len).replace('\\"', '"')
            if longest in FAULTS:
                continue
            if longest not in said and not any(e in longest for e in expected):
                line = source.count("\n", 0, match.start()) + 1
                problems.append(f'{path}:{line}: no test provokes "{longest}"')

for problem in problems:
    print(problem)
print(f"{passes} passes, {diagnostics} diagnostics, {len(problems)} untested")
sys.exit(bool(problems))

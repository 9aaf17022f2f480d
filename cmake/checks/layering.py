"""Reads every #include against the arrows of the tree.

    frontend -> compiler/Driver -> Pipelines -> {Transforms, Buffer, Conversion,
    Target/CPU, Target/CUDA} -> dialects -> MLIR;  all of the compiler's lower
    end and frontend may include runtime's headers; runtime includes nothing.

The folders in braces do not include one another, except that Target/CUDA has its
host code from Target/CPU; both targets include
Target/Kernel.
"""

import os
import re
import sys

import tree

ROOT = sys.argv[1]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
PUBLIC = ["runtime/include", "dialects/Etch/include", "frontend/include"]

# The meaning of the ops, shared by compiler and front end, knows no MLIR.
OPS = ("dialects/Etch/OpTable", "dialects/Etch/Expr.", "dialects/Etch/Shapes",
       "dialects/Etch/Types", "dialects/Etch/Ops/")
# So do the files that etch-tblgen makes; those of mlir-tblgen start with Etch.
GENERATED_OPS = re.compile(r"dialects/Etch/(?!Etch)[\w.]+\.inc$")

# (name, path prefixes, layers it may include besides itself, may use MLIR/LLVM);
# of several rows the one with the longest prefix holds.
LAYERS = [
    ("runtime", ("runtime/",), (), False),
    ("runtime headers", ("runtime/include/",), (), False),
    ("ops", OPS, ("runtime headers",), False),
    ("dialects", ("dialects/",), ("ops",), True),
    ("Transforms", ("compiler/Transforms/",), ("dialects", "ops"), True),
    ("Buffer", ("compiler/Buffer/",), ("dialects", "ops"), True),
    ("Conversion", ("compiler/Conversion/",), ("dialects", "ops"), True),
    ("Target/Kernel", ("compiler/Target/Kernel/",), ("dialects", "ops"), True),
    ("Target/CPU", ("compiler/Target/CPU/",),
     ("Target/Kernel", "dialects", "ops", "runtime headers"), True),
    # The host's part of programs for devices is code for a CPU.
    ("Target/CUDA", ("compiler/Target/CUDA/",),
     ("Target/CPU", "Target/Kernel", "Client", "dialects", "ops", "runtime headers"), True),
    ("Pipelines", ("compiler/Pipelines/",),
     ("Transforms", "Buffer", "Conversion", "Target/CPU", "Target/CUDA", "dialects",
      "ops", "Client"), True),
    ("Driver", ("compiler/Driver/",),
     ("Pipelines", "Transforms", "Buffer", "Conversion", "Target/CPU", "Target/CUDA",
      "dialects", "ops", "Client", "runtime headers"), True),
    ("Client", ("compiler/Driver/Client/", "compiler/Driver/CompilerAbi.h"),
     ("ops", "runtime headers"), False),
    ("tools", ("compiler/tools/",),
     ("Driver", "Client", "Pipelines", "Transforms", "Buffer", "Conversion",
      "Target/CPU", "Target/CUDA", "dialects", "ops", "runtime", "runtime headers"),
     True),
    ("frontend", ("frontend/",),
     ("public headers", "ops", "Client", "runtime", "runtime headers"), False),
    ("public headers", ("frontend/include/",), ("ops headers", "runtime headers"),
     False),
    ("ops headers", ("dialects/Etch/include/",), (), False),
    ("examples", ("examples/",), ("public headers", "ops headers", "runtime headers"),
     False),
]
# A layer that may include another may include that one's headers, too.
IMPLIED = {"ops": {"ops headers"}, "runtime": {"runtime headers"},
           "frontend": {"public headers"}}


def layer(path):
    if GENERATED_OPS.match(path):
        path = "dialects/Etch/OpTable"
    best = None
    for row in LAYERS:
        for prefix in row[1]:
            if path.startswith(prefix) and (not best or len(prefix) > best[0]):
                best = (len(prefix), row)
    return best and best[1]


def resolve(path, name):
    """The file of ours that an include names, or None. Generated files count as
    standing in the folder in which they are generated."""
    beside = os.path.normpath(os.path.join(os.path.dirname(path), name))
    if os.path.exists(os.path.join(ROOT, beside)):
        return beside
    if name.split("/")[0] in ("runtime", "dialects", "compiler", "frontend", "test",
                              "examples"):
        return name
    for folder in PUBLIC:
        if os.path.exists(os.path.join(ROOT, folder, name)):
            return f"{folder}/{name}"
    return f"frontend/include/{name}" if name.startswith("etch/") else None


problems, seen = [], 0
for path in tree.files(ROOT, ".h", ".hpp", ".c", ".cpp", ".cuh", ".inc", ".def"):
    row = layer(path)
    if not row:
        continue
    name, _, allowed, mlir = row
    allowed = {name, *allowed}
    for of in list(allowed):
        allowed |= IMPLIED.get(of, set())
    for match in INCLUDE.finditer(tree.without_comments(tree.text(ROOT, path))):
        seen += 1
        what = match.group(2)
        if what.split("/")[0] in ("mlir", "llvm", "mlir-c", "llvm-c", "lld", "clang"):
            if not mlir:
                problems.append(f"{path}: {name} is free of MLIR, but includes {what}")
            continue
        target = resolve(path, what)
        if not target:
            continue
        other = layer(target)
        if not other or other[0] not in allowed:
            problems.append(f"{path}: {name} may not include {target}"
                            f" ({other[0] if other else 'no layer'})")

tree.finish("layering", problems, f"{seen} includes")

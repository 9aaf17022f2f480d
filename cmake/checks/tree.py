"""What the checks share: the files of the tree and the ops of the dialect."""

import json
import os
import re
import subprocess
import sys

LLVM_BIN = os.environ.get("ETCH_LLVM_TOOLS", "/usr/lib/llvm-22/bin")


def files(root, *suffixes):
    """Paths relative to root of all files with one of the suffixes."""
    found = []
    for folder, names, leaves in os.walk(root):
        # What stands in dot folders or in build folders is not ours.
        names[:] = sorted(n for n in names if not n.startswith(".") and n != "__pycache__"
                          and not (folder == root and n in ("build", "shared")))
        for leaf in sorted(leaves):
            if leaf.endswith(suffixes):
                found.append(os.path.relpath(os.path.join(folder, leaf), root))
    return found


def text(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
        return f.read()


def ops(root):
    """{record name: mnemonic} of the ops of dialect `etch`, read by TableGen;
    and the names of those that are constants."""
    td = os.path.join(root, "dialects/Etch/EtchOps.td")
    if not os.path.exists(td):
        return {}, set()
    dump = subprocess.run(
        [os.path.join(LLVM_BIN, "llvm-tblgen"), "--dump-json", "-I", root,
         "-I", os.path.join(os.path.dirname(LLVM_BIN), "include"), td],
        check=True, capture_output=True, text=True)
    records = json.loads(dump.stdout)
    found, constants = {}, set()
    for name in records["!instanceof"].get("Op", []):
        record = records[name]
        dialect = records[record["opDialect"]["def"]]
        if dialect["name"] == "etch":
            found[name] = record["opName"]
            if any(trait["def"] == "ConstantLike" for trait in record["traits"]):
                constants.add(name)
    return found, constants


def tests(root):
    """"Suite.Test" of all GoogleTests under test/."""
    found = set()
    for path in files(os.path.join(root, "test"), ".cpp"):
        source = without_comments(text(os.path.join(root, "test"), path))
        found.update(".".join(names) for names in re.findall(
            r"\bTEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)", source))
    return found


def finish(check, problems, seen):
    """Prints what is wrong, or how much was looked at, and ends the program."""
    for problem in problems:
        print(f"{check}: {problem}")
    if problems:
        print(f"{check}: {len(problems)} problem(s)")
        sys.exit(1)
    print(f"{check}: {seen} looked at, nothing to say")
    sys.exit(0)


def without_comments(source):
    """C++ text with comments blanked; strings stay, lines keep their numbers."""
    pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''

    def blank(match):
        token = match.group(0)
        if token.startswith("/"):
            return re.sub(r"[^\n]", " ", token)
        return token

    return re.sub(pattern, blank, source, flags=re.S)

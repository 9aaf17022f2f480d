"""Reads the public headers with clang: api-reference.py ROOT CLANG [OUT.md].

Every declaration in namespace etch stands in a paragraph (lines without a blank
one between) that says in a comment what it is; those that do not are listed and
fail the check. Constructors, operators and members defined on one line may speak
for themselves. With OUT.md, the reference of the public API is written there.
"""

import json
import os
import re
import subprocess
import sys

import tree

ROOT, CLANG = os.path.realpath(sys.argv[1]), sys.argv[2]
OUT = sys.argv[3] if len(sys.argv) > 3 else None
FOLDERS = ("frontend/include", "dialects/Etch/include")
KINDS = {"FunctionDecl", "FunctionTemplateDecl", "CXXRecordDecl", "ClassTemplateDecl",
         "EnumDecl", "VarDecl", "CXXMethodDecl", "CXXConstructorDecl"}
SCOPES = {"NamespaceDecl", "CXXRecordDecl", "ClassTemplateDecl", "LinkageSpecDecl"}


def dump(headers):
    """The syntax trees of everything with `etch` in its name, in order."""
    generated = os.environ.get("ETCH_BUILD", "")
    path = [f"-I{os.path.join(base, f)}" for base in (ROOT, generated) if base
            for f in (*FOLDERS, "runtime/include", "")]
    source = "".join(f'#include "{os.path.join(ROOT, h)}"\n' for h in headers)
    run = subprocess.run(
        [CLANG, "-std=c++20", "-fsyntax-only", "-w", *path, "-Xclang",
         "-ast-dump=json", "-Xclang", "-ast-dump-filter=etch", "-x", "c++", "-"],
        input=source, capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"api-reference: the public headers do not compile\n{run.stderr}")
    decoder, at, text = json.JSONDecoder(), 0, run.stdout
    while (at := text.find("{", at)) >= 0:
        node, at = decoder.raw_decode(text, at)
        yield node


class Reader:
    """Collects (file, first line, name) of public declarations.

    Clang prints a file's or line's number only where it changes, so that all
    locations are to be read in order.
    """

    def __init__(self):
        self.file, self.line, self.found = "", 0, []

    def locate(self, location):
        for part in (location.get("spellingLoc"), location.get("expansionLoc")):
            if part:
                self.locate(part)
        self.file = location.get("file", self.file)
        self.line = location.get("line", self.line)

    def read(self, node, scope, public, inside_class=False):
        self.locate(node.get("loc", {}))
        spelled = node.get("range", {})
        self.locate(spelled.get("begin", {}))
        first, file = self.line, self.file
        self.locate(spelled.get("end", {}))
        last = self.line
        kind, name = node.get("kind"), node.get("name", "")
        hidden = name == "detail" or not public
        own = (any(c.get("kind") == "CXXConstructorDecl"
                   for c in (node, *node.get("inner", []))
                   if kind in ("CXXConstructorDecl", "FunctionTemplateDecl")) or
               inside_class and name.startswith("operator"))
        wanted = (kind in KINDS and not own and name and not node.get("isImplicit") and not hidden
                  and not (kind == "CXXRecordDecl"
                           and not node.get("completeDefinition")))
        if wanted and scope is not None:
            member = kind == "CXXMethodDecl"
            self.found.append((file, first, last, "::".join([*scope, name]), member))
        inside = scope
        if kind in SCOPES:
            inside = [*(scope or []), name] if not hidden else None
        elif kind in KINDS:
            inside = None
        # Members of a class are private until said otherwise.
        access = node.get("tagUsed") != "class"
        for child in node.get("inner", []):
            if child.get("kind") == "AccessSpecDecl":
                access = child.get("access") == "public"
            record = kind == "CXXRecordDecl"
            if child.get("kind") == "FriendDecl":
                self.read(child, None, True)
            else:
                self.read(child, inside, access if record else True, record)


headers = [p for p in tree.files(ROOT, ".h") if p.startswith(FOLDERS)]
if not headers:
    tree.finish("api-reference", [], "0 headers")
reader = Reader()
for node in dump(headers):
    reader.read(node, [], True)

lines, problems, pages, seen = {}, [], {}, set()
for file, first, last, name, member in reader.found:
    path = os.path.relpath(os.path.realpath(file), ROOT)
    if path not in headers or not name.startswith("etch"):
        continue
    source = lines.setdefault(path, tree.text(ROOT, path).split("\n"))
    if (path, first) in seen:
        continue
    seen.add((path, first))
    # The paragraph: up to the blank line above, comments at the line's end too.
    top = first - 1
    while top > 0 and source[top - 1].strip():
        top -= 1
    if member and first == last and "{" in source[first - 1]:
        continue
    if "= default" in source[first - 1]:
        continue
    if not any("//" in l for l in source[top:last]):
        problems.append(f"{path}:{first}: {name} is not explained")
    pages.setdefault(path, []).append((first, last))

if OUT:
    os.makedirs(os.path.dirname(OUT), exist_ok=True)
    with open(OUT, "w", encoding="utf-8") as f:
        f.write("# Public API\n")
        for path in sorted(pages):
            short = re.sub(r"^.*/include/", "", path)
            text = re.sub(r"\n\s*(private|protected):.*?(?=\n\s*public:|\n};)", "",
                          "\n".join(lines[path]), flags=re.S)
            text = re.sub(r"namespace detail \{.*?\} // namespace detail\n", "", text,
                          flags=re.S)
            body = text[text.find("namespace etch {"):]
            about = re.findall(r"^// ?(.*)$", text.split("#ifndef")[0], re.M)[2:]
            f.write(f"\n## <{short}>\n\n" + "\n".join(
                l for l in about if not l.startswith(("=", "-", "SPDX"))) + "\n")
            f.write("\n```cpp\n" + body.split("} // namespace etch")[0]
                    .replace("namespace etch {", "").strip() + "\n```\n")

tree.finish("api-reference", problems, f"{len(seen)} declarations")

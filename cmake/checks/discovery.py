"""One command runs all tests: discovery.py ROOT BUILD.

Every *Test.cpp below test/ is compiled into a program that ctest runs, every
example stands in a target, and .ci/run is the command that README.md names.
"""

import json
import os
import subprocess
import sys

import tree

ROOT, BUILD = os.path.realpath(sys.argv[1]), sys.argv[2]
problems = []

with open(os.path.join(BUILD, "compile_commands.json"), encoding="utf-8") as f:
    compiled = {os.path.relpath(os.path.realpath(c["file"]), ROOT) for c in json.load(f)}
sources = [p for p in tree.files(ROOT, ".cpp")
           if p.startswith("test/") and p.endswith("Test.cpp")
           or p.startswith("examples/")]
for path in sources:
    if path not in compiled:
        problems.append(f"{path}: no target compiles it")

listed = subprocess.run(["ctest", "--show-only=json-v1"], cwd=BUILD, check=True,
                        capture_output=True, text=True)
tests = json.loads(listed.stdout)["tests"]
run = {os.path.realpath(word) for test in tests for word in test.get("command", [])
       if os.path.isabs(word)}
programs = os.path.join(BUILD, "test", "bin")
for program in sorted(os.listdir(programs)) if os.path.isdir(programs) else []:
    if os.path.realpath(os.path.join(programs, program)) not in run:
        problems.append(f"test/bin/{program}: ctest does not run it")
for test in tests:
    properties = {p["name"]: p["value"] for p in test.get("properties", [])}
    if not (properties.get("FIXTURES_REQUIRED") or properties.get("FIXTURES_CLEANUP")):
        problems.append(f"ctest {test['name']}: declare it with etch_add_test")

for path, word in ((".ci/run", "./dev test"), ("README.md", "./dev test")):
    if word not in tree.text(ROOT, path):
        problems.append(f"{path} does not say {word}")
if not os.access(os.path.join(ROOT, ".ci/run"), os.X_OK):
    problems.append(".ci/run is not executable")

tree.finish("discovery", problems, f"{len(sources)} sources, {len(tests)} tests")

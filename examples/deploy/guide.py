"""Runs the commands of a page: guide.py README.md FOLDER.

Each block ```sh is run by bash in FOLDER, which gets the files beside the page;
the lines of a block ```text behind it stand in its output (… is any text).
Table rows `file` | bytes hold within a third for lines "file N bytes".
"""

import os
import re
import shutil
import subprocess
import sys

page, folder = sys.argv[1:]
shutil.rmtree(folder, ignore_errors=True)
os.makedirs(folder)
for name in os.listdir(os.path.dirname(page)):
    shutil.copy(os.path.join(os.path.dirname(page), name), folder)
with open(page, encoding="utf-8") as f:
    text = f.read()

problems, outputs, commands = [], "", 0
for block in re.finditer(r"```sh\n(.*?)```\n(?:```text\n(.*?)```)?", text, re.S):
    print(block.group(1), end="", flush=True)
    run = subprocess.run(["bash", "-euo", "pipefail", "-c", block.group(1)], cwd=folder,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(run.stdout, end="", flush=True)
    commands += len(block.group(1).splitlines())
    outputs += run.stdout
    if run.returncode:
        problems.append(f"{block.group(1).strip()}: status {run.returncode}")
    for line in (block.group(2) or "").splitlines():
        pattern = ".*".join(map(re.escape, line.split("…")))
        if not any(re.fullmatch(pattern, out.strip()) for out in run.stdout.splitlines()):
            problems.append(f"the output has no line '{line}'")

# The last are for a processor that the page names.
sizes = dict(re.findall(r"^(\S+) (\d+) bytes$", outputs, re.M))
for name, said in re.findall(r"^\| `(\S+)` \| (\d+) \|$", text, re.M):
    size = int(sizes.get(name, 0))
    if not size or abs(size - int(said)) > size / 3:
        problems.append(f"{name} takes {size} bytes, not {said}")
for problem in problems:
    print(f"guide: {problem}")
print(f"guide: {commands} commands, {len(problems)} problem(s)")
sys.exit(1 if problems or not commands else 0)

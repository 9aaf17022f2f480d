"""Usage: check.py COMPILER FOLDER INCLUDE...

Each FOLDER/*.cc holds pieces of code behind a line `// error: TEXT`. A piece
must be rejected with TEXT in the compiler's message; `// fine` must pass."""

import pathlib
import re
import subprocess
import sys
import tempfile

compiler, folder, *includes = sys.argv[1:]
failures = 0
pieces = 0
with tempfile.TemporaryDirectory() as temporary:
    for path in sorted(pathlib.Path(folder).glob("*.cc")):
        parts = re.split(r"^// (error: .*|fine)$", path.read_text(), flags=re.M)
        for wanted, code in zip(parts[1::2], parts[2::2]):
            pieces += 1
            source = pathlib.Path(temporary, "piece.cpp")
            source.write_text(
                "#include <etch/etch.h>\n#include <string>\n"
                f"using namespace etch;\nvoid f() {{\n{code}\n}}\n"
            )
            run = subprocess.run(
                [compiler, "-std=c++20", "-fsyntax-only", str(source)]
                + [f"-I{i}" for i in includes],
                capture_output=True, text=True,
            )
            text = wanted.removeprefix("error: ")
            ok = (run.returncode == 0 if wanted == "fine"
                  else run.returncode != 0 and text in run.stderr)
            if not ok:
                failures += 1
                print(f"{path.name}: expected '{wanted}' for:{code}"
                      f"got exit status {run.returncode}\n{run.stderr}")
print(f"{pieces} pieces, {failures} failures")
sys.exit(failures != 0 or pieces == 0)

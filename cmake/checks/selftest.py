"""Shows that each check objects to a tree that breaks its rule, and only then;
and that the report over capabilities says what happened."""

import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
DIALECT = """
include "mlir/IR/OpBase.td"
def Etch_Dialect : Dialect { let name = "etch"; let cppNamespace = "::etch"; }
"""
TWENTY = "".join(f'def A{i}Op : Op<Etch_Dialect, "a{i}">;\n' for i in range(20))
ONE = 'def TanhOp : Op<Etch_Dialect, "tanh">;\n'
TD = "dialects/Etch/EtchOps.td"
TABLE, TESTS = "test/data/dezero_tests.json", "test/a.cpp"
CALLED = {"test/conformance/OpFunctions.cpp": '{"sum", [](auto &x) { return x; }}'}

# (check, files of a tree, does it pass?)
PASSES = "compiler/Transforms/Passes.td"
PASS = 'def Hoist : Pass<"etch-hoist", "::mlir::ModuleOp"> {}\n'

CASES = [
    ("layering", {"runtime/a.c": "#include <etch/runtime.h>\n",
                  "runtime/include/etch/runtime.h": ""}, True),
    ("layering", {"runtime/a.c": '#include "dialects/Etch/OpTable.h"\n'}, False),
    ("layering", {"runtime/a.cpp": "#include <llvm/ADT/StringRef.h>\n"}, False),
    ("layering", {"frontend/a.cpp": '#include "mlir/IR/Builders.h"\n'}, False),
    ("layering", {"frontend/a.cpp": '#include "dialects/Etch/EtchDialect.h"\n'}, False),
    ("layering", {"frontend/a.cpp": '#include "dialects/Etch/OpTable.h"\n'
                                    '#include "compiler/Driver/Client/Client.h"\n'
                                    '#include <etch/etch.h>\n'
                                    '// #include "mlir/IR/Builders.h"\n'}, True),
    ("layering", {"frontend/a.cpp": '#include "compiler/Driver/Driver.h"\n'}, False),
    ("layering", {"frontend/include/etch/a.h": '#include "etch/types.h"\n',
                  "dialects/Etch/include/etch/types.h": ""}, True),
    ("layering", {"frontend/include/etch/a.h": '#include "frontend/core/Node.h"\n'},
     False),
    ("layering", {"compiler/Buffer/a.cpp": '#include "compiler/Transforms/Fuse.h"\n'},
     False),
    ("layering", {"compiler/Target/CUDA/a.cpp": '#include "compiler/Target/CPU/b.h"\n'},
     True),  # the host's part
    ("layering", {"compiler/Target/CPU/a.cpp": '#include "compiler/Target/CUDA/b.h"\n'},
     False),
    ("layering", {"dialects/Etch/EtchDialect.cpp": '#include "compiler/Driver/D.h"\n'},
     False),
    ("layering", {"dialects/Etch/OpTable.cpp": '#include "mlir/IR/Builders.h"\n'},
     False),
    ("layering", {"compiler/Pipelines/a.cpp": '#include "compiler/Buffer/B.h"\n'}, True),
    ("sizes", {"compiler/Buffer/A.cpp": "\n" * 400}, True),
    ("sizes", {"compiler/Buffer/A.cpp": "\n" * 401}, False),
    ("sizes", {"frontend/A.cpp": "\n" * 801}, False),
    ("sizes", {"frontend/A.h": "\n" * 251}, False),
    ("sizes", {"test/a.mlir": "\n" * 301}, False),
    ("sizes", {"examples/a.cpp": "\n" * 101}, False),
    ("op-lists", {TD: DIALECT + TWENTY,
                  "compiler/a.cpp": " ".join(f"A{i}Op" for i in range(20))}, False),
    ("op-lists", {TD: DIALECT + TWENTY, "frontend/a.cpp":
                  ", ".join(f'"etch.a{i}"' for i in range(13))}, False),
    ("op-lists", {TD: DIALECT + TWENTY,
                  "compiler/a.cpp": "isa<A1Op, A2Op>(op)"}, True),
    ("op-lists", {TD: DIALECT + TWENTY,  # far apart: a pattern for each
                  "compiler/a.cpp": "\n\n\n\n".join(f"A{i}Op" for i in range(20))},
     True),
    ("op-tests", {TD: DIALECT + ONE}, False),
    ("op-tests", {TD: DIALECT + ONE, "test/dialects/Etch/dynamic/tanh.mlir":
                  "%0 = etch.tanh %x : tensor<2xf32>\n%1 = a.b %x : tensor<?xf32>\n"},
     False),
    ("op-tests", {TD: DIALECT + ONE, "test/dialects/Etch/dynamic/tanh.mlir":
                  '%0 = "etch.tanh"(%x) : (tensor<?xf32>) -> tensor<?xf32>\n'}, True),
    ("dezero-tests", {TABLE: '{"f.py": {"A.f": ["S.T", "OpCases sum/sum_0"]}}',
                      TESTS: "TEST_P(S, T) {}\n", **CALLED}, True),
    ("dezero-tests", {TABLE: '{"f.py": {"A.f": ["S.T"]}}',
                      TESTS: "TEST(S, U) {}\n// TEST(S, T) {}\n"}, False),
    ("dezero-tests", {TABLE: '{"f.py": {"A.f": ["OpCases max/max_0"]}}', **CALLED},
     False),
    ("dezero-tests", {TABLE: '{"f.py": {"A.f": []}}'}, False),
    ("dezero-tests", {TABLE: '{"f.py": {}}'}, False),
    ("dezero-tests", {TABLE: '{"f.py": {"A.f": ["S.T"], "A.f": ["S.T"]}}',
                      TESTS: "TEST(S, T) {}\n"}, False),
    ("pass-tests", {PASSES: PASS, "test/compiler/hoist.mlir":
                    "// RUN: etch-opt %s -etch-hoist\n"}, True),
    ("pass-tests", {PASSES: PASS, "test/compiler/hoist.mlir": "// hoist\n"}, False),
    ("pass-tests", {PASSES: PASS}, False),
    ("pass-tests", {"dialects/Etch/A.cpp": 'return emitOpError("has no axis");\n'},
     False),
    ("pass-tests", {"dialects/Etch/A.cpp": 'return emitOpError("has no axis");\n',
                    "test/a.mlir": "// expected-error @+1 {{op has no axis}}\n"},
     True),
]

failures = 0
for check, content, good in CASES:
    with tempfile.TemporaryDirectory() as root:
        for path, source in content.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                f.write(source)
        run = subprocess.run([sys.executable, os.path.join(HERE, check + ".py"), root],
                             capture_output=True, text=True)
        # 0: fine; 1 with a count: objected; anything else is a broken check.
        verdict = {0: True, 1: False}.get(run.returncode)
        if verdict is not good or "Traceback" in run.stderr:
            failures += 1
            print(f"{check}: {list(content)} should {'pass' if good else 'fail'}\n"
                  f"{run.stdout}{run.stderr}")


def capabilities(root):
    """What capabilities.py makes of results of every kind."""
    def write(path, content):
        path = os.path.join(root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(content if isinstance(content, str) else json.dumps(content))

    def run(script, *arguments):
        return subprocess.run([sys.executable, os.path.join(HERE, script), *arguments],
                              capture_output=True, text=True, cwd=root)

    ids = [f"C{i:03}" for i in range(1, 10)]
    write("rows.json", [{"id": i, "statement": i, "check": ""} for i in ids])
    write("results/a.gtest.json", {"testsuites": [{"name": "C001_Suite", "testsuite": [
        {"name": "good_C002/0", "status": "RUN", "result": "COMPLETED"},
        {"name": "bad_C003", "status": "RUN", "result": "COMPLETED",
         "failures": [{"failure": "1 is not 2"}]},
        {"name": "unready_C004", "status": "RUN", "result": "SKIPPED"},
        {"name": "AC1234", "status": "RUN", "result": "COMPLETED",
         "capability": "C005"}]}]})
    write("test/x.mlir", "// CAPABILITY: C006\n")
    write("results/lit.json", {"tests": [{"name": "Etch :: x.mlir", "code": "FAIL"}]})
    run("record.py", "plain", "results", "C007", "--", "true")
    run("record.py", "later", "results", "C008", "--", "sh", "-c", "exit 77")
    # A GoogleTest program that crashes, after it could name its tests.
    write("crash", "#!/bin/sh\nif [ \"$1\" = --gtest_list_tests ]; then\n"
                   "  printf 'S.\\n  C009\\n'\nelse kill -9 $$; fi\n")
    os.chmod(os.path.join(root, "crash"), 0o755)
    crashed = run("record.py", "c", "results", "", "--", os.path.join(root, "crash"),
                  "--gtest_output=json:results/c.gtest.json")
    options = ("--rows", "rows.json", "--source", ".", "--results", "results",
               "--out", "out.json")
    report = run("capabilities.py", *options)
    with open(os.path.join(root, "out.json"), encoding="utf-8") as f:
        states = {row["id"]: row["state"] for row in json.load(f)}
    expected = dict(zip(ids, ["failed", "passed", "failed", "skipped", "passed",
                              "failed", "passed", "skipped", "failed"]))
    problems = [f"{i} is {states.get(i)}, not {state}"
                for i, state in expected.items() if states.get(i) != state]
    if crashed.returncode == 0 or report.returncode != 0:
        problems.append(f"status {crashed.returncode}, {report.returncode}")
    write("test/x.mlir", "// CAPABILITY: C999\n")
    if run("capabilities.py", *options).returncode == 0:
        problems.append("C999 is no row")
    return problems


def claims(root):
    """What claims.py makes of tests that pass, fail and vanish."""
    def check(test, failed, **more):
        for path, content in {
                "claims.json": {"families": {"SG": 2}, "table": [
                    {"of": "graphs", "is": "merit", "text": "fast", "claims": ["SG-1"]}],
                    "claims": [{"id": "SG-1", "text": "<fast>", "shown_by": [test], **more},
                               {"id": "SG-2", "text": "far", "not_yet": "later"}]},
                "programs.json": {"p": {
                    "title": "a < b", "planned": 2500000, "bound": 2e6, "ratio": 1.25,
                    "saved": 0, "everything": 5e6, "times": {
                        "origin": "compiled", "trace": 1, "total": 7, "phases": {"emit": 4.5}},
                    "again": {"origin": "memory", "trace": 1, "total": 0.5, "phases": {}}}},
                "results/a.gtest.json": {"testsuites": [{"name": "S", "testsuite": [
                    {"name": f"T/{i}", "status": "RUN",
                     "failures": [{"failure": "1 is not 2"}] if i == failed else []}
                    for i in (0, 1, 2)]}]}}.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                json.dump(content, f)
        return subprocess.run(
            [sys.executable, os.path.join(HERE, "claims.py"), "--claims", "claims.json",
             "--source", ".", "--results", "results", "--out", "out.html",
             "--programs", "."],
            capture_output=True, text=True, cwd=root)

    os.makedirs(os.path.join(root, "test"))
    with open(os.path.join(root, "test/a.cpp"), "w", encoding="utf-8") as f:
        f.write("TEST_P(S, T) {}\nTEST(ProvokedS, U) {}\n")
    problems = []
    for arguments, good in ((("S.T", 3), True), (("S.T", 1), False), (("S.U", 3), False),
                            (("lit: a.mlir", 3), False)):
        run = check(*arguments)
        if (run.returncode == 0) is not good or "Traceback" in run.stderr:
            problems.append(f"{arguments}: {run.stdout}{run.stderr}")
    check("S.T", 3, and_all="Provoked", table="memory")
    with open(os.path.join(root, "out.html"), encoding="utf-8") as f:
        page = f.read()
    problems += [f"{text} is not on the page" for text in
                 ("&lt;fast&gt;", "ProvokedS.U: not run", "not yet", "later",
                  "<td>a &lt; b<td>2.500<td>2.000<td>1.250<td>0.000<td>5.000<td>50.0%",
                  "<td>compiled<td>1.0<td>4.5<td>7.0", 'href="#memory"')
                 if text not in page]
    return problems


for report in (capabilities, claims):
    with tempfile.TemporaryDirectory() as root:
        for problem in report(root):
            failures += 1
            print(f"{report.__name__}: {problem}")
print(f"selftest: {len(CASES)} cases, {failures} failed")
sys.exit(1 if failures else 0)

# lit.cfg.py - how lit runs the tests below this folder.
#
# Tests are found, not listed: every *.mlir and *.test file. A line
# `// CAPABILITY: C134` ties a file to a row of capabilities/rows.json.

import os
import re

import lit.formats

config.name = "Etch"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "CMakeLists.txt"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.etch_build, "test", "lit")

config.environment["PATH"] = os.pathsep.join(
    [
        os.path.join(config.etch_build, "bin"),
        config.llvm_tools,
        config.environment.get("PATH", ""),
    ]
)
# The test run's own cache of compiled programs, so that no run sees another's.
config.environment["XDG_CACHE_HOME"] = os.path.join(config.test_exec_root, "cache")
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

# Every file that etch-opt reads is also printed, parsed and compared.
tools = {"etch-opt": " --verify-roundtrip", "etch-compile": "", "etch-run": ""}
for tool, flags in tools.items():
    path = os.path.join(config.etch_build, "bin", tool)
    config.substitutions.append((r"(?<![\w/.-])" + re.escape(tool) + r"(?![\w.-])", path + flags))
    if os.path.exists(path):
        config.available_features.add(tool)

config.substitutions.append(("%source_root", config.etch_source))
config.substitutions.append(("%build_root", config.etch_build))
config.substitutions.append(("%cc", config.host_cc))
config.substitutions.append(("%cxx", config.host_cxx))

if config.etch_sanitize:
    config.available_features.add("sanitizer")

//===- etch-compile.cpp - A program to a library, or to a phase -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   etch-compile x.mlir -o libx.so --header x.h --name x --mcpu native
//   etch-compile x.mlir --compile-to=fuse
//
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Client/Hash.h"
#include "compiler/Driver/Compiler.h"
#include "compiler/tools/Arguments.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace llvm;
using namespace etch;
using namespace etch::driver;

static constexpr char usage[] =
    "usage: etch-compile <program.mlir> [options]\n"
    "  -o <file>              the library, or the phase's text (-)\n"
    "  --header <file>        C header of the library\n"
    "  --name <name>          prefix of the library's symbols (default: from "
    "-o)\n"
    "  --mcpu <name>          processor (native)\n"
    "  --device <names>       for graphics processors: sm_80,sm_90,compute_90\n"
    "  --libraries            products and convolutions by cuBLASLt and cuDNN "
    "where\n"
    "                         the machine has them (with --fast)\n"
    "  --precision <what>     full, tf32 or bf16 (with --fast)\n"
    "  --compile-to <phase>   stop after a phase and print the program\n"
    "  --from <phase>         the program is what comes before that phase\n"
    "  --memory-budget <n>    bytes that the arena may take\n"
    "  --fast                 mode fast instead of strict\n"
    "  --freeze               compute once what depends on states alone\n"
    "  --check <what>         none, nan, bounds or all: what is looked for at "
    "run time\n"
    "  --without <passes>     leave out optional passes: names, with commas\n"
    "phases:\n";

namespace {
struct Options {
  std::string input, output = "-", header, phase, from;
  CompileOptions compile;
};
} // namespace

/// "full", "tf32" or "bf16".
static bool parsePrecision(StringRef name, Precision &precision) {
  const StringRef names[] = {"full", "tf32", "bf16"};
  auto found = llvm::find(names, name);
  precision = Precision(found - names);
  return found != std::end(names);
}

static int fail(const Twine &message) {
  errs() << "etch-compile: error: " << message << "\n";
  return 1;
}

static void print(ArrayRef<Diagnostic> diagnostics) {
  for (const Diagnostic &d : diagnostics) {
    errs() << (d.severity == Severity::error     ? "error: "
               : d.severity == Severity::warning ? "warning: "
                                                 : "note: ")
           << d.message;
    if (d.site >= 0)
      errs() << " [op " << d.site << "]";
    errs() << "\n";
  }
}

/// "out/libmnist.so" gives "mnist".
static std::string nameOf(StringRef output) {
  StringRef stem = sys::path::stem(output);
  stem.consume_front("lib");
  return stem.str();
}

static int printPhase(const Request &request, const Options &options) {
  std::optional<Phase> phase = findPhase(options.phase);
  if (!phase)
    return fail("unknown phase '" + options.phase + "'; see --help");
  SmallVector<char> bytes;
  std::vector<Diagnostic> diagnostics;
  bool good = compileToPhase(request, *phase, bytes, diagnostics);
  print(diagnostics);
  if (!good)
    return 1;
  std::error_code error;
  ToolOutputFile file(options.output, error, sys::fs::OF_None);
  if (error)
    return fail("cannot write '" + options.output + "': " + error.message());
  file.os().write(bytes.data(), bytes.size());
  file.os().flush();
  if (file.os().has_error()) {
    error = file.os().error();
    file.os().clear_error();
    return fail("cannot write '" + options.output + "': " + error.message());
  }
  file.keep();
  return 0;
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  Options options;
  options.compile.name = "";
  std::string wrong;
  bool help = false;
  tools::Arguments arguments;
  arguments.word = [&](const std::string &word) {
    if (!options.input.empty())
      wrong = "unexpected '" + word + "'";
    options.input = word;
  };
  arguments.values = {
      {"-o", [&](const std::string &v) { options.output = v; }},
      {"--header", [&](const std::string &v) { options.header = v; }},
      {"--name", [&](const std::string &v) { options.compile.name = v; }},
      {"--mcpu", [&](const std::string &v) { options.compile.mcpu = v; }},
      {"--from", [&](const std::string &v) { options.from = v; }},
      {"--compile-to", [&](const std::string &v) { options.phase = v; }},
      {"--device", [&](const std::string &v) { options.compile.device = v; }},
      {"--precision",
       [&](const std::string &v) {
         if (!parsePrecision(v, options.compile.precision))
           wrong = "unknown precision '" + v + "'; see --help";
       }},
      {"--without", [&](const std::string &v) { options.compile.without = v; }},
      {"--check",
       [&](const std::string &v) {
         if (!parseCheck(v, options.compile.check))
           wrong = "unknown check '" + v + "'; see --help";
       }},
      {"--memory-budget",
       [&](const std::string &v) {
         if (StringRef(v).getAsInteger(10, options.compile.memoryBudget))
           wrong = "--memory-budget: '" + v + "' is no number";
       }},
  };
  arguments.flags = {
      {"--fast", [&] { options.compile.mode = Mode::fast; }},
      {"--libraries", [&] { options.compile.libraries = true; }},
      {"--freeze", [&] { options.compile.freeze = true; }},
      {"--quick", [&] { options.compile.effort = Effort::quick; }},
      {"--help", [&] { help = true; }},
  };
  std::string unknown = arguments.parse(argc, argv);
  if (help) {
    outs() << usage;
    for (const PhaseInfo &info : allPhases())
      outs() << "  " << left_justify(info.name, 23) << info.description << "\n";
    return 0;
  }
  if (!unknown.empty() || !wrong.empty())
    return fail(unknown.empty() ? wrong : unknown);
  if (options.input.empty())
    return fail("no program given; see --help");
  if (options.compile.mode != Mode::fast &&
      (options.compile.libraries ||
       options.compile.precision != Precision::full))
    return fail("--libraries and --precision are for --fast");
  auto file = MemoryBuffer::getFileOrSTDIN(options.input, /*IsText=*/true);
  if (!file)
    return fail("cannot read '" + options.input +
                "': " + file.getError().message());
  Request request;
  request.text = (*file)->getBuffer();
  request.fileName = options.input;
  request.options = options.compile;
  request.programHash = hashText(request.text.str()).low;
  if (!options.from.empty()) {
    std::optional<Phase> phase = findPhase(options.from);
    if (!phase)
      return fail("unknown phase '" + options.from + "'; see --help");
    request.from = *phase;
  }
  if (request.options.name.empty())
    request.options.name = nameOf(options.output);
  if (!options.phase.empty())
    return printPhase(request, options);
  if (options.output == "-")
    return fail("-o names the library to write");
  std::vector<Diagnostic> diagnostics;
  bool good = exportFiles(request, options.output, options.header, diagnostics);
  print(diagnostics);
  return !good;
}

//===- etch-compile.cpp - A program to a library, or to a phase -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   etch-compile x.mlir -o libx.so --header x.h --name x --mcpu native
//   etch-compile x.mlir --compile-to=fuse
//
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Compiler.h"
#include "compiler/Driver/Client/Hash.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace llvm;
using namespace etch;
using namespace etch::driver;

static cl::opt<std::string> input(cl::Positional, cl::desc("<program.mlir>"),
                                  cl::init("-"));
static cl::opt<std::string> output("o", cl::desc("output file"),
                                   cl::value_desc("file"), cl::init("-"));
static cl::opt<std::string> header("header", cl::desc("C header to write"),
                                   cl::value_desc("file"));
static cl::opt<std::string>
    name("name", cl::desc("prefix of the library's symbols (default: the "
                          "output's name without lib and .so)"));
static cl::opt<std::string> mcpu("mcpu", cl::desc("processor (native)"),
                                 cl::init("native"));
static cl::opt<std::string> compileTo("compile-to",
                                      cl::desc("stop after a phase"),
                                      cl::value_desc("phase"));
static cl::opt<bool> fast("fast", cl::desc("mode fast instead of strict"));
static cl::opt<int64_t> budget("memory-budget",
                               cl::desc("bytes that the arena may take"),
                               cl::init(0));

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
static std::string nameOfOutput() {
  StringRef stem = sys::path::stem(output);
  stem.consume_front("lib");
  return stem.str();
}

static int printPhase(const Request &request) {
  std::optional<Phase> phase = findPhase(compileTo.getValue());
  if (!phase) {
    std::string known;
    for (const PhaseInfo &info : allPhases())
      known += std::string(" ") + info.name;
    return fail("unknown phase '" + compileTo + "'; there are" + known);
  }
  SmallVector<char> bytes;
  std::vector<Diagnostic> diagnostics;
  bool good = compileToPhase(request, *phase, bytes, diagnostics);
  print(diagnostics);
  if (!good)
    return 1;
  std::error_code error;
  ToolOutputFile file(output, error, sys::fs::OF_None);
  if (error)
    return fail("cannot write '" + output + "': " + error.message());
  file.os().write(bytes.data(), bytes.size());
  file.keep();
  return 0;
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  cl::ParseCommandLineOptions(argc, argv, "Etch's ahead-of-time compiler\n");
  auto file = MemoryBuffer::getFileOrSTDIN(input, /*IsText=*/true);
  if (!file)
    return fail("cannot read '" + input + "': " + file.getError().message());
  Request request;
  request.text = (*file)->getBuffer();
  request.fileName = input;
  request.options.mode = fast ? Mode::fast : Mode::strict;
  request.options.mcpu = mcpu;
  request.options.memoryBudget = budget;
  request.options.name = name.empty() ? nameOfOutput() : name.getValue();
  request.programHash = hashText(request.text.str()).low;
  if (!compileTo.empty())
    return printPhase(request);
  if (output == "-")
    return fail("-o names the library to write");
  std::vector<Diagnostic> diagnostics;
  bool good = exportFiles(request, output, header, diagnostics);
  print(diagnostics);
  return !good;
}

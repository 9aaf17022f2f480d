//===- cuda-check.cpp - Kernels for CUDA against those for the CPU --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   etch-cuda-check [options] program.mlir...
//
// Prints the kernels of each program as CUDA C++ (a file may hold several, with
// "// -----" between them), then does what is asked for:
//
//   --show                   the text
//   --arch sm_90             compiles it with NVRTC; --verbose: what kernels
//   take
//   --emulator Emulator.h    compiles it as C++, puts the kernels in the place
//   of
//                            the CPU's in the compiled program, runs both on
//                            the same values and compares all results bit by
//                            bit, under every schedule
//   --device                 the same through the runtime and a driver (the
//   fake
//                            one, see LD_LIBRARY_PATH), half of it as graphs
//   --sanitize               with AddressSanitizer (its library is preloaded)
//   --missing-barrier n      leaves out barrier n of each program: that some
//                            result differs is success
//
// Without NVRTC, or clang++, it says so and exits with 77.
//===----------------------------------------------------------------------===//

#include "test/compiler/Target/CUDA/Emulation.h"

#include "compiler/Target/CUDA/Nvrtc.h"
#include "compiler/Target/CUDA/Prelude.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

using namespace llvm;
using namespace etch;
using namespace etch::test;

namespace {

struct Options {
  EmulationOptions emulation;
  std::vector<std::string> architectures, files;
  bool show = false, verbose = false;
};

struct Counts {
  int programs = 0, kernels = 0, launches = 0, same = 0, different = 0,
      failed = 0, spills = 0, compiled = 0;
};

} // namespace

/// Compiles a program's kernels for the devices; says what they take.
static void compileKernels(const Program &program, const Options &options,
                           Counts &counts) {
  std::string text = cuda::preludeText().str() + program.source.text;
  auto cubins = cuda::compileToCubins(text, options.architectures);
  for (auto [architecture, cubin] :
       llvm::zip_equal(options.architectures, cubins)) {
    if (!cubin) {
      ++counts.failed;
      outs() << program.name << ": " << toString(cubin.takeError()) << "\n";
      continue;
    }
    for (const cuda::KernelUsage &usage : cubin->usage) {
      ++counts.compiled;
      counts.spills += usage.spillBytes != 0;
      if (options.verbose || usage.spillBytes)
        outs() << format(
            "%-40s %-8s %-6s %3d registers %6lld shared %5lld "
            "stack %5lld spills\n",
            program.name.c_str(), usage.function.c_str(), architecture.c_str(),
            usage.registers, (long long)usage.sharedBytes,
            (long long)usage.stackBytes, (long long)usage.spillBytes);
    }
  }
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  Options options;
  for (int i = 1; i < argc; ++i) {
    StringRef word = argv[i];
    if (word == "--emulator" && i + 1 < argc)
      options.emulation.header = argv[++i];
    else if (word == "--arch" && i + 1 < argc)
      options.architectures.push_back(argv[++i]);
    else if (word == "--show")
      options.show = true;
    else if (word == "--verbose")
      options.verbose = true;
    else if (word == "--sanitize")
      options.emulation.sanitize = true;
    else if (word == "--missing-barrier" && i + 1 < argc)
      options.emulation.missingBarrier = atoi(argv[++i]);
    else if (word == "--device")
      options.emulation.device = true;
    else
      options.files.push_back(word.str());
  }
  if (!options.architectures.empty()) {
    Expected<std::string> version = cuda::nvrtcVersion();
    if (!version) {
      outs() << "SKIPPED: " << toString(version.takeError()) << "\n";
      return 77;
    }
    outs() << "NVRTC " << *version << "\n";
  }
  if (!options.emulation.header.empty() &&
      !sys::findProgramByName("clang++-22")) {
    outs() << "SKIPPED: clang++-22 is not installed\n";
    return 77;
  }
  Counts counts;
  std::vector<std::unique_ptr<Program>> batch;
  auto flush = [&] {
    if (batch.empty())
      return;
    for (const Outcome &outcome : emulate(batch, options.emulation)) {
      (outcome.same ? counts.same : counts.different)++;
      if (!outcome.same || options.verbose)
        outs() << outcome.program << ": " << outcome.text << "\n";
    }
    batch.clear();
    outs().flush();
  };
  for (const std::string &file : options.files) {
    auto text = MemoryBuffer::getFile(file);
    if (!text) {
      outs() << file << ": cannot be read\n";
      ++counts.failed;
      continue;
    }
    SmallVector<StringRef> parts;
    (*text)->getBuffer().split(parts, "// -----\n");
    for (auto [number, part] : llvm::enumerate(parts)) {
      ++counts.programs;
      std::string problem, name = sys::path::filename(file).str();
      if (parts.size() > 1)
        name += "#" + std::to_string(number + 1);
      auto program = Program::compile(part, name, counts.programs, problem);
      if (!program) {
        ++counts.failed;
        outs() << name << ": " << problem << "\n";
        continue;
      }
      counts.kernels += int(program->source.kernels.size());
      if (options.show)
        outs() << program->source.text << program->source.host;
      if (!options.architectures.empty())
        compileKernels(*program, options, counts);
      if (!options.emulation.header.empty())
        batch.push_back(std::move(program));
      if (batch.size() == 64)
        flush();
    }
  }
  flush();
  outs() << counts.programs << " programs, " << counts.kernels << " kernels, "
         << counts.failed << " failed; compiled for devices " << counts.compiled
         << ", with spills " << counts.spills << "; emulated runs same "
         << counts.same << ", different " << counts.different << "\n";
  if (options.emulation.missingBarrier)
    return counts.different == 0;
  return counts.failed || counts.different || counts.spills;
}

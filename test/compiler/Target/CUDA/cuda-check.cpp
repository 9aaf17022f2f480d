//===- cuda-check.cpp - Kernels for CUDA against those for the CPU --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   etch-cuda-check [options] program.mlir...
//
// Prints the kernels of each program as CUDA C++ (a file may hold several, with
// "// -----" between them), then does what is asked for:
//
//   --operators              programs of each operator alone, made from their
//   records: each must have one, and each kind of kernel
//   --join                   launches of one body are one, as in programs for
//                            devices; not for the emulator
//   --precision tf32|bf16    products by tensor cores, which the emulator
//                            compares with those of f32
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
//   --missing-shuffle n, --partial-shuffle n
//                            spoils value n that threads of a warp exchange
//   --missing-wait n         leaves out wait n for copies into shared memory
//   --ignore-alignment       moves vectors where they may not: the same
//
// Without NVRTC, or clang++, it says so and exits with 77.
//===----------------------------------------------------------------------===//

#include "test/compiler/Target/CUDA/Emulation.h"
#include "test/compiler/Target/CUDA/Records.h"

#include "compiler/Target/CUDA/Nvrtc.h"
#include "compiler/Target/CUDA/Prelude.h"

#include "dialects/Etch/OpTable.h"
#include "etch/operations.h"

#include "llvm/ADT/SmallVectorExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

#include <future>
#include <set>

using namespace llvm;
using namespace etch;
using namespace etch::test;

namespace {

struct Options {
  EmulationOptions emulation;
  std::vector<std::string> architectures, files;
  bool operators = false, show = false, verbose = false, joins = false;
  int32_t precision = 0;
};

struct Counts {
  int programs = 0, kernels = 0, launches = 0, same = 0, different = 0,
      failed = 0, spills = 0, compiled = 0, mostRegisters = 0;
  int64_t mostShared = 0;
  std::set<std::string> operators; ///< in kernels
};

} // namespace

/// The text of a program's kernels, which are called k0, k1, ..., r0, g0, under
/// other names.
static std::string renamed(StringRef text, StringRef prefix) {
  std::string result;
  auto isWord = [](char c) { return isAlnum(c) || c == '_'; };
  for (size_t i = 0; i < text.size(); ++i) {
    if (StringRef("krg").contains(text[i]) &&
        (i == 0 || !isWord(text[i - 1])) && i + 1 < text.size() &&
        isDigit(text[i + 1]))
      result += prefix;
    result += text[i];
  }
  return result;
}

/// Compiles the kernels of programs for the devices, all as one text; says what
/// they take.
static void compileKernels(ArrayRef<const Program *> programs,
                           const Options &options, Counts &counts) {
  std::string text = cuda::preludeText().str();
  for (auto [number, program] : enumerate(programs))
    text += renamed(program->source.text, "p" + std::to_string(number) + "_");
  std::vector<std::future<Expected<cuda::Cubin>>> cubins;
  for (const std::string &architecture : options.architectures)
    cubins.push_back(std::async(std::launch::async, cuda::compileToCubin,
                                StringRef(text), StringRef(architecture)));
  for (auto [architecture, made] :
       llvm::zip_equal(options.architectures, cubins)) {
    Expected<cuda::Cubin> cubin = made.get();
    if (!cubin) {
      counts.failed += int(programs.size());
      for (const Program *program : programs)
        outs() << program->name << ", ";
      outs() << toString(cubin.takeError()) << "\n";
      continue;
    }
    for (const cuda::KernelUsage &usage : cubin->usage) {
      ++counts.compiled;
      counts.spills += usage.spillBytes != 0;
      counts.mostRegisters = std::max(counts.mostRegisters, usage.registers);
      counts.mostShared = std::max(counts.mostShared, usage.sharedBytes);
      if (!options.verbose && !usage.spillBytes)
        continue;
      size_t number = 0;
      StringRef function = usage.function;
      function.consume_front("p");
      function.consumeInteger(10, number);
      outs() << format(
          "%-40s %-8s %-6s %3d registers %6lld shared %5lld "
          "stack %5lld spills\n",
          programs[number]->name.c_str(), function.drop_front().str().c_str(),
          architecture.c_str(), usage.registers, (long long)usage.sharedBytes,
          (long long)usage.stackBytes, (long long)usage.spillBytes);
    }
  }
}

/// Programs of all operators; the number of those that no kernel has although
/// nothing stands for them.
static int addOperators(function_ref<void(StringRef, std::string)> add,
                        const Counts &counts) {
  std::vector<std::string> without;
  for (const OperatorProgram &program : operatorPrograms(without))
    add(program.text, program.name);
  int missing = 0;
  for (const std::string &name : without) {
    outs() << name << ": no program was found\n";
    ++missing;
  }
  for (const OpInfo &op : allOps()) {
    // Others are written as simpler ones, or say where something lies.
    if (op.expand || op.kind == OpKind::view || counts.operators.count(op.name))
      continue;
    outs() << op.name << ": no kernel has it\n";
    ++missing;
  }
  outs() << counts.operators.size() << " of " << allOps().size()
         << " operators are in kernels, the others are expanded or views\n";
  return missing;
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
    else if (word == "--operators")
      options.operators = true;
    else if (word == "--precision" && i + 1 < argc)
      options.precision = StringRef(argv[++i]) == "bf16" ? ETCH_PRECISION_BF16
                                                         : ETCH_PRECISION_TF32;
    else if (word == "--join")
      options.joins = true;
    else if (word == "--show")
      options.show = true;
    else if (word == "--verbose")
      options.verbose = true;
    else if (word == "--sanitize")
      options.emulation.sanitize = true;
    else if (word == "--missing-barrier" && i + 1 < argc)
      options.emulation.missingBarrier = atoi(argv[++i]);
    else if (word == "--missing-shuffle" && i + 1 < argc)
      options.emulation.missingShuffle = atoi(argv[++i]);
    else if (word == "--partial-shuffle" && i + 1 < argc)
      options.emulation.partialShuffle = atoi(argv[++i]);
    else if (word == "--missing-wait" && i + 1 < argc)
      options.emulation.missingWait = atoi(argv[++i]);
    else if (word == "--ignore-alignment")
      options.emulation.ignoreAlignment = true;
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
    if (!options.architectures.empty() && !batch.empty())
      compileKernels(
          map_to_vector(batch,
                        [](auto &p) -> const Program * { return p.get(); }),
          options, counts);
    if (!options.emulation.header.empty() && !batch.empty())
      for (const Outcome &outcome : emulate(batch, options.emulation)) {
        (outcome.same ? counts.same : counts.different)++;
        if (!outcome.same || options.verbose)
          outs() << outcome.program << ": " << outcome.text << "\n";
      }
    batch.clear();
    outs().flush();
  };
  auto add = [&](StringRef text, std::string name) {
    ++counts.programs;
    std::string problem;
    auto program = Program::compile(text, name, counts.programs, options.joins,
                                    options.precision, problem);
    if (!program) {
      ++counts.failed;
      outs() << name << ": " << problem << "\n";
      return;
    }
    counts.kernels += int(program->source.kernels.size());
    counts.operators.insert(program->operators.begin(),
                            program->operators.end());
    if (options.show)
      outs() << program->source.text << program->source.host;
    batch.push_back(std::move(program));
    if (batch.size() == 64)
      flush();
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
      std::string name = sys::path::filename(file).str();
      if (parts.size() > 1)
        name += "#" + std::to_string(number + 1);
      add(part, name);
    }
  }
  if (options.operators)
    counts.failed += addOperators(add, counts);
  flush();
  outs() << counts.programs << " programs, " << counts.kernels << " kernels, "
         << counts.failed << " failed; compiled for devices " << counts.compiled
         << ", with spills " << counts.spills << ", most registers "
         << counts.mostRegisters << ", most shared memory " << counts.mostShared
         << "; emulated runs same " << counts.same << ", different "
         << counts.different << "\n";
  const EmulationOptions &faults = options.emulation;
  if (faults.missingBarrier || faults.missingShuffle || faults.partialShuffle ||
      faults.missingWait || faults.ignoreAlignment)
    return counts.different == 0;
  return counts.failed || counts.different || counts.spills;
}

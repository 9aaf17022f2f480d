//===- Object.cpp - LLVM IR to object bytes -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Driver/Object.h"

#include "compiler/Driver/Offsets.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Pass.h"
#include "llvm/PassInfo.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

#include <chrono>
#include <mutex>

#include <unistd.h>

using namespace llvm;
using etch::driver::TargetInfo;

namespace {

Error textError(const Twine &text) { return createStringError(text); }

// Kernels arrive as loops that are already tiled and vectorised: what pays is
// cleaning up addresses and moving invariants.
constexpr StringLiteral quickPipeline =
    "function(sroa<modify-cfg>,early-cse<memssa>,instcombine<no-verify-"
    "fixpoint>"
    ",simplifycfg)";
constexpr StringLiteral fullPipeline =
    "function(sroa<modify-cfg>,early-cse<memssa>,simplifycfg,"
    "instcombine<no-verify-fixpoint>,loop-mssa(loop-rotate,licm),"
    "loop(indvars,loop-deletion),gvn<no-memdep>,"
    "instcombine<no-verify-fixpoint>,loop-mssa(licm),adce,simplifycfg),"
    "globaldce";

const Target *findTarget(const Triple &triple, std::string &error) {
  static std::once_flag once;
  std::call_once(once, [] {
    InitializeNativeTarget();
    InitializeNativeTargetAsmPrinter();
    InitializeNativeTargetAsmParser(); // there is a system call
  });
  return TargetRegistry::lookupTarget(triple, error);
}

std::unique_ptr<TargetMachine> makeMachine(const TargetInfo &target,
                                           CodeGenOptLevel level) {
  std::string error;
  Triple triple(target.triple);
  const Target *backend = findTarget(triple, error);
  if (!backend)
    return nullptr;
  TargetOptions options;
  options.UseInitArray = true; // nobody calls what is in .ctors
  options.AllowFPOpFusion = FPOpFusion::Strict;
  return std::unique_ptr<TargetMachine>(
      backend->createTargetMachine(triple, target.cpu, target.features, options,
                                   Reloc::PIC_, std::nullopt, level));
}

/// Target machines take a millisecond to make and serve one thread at a time:
/// they are lent and given back.
class Machines {
public:
  std::unique_ptr<TargetMachine> take(const std::string &key) {
    std::lock_guard lock(mutex);
    auto &free = idle[key];
    return free.empty() ? nullptr : free.pop_back_val();
  }
  void give(const std::string &key, std::unique_ptr<TargetMachine> machine) {
    std::lock_guard lock(mutex);
    idle[key].push_back(std::move(machine));
  }

private:
  std::mutex mutex;
  StringMap<SmallVector<std::unique_ptr<TargetMachine>, 1>> idle;
};

Machines &machines() {
  static Machines &all = *new Machines;
  return all;
}

/// LLVM's default reaction to an error is to end the process.
struct CollectErrors : DiagnosticHandler {
  explicit CollectErrors(std::string &text) : text(text) {}
  bool handleDiagnostics(const DiagnosticInfo &info) override {
    if (info.getSeverity() == DS_Error) {
      raw_string_ostream stream(text);
      DiagnosticPrinterRawOStream printer(stream);
      info.print(printer);
    }
    return true;
  }
  std::string &text;
};

/// Codegen's own functions (run, arena size, query) run once per call; kernels
/// have other names.
bool isOncePerCall(const Function &function) {
  return function.getName().starts_with("etch.") ||
         function.getName().ends_with("_query");
}

/// Where those take much of the code generator's time, it is told that they do
/// not matter: in a one-op program, and where they are as long as their
/// launches are many, each of which costs more than all code around it.
constexpr unsigned longFunction = 4096;

/// Registers are allocated for a whole module in one way: long functions that
/// do not matter take as long as others, unless they are among themselves.
CodeGenOptLevel levelFor(const Module &module, bool quick) {
  if (quick)
    return CodeGenOptLevel::Less;
  unsigned longest = 0, others = 0;
  for (const Function &function : module) {
    unsigned length = function.getInstructionCount();
    if (isOncePerCall(function))
      longest = std::max(longest, length);
    else
      others += length;
  }
  return longest > longFunction && others < longFunction / 4
             ? CodeGenOptLevel::None
             : CodeGenOptLevel::Default;
}

void setAttributes(Module &module, const TargetInfo &target, bool quick) {
  for (Function &function : module) {
    if (function.isDeclaration())
      continue;
    if (!function.hasFnAttribute("target-cpu")) {
      function.addFnAttr("target-cpu", target.cpu);
      if (!target.features.empty())
        function.addFnAttr("target-features", target.features);
    }
    if (!function.hasFnAttribute("prefer-vector-width"))
      function.addFnAttr("prefer-vector-width",
                         std::to_string(target.vectorBits));
    function.addFnAttr(Attribute::NoUnwind);
    if (target.sanitize)
      function.addFnAttr(Attribute::SanitizeAddress);
    if (isOncePerCall(function) &&
        (quick || function.getInstructionCount() > longFunction) &&
        !function.hasFnAttribute(Attribute::AlwaysInline)) {
      function.addFnAttr(Attribute::NoInline);
      function.addFnAttr(Attribute::OptimizeNone);
    }
  }
}

Error optimise(Module &module, TargetMachine &machine,
               const TargetLibraryInfoImpl &library, bool quick,
               bool sanitize) {
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager graphs;
  ModuleAnalysisManager modules;
  PassBuilder builder(&machine);
  functions.registerPass([&] { return TargetLibraryAnalysis(library); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  ModulePassManager passes;
  if (Error error = builder.parsePassPipeline(passes, quick ? quickPipeline
                                                            : fullPipeline))
    return error;
  if (!quick)
    passes.addPass(
        createModuleToFunctionPassAdaptor(etch::driver::StepOffsets()));
  if (sanitize)
    if (Error error = builder.parsePassPipeline(passes, "asan"))
      return error;
  passes.run(module, modules);
  return Error::success();
}

/// The target's passes without those that do not pay: general reduction of
/// strength takes half of the code generator's time to find what StepOffsets
/// does for kernels.
class CodegenPasses : public legacy::PassManager {
public:
  void add(Pass *pass) override {
    const PassInfo *info = Pass::lookupPassInfo(pass->getPassID());
    StringRef name = info ? info->getPassArgument() : StringRef();
    if (name == "loop-reduce" || name == "canon-freeze")
      delete pass;
    else
      legacy::PassManager::add(pass);
  }
};

Error emit(Module &module, TargetMachine &machine,
           const TargetLibraryInfoImpl &library, SmallVectorImpl<char> &out) {
  raw_svector_ostream stream(out);
  CodegenPasses passes;
  passes.add(new TargetLibraryInfoWrapperPass(library));
  if (machine.addPassesToEmitFile(passes, stream, nullptr,
                                  CodeGenFileType::ObjectFile,
                                  /*DisableVerify=*/true))
    return textError("the target emits no object files");
  passes.run(module);
  return Error::success();
}

Error produce(Module &module, TargetMachine &machine, bool quick, bool sanitize,
              SmallVectorImpl<char> &out,
              std::vector<etch::driver::PhaseTime> *times) {
  std::string text;
  raw_string_ostream stream(text);
  if (verifyModule(module, &stream))
    return textError("malformed LLVM IR: " + Twine(text));
  // Nothing is known by its name, so nothing becomes a call of libm.
  TargetLibraryInfoImpl library(module.getTargetTriple());
  library.disableAllFunctions();
  using Clock = std::chrono::steady_clock;
  Clock::time_point start = Clock::now();
  auto note = [&](const char *name) {
    Clock::time_point now = Clock::now();
    std::chrono::duration<double, std::milli> ms = now - start;
    if (times)
      times->push_back({name, ms.count()});
    start = now;
  };
  if (Error error = optimise(module, machine, library, quick, sanitize))
    return error;
  note("optimise");
  Error error = emit(module, machine, library, out);
  note("emit");
  return error;
}

} // namespace

std::string TargetInfo::text() const {
  return triple + " " + cpu + " " + (features.empty() ? implied : features);
}

static Expected<TargetInfo> askTarget(StringRef mcpu) {
  TargetInfo target;
  target.triple = sys::getDefaultTargetTriple();
  std::string error;
  Triple triple(target.triple);
  const Target *backend = findTarget(triple, error);
  if (!backend)
    return textError("no code generator for " + target.triple + ": " + error);
  target.cpu = mcpu.str();
  if (mcpu == "native") {
    target.cpu = sys::getHostCPUName().str();
    SmallVector<std::string> words;
    for (const auto &[name, on] : sys::getHostCPUFeatures())
      words.push_back((on ? "+" : "-") + name.str());
    sort(words); // a hash table has no order
    target.features = join(words, ",");
#ifdef _SC_LEVEL2_CACHE_SIZE
    // Zero or less where the system does not know.
    if (long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE); bytes > 0)
      target.cacheBytes = bytes;
#endif
  }
  // Asked with the name itself, LLVM complains to the terminal.
  std::unique_ptr<MCSubtargetInfo> subtarget(
      backend->createMCSubtargetInfo(triple, "", ""));
  if (!subtarget || !subtarget->isCPUStringValid(target.cpu))
    return textError("unknown processor '" + mcpu + "' for " + target.triple);
  subtarget.reset(
      backend->createMCSubtargetInfo(triple, target.cpu, target.features));
  if (mcpu != "native") {
    SmallVector<std::string> words;
    for (const auto &[name, on] : sys::getHostCPUFeatures())
      if (subtarget->checkFeatures("+" + name.str()))
        words.push_back("+" + name.str());
    sort(words);
    target.implied = join(words, ",");
  }
  if (triple.isX86()) {
    target.fma = subtarget->checkFeatures("+fma") ||
                 subtarget->checkFeatures("+avx512f");
    target.amx = triple.isOSLinux() && triple.isArch64Bit() &&
                 subtarget->checkFeatures("+amx-bf16,+avx512bf16");
    target.vectorBits = subtarget->checkFeatures("+avx512f") ? 512
                        : subtarget->checkFeatures("+avx")   ? 256
                                                             : 128;
  } else {
    target.fma = triple.isAArch64();
  }
  return target;
}

Expected<TargetInfo> etch::driver::resolveTarget(StringRef mcpu) {
  // The answer never changes, and costs more than parsing a small program.
  static std::mutex mutex;
  static StringMap<TargetInfo> &known = *new StringMap<TargetInfo>;
  std::lock_guard lock(mutex);
  if (auto it = known.find(mcpu); it != known.end())
    return it->second;
  Expected<TargetInfo> target = askTarget(mcpu);
  if (target)
    known[mcpu] = *target;
  return target;
}

Error etch::driver::emitObject(Module &module, const TargetInfo &target,
                               bool quick, SmallVectorImpl<char> &out,
                               std::vector<PhaseTime> *times) {
  CodeGenOptLevel level = levelFor(module, quick);
  std::string key = target.text() + " " + std::to_string(int(level));
  std::unique_ptr<TargetMachine> machine = machines().take(key);
  if (!machine)
    machine = makeMachine(target, level);
  if (!machine)
    return textError("no code generator for " + target.triple);

  std::string errors;
  LLVMContext &context = module.getContext();
  auto previous = context.getDiagnosticHandler();
  context.setDiagnosticHandler(std::make_unique<CollectErrors>(errors));
  module.setTargetTriple(Triple(target.triple));
  module.setDataLayout(machine->createDataLayout());
  setAttributes(module, target, quick);
  Error result = produce(module, *machine, quick, target.sanitize, out, times);
  if (!result && !errors.empty())
    result = textError("code generation: " + Twine(errors));
  context.setDiagnosticHandler(std::move(previous));
  machines().give(key, std::move(machine));
  return result;
}

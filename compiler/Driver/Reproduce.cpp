//===- Reproduce.cpp - What is kept of a failure of the compiler ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Nothing is written down while all goes well: compilation is deterministic, so
// that after a failure the phases before it are simply run again.
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Reproduce.h"

#include "compiler/Driver/Dump.h"
#include "compiler/Pipelines/Pipelines.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/CrashRecoveryContext.h"

#include <csignal>
#include <cstring>
#include <mutex>

using namespace etch;
using namespace etch::driver;

bool etch::driver::isAboutOps(llvm::StringRef message) {
  return message.starts_with("'") && message.contains("' op ");
}

//===----------------------------------------------------------------------===//
// The file
//===----------------------------------------------------------------------===//

/// What etch-compile has to be told besides the file.
static std::string optionsOf(const Request &request, Phase from, Phase to) {
  const CompileOptions &options = request.options;
  std::string s;
  llvm::raw_string_ostream os(s);
  if (from != Phase::trace)
    os << " --from " << phaseInfo(from).name;
  os << " --compile-to " << phaseInfo(to).name;
  if (options.mode == Mode::fast)
    os << " --fast";
  if (options.effort == Effort::quick)
    os << " --quick";
  if (options.freeze)
    os << " --freeze";
  constexpr const char *checks[] = {"none", "nan", "bounds", "all"};
  if (options.check != Check::none)
    os << " --check " << checks[uint32_t(options.check)];
  if (options.memoryBudget)
    os << " --memory-budget " << options.memoryBudget;
  if (!options.without.empty())
    os << " --without " << options.without;
  if (options.mcpu != "native")
    os << " --mcpu " << options.mcpu;
  return s;
}

static std::string passesOf(const Request &request, Phase phase) {
  mlir::OpPassManager passes(mlir::ModuleOp::getOperationName());
  PipelineOptions options;
  options.memoryBudget = request.options.memoryBudget;
  options.without = request.options.without;
  options.freeze = request.options.freeze;
  buildPhasePipeline(passes, options, phase);
  std::string s;
  llvm::raw_string_ostream os(s);
  passes.printAsTextualPipeline(os);
  return s;
}

std::string etch::driver::keepReproducer(const Request &request, Phase failed,
                                         const llvm::Twine &why) {
  static thread_local bool busy;
  if (busy)
    return "";
  busy = true;
  Phase to = std::max(failed, request.from), from = Phase::trace;
  llvm::SmallVector<char> before;
  llvm::StringRef text = request.text;
  // The LLVM dialect is no text to go on from.
  if (Phase start = std::min(to, Phase::codegen); start > Phase::trace) {
    std::vector<Diagnostic> ignored;
    Phase last = Phase(int(start) - 1);
    if (runGuarded(request, ignored, [&] {
          return compileToPhase(request, last, before, ignored);
        })) {
      from = start;
      text = llvm::StringRef(before.data(), before.size());
    }
  }
  std::string options = optionsOf(request, from, to);
  std::string file;
  llvm::raw_string_ostream os(file);
  os << "// " << why << "\n// Run it again: etch-compile <this file>" << options
     << "\n";
  if (from > Phase::trace && from < Phase::codegen)
    os << "// or: etch-opt <this file> --pass-pipeline='"
       << passesOf(request, from) << "'\n";
  os << text;
  std::string path = saveReproducer(file);
  busy = false;
  return path.empty()
             ? ""
             : "; the program is kept in '" + path +
                   "', to run it again: etch-compile " + path + options;
}

//===----------------------------------------------------------------------===//
// Crashes
//===----------------------------------------------------------------------===//

static thread_local Phase underWay;

void etch::driver::noteProgress(const Request &, Phase phase) {
  underWay = phase;
}

namespace {
/// Signals are caught while somebody compiles, and only then.
class Handlers {
public:
  Handlers() {
    std::lock_guard lock(mutex);
    if (count++ == 0)
      llvm::CrashRecoveryContext::Enable();
  }
  ~Handlers() {
    std::lock_guard lock(mutex);
    if (--count == 0)
      llvm::CrashRecoveryContext::Disable();
  }

private:
  static std::mutex mutex;
  static int count;
};
std::mutex Handlers::mutex;
int Handlers::count;
} // namespace

bool etch::driver::runGuarded(const Request &request,
                              std::vector<Diagnostic> &diagnostics,
                              llvm::function_ref<bool()> body) {
  Handlers handlers;
  llvm::CrashRecoveryContext recovery;
  bool good = false;
  underWay = request.from;
  if (recovery.RunSafely([&] { good = body(); }))
    return good;
  // 128 + the signal, as a shell has it.
  const char *signal = strsignal(recovery.RetCode - 128);
  std::string text = "internal error: the compiler crashed in the phase " +
                     std::string(phaseInfo(underWay).name) + " (" +
                     (signal ? signal : "unknown signal") + ")";
  Phase failed = underWay;
  diagnostics.clear();
  diagnostics.push_back(
      {Severity::error, -1, text + keepReproducer(request, failed, text)});
  return false;
}

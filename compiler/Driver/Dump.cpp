//===- Dump.cpp - What the environment asks to see ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Driver/Dump.h"
#include "compiler/Driver/Compiler.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/StringSaver.h"

#include <mutex>

using namespace etch;
using namespace etch::driver;

static std::string dumpFolder() {
  const char *folder = getenv("ETCH_DUMP");
  return folder ? folder : "";
}

namespace {
/// Our own options in ETCH_FLAGS.
struct Flags {
  llvm::cl::opt<std::string> without{
      "etch-without", llvm::cl::desc("Optional passes that are left out")};
  llvm::cl::opt<std::string> picture{
      "etch-picture",
      llvm::cl::desc("A pass whose program ETCH_DUMP shows before and behind")};
};
} // namespace

static Flags *flags;

Dump::Dump(const std::string &name, uint64_t hash, Phase phase) {
  std::string folder = dumpFolder();
  if (folder.empty())
    return;
  llvm::raw_string_ostream os(stem);
  os << folder << "/" << name << "-" << llvm::format_hex_no_prefix(hash, 16)
     << "-" << llvm::format("%02d", int(phase)) << "-" << phaseInfo(phase).name;
}

llvm::raw_ostream &Dump::open(llvm::StringRef suffix) {
  std::string path = (stem + "." + suffix).str();
  std::error_code error = llvm::sys::fs::create_directories(dumpFolder());
  auto file = std::make_unique<llvm::raw_fd_ostream>(path, error);
  if (error) {
    static std::once_flag told;
    std::call_once(told, [&] {
      llvm::errs() << "warning: ETCH_DUMP: '" << path
                   << "': " << error.message() << "\n";
    });
    stream = std::make_unique<llvm::raw_null_ostream>();
  } else {
    stream = std::move(file);
  }
  return *stream;
}

std::string etch::driver::saveReproducer(llvm::StringRef program) {
  llvm::SmallString<128> folder(dumpFolder());
  if (folder.empty())
    llvm::sys::path::system_temp_directory(/*erasedOnReboot=*/true, folder);
  llvm::SmallString<128> path;
  int descriptor;
  if (llvm::sys::fs::createUniqueFile(folder + "/etch-failed-%%%%%%.mlir",
                                      descriptor, path))
    return {};
  llvm::raw_fd_ostream os(descriptor, /*shouldClose=*/true);
  os << program;
  os.close();
  if (!os.has_error())
    return path.str().str();
  os.clear_error(); // an error left there ends the process
  llvm::sys::fs::remove(path);
  return {};
}

llvm::Error etch::driver::applyEtchFlags() {
  const char *text = getenv("ETCH_FLAGS");
  if (!text || !*text)
    return llvm::Error::success();
  static std::once_flag once;
  std::call_once(once, [] {
    mlir::registerAsmPrinterCLOptions();
    mlir::registerMLIRContextCLOptions();
    mlir::registerPassManagerCLOptions();
    mlir::registerDefaultTimingManagerCLOptions();
    flags = new Flags;
  });
  static std::mutex mutex;
  std::lock_guard lock(mutex);
  llvm::BumpPtrAllocator memory;
  llvm::StringSaver saver(memory);
  llvm::SmallVector<const char *> words = {"ETCH_FLAGS"};
  llvm::cl::TokenizeGNUCommandLine(text, saver, words);
  std::string error;
  llvm::raw_string_ostream os(error);
  // Each time: the linker puts all options of the process back to their
  // defaults.
  llvm::cl::ResetAllOptionOccurrences();
  if (llvm::cl::ParseCommandLineOptions(int(words.size()), words.data(), "",
                                        &os))
    return llvm::Error::success();
  return llvm::createStringError(llvm::StringRef(error).trim());
}

std::string etch::driver::withoutFlag() {
  const char *text = getenv("ETCH_FLAGS");
  return text && *text && flags ? flags->without.getValue() : std::string();
}

namespace {
/// Pages of the program before and behind one pass.
class Pictures : public mlir::PassInstrumentation {
public:
  Pictures(std::string name, Dump dump, Lines lines)
      : name(std::move(name)), dump(std::move(dump)), lines(std::move(lines)) {}

  void runBeforePass(mlir::Pass *pass, mlir::Operation *op) override {
    write(pass, op, "before");
  }
  void runAfterPass(mlir::Pass *pass, mlir::Operation *op) override {
    write(pass, op, "behind");
  }

private:
  void write(mlir::Pass *pass, mlir::Operation *op, llvm::StringRef when) {
    auto module = llvm::dyn_cast<mlir::ModuleOp>(op);
    if (!module || pass->getArgument() != name)
      return;
    std::string title = (when + "-" + name).str();
    writePicture(module, title, lines, dump.open(title + ".html"));
  }

  std::string name;
  Dump dump;
  Lines lines;
};
} // namespace

llvm::LogicalResult etch::driver::prepare(mlir::PassManager &passes, Dump dump,
                                          llvm::StringRef program) {
  const char *text = getenv("ETCH_FLAGS");
  if (!text || !*text)
    return mlir::success();
  if (dump && !flags->picture.empty())
    passes.addInstrumentation(std::make_unique<Pictures>(
        flags->picture, std::move(dump), readLines(program)));
  mlir::applyDefaultTimingPassManagerCLOptions(passes);
  return mlir::applyPassManagerCLOptions(passes);
}

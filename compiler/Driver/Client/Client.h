//===- Client.h - Program text in, runnable module out ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the front end links instead of the compiler. A program is looked for in
// memory, then in the on-disk cache; only when both miss is libEtchCompiler.so
// loaded. Nothing here throws; a failure is a result with diagnostics.
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_DRIVER_CLIENT_CLIENT_H
#define ETCH_DRIVER_CLIENT_CLIENT_H

#include "compiler/Driver/Client/CompileOptions.h"
#include "etch/runtime.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace etch::driver {

enum class Severity : uint32_t { error = 0, warning = 1, note = 2 };

/// One message. `site` numbers the op in the program's text (`loc("site":N:0)`)
/// or is -1 when the message belongs to no op.
struct Diagnostic {
  Severity severity = Severity::error;
  int64_t site = -1;
  std::string message;
};

/// A loaded module; unloaded with its last reference.
class LoadedModule {
public:
  LoadedModule(const LoadedModule &) = delete;
  LoadedModule &operator=(const LoadedModule &) = delete;
  ~LoadedModule();

  const etch_module_t &module() const { return *description; }

private:
  friend class Client;
  LoadedModule() = default;
  void *library = nullptr; // etch_library_t
  int descriptor = -1;     // keeps an anonymous file's name unique
  const etch_module_t *description = nullptr;
};

enum class Origin { memory, disk, compiled };

/// How long a part of a compilation took: a phase, or `translate`, `optimise`,
/// `emit` (LLVM) and `link`.
struct PhaseTime {
  std::string name;
  double milliseconds = 0;
};

/// What compile() gives. On failure `module` is null and `diagnostics` holds at
/// least one error.
struct CompileResult {
  std::shared_ptr<const LoadedModule> module;
  Origin origin = Origin::memory;
  double milliseconds = 0; ///< of this call, waiting for other threads included
  std::vector<Diagnostic> diagnostics;
  std::vector<PhaseTime> phases; ///< empty unless compiled by this call

  explicit operator bool() const { return module != nullptr; }
};

/// Counters of this process; `discarded` counts cache files that were corrupt,
/// truncated or foreign, `fallbacks` modules that could not be stored in the
/// cache and were loaded from a private file.
struct CacheStatistics {
  uint64_t memoryHits = 0, diskHits = 0, compiled = 0, failed = 0;
  uint64_t discarded = 0, evicted = 0, fallbacks = 0;
};

/// Compiles `programText` (the function `main` is the program) or finds it.
/// Thread-safe; two threads that ask for the same program compile it once. A
/// module stays in memory until it is asked to go (releaseModules).
CompileResult compile(std::string_view programText,
                      const CompileOptions &options = {});

/// What exportLibrary() gives; on failure `ok` is false and nothing is left on
/// disk that was not there before.
struct ExportResult {
  bool ok = false;
  std::vector<Diagnostic> diagnostics;
};

/// Compiles ahead of time: writes the shared library `libraryPath` (which needs
/// libc at most) and, unless `headerPath` is empty, the C header that describes
/// it. `options.name` must be a C identifier.
ExportResult exportLibrary(std::string_view programText,
                           const CompileOptions &options,
                           const std::string &libraryPath,
                           const std::string &headerPath);

/// What describe() gives: lines of words, see compiler/Driver/Describe.h.
struct DescribeResult {
  bool ok = false;
  std::string text;
  std::vector<Diagnostic> diagnostics;
};

/// Plans a program without making code: what lives where and when, and what is
/// launched. Nothing is cached.
/// `extents` are those of all arguments, axis after axis: what is symbolic is
/// as large as they make it.
DescribeResult describe(std::string_view programText,
                        const CompileOptions &options,
                        const std::vector<int64_t> &extents);

/// Where a program that was compiled with `profile` leaves its times: 64-bit
/// words at the start of the arena. All times are counts of the processor's
/// clock.
struct ProfileLayout {
  static constexpr int64_t capacity = 1 << 15; ///< of the log
  // Words: entries logged, begin and end of the run, 5 unused; then the log.
  static constexpr int64_t logged = 0, begin = 1, end = 2, log = 8;
  // An entry is the launch's number, its begin and its end.
  static constexpr int64_t entryWords = 3;
  /// Whole pages; what is planned follows.
  static constexpr int64_t bytes =
      (8 * (log + entryWords * capacity) + 4095) / 4096 * 4096;
};

/// This process's counters since its start.
CacheStatistics cacheStatistics();

/// Forgets the modules kept in memory; those in use live on.
void releaseModules();

/// The directory of cached modules for this compiler, "" when there is none.
std::string cacheDirectory();

/// The compiler library that a miss would load, "" when there is none.
std::string compilerLibraryPath();

} // namespace etch::driver

#endif // ETCH_DRIVER_CLIENT_CLIENT_H

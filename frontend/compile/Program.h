//===- Program.h - A compiled function without its type ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Signatures, the variants of each, and what a call does with them.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILE_PROGRAM_H
#define ETCH_COMPILE_PROGRAM_H

#include "etch/compile.h"
#include "etch/config.h"
#include "frontend/compile/Variant.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <thread>

namespace etch::detail {

/// What a trace depends on from its first operation on.
struct Signature {
  struct Arg {
    TensorType type;
    uint16_t flags;
    uint32_t same; ///< the first argument that is the same array
  };
  std::vector<Arg> args;
  Config config;

  bool holds(std::span<const Variable *const> actual) const;
  /// Whether only leading extents differ.
  bool is_like(const Signature &other) const;
};

/// The variants of one signature, the last one used first.
struct Group {
  Signature signature;
  std::vector<std::unique_ptr<Variant>> variants;
};

class Program final : public NodeFinder {
public:
  explicit Program(const CompileOptions &options);

  /// Whether the result is known without running the function, which has to be
  /// run all the same with `trace`.
  bool begin(std::span<const Variable *const> args, bool trace = false);
  const Variable &arg(size_t i) const { return tracer.placeholder(i); }
  void returned(const Variable &y);
  Variable result(size_t i);
  void finish(bool run, bool compile);
  /// Of a call in progress that has not been finished.
  void abort();
  void export_library(const std::string &path, const ExportOptions &options,
                      const Location &where);
  Node *find(int32_t slot) const override;

  driver::CompileOptions driver_options() const;
  /// The variant of the last call; UserError before there is one.
  const Variant &last(const char *what) const;
  std::string report() const;
  std::string explain() const;
  MemoryPlan plan() const;
  uint64_t saved_bytes() const; ///< of the last call's program
  Profile profile() const;
  void refreeze();
  void dump(const std::string &dir) const;

  const void *skeleton() const {
    return groups.front()->variants.front()->skeleton.get();
  }
  void set_skeleton(std::shared_ptr<void> value) {
    groups.front()->variants.front()->skeleton = std::move(value);
  }

  const CompileOptions options;
  Location made_at; ///< where the user called compile()
  int compiles = 0, traces = 0, hits = 0, runs = 0;
  double milliseconds = 0, trace_milliseconds = 0;
  std::vector<driver::PhaseTime> phases; ///< of the last compilation
  driver::Origin origin = driver::Origin::memory;
  Variant *present = nullptr;
  /// Told of the captured arrays of each call.
  std::function<void(int32_t slot, const std::string &, Node *)> watch_captured;

private:
  void open_trace();
  void expect_trace();
  void drop_old_group();
  void finish_pure();
  Variant &settle();
  void find_open_extents(Variant &v) const;
  std::string
  find_from_extents(const Variant &v, const Exits &exits,
                    std::vector<TextOptions::FromExtent> &found) const;
  void compile_variant(Variant &v);
  void refuse_updates(const Variant &v) const;
  void load(Variant &v, CompiledModule m) const;
  void materialize(Variant &v);
  void remember_pure(Variant &v);
  void close();
  bool pure_is_current(const Variant &v) const;

  std::mutex mutex; ///< one call at a time
  std::atomic<std::thread::id> owner{};
  std::vector<std::unique_ptr<Group>> groups; ///< last used first
  std::vector<std::pair<std::string, CompiledModule>> modules; ///< by text
  std::vector<std::string> reasons;

  // The call in progress.
  Tracer tracer;
  std::optional<RecordingScope> scope;
  std::vector<Variable> call_args;
  std::vector<Trace *> candidates;
  /// What is expected of a call with new extents.
  struct Expected {
    std::unique_ptr<Trace> trace;
    std::shared_ptr<const OpenExtents> open;
  };
  std::vector<Expected> expected;
  std::vector<int32_t> slots;
  std::vector<Variant::Returned> call_returned;
  std::vector<std::pair<int32_t, int32_t>> call_gradients;
  Variables pure_results;
  bool tracing = false, replaying_pure = false;
  std::chrono::steady_clock::time_point began;
};

/// The error of a failed compilation, at the line of the operation that it
/// blames.
[[noreturn]] void
throw_compile_error(const std::vector<driver::Diagnostic> &diagnostics,
                    const Variant &v);

} // namespace etch::detail

#endif // ETCH_COMPILE_PROGRAM_H

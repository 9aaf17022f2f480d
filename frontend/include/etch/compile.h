//===- compile.h - Functions as programs ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   auto step = compile([&](const Variable &x, const Variable &t) {
//     Variable loss = mean_squared_error(model(x), t);
//     model.clear_grads();
//     loss.backward();
//     optimizer.update();
//     return loss;
//   });
//   Variable loss = step(x, t);
//
// The first call with arguments of some types records what the function does
// and compiles it. At every later call the function runs again, against the
// record, and only host code runs in it: whatever it does otherwise than before
// is noticed and compiled anew. Numbers may change from call to call, and so
// may the contents of arrays that the function captures.
//
// Arrays from outside are leaves inside: no gradient flows into a graph that
// made an argument, or out of a result. Call backward() inside.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILE_H
#define ETCH_COMPILE_H

#include "etch/compile_options.h"
#include "etch/compiled_call.h"

#include <array>
#include <functional>

namespace etch {

/// What compile() gives, without the function's type. Copies share everything.
class CompiledFunction {
public:
  int compile_count() const; ///< programs that were compiled or loaded
  int trace_count() const;   ///< times that the function was recorded
  int cache_hits() const;    ///< calls that found their program
  int run_count() const;     ///< programs that were run: one per call
  double last_compile_ms() const;
  /// "memory", "disk" or "compiled": where the last program came from.
  std::string last_origin() const;
  // Of the program of the last call. UserError before there is one.
  int num_kernels() const;  ///< distinct kernels
  int num_launches() const; ///< kernel launches per call
  uint64_t arena_bytes() const { return memory().arena; }
  uint64_t saved_bytes() const { return memory().saved; }
  /// Lists every buffer, draws when each is alive (see report.h).
  ProgramMemory memory() const;
  CompileTimes times() const;
  /// Its launches; their times with CompileOptions::profile.
  Profile profile() const;
  void reset_profile();
  /// Says that captured arrays were written to through old spans: what
  /// CompileOptions::freeze keeps is computed again by the next call.
  void refreeze();
  std::string program() const; ///< its text
  std::string report() const;  ///< the figures above, to read
  /// What was fused into what, what it moves and computes, how long it took,
  /// and why calls were recorded again.
  std::string explain() const;
  /// Writes each program to <dir>/program<N>.mlir with the table of its lines
  /// beside it. IOError.
  void dump(const std::string &dir) const;

protected:
  explicit CompiledFunction(const CompileOptions &options);
  /// The check() of a call: `compiled` and `eager` call the function.
  CheckReport compare(std::span<const Variable *const> args,
                      const std::function<void(Variables &)> &compiled,
                      const std::function<void(Variables &)> &eager);
  MemoryPlan plan_of_last() const;
  std::shared_ptr<detail::Program> impl;
};

/// A compiled function: is called like the function itself.
template <class F> class Compiled : public CompiledFunction {
public:
  Compiled(std::shared_ptr<F> f, const CompileOptions &options)
      : CompiledFunction(options), f(std::move(f)) {}
  Compiled(const Compiled &) = default; // no move: what was moved from works
  Compiled &operator=(const Compiled &) = default;

  template <class... A> auto operator()(A &&...args) {
    return call(detail::CompiledCall::Purpose::run, args...);
  }
  /// Compiles for arguments of these types without running anything.
  template <class... A> void build(const A &...args) {
    call(detail::CompiledCall::Purpose::build, args...);
  }
  /// Plans memory for arguments of these types without making code.
  template <class... A> MemoryPlan plan(const A &...args) {
    call(detail::CompiledCall::Purpose::trace, args...);
    return plan_of_last();
  }
  /// Runs the function eagerly, puts all arrays back, runs it compiled, and
  /// compares results, gradients and states bit by bit. Host effects of the
  /// function happen twice.
  template <class... A> CheckReport check(const A &...args) {
    std::vector<const Variable *> list(
        (size_t(0) + ... + detail::count_variables(args)));
    const Variable **next = list.data();
    (detail::list_variables(args, next), ...);
    auto collect = [](Variables &out, auto &&run) {
      if constexpr (std::is_void_v<decltype(run())>) {
        run();
      } else {
        auto r = run();
        detail::each_variable(r, [&](Variable &y) { out.push_back(y); });
      }
    };
    return compare(
        list,
        [&](Variables &out) { collect(out, [&] { return (*this)(args...); }); },
        [&](Variables &out) {
          collect(out, [&] { return std::invoke(*f, args...); });
        });
  }
  /// For export_library().
  void export_to(const std::string &path, const Variables &inputs,
                 const ExportOptions &options, const Location &where) {
    std::vector<const Variable *> list;
    for (const Variable &x : inputs)
      list.push_back(&x);
    detail::CompiledCall call(*impl, list,
                              detail::CompiledCall::Purpose::trace);
    invoke_list(call, inputs.size(), where);
    call.export_library(path, options, where);
  }

private:
  template <class... A>
  auto call(detail::CompiledCall::Purpose purpose, A &...args) {
    using R = std::decay_t<std::invoke_result_t<F &, detail::Passed<A>...>>;
    size_t count = (size_t(0) + ... + detail::count_variables(args));
    constexpr size_t fixed =
        (size_t(0) + ... + size_t(detail::VariableLike<A>));
    std::array<const Variable *, fixed + 1> few;
    std::vector<const Variable *> many(
        (false || ... || detail::VariableList<A>) ? count : 0);
    const Variable **list = many.empty() ? few.data() : many.data();
    [[maybe_unused]] const Variable **end = list;
    (detail::list_variables(args, end), ...);
    detail::CompiledCall call(*impl, {list, count}, purpose);
    if (call.inlined())
      return R(std::invoke(*f, args...));
    size_t next = 0;
    auto run = [&] {
      // Braces keep the order of the arguments.
      std::tuple<decltype(detail::pass(args, call, next))...> passed{
          detail::pass(args, call, next)...};
      return std::apply(
          [&](auto &&...a) -> decltype(auto) {
            return std::invoke(*f, std::forward<decltype(a)>(a)...);
          },
          std::move(passed));
    };
    if constexpr (std::is_void_v<R>) {
      if (!call.ready())
        run();
      call.finish();
    } else {
      if (call.ready()) {
        call.finish();
        R r = *static_cast<const R *>(call.skeleton());
        size_t i = 0;
        detail::each_variable(r, [&](Variable &y) { y = call.result(i++); });
        return r;
      }
      R r = run();
      if (call.pure())
        detail::each_variable(r, [&](Variable &y) { call.returned(y); });
      call.finish();
      if (call.pure()) {
        auto empty = std::make_shared<R>(r);
        detail::each_variable(*empty, [](Variable &y) { y = Variable(); });
        call.set_skeleton(std::move(empty));
      }
      return r;
    }
  }
  /// Calls f and tells what it returned.
  template <class... A>
  void invoke_and_tell(detail::CompiledCall &call, A &&...args) {
    if constexpr (std::is_void_v<std::invoke_result_t<F &, A...>>) {
      std::invoke(*f, std::forward<A>(args)...);
    } else {
      auto r = std::invoke(*f, std::forward<A>(args)...);
      detail::each_variable(r, [&](Variable &y) { call.returned(y); });
    }
  }
  template <size_t... I>
  bool invoke_with(detail::CompiledCall &call, std::index_sequence<I...>) {
    using std::declval;
    if constexpr (std::is_invocable_v<
                      F &, decltype((void)I, declval<const Variable &>())...>) {
      invoke_and_tell(call, call.arg(I)...);
      return true;
    }
    return false;
  }
  void invoke_list(detail::CompiledCall &call, size_t count,
                   const Location &where) {
    bool done = false;
    if constexpr (std::is_invocable_v<F &, const Variables &>) {
      Variables xs;
      for (size_t i = 0; i < count; ++i)
        xs.push_back(call.arg(i));
      invoke_and_tell(call, xs);
      done = true;
    } else {
      [&]<size_t... N>(std::index_sequence<N...>) {
        done =
            ((count == N && invoke_with(call, std::make_index_sequence<N>())) ||
             ...);
      }(std::make_index_sequence<9>());
    }
    if (!done)
      throw UserError("export_library: the function does not take " +
                          std::to_string(count) + " Variables",
                      where);
  }

  std::shared_ptr<F> f;
};

/// The compiled form of f, which takes Variables, Variables lists and host
/// values and returns any of Variable, Variables, pairs and tuples of them, or
/// nothing. Objects that cannot be copied, such as models, are referred to.
/// DeviceError and UserError, at the caller's line, for a device that is not
/// there and for options that it has not.
template <class F>
auto compile(F &&f, const CompileOptions &options = {},
             SourceLocation l = SourceLocation::current()) {
  LocationScope scope(l);
  using D = std::decay_t<F>;
  if constexpr (std::is_lvalue_reference_v<F> &&
                !std::is_copy_constructible_v<D>)
    return Compiled<std::remove_reference_t<F>>(
        std::shared_ptr<std::remove_reference_t<F>>(std::shared_ptr<void>(),
                                                    &f),
        options);
  else
    return Compiled<D>(std::make_shared<D>(std::forward<F>(f)), options);
}

} // namespace etch

#endif // ETCH_COMPILE_H

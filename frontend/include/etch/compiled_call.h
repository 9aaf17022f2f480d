//===- compiled_call.h - One call of a compiled function --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What compile.h's templates are made of: the arguments of a call as a list of
// Variables, and the machinery behind it, which knows no types.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILED_CALL_H
#define ETCH_COMPILED_CALL_H

#include "etch/report.h"
#include "etch/variable.h"

#include <memory>
#include <tuple>

namespace etch {

struct ExportOptions {
  bool embed_weights = false;  ///< states that never change: into the library
  std::string mcpu = "native"; ///< or a processor's name as LLVM has it
  /// The library is for graphics processors of these architectures, with commas
  /// between them ("sm_80,sm_90"; "compute_90": for all that come later). None
  /// need be here. "": what the function is compiled for; for cuda() that is
  /// "sm_80,sm_90,compute_90".
  std::string architectures = {};
};

namespace detail {

class Program;

/// One call of a compiled function: the type-erased half of operator().
class CompiledCall {
public:
  /// `build`: compiles without running. `trace`: does not even compile.
  enum class Purpose : uint8_t { run, build, trace };
  CompiledCall(Program &program, std::span<const Variable *const> args,
               Purpose purpose = Purpose::run);
  ~CompiledCall(); ///< without finish(): takes everything back
  CompiledCall(const CompiledCall &) = delete;
  CompiledCall &operator=(const CompiledCall &) = delete;

  /// The call is part of another function that is being compiled.
  bool inlined() const { return is_inlined; }
  /// A pure function that is known: there is no need to run it.
  bool ready() const { return is_ready; }
  bool pure() const;
  /// What the function gets for argument i.
  const Variable &arg(size_t i) const;
  /// Tells what a pure or an exported function returned, in order; result()
  /// gives it again.
  void returned(const Variable &y);
  Variable result(size_t i);
  /// What a pure function returned, without its Variables.
  const void *skeleton() const;
  void set_skeleton(std::shared_ptr<void> value);
  void finish();
  void export_library(const std::string &path, const ExportOptions &options,
                      const Location &where);

private:
  Program &program;
  Purpose purpose;
  bool is_inlined = false, is_ready = false, is_active = false;
};

template <class T>
concept VariableLike = std::derived_from<std::remove_cvref_t<T>, Variable>;
template <class T>
concept VariableList = std::same_as<std::remove_cvref_t<T>, Variables>;

/// The types with which the user's function is called.
template <class A> struct PassedAs {
  using type = A;
};
template <VariableLike A> struct PassedAs<A> {
  using type = const Variable &;
};
template <VariableList A> struct PassedAs<A> {
  using type = Variables;
};
template <class A> using Passed = typename PassedAs<A>::type;

template <class A> size_t count_variables(const A &arg) {
  if constexpr (VariableLike<A>)
    return 1;
  else if constexpr (VariableList<A>)
    return arg.size();
  return 0;
}
template <class A> void list_variables(const A &arg, const Variable **&out) {
  if constexpr (VariableLike<A>)
    *out++ = &arg;
  else if constexpr (VariableList<A>)
    for (const Variable &x : arg)
      *out++ = &x;
}
template <class A>
decltype(auto) pass(A &arg, const CompiledCall &call, size_t &next) {
  if constexpr (VariableLike<A>) {
    return call.arg(next++);
  } else if constexpr (VariableList<A>) {
    Variables xs;
    for (size_t i = 0; i < arg.size(); ++i)
      xs.push_back(call.arg(next++));
    return xs;
  } else {
    return (arg);
  }
}
/// Visits the Variables in a result.
template <class R, class V> void each_variable(R &r, V &&visit) {
  if constexpr (VariableLike<R>)
    visit(static_cast<Variable &>(r));
  else if constexpr (VariableList<R>)
    for (Variable &y : r)
      visit(y);
  else if constexpr (requires { std::tuple_size<R>::value; })
    std::apply([&](auto &...part) { (each_variable(part, visit), ...); }, r);
}

} // namespace detail

} // namespace etch

#endif // ETCH_COMPILED_CALL_H

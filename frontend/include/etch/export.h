//===- export.h - Compiled functions as libraries ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   export_library(step, "out/mnist_step", {x, t});
//   auto library = load_library("out/libmnist_step.so");
//   Variable loss = library.run({x, t})[0];
//===----------------------------------------------------------------------===//
#ifndef ETCH_EXPORT_H
#define ETCH_EXPORT_H

#include "etch/compile.h"

namespace etch {

/// Writes lib<name>.so, <name>.h and <name>.state beside `path`, whose last
/// part is the name, a C identifier. The library needs no Etch. The function is
/// recorded once, for inputs of these types; its arguments are the library's
/// inputs, all arrays that it captures become states, host numbers are frozen
/// at their present values. Nothing is run and no state changes. All files are
/// written or none: IOError.
template <class F>
void export_library(Compiled<F> &f, const std::string &path,
                    const Variables &inputs, const ExportOptions &options = {},
                    SourceLocation l = SourceLocation::current()) {
  f.export_to(path, inputs, options, l);
}

/// An exported library with its states. Copies share it. Calls of one library
/// take turns. One for graphics processors runs on cuda(0): its states and
/// results are there, its inputs may be anywhere.
class Library {
public:
  /// Runs the program once; updates the states. ValueError for inputs that do
  /// not fit, DeviceError where there is no device that it has code for.
  Variables run(const Variables &inputs,
                SourceLocation l = SourceLocation::current());
  /// Writes, or reads, all states. IOError.
  void save(const std::string &path,
            SourceLocation l = SourceLocation::current()) const;
  void load(const std::string &path,
            SourceLocation l = SourceLocation::current());
  std::vector<std::string> state_names() const;
  /// A copy of the present contents of a state. ValueError for other names.
  Variable get_state(const std::string &name,
                     SourceLocation l = SourceLocation::current()) const;

private:
  struct State;
  explicit Library(std::shared_ptr<State> state) : state(std::move(state)) {}
  friend Library load_library(const std::string &path, SourceLocation l);
  std::shared_ptr<State> state;
};

/// Loads an exported library, and the states from the .state file that lies
/// beside it; without that file, load() comes before run(). IOError: the
/// library is missing, none of ours, or was built for another version of the
/// interface.
Library load_library(const std::string &path,
                     SourceLocation l = SourceLocation::current());

} // namespace etch

#endif // ETCH_EXPORT_H

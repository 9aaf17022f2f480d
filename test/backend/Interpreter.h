//===- Interpreter.h - A back end of the plainest kind ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs planned programs by walking them: what somebody who adds a back end has
// to do, without any speed. README.md beside this file describes what it uses.
//===----------------------------------------------------------------------===//
#ifndef ETCH_TEST_BACKEND_INTERPRETER_H
#define ETCH_TEST_BACKEND_INTERPRETER_H

#include <string>
#include <string_view>
#include <vector>

namespace mlir {
class DialectRegistry;
}

namespace etch::backend {

/// Plans the program and runs it once. `arguments` are main's, dense in
/// row-major order, states among them, which it updates; `results` those that
/// update nothing. `addDialects` makes further ones known. Returns what is
/// wrong, or "".
std::string interpret(std::string_view program,
                      const std::vector<void *> &arguments,
                      const std::vector<void *> &results,
                      void (*addDialects)(mlir::DialectRegistry &) = nullptr);

/// An op of a dialect that Etch knows nothing of (PlugIn.cpp): plug.cube.
void addPlugIn(mlir::DialectRegistry &registry);

} // namespace etch::backend

#endif // ETCH_TEST_BACKEND_INTERPRETER_H

//===- error.h - The exceptions that Etch throws ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A message says the operation, what is wrong, the values, and the line of user
// code: "matmul: inner dimensions differ: x is (2, 3), w is (4, 5)
// [train.cpp:41]".
//===----------------------------------------------------------------------===//
#ifndef ETCH_ERROR_H
#define ETCH_ERROR_H

#include "etch/location.h"

#include <exception>
#include <string>

namespace etch {

/// The root of everything that Etch throws.
class Error : public std::exception {
public:
  /// The message of what() is "<message>  [<file>:<line>]".
  explicit Error(const std::string &message, const Location &where = {});
  const char *what() const noexcept override { return text.c_str(); }
  /// The user's line; unknown when none is to blame.
  const Location &where() const noexcept { return location; }

private:
  std::string text;
  Location location;
};

/// The program asks for something that has no meaning.
struct UserError : Error {
  using Error::Error;
};
/// Shapes do not fit.
struct ShapeError : UserError {
  using UserError::UserError;
};
/// An operation does not take these element types.
struct DTypeError : UserError {
  using UserError::UserError;
};
/// Something that a compiled function cannot do while it is recorded.
struct TraceError : UserError {
  using UserError::UserError;
};
/// A value is out of range, or missing.
struct ValueError : UserError {
  using UserError::UserError;
};
/// The compiler rejects a program.
struct CompileError : Error {
  using Error::Error;
};
/// A compiled program fails while it runs.
struct RuntimeError : Error {
  using Error::Error;
};
/// A device is missing, has too little memory, or fails.
struct DeviceError : Error {
  using Error::Error;
};
/// A file cannot be read or written, or is malformed.
struct IOError : Error {
  using Error::Error;
};
/// A fault of Etch itself.
struct InternalError : Error {
  using Error::Error;
};

} // namespace etch

#endif // ETCH_ERROR_H

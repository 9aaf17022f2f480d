//===- print.h - Arrays, shapes and types as text ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_PRINT_H
#define ETCH_PRINT_H

#include "etch/variable.h"

#include <iosfwd>

namespace etch {

/// Prints as NumPy does: "variable([[1 2 3]\n          [4 5 6]])".
std::ostream &operator<<(std::ostream &os, const Variable &x);
std::string to_string(const Variable &x);

/// "(2, 3)", "float32", "float32 (2, 3)", "cpu".
std::ostream &operator<<(std::ostream &os, const Shape &shape);
std::ostream &operator<<(std::ostream &os, DType dtype);
std::ostream &operator<<(std::ostream &os, const TensorType &type);
std::ostream &operator<<(std::ostream &os, const Device &device);

} // namespace etch

#endif // ETCH_PRINT_H

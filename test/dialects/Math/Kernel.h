//===- Kernel.h - a compiled loop around a scalar expression --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef ETCH_TEST_DIALECTS_MATH_KERNEL_H
#define ETCH_TEST_DIALECTS_MATH_KERNEL_H

#include "dialects/Etch/ScalarExpr.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace etch::test {

/// An element type of a kernel's arrays. Bool is stored as one byte.
enum class Element { Bool, I32, I64, F32, F64 };

/// What a kernel computes from its operands.
using Body = std::function<ScalarExpr(llvm::ArrayRef<ScalarExpr>)>;

/// out[i] = body(in0[i], in1[i], ...), `width` elements at a time (1: scalars),
/// compiled for this machine.
class Kernel {
public:
  Kernel(std::vector<Element> inputs, Element output, unsigned width,
         const Body &body);
  ~Kernel();

  /// Reads and writes `count` elements, a multiple of the width.
  void run(std::vector<const void *> inputs, void *output, size_t count) const;

  /// Symbols that the object code needs from elsewhere: none are expected.
  const std::vector<std::string> &undefinedSymbols() const;
  /// Calls in the LLVM IR that are not intrinsics.
  const std::vector<std::string> &calls() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

} // namespace etch::test

#endif // ETCH_TEST_DIALECTS_MATH_KERNEL_H

//===- Programs.h - training steps to measure -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_TEST_PROGRAMS_PROGRAMS_H
#define ETCH_TEST_PROGRAMS_PROGRAMS_H

#include <etch/etch.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace etch::test {

/// A model with its optimizer: forward, backward and update of a batch.
struct Step {
  virtual ~Step() = default;
  virtual Variable operator()(const Variable &x, const Variable &t) = 0;
  Variable x, t; ///< a batch of zeros
};

struct Program {
  std::string name;  ///< "mlp"
  std::string title; ///< "MLP 784-1000-1000-10, batch 100, Adam"
  bool small;        ///< runs in moments
  std::function<std::unique_ptr<Step>()> make;
};
/// Those of the tables, smallest first.
const std::vector<Program> &programs();

} // namespace etch::test

#endif // ETCH_TEST_PROGRAMS_PROGRAMS_H

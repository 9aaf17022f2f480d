//===- Records.h - A program for each operator -------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_TEST_COMPILER_TARGET_CUDA_RECORDS_H
#define ETCH_TEST_COMPILER_TARGET_CUDA_RECORDS_H

#include <string>
#include <vector>

namespace etch::test {

struct OperatorProgram {
  std::string name; ///< "sum f32 2"
  std::string text;
};

/// For each operator that there is a record of, programs of it alone: with each
/// element type that its type rule admits, on some shapes. Operators without
/// one are listed in `without`.
std::vector<OperatorProgram>
operatorPrograms(std::vector<std::string> &without);

} // namespace etch::test

#endif // ETCH_TEST_COMPILER_TARGET_CUDA_RECORDS_H

//===- Program.h - single kernels, run below the front end ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_TEST_BENCH_PROGRAM_H
#define ETCH_TEST_BENCH_PROGRAM_H

#include "test/bench/Bench.h"

namespace etch::bench {

/// "tensor<2x3xf32>".
std::string typeOf(const std::vector<int64_t> &shape);

/// Compiles a program of f32 arguments and one f32 result and keeps its
/// buffers: what is timed is the kernel, with no array made or freed. Without
/// `run` when it cannot be compiled. `bf16`: in mode fast, operands of products
/// rounded.
Runner programRunner(const std::string &program,
                     const std::vector<Input> &inputs,
                     const std::vector<int64_t> &result, int threads = 1,
                     bool bf16 = false);

} // namespace etch::bench

#endif // ETCH_TEST_BENCH_PROGRAM_H

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

/// That of the definition, mode fast, or mode fast with operands of products
/// rounded to bfloat16.
enum class Rounding { strict, fast, bf16 };

/// Compiles a program of f32 arguments and one f32 result and keeps its
/// buffers: what is timed is the kernel, with no array made or freed. Without
/// `run` when it cannot be compiled. `freeze`: what depends on states alone is
/// kept from run to run.
Runner programRunner(const std::string &program,
                     const std::vector<Input> &inputs,
                     const std::vector<int64_t> &result, int threads = 1,
                     Rounding rounding = Rounding::strict, bool freeze = false);

} // namespace etch::bench

#endif // ETCH_TEST_BENCH_PROGRAM_H

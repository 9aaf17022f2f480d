//===- Program.cpp - single kernels, run by the module's own entry point --===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/bench/Program.h"

#include "compiler/Driver/Client/Client.h"

#include <cstdio>
#include <cstdlib>
#include <memory>

#include <etch/host.h>
#include <etch/runtime.h>

using namespace etch;
using namespace etch::bench;

namespace {
using Shape = std::vector<int64_t>;

/// Memory as the front end's pool would give it.
struct Aligned {
  explicit Aligned(size_t bytes)
      : data(aligned_alloc(64, (bytes + 127) / 64 * 64)) {}
  Aligned(const Aligned &) = delete;
  ~Aligned() { free(data); }
  void *data;
};

struct Loaded {
  std::shared_ptr<const driver::LoadedModule> module;
  std::vector<Shape> shapes, strides;
  std::vector<std::unique_ptr<Aligned>> memory;
  std::vector<etch_tensor_t> tensors;
  etch_call_t call = {};
};
} // namespace

std::string etch::bench::typeOf(const Shape &shape) {
  std::string text = "tensor<";
  for (int64_t extent : shape)
    text += std::to_string(extent) + "x";
  return text + "f32>";
}

Runner etch::bench::programRunner(const std::string &program,
                                  const std::vector<Input> &inputs,
                                  const Shape &result, int threads,
                                  Rounding rounding, bool freeze) {
  driver::CompileOptions options;
  if (rounding != Rounding::strict)
    options.mode = driver::Mode::fast;
  if (rounding == Rounding::bf16)
    options.precision = driver::Precision::bf16;
  options.freeze = freeze;
  driver::CompileResult compiled = driver::compile(program, options);
  if (!compiled) {
    fprintf(stderr, "%s\n%s\n", program.c_str(),
            compiled.diagnostics.front().message.c_str());
    return {};
  }
  auto p = std::make_shared<Loaded>();
  p->module = compiled.module;
  for (const Input &input : inputs)
    p->shapes.push_back(input.shape);
  p->shapes.push_back(result);
  for (size_t i = 0; i < p->shapes.size(); ++i) {
    const Shape &shape = p->shapes[i];
    p->strides.emplace_back(shape.size());
    int64_t size = 1;
    for (size_t d = shape.size(); d-- > 0; size *= shape[d])
      p->strides[i][d] = size;
    p->memory.push_back(std::make_unique<Aligned>(size_t(size) * 4));
    float *data = static_cast<float *>(p->memory.back()->data);
    fillInput(data, size, i < inputs.size() ? inputs[i].scale : 0, i);
  }
  for (size_t i = 0; i < p->shapes.size(); ++i)
    p->tensors.push_back({p->memory[i]->data, p->shapes[i].data(),
                          p->strides[i].data(), ETCH_F32,
                          int32_t(p->shapes[i].size())});
  p->call.args = p->tensors.data();
  p->call.num_args = int32_t(inputs.size());
  p->call.results = &p->tensors.back();
  p->call.num_results = 1;
  p->call.host = threads > 1 ? etch_pool_host(threads) : etch_serial_host();
  p->call.arena_bytes = p->module->module().arena_bytes(&p->call);
  p->memory.push_back(std::make_unique<Aligned>(p->call.arena_bytes));
  p->call.arena = p->memory.back()->data;
  p->call.prepared_bytes = p->module->module().prepared_bytes;
  p->memory.push_back(std::make_unique<Aligned>(p->call.prepared_bytes));
  p->call.prepared = p->memory.back()->data;
  auto run = [p](long count) {
    for (long i = 0; i < count; ++i) {
      if (p->module->module().run(&p->call) != ETCH_OK)
        abort();
      p->call.is_prepared = p->call.prepared_bytes != 0;
    }
  };
  return {run, [p, run] {
            run(1);
            int64_t size = p->shapes.back()[0] * p->strides.back()[0];
            return sample(static_cast<const float *>(p->tensors.back().data),
                          size);
          }};
}

//===- Chain.cpp - pointwise operations that run as one -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/engine/Chain.h"
#include "frontend/core/ThreadState.h"
#include "frontend/engine/Kernels.h"
#include "frontend/engine/Launch.h"
#include "frontend/engine/Merging.h"

#include <map>
#include <mutex>

using namespace etch;
using namespace etch::detail;

bool detail::may_chain() {
  ThreadState &state = thread_state();
  return !state.recorder && !state.config.enable_backprop;
}

namespace {
/// All that a chain's program depends on.
struct ChainKey {
  static constexpr size_t max_words =
      1 + Chain::max_sources + 2 * Chain::max_ops + Chain::max_results;
  uint64_t words[max_words];
  size_t size = 0;

  void add(uint64_t word) { words[size++] = word; }
  bool is(const ChainKey &o) const {
    if (size != o.size)
      return false;
    for (size_t i = 0; i < size; ++i)
      if (words[i] != o.words[i])
        return false;
    return true;
  }
  uint64_t hash() const {
    uint64_t h = size;
    for (size_t i = 0; i < size; ++i)
      h = ((h << 23 | h >> 41) ^ words[i]) * 0x9e3779b97f4a7c15u;
    return h;
  }
};
} // namespace

static const etch_module_t *compile_chain(const ChainKey &key,
                                          const ChainSpec &spec,
                                          const Location &where) {
  using Words = std::vector<uint64_t>;
  static std::mutex mutex;
  static auto &all =
      *new std::map<Words, std::shared_ptr<const driver::LoadedModule>>;
  Words words(key.words, key.words + key.size);
  {
    std::lock_guard lock(mutex);
    if (auto found = all.find(words); found != all.end())
      return &found->second->module();
  }
  auto module = compile_text(chain_text(spec), "",
                             spec.chain->ops.back().info->name, where);
  std::lock_guard lock(mutex);
  return &all.emplace(std::move(words), std::move(module))
              .first->second->module();
}

static const etch_module_t *
find_chain(const ChainKey &key, const ChainSpec &spec, const Location &where) {
  struct Slot {
    ChainKey key;
    const etch_module_t *module;
  };
  static constexpr size_t size = 64;
  static thread_local Slot recent[size];
  Slot &slot = recent[key.hash() >> 58];
  if (!slot.module || !slot.key.is(key)) {
    const etch_module_t *module = compile_chain(key, spec, where);
    slot.key = key;
    slot.module = module;
  }
  return slot.module;
}

void detail::run_chain(const Chain &chain, ValueRef *results,
                       const Location &where) {
  size_t n = chain.sources.size();
  int64_t count = chain.shape->elements();
  etch_tensor_t tensors[Chain::max_sources + Chain::max_results];
  for (size_t i = 0; i < chain.results.size(); ++i)
    results[i] = make_dense(chain.ops[chain.results[i]].dtype, *chain.shape);
  if (count == 0)
    return;
  ++thread_state().kernel_runs;
  const int64_t *strides[Chain::max_sources];
  for (size_t i = 0; i < n; ++i)
    strides[i] = chain.sources[i].strides;
  int64_t extents[Shape::max_rank];
  Strides own[Chain::max_sources + 1];
  int rank = collapse({strides, n}, *chain.shape, extents, own);

  ChainKey key;
  ChainSpec spec = {&chain, rank, {}};
  key.add(uint64_t(rank) << 32 | n << 16 | chain.ops.size());
  for (size_t i = 0; i < n; ++i) {
    const Chain::Source &x = chain.sources[i];
    tensors[i] = {const_cast<void *>(x.data), extents, own[i], int32_t(x.dtype),
                  rank};
    spec.inner[i] = inner_of(extents[rank - 1], own[i][rank - 1]);
    key.add(uint64_t(x.dtype) << 8 | uint64_t(spec.inner[i]));
  }
  for (const Chain::Op &op : chain.ops) {
    key.add(uint64_t(op.info->id) << 32 | uint64_t(op.dtype) << 24 |
            uint64_t(op.operands[0]) << 16 | uint64_t(op.operands[1]) << 8 |
            op.operands[2]);
    key.add(attribute_bits(*op.attrs));
  }
  for (size_t i = 0; i < chain.results.size(); ++i) {
    key.add(chain.results[i]);
    tensors[n + i] = {results[i]->data, extents, own[n],
                      int32_t(results[i]->dtype), rank};
  }
  etch_call_t call = {};
  call.args = tensors;
  call.num_args = int32_t(n);
  call.results = tensors + n;
  call.num_results = int32_t(chain.results.size());
  run_on_host(*find_chain(key, spec, where), call,
              count * int64_t(chain.ops.size()), chain.ops.back().info->name,
              where);
}

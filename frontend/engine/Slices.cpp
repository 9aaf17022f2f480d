//===- Slices.cpp - an array and its slices along axis 0 ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/engine/Slices.h"
#include "etch/functions.h"
#include "etch/index.h"
#include "frontend/core/Graphics.h"
#include "frontend/engine/Engine.h"
#include "frontend/engine/Kernels.h"
#include "frontend/engine/Tape.h"

#include <algorithm>
#include <cstring>

using namespace etch;
using namespace etch::detail;

namespace {

/// Either half: the gradient of one is the other.
class SlicesEntry final : public Entry {
public:
  SlicesEntry(bool joins, std::span<const Variable> xs,
              std::span<const Variable> ys, const Location &where)
      : Entry(where), joins(joins), edge_list(xs.size()),
        output_list(ys.size()) {
    edges = edge_list.data();
    num_inputs = uint32_t(xs.size());
    results = output_list.data();
    num_outputs = uint32_t(ys.size());
    for (size_t i = 0; i < xs.size(); ++i) {
      connect(*this, edges[i], xs[i]);
      const ValueRef &v = xs[i].node()->value;
      edges[i].kept = make_type_only(v->dtype, v->shape);
    }
    for (size_t i = 0; i < ys.size(); ++i)
      adopt_output(int(i), ys[i]);
  }
  std::string name() const override { return joins ? "stack" : "unstack"; }
  void backward(std::span<const Variable> gys, std::span<const bool>, bool,
                std::span<Variable> gxs) override {
    if (joins) {
      std::ranges::move(unstack(gys[0], where), gxs.begin());
      return;
    }
    Variables filled(gys.begin(), gys.end());
    for (size_t i = 0; i < filled.size(); ++i)
      if (!filled[i].defined())
        filled[i] = make_literal(0, results[i].type, where);
    gxs[0] = stack_slices(filled, where);
  }

private:
  const bool joins;
  std::vector<Edge> edge_list;
  std::vector<Output> output_list;
};

} // namespace

/// Gives results their place in the graph.
static void connect_slices(bool joins, std::span<const Variable> xs,
                           std::span<const Variable> ys,
                           const Location &where) {
  bool tracked = config().enable_backprop &&
                 std::any_of(xs.begin(), xs.end(), [](const Variable &x) {
                   return takes_gradient(*x.node());
                 });
  if (tracked) {
    // The results keep it alive.
    Ref<Entry> entry(new SlicesEntry(joins, xs, ys, where.in_user_code()));
    return;
  }
  for (const Variable &y : ys)
    y.node()->flags |=
        config().enable_backprop ? Node::constant : Node::untracked;
}

/// An entry numbers its results with 16 bits: more are several entries.
static constexpr int64_t most = 1 << 15;

Variables detail::unstack(const Variable &x, const Location &where) {
  const Value &v = *held_contents(x, "scan", where);
  if (v.shape[0] > most) {
    Variables all;
    for (int64_t begin = 0; begin < v.shape[0]; begin += most) {
      Variables part = unstack(x[slice(begin, begin + most)], where);
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }
  Shape shape;
  for (int i = 1; i < v.shape.rank(); ++i)
    shape.push_back(v.shape[i]);
  Variables ys;
  for (int64_t i = 0; i < v.shape[0]; ++i)
    ys.push_back(
        make_variable(make_view(v, shape, v.strides + 1, i * v.strides[0])));
  if (!ys.empty())
    connect_slices(false, {&x, 1}, ys, where);
  return ys;
}

Variable detail::stack_slices(const Variables &slices, const Location &where) {
  if (int64_t(slices.size()) > most) {
    Variables parts;
    for (auto from = slices.begin(); from != slices.end();) {
      auto to = from + std::min<int64_t>(most, slices.end() - from);
      parts.push_back(stack_slices({from, to}, where));
      from = to;
    }
    return concat(parts);
  }
  const TensorType type = slices[0].type();
  Shape shape = {int64_t(slices.size())};
  for (int64_t extent : type.shape)
    shape.push_back(extent);
  ValueRef all;
  size_t bytes = size_t(type.shape.elements() * size_of(type.dtype));
  int device = device_of(*held_contents(slices[0], "scan", where));
  if (device >= 0) {
    all = make_dense_on(device, type.dtype, shape, where);
    for (size_t i = 0; i < slices.size(); ++i) {
      ValueRef x = held_contents(slices[i], "scan", where);
      if (device_of(*x) != device)
        x = copy_to(device, *x, where);
      ValueRef row = make_view(*all, type.shape, all->strides + 1,
                               int64_t(i) * all->strides[0]);
      copy_elements_there(*x, *row, where); // one copy
    }
  } else {
    all = make_dense(type.dtype, shape);
    char *to = static_cast<char *>(all->data);
    for (const Variable &x : slices) {
      if (bytes)
        std::memcpy(to, dense_value(x)->data, bytes);
      to += bytes;
    }
  }
  Variable y = make_variable(std::move(all));
  connect_slices(true, slices, {&y, 1}, where);
  return y;
}

//===- Extents.h - One program for several extents --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_TEST_EXTENTS_H
#define ETCH_TEST_EXTENTS_H

#include "etch/etch.h"

#include <gmock/gmock.h>

#include <cstring>

namespace extents {

using namespace etch;

/// Whether two arrays have the same type and bits.
inline bool same_bits(const Variable &a, const Variable &b) {
  if (a.defined() != b.defined())
    return false;
  if (!a.defined())
    return true;
  if (a.type() != b.type())
    return false;
  Variable x = a.detach(), y = b.detach();
  if (x.dtype() == f32)
    return std::memcmp(x.span<const float>().data(),
                       y.span<const float>().data(),
                       size_t(x.size()) * sizeof(float)) == 0;
  return x.to_vector() == y.to_vector();
}

inline void expect_same_bits(const Variable &a, const Variable &b,
                             const std::string &what) {
  EXPECT_TRUE(same_bits(a, b)) << what << ": " << a << " and " << b;
}

/// Random floats in [-1, 1), to which gradients flow.
inline Variable draw(const Shape &shape) {
  Variable x = zeros(shape, {.dtype = f32});
  x.assign((random::rand(shape) * 2 - 1).astype(f32));
  return x;
}

/// Two equal models, one trained eagerly, one compiled, on batches of these
/// extents; all losses, gradients and parameters must agree bit by bit. Gives
/// how many programs there are.
template <class MakeModel, class MakeBatch>
int train(MakeModel make_model, MakeBatch make_batch,
          std::initializer_list<int> batches, int expected = 1) {
  auto one = make_model(), two = make_model();
  // Deferred weights are drawn alike.
  auto [x, t] = make_batch(2);
  random::seed(5);
  (*one)(x);
  random::seed(5);
  (*two)(x);
  auto step_of = [](auto &model, auto &optimizer) {
    return [&](const Variable &x, const Variable &t) {
      Variable loss = softmax_cross_entropy(model(x), t);
      model.clear_grads();
      loss.backward();
      optimizer.update();
      return loss;
    };
  };
  SGD first({.lr = 0.1}), second({.lr = 0.1});
  first.setup(*one);
  second.setup(*two);
  auto eager = step_of(*one, first), traced = step_of(*two, second);
  auto compiled = compile(traced);
  for (int batch : batches) {
    auto [x, t] = make_batch(batch);
    std::string what = "batch " + std::to_string(batch);
    Variable a = eager(x, t), b = compiled(x, t);
    expect_same_bits(a, b, "loss, " + what);
    Variables ps = one->params(), qs = two->params();
    for (size_t i = 0; i < ps.size(); ++i) {
      expect_same_bits(ps[i].grad(), qs[i].grad(), "gradient, " + what);
      expect_same_bits(ps[i], qs[i], "parameter, " + what);
    }
  }
  EXPECT_EQ(compiled.compile_count(), expected) << compiled.report();
  return compiled.compile_count();
}

} // namespace extents

#endif // ETCH_TEST_EXTENTS_H

//===- Dropout.cpp - random numbers that programs draw --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "etch/functions.h"
#include "etch/random.h"
#include "frontend/core/Array.h"
#include "frontend/core/Promotion.h"
#include "frontend/engine/Engine.h"

using namespace etch;
using namespace etch::detail;

/// A number of state: made outside of whatever is being recorded.
static Variable number(uint64_t value) {
  RecordingScope outside(nullptr);
  Variable x(int64_t{0});
  // All 64 bits: host numbers in operations have 53.
  *static_cast<int64_t *>(x.node()->value->data) = int64_t(value);
  return x;
}

Generator::Generator(uint64_t seed) : key(number(seed)), counter(number(0)) {}

void Generator::seed(uint64_t seed) {
  key.assign(number(seed));
  counter.assign(number(0));
}

Variable Generator::uniform(const Shape &shape, DType dtype, SourceLocation l) {
  Location where = l;
  LocationScope scope(where);
  if (!is_floating(dtype))
    throw DTypeError(std::string("uniform: no numbers of ") + name_of(dtype),
                     where);
  check_shape(shape, "uniform", where);
  std::vector<int64_t> extents(shape.begin(), shape.end());
  Variable places =
      apply(OpId::Iota, std::span<const Variable>(), {extents}, where)
          .to(counter.device());
  Variable counters = counter + places;
  Variable keys = expand_to(key, shape, where);
  counter.assign(counter + shape.elements());
  return apply(OpId::Philox, {counters, keys},
               {std::string(shortNameOf(dtype))}, where);
}

Generator &etch::default_generator() {
  static thread_local Generator generator;
  return generator;
}

Variable etch::dropout(Operand x, Operand ratio, Generator &generator) {
  LocationScope scope(x.location());
  Variable v = floating(x);
  if (!config().train)
    return v;
  if (ratio.is_literal() && !(ratio.as_double() >= 0 && ratio.as_double() <= 1))
    throw ValueError("dropout: the ratio is " +
                         std::to_string(ratio.as_double()) +
                         ", not between 0 and 1",
                     x.location());
  Variable u = generator.uniform(v.shape(), v.dtype()).to(v.device());
  // A number stays one, which a compiled program is given at every call.
  if (ratio.is_literal()) {
    double share = ratio.as_double();
    return select(u >= share, v / (1.0 - share), 0.0);
  }
  Variable share = cast_to(ratio.var(), v.dtype(), x.location());
  return select(u >= share, v / (1.0 - share), 0.0);
}

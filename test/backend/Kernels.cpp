//===- Kernels.cpp - Kernels, op by op ------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel says what is computed, as ops of the etch dialect on tensors; how is
// left to the back end. This one computes each op in full before the next. The
// order of sums is part of an op's meaning: those of reductions and products
// are spelled out here.
//===----------------------------------------------------------------------===//

#include "test/backend/Arrays.h"

#include "dialects/Etch/EtchDialect.h"

#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace etch;
using namespace etch::backend;

namespace {

/// The sum of count numbers, as the strict mode defines it: 16 lanes in blocks
/// of 4096, the blocks in their order, the lanes by halves.
template <class T, class F> T sumOf(int64_t count, F element) {
  if (count == 0)
    return 0;
  T total[16];
  for (int64_t block = 0; block < count; block += 4096) {
    T lanes[16];
    std::fill(lanes, lanes + 16, T(-0.0)); // the zero that changes nothing
    for (int64_t i = block; i < std::min(count, block + 4096); ++i)
      lanes[i % 16] += element(i);
    for (int lane = 0; lane < 16; ++lane)
      total[lane] = block ? total[lane] + lanes[lane] : lanes[lane];
  }
  for (int half = 8; half; half /= 2)
    for (int lane = 0; lane < half; ++lane)
      total[lane] = total[lane] + total[lane + half];
  return total[0];
}

/// One element of a product: chains of fused multiply-adds over 256 each.
template <class T, class F> T chainOf(int64_t count, F factors) {
  T sum = 0;
  for (int64_t block = 0; block < count; block += 256) {
    T chain = 0;
    for (int64_t k = block; k < std::min(count, block + 256); ++k) {
      auto [a, b] = factors(k);
      if constexpr (std::is_floating_point_v<T>)
        chain = std::fma(a, b, chain);
      else
        chain = T(chain + a * b);
    }
    sum = block ? T(sum + chain) : chain;
  }
  return sum;
}

Array sum(const Array &x, Array y) {
  int64_t rows = x.shape[0], count = x.shape[1], inner = x.shape[2];
  dispatch(x.element, [&](auto z) {
    using T = decltype(z);
    for (int64_t o = 0; o < rows; ++o)
      for (int64_t i = 0; i < inner; ++i)
        y.values[size_t(o * inner + i)] =
            bitsOf(sumOf<T>(count, [&](int64_t r) {
              return as<T>(x.values[size_t((o * count + r) * inner + i)]);
            }));
  });
  return y;
}

Array matmul(const Array &x, const Array &w, Array y) {
  size_t rank = x.shape.size();
  int64_t m = x.shape[rank - 2], k = x.shape[rank - 1], n = w.shape[rank - 1];
  int64_t batches = rank == 3 ? x.shape[0] : 1;
  dispatch(x.element, [&](auto z) {
    using T = decltype(z);
    for (int64_t at = 0; at < batches * m * n; ++at) {
      int64_t b = at / (m * n), i = at / n % m, j = at % n;
      auto factors = [&](int64_t l) {
        return std::pair(as<T>(x.values[size_t((b * m + i) * k + l)]),
                         as<T>(w.values[size_t((b * k + l) * n + j)]));
      };
      auto product = [&](int64_t l) {
        auto [p, q] = factors(l);
        return T(p * q);
      };
      y.values[size_t(at)] = bitsOf(m == 1 && n == 1 ? sumOf<T>(k, product)
                                                     : chainOf<T>(k, factors));
    }
  });
  return y;
}

/// Elements of y from those of x from `start` on, whose strides along y's axes
/// are given.
Array view(const Array &x, Array y, ArrayRef<int64_t> strides,
           int64_t start = 0) {
  for (size_t at = 0; at < y.values.size(); ++at) {
    int64_t rest = int64_t(at), from = start;
    for (size_t axis = y.shape.size(); axis-- > 0;) {
      from += rest % y.shape[axis] * strides[axis];
      rest /= y.shape[axis];
    }
    y.values[at] = x.values[size_t(from)];
  }
  return y;
}

SmallVector<int64_t> stridesOf(const Array &x) {
  SmallVector<int64_t> strides(x.shape.size(), 1);
  for (size_t axis = x.shape.size(); axis-- > 1;)
    strides[axis - 1] = strides[axis] * x.shape[axis];
  return strides;
}

Array broadcast(const Array &x, Array y) {
  SmallVector<int64_t> strides(y.shape.size(), 0), own = stridesOf(x);
  size_t more = y.shape.size() - x.shape.size();
  for (size_t axis = 0; axis < x.shape.size(); ++axis)
    strides[more + axis] = x.shape[axis] == 1 ? 0 : own[axis];
  return view(x, std::move(y), strides);
}

Array transpose(const Array &x, Array y, ArrayRef<int64_t> permutation) {
  SmallVector<int64_t> own = stridesOf(x), strides;
  for (int64_t axis : permutation)
    strides.push_back(own[size_t(axis)]);
  return view(x, std::move(y), strides);
}

Array slice(const Array &x, Array y, SliceOp op) {
  SmallVector<int64_t> strides = stridesOf(x);
  int64_t start = 0;
  for (size_t axis = 0; axis < strides.size(); ++axis) {
    int64_t first = op.getStarts()[axis];
    start += (first < 0 ? first + x.shape[axis] : first) * strides[axis];
    strides[axis] *= op.getSteps()[axis];
  }
  return view(x, std::move(y), strides, start);
}

/// An index that is data is checked: no run may read what is not its own.
Array gather(const Array &x, const Array &index, Array y, std::string &error) {
  int64_t from = x.shape[1], to = y.shape[1], inner = x.shape[2];
  for (int64_t at = 0; at < int64_t(y.values.size()); ++at) {
    int64_t b = at / (to * inner), row = at / inner, i = at % inner;
    int64_t k = as<int64_t>(index.values[size_t(row)]);
    k += k < 0 ? from : 0;
    if (k < 0 || k >= from)
      error = "an index is out of range";
    else
      y.values[size_t(at)] = x.values[size_t((b * from + k) * inner + i)];
  }
  return y;
}

Array pointwise(PointwiseOpInterface op, ArrayRef<const Array *> xs, Array y,
                std::string &error) {
  Block body;
  for (const Array *x : xs)
    body.addArgument(x->element, op.getLoc());
  OpBuilder b(op.getContext());
  b.setInsertionPointToEnd(&body);
  Value result = op.emitScalar(b, op.getLoc(), body.getArguments());
  for (size_t at = 0; at < y.values.size(); ++at) {
    SmallVector<Bits> scalars;
    for (const Array *x : xs)
      scalars.push_back(x->values[at]);
    y.values[at] = evaluateScalar(body, result, scalars, error);
  }
  return y;
}

Array constant(ConstantOp op, Array y) {
  auto elements = cast<DenseElementsAttr>(op.getValue());
  size_t at = 0;
  if (isa<FloatType>(y.element))
    for (const APFloat &x : elements.getValues<APFloat>())
      y.values[at++] = x.bitcastToAPInt().getZExtValue();
  else
    for (const APInt &x : elements.getValues<APInt>())
      y.values[at++] = x.getZExtValue();
  return y;
}

} // namespace

std::vector<Array> etch::backend::evaluateKernel(func::FuncOp kernel,
                                                 std::vector<Array> args,
                                                 std::string &error) {
  DenseMap<Value, Array> values;
  for (auto [argument, x] : llvm::zip_equal(kernel.getArguments(), args))
    values[argument] = std::move(x);
  std::vector<Array> results;
  for (Operation &op : kernel.getBody().front()) {
    SmallVector<const Array *> xs;
    for (Value x : op.getOperands())
      xs.push_back(&values.find(x)->second);
    if (isa<func::ReturnOp>(op)) {
      for (const Array *x : xs)
        results.push_back(*x);
      break;
    }
    Array y(op.getResult(0).getType());
    values[op.getResult(0)] =
        llvm::TypeSwitch<Operation *, Array>(&op)
            .Case([&](ConstantOp c) { return constant(c, y); })
            .Case([&](ReshapeOp) { return y.values = xs[0]->values, y; })
            .Case([&](BroadcastToOp) { return broadcast(*xs[0], y); })
            .Case([&](TransposeOp t) {
              return transpose(*xs[0], y, t.getPermutation());
            })
            .Case([&](SliceOp s) { return slice(*xs[0], y, s); })
            .Case([&](GatherOp) { return gather(*xs[0], *xs[1], y, error); })
            .Case([&](SumOp) { return sum(*xs[0], y); })
            .Case([&](MatmulOp) { return matmul(*xs[0], *xs[1], y); })
            .Case([&](PointwiseOpInterface p) {
              return pointwise(p, xs, y, error);
            })
            .Default([&](Operation *) {
              error = "no operation " + op.getName().getStringRef().str();
              return y;
            });
    if (!error.empty())
      break;
  }
  return results;
}

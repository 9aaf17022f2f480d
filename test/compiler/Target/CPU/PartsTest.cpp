//===- PartsTest.cpp - Chains of views against element by element ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Random chains of slices, placed arrays, transposes, broadcasts and reshapes,
// read by a pointwise operation and by a sum, with known and with symbolic
// extents, against a direct interpretation.
//===----------------------------------------------------------------------===//

#include "test/compiler/Target/CPU/Program.h"

#include <algorithm>
#include <functional>
#include <memory>

using namespace etch::test;

namespace {

/// Chains for each kind of processor; 150 have been run, too.
constexpr unsigned count = 40;

/// Calls f with the indices of every element, in row-major order.
void forEach(const Extents &extents, std::function<void(const Extents &)> f) {
  Extents at(extents.size(), 0);
  for (int64_t i = 0, n = countOf(extents); i < n; ++i) {
    f(at);
    for (size_t axis = extents.size(); axis-- > 0;) {
      if (++at[axis] < extents[axis])
        break;
      at[axis] = 0;
    }
  }
}

struct Tensor {
  Extents extents;
  std::vector<float> data;

  float &at(const Extents &index) {
    int64_t offset = 0;
    for (size_t axis = 0; axis < extents.size(); ++axis)
      offset = offset * extents[axis] + index[axis];
    return data[size_t(offset)];
  }
};

class Chain {
public:
  Chain(unsigned seed, bool dynamic) : random(seed), dynamic(dynamic) {
    Extents shape;
    for (int64_t i = 0, rank = draw(1, 3); i < rank; ++i)
      shape.push_back(draw(0, 12) == 0 ? 1 : draw(1, 19));
    x = {shape, randomArray<float>(shape, seed).data};
    value = x;
    arguments = "%x: " + typeText<float>(shape, dynamic);
    for (int64_t i = 0, n = draw(1, 4); i < n; ++i)
      step();
    finish();
  }

  std::string text() const {
    return "func.func @main(" + arguments + ") -> (" + types + ") {\n" + body +
           "}\n";
  }
  void run(const char *mcpu) {
    Program program(text(), mcpu);
    ASSERT_TRUE(program) << text();
    Array<float> in(x.extents), out(value.extents, 77), row({}, 77);
    in.data = x.data;
    program.in(in);
    std::vector<std::unique_ptr<Array<uint8_t>>> shapes;
    for (const Extents &e : carriers) {
      shapes.push_back(std::make_unique<Array<uint8_t>>(e));
      program.in(*shapes.back());
    }
    program.out(out).out(row);
    ASSERT_EQ(program.run(), ETCH_OK) << text();
    Array<float> expected(value.extents);
    for (size_t i = 0; i < value.data.size(); ++i)
      expected[int64_t(i)] = -value.data[i];
    EXPECT_TRUE(out.same(expected)) << text();
    float sum = strictReduction<float>(value.data, -0.0f,
                                       [](float a, float b) { return a + b; });
    if (value.data.empty())
      sum = 0;
    EXPECT_EQ(row[0], sum) << text();
  }

private:
  int64_t draw(int64_t from, int64_t to) {
    return std::uniform_int_distribution<int64_t>(from, to)(random);
  }
  static std::string list(const Extents &values) {
    std::string s = "array<i64";
    for (size_t i = 0; i < values.size(); ++i)
      s += (i ? ", " : ": ") + std::to_string(values[i]);
    return s + ">";
  }
  /// An op whose result has this shape; symbolic extents are those of one more
  /// argument.
  void apply(const std::string &op, const std::string &attrs, Tensor result,
             bool shaped = true) {
    std::string operands = name,
                operandTypes = typeText<float>(value.extents, dynamic);
    std::string shape = list(result.extents);
    if (dynamic && shaped) {
      std::string carrier = "%s" + std::to_string(carriers.size());
      std::string type = typeText<uint8_t>(result.extents, true);
      arguments += ", " + carrier + ": " + type;
      carriers.push_back(result.extents);
      for (size_t axis = 0; axis < result.extents.size(); ++axis) {
        std::string n = std::to_string(counter++);
        body += "  %c" + n + " = arith.constant " + std::to_string(axis) +
                " : index\n  %d" + n + " = tensor.dim " + carrier + ", %c" + n +
                " : " + type + "\n";
        operands += ", %d" + n;
        operandTypes += ", index";
      }
      shape = list(Extents(result.extents.size(), INT64_MIN));
    }
    std::string next = "%v" + std::to_string(counter++);
    body += "  " + next + " = etch." + op + " " + operands + " {" + attrs +
            (attrs.empty() || !shaped ? "" : ", ") +
            (shaped ? "shape = " + shape : "") + "} : (" + operandTypes +
            ") -> " + typeText<float>(result.extents, dynamic) + "\n";
    name = next;
    value = std::move(result);
  }
  static Tensor make(const Extents &extents, float fill = 0) {
    return {extents, std::vector<float>(size_t(countOf(extents)), fill)};
  }

  /// Starts and steps so that `small[axis]` elements fit in `large[axis]`.
  void drawPart(const Extents &small, const Extents &large, Extents &starts,
                Extents &steps) {
    for (size_t axis = 0; axis < small.size(); ++axis) {
      int64_t n = small[axis], extent = large[axis];
      int64_t widest = n > 1 ? (extent - 1) / (n - 1) : 3;
      int64_t step = draw(0, 1) ? 1 : draw(1, std::max<int64_t>(widest, 1));
      int64_t span = n > 0 ? (n - 1) * step : 0;
      int64_t first = n > 0 ? draw(0, extent - 1 - span) : 0;
      if (n > 0 && draw(0, 3) == 0) {
        first += span;
        step = -step;
      }
      if (n > 0 && draw(0, 3) == 0)
        first -= extent; // from the end
      starts.push_back(first);
      steps.push_back(step);
    }
  }
  static Extents inLarge(const Extents &index, const Extents &starts,
                         const Extents &steps, const Extents &large) {
    Extents at;
    for (size_t axis = 0; axis < index.size(); ++axis)
      at.push_back(
          (starts[axis] < 0 ? starts[axis] + large[axis] : starts[axis]) +
          index[axis] * steps[axis]);
    return at;
  }

  void step() {
    Extents extents = value.extents, starts, steps;
    switch (draw(0, 6)) {
    case 0:
    case 1: {
      for (int64_t &e : extents)
        e = draw(0, 2) ? e : draw(e ? 1 : 0, e);
      drawPart(extents, value.extents, starts, steps);
      Tensor y = make(extents);
      forEach(extents, [&](const Extents &i) {
        y.at(i) = value.at(inLarge(i, starts, steps, value.extents));
      });
      return apply("slice",
                   "starts = " + list(starts) + ", steps = " + list(steps), y);
    }
    case 2:
    case 3: {
      for (int64_t &e : extents)
        e = draw(0, 1) ? e : e * draw(1, 2) + draw(0, 5);
      if (countOf(extents) > 20000)
        return;
      for (size_t axis = 0; axis < extents.size(); ++axis)
        if (extents[axis] == 0)
          return;
      drawPart(value.extents, extents, starts, steps);
      bool minus = draw(0, 1);
      Tensor y = make(extents, minus ? -0.5f : 0.0f);
      forEach(value.extents, [&](const Extents &i) {
        y.at(inLarge(i, starts, steps, extents)) = value.at(i);
      });
      return apply("place",
                   "starts = " + list(starts) + ", steps = " + list(steps) +
                       ", fill = " + (minus ? "-0.5" : "0.0"),
                   y);
    }
    case 4: {
      Extents permutation(extents.size());
      std::iota(permutation.begin(), permutation.end(), 0);
      std::shuffle(permutation.begin(), permutation.end(), random);
      for (size_t axis = 0; axis < extents.size(); ++axis)
        extents[axis] = value.extents[size_t(permutation[axis])];
      Tensor y = make(extents);
      forEach(extents, [&](const Extents &i) {
        Extents from(i.size());
        for (size_t axis = 0; axis < i.size(); ++axis)
          from[size_t(permutation[axis])] = i[axis];
        y.at(i) = value.at(from);
      });
      return apply("transpose", "permutation = " + list(permutation), y, false);
    }
    case 5: {
      if (extents.size() > 3 || countOf(extents) > 5000)
        return;
      extents.insert(extents.begin(), draw(1, 3));
      Tensor y = make(extents);
      forEach(extents, [&](const Extents &i) {
        y.at(i) = value.at(Extents(i.begin() + 1, i.end()));
      });
      return apply("broadcast_to", "", y);
    }
    default: {
      // Neighbours become one, axes of one element come and go.
      if (extents.size() > 1 && draw(0, 1)) {
        size_t axis = size_t(draw(0, int64_t(extents.size()) - 2));
        extents[axis] *= extents[axis + 1];
        extents.erase(extents.begin() + int64_t(axis) + 1);
      } else if (extents.size() < 4) {
        extents.insert(extents.begin() + draw(0, int64_t(extents.size())), 1);
      }
      Tensor y = {extents, value.data};
      return apply("reshape", "", y);
    }
    }
  }

  void finish() {
    std::string type = typeText<float>(value.extents, dynamic);
    Extents axes(value.extents.size());
    std::iota(axes.begin(), axes.end(), 0);
    body += "  %n = etch.neg " + name + " : (" + type + ") -> " + type +
            "\n  %t = etch.sum " + name + " {axes = " + list(axes) +
            ", keepdims = false} : (" + type +
            ") -> tensor<f32>\n"
            "  return %n, %t : " +
            type + ", tensor<f32>\n";
    types = type + ", tensor<f32>";
  }

  std::mt19937 random;
  bool dynamic;
  Tensor x, value;
  std::string name = "%x", arguments, body, types;
  std::vector<Extents> carriers;
  int counter = 0;
};

class Parts : public testing::TestWithParam<const char *> {};

TEST_P(Parts, KnownExtents) {
  for (unsigned seed = 0; seed < count && !HasFailure(); ++seed)
    Chain(seed, false).run(GetParam());
}

TEST_P(Parts, SymbolicExtents) {
  for (unsigned seed = 0; seed < count && !HasFailure(); ++seed)
    Chain(seed, true).run(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Targets, Parts,
                         testing::Values("x86-64-v2", "x86-64-v3", "native"),
                         [](const auto &info) {
                           return std::string("Target") +
                                  std::to_string(info.index);
                         });

} // namespace

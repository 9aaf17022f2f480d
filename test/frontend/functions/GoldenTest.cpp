//===- GoldenTest.cpp - functions against an independent framework --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Values and gradients that PyTorch computed, from the oracle folder. Without
// the folder, or for a function that is not there, a case is skipped and
// counted.
//===----------------------------------------------------------------------===//

#include "etch/etch.h"
#include "test/support/Json.h"

#include <filesystem>
#include <gtest/gtest.h>

using namespace etch;
using etch::test::Json;

namespace {

using Case = const Json &;
using Call = Variable (*)(Case attrs, const Variables &xs);

Shape shape_of(const Json &list) {
  Shape shape;
  for (double e : list.numbers())
    shape.push_back(int64_t(e));
  return shape;
}

Reduce reduce_of(Case a) {
  Reduce options{.keepdims = a.has("keepdims") && a["keepdims"].boolean()};
  if (a.has("axis") && !a["axis"].is_null()) {
    std::vector<int> axes;
    for (double axis : a["axis"].numbers())
      axes.push_back(int(axis));
    options.axis = Axes(axes);
  }
  return options;
}

AxisOption axis_of(Case a) {
  return {a.has("axis") ? int(a["axis"].numbers()[0]) : 1};
}

const std::map<std::string, Call> calls = {
    {"neg", [](Case, const Variables &x) { return -x[0]; }},
    {"exp", [](Case, const Variables &x) { return exp(x[0]); }},
    {"log", [](Case, const Variables &x) { return log(x[0]); }},
    {"sqrt", [](Case, const Variables &x) { return sqrt(x[0]); }},
    {"sin", [](Case, const Variables &x) { return sin(x[0]); }},
    {"cos", [](Case, const Variables &x) { return cos(x[0]); }},
    {"tanh", [](Case, const Variables &x) { return tanh(x[0]); }},
    {"sigmoid", [](Case, const Variables &x) { return sigmoid(x[0]); }},
    {"relu", [](Case, const Variables &x) { return relu(x[0]); }},
    {"abs", [](Case, const Variables &x) { return abs(x[0]); }},
    {"erf", [](Case, const Variables &x) { return erf(x[0]); }},
    {"add", [](Case, const Variables &x) { return x[0] + x[1]; }},
    {"sub", [](Case, const Variables &x) { return x[0] - x[1]; }},
    {"mul", [](Case, const Variables &x) { return x[0] * x[1]; }},
    {"div", [](Case, const Variables &x) { return x[0] / x[1]; }},
    {"maximum", [](Case, const Variables &x) { return maximum(x[0], x[1]); }},
    {"minimum", [](Case, const Variables &x) { return minimum(x[0], x[1]); }},
    {"pow",
     [](Case a, const Variables &x) { return pow(x[0], a["c"].number()); }},
    {"sum", [](Case a, const Variables &x) { return sum(x[0], reduce_of(a)); }},
    {"mean",
     [](Case a, const Variables &x) { return mean(x[0], reduce_of(a)); }},
    {"max", [](Case a, const Variables &x) { return max(x[0], reduce_of(a)); }},
    {"min", [](Case a, const Variables &x) { return min(x[0], reduce_of(a)); }},
    {"logsumexp",
     [](Case a, const Variables &x) { return logsumexp(x[0], reduce_of(a)); }},
    {"reshape",
     [](Case a, const Variables &x) {
       return reshape(x[0], shape_of(a["shape"]));
     }},
    {"transpose",
     [](Case a, const Variables &x) {
       std::vector<int> axes;
       if (!a["axes"].is_null())
         for (double axis : a["axes"].numbers())
           axes.push_back(int(axis));
       return transpose(x[0], std::span<const int>(axes));
     }},
    {"flatten", [](Case, const Variables &x) { return flatten(x[0]); }},
    {"expand_dims",
     [](Case a, const Variables &x) {
       return expand_dims(x[0], int(a["axis"].number()));
     }},
    {"sum_to",
     [](Case a, const Variables &x) {
       return sum_to(x[0], shape_of(a["shape"]));
     }},
    {"broadcast_to",
     [](Case a, const Variables &x) {
       return broadcast_to(x[0], shape_of(a["shape"]));
     }},
    {"clip",
     [](Case a, const Variables &x) {
       return clip(x[0], a["lo"].number(), a["hi"].number());
     }},
    {"where",
     [](Case, const Variables &x) { return where(x[0], x[1], x[2]); }},
    {"matmul", [](Case, const Variables &x) { return matmul(x[0], x[1]); }},
    {"batch_matmul",
     [](Case, const Variables &x) { return matmul(x[0], x[1]); }},
    {"linear",
     [](Case, const Variables &x) {
       return x.size() == 3 ? linear(x[0], x[1], x[2]) : linear(x[0], x[1]);
     }},
    {"softmax",
     [](Case a, const Variables &x) { return softmax(x[0], axis_of(a)); }},
    {"log_softmax",
     [](Case a, const Variables &x) { return log_softmax(x[0], axis_of(a)); }},
    {"softmax_cross_entropy",
     [](Case, const Variables &x) { return softmax_cross_entropy(x[0], x[1]); }},
    {"mean_squared_error",
     [](Case, const Variables &x) { return mean_squared_error(x[0], x[1]); }},
    {"softplus", [](Case, const Variables &x) { return softplus(x[0]); }},
    {"gelu", [](Case, const Variables &x) { return gelu(x[0]); }},
    {"leaky_relu",
     [](Case a, const Variables &x) {
       return leaky_relu(x[0], a["slope"].number());
     }},
    {"compose",
     [](Case, const Variables &x) { return square(exp(square(x[0]))); }},
    {"tensordot",
     [](Case, const Variables &x) {
       return tensordot(x[0], x[1], {{1, 2}, {0, 1}});
     }},
    {"concat",
     [](Case a, const Variables &x) {
       return concat(x, int(a["axis"].number()));
     }},
    {"stack",
     [](Case a, const Variables &x) { return stack(x, int(a["axis"].number())); }},
    {"pad",
     [](Case, const Variables &x) { return pad(x[0], {{0, 0}, {0, 1}, {1, 2}}); }},
    {"embed_id", [](Case, const Variables &x) { return embed_id(x[1], x[0]); }},
    {"binary_cross_entropy",
     [](Case, const Variables &x) { return binary_cross_entropy(x[0], x[1]); }},
    {"layer_norm",
     [](Case a, const Variables &x) {
       return layer_norm(x[0], x[1], x[2], a["eps"].number());
     }},
    {"batch_norm",
     [](Case a, const Variables &x) {
       return batch_norm(x[0], x[1], x[2], {}, {}, {.eps = a["eps"].number()});
     }},
    {"get_item",
     [](Case a, const Variables &x) {
       if (x.size() == 2)
         return x[0][x[1]];
       return a["index"].text() == "1" ? x[0][1]
                                       : x[0][{all, slice(1, 5, 2)}];
     }},
};

} // namespace

TEST(C036_C161_Goldens, ValuesAndGradients) {
  const std::filesystem::path folder = ETCH_ORACLES "/goldens";
  if (!std::filesystem::exists(folder / "ops.json"))
    GTEST_SKIP() << "no oracle folder";
  int run = 0, skipped = 0;
  const Json list = Json::read(folder / "ops.json");
  for (const Json &c : list.array()) {
    auto call = calls.find(c["op"].text());
    if (call == calls.end()) {
      ++skipped;
      continue;
    }
    SCOPED_TRACE(c["name"].text());
    auto file = load_npz(folder / "ops" / (c["name"].text() + ".npz"));
    Variables xs, differentiable;
    std::vector<std::string> keys;
    for (size_t i = 0; file.count("in" + std::to_string(i)); ++i) {
      std::string key = std::to_string(i);
      xs.push_back(file["in" + key]);
      if (file.count("gin" + key)) {
        differentiable.push_back(xs.back());
        keys.push_back("gin" + key);
      }
    }
    Variable y = call->second(c["attrs"], xs);
    EXPECT_TRUE(allclose(y, file["out0"], {1e-12, 1e-13}));
    Variables g = grad(y, differentiable, {.seed = file["gout0"]});
    for (size_t i = 0; i < g.size(); ++i)
      EXPECT_TRUE(allclose(g[i], file[keys[i]], {1e-10, 1e-12})) << keys[i];
    ++run;
  }
  std::cout << run << " oracle cases run, " << skipped << " skipped\n";
  EXPECT_GT(run, 0);
}

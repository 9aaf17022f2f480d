//===- OpFunctions.cpp - The reference cases' operations ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/conformance/OpFunctions.h"

#include "test/conformance/Oracles.h"

#include "frontend/engine/Engine.h"

#include <filesystem>

namespace etch::test {

const std::vector<OpCase> &op_cases() {
  static const std::vector<OpCase> cases = [] {
    std::vector<OpCase> all;
    std::string file = oracles() + "/goldens/ops.json";
    if (!std::filesystem::exists(file))
      return all;
    Json list = Json::read(file);
    for (const Json &c : list.array())
      all.push_back({c["name"].text(), c["op"].text(), c["attrs"]});
    return all;
  }();
  return cases;
}

namespace {

Shape shape_of(const Json &list) {
  Shape shape;
  for (double extent : list.numbers())
    shape.push_back(int64_t(extent));
  return shape;
}

std::vector<int> ints_of(const Json &list) {
  std::vector<int> values;
  for (double v : list.numbers())
    values.push_back(int(v));
  return values;
}

int64_t int_of(const Json &number) { return int64_t(number.number()); }

Reduce reduce_of(const Json &a) {
  Reduce options;
  if (!a["axis"].is_null())
    options.axis = Axes(std::span<const int>(ints_of(a["axis"])));
  options.keepdims = a.has("keepdims") && a["keepdims"].boolean();
  return options;
}

Variable get_item_of(const Variables &x, const Json &a) {
  if (x.size() == 2)
    return x[0][x[1]];
  if (a["index"].text() == "1")
    return x[0][1];
  return x[0][{all, slice(1, 5, 2)}];
}

/// The fourth derivative of sin.
Variable nth_derivative_of(const Variable &x) {
  Variable y = sin(x);
  for (int order = 0; order < 4; ++order)
    y = grad(y, {x}, {.create_graph = true})[0];
  return y;
}

std::vector<std::vector<int>> nested_ints_of(const Json &lists) {
  std::vector<std::vector<int>> all;
  for (const Json &list : lists.array())
    all.push_back(ints_of(list));
  return all;
}

Variable pad_of(const Variable &x, const Json &a) {
  std::vector<std::pair<int64_t, int64_t>> widths;
  for (const std::vector<int> &w : nested_ints_of(a["pad"]))
    widths.emplace_back(w[0], w[1]);
  return pad(x, widths, a["value"].number());
}

Variables split_of(const Variable &x, const Json &a) {
  std::vector<int64_t> sizes;
  for (int size : ints_of(a["sections"]))
    sizes.push_back(size);
  return split(x, sizes, int(a["axis"].number()));
}

using Rule = std::function<Variable(const Variables &x, const Json &attrs)>;

/// What is more than one pointwise operation without attributes.
const std::map<std::string, Rule> &rules() {
  static const std::map<std::string, Rule> table = {
      {"pow", [](auto &x, auto &a) { return pow(x[0], a["c"].number()); }},
      {"compose", [](auto &x, auto &) { return square(exp(square(x[0]))); }},
      {"reshape",
       [](auto &x, auto &a) { return reshape(x[0], shape_of(a["shape"])); }},
      {"transpose",
       [](auto &x, auto &a) {
         return a["axes"].is_null()
                    ? transpose(x[0])
                    : transpose(x[0], std::span<const int>(ints_of(a["axes"])));
       }},
      {"expand_dims",
       [](auto &x, auto &a) {
         return expand_dims(x[0], int(a["axis"].number()));
       }},
      {"flatten", [](auto &x, auto &) { return flatten(x[0]); }},
      {"sum", [](auto &x, auto &a) { return sum(x[0], reduce_of(a)); }},
      {"mean", [](auto &x, auto &a) { return mean(x[0], reduce_of(a)); }},
      {"max", [](auto &x, auto &a) { return max(x[0], reduce_of(a)); }},
      {"min", [](auto &x, auto &a) { return min(x[0], reduce_of(a)); }},
      {"prod", [](auto &x, auto &a) { return prod(x[0], reduce_of(a)); }},
      {"cumsum",
       [](auto &x, auto &a) { return cumsum(x[0], int(a["axis"].number())); }},
      {"logsumexp",
       [](auto &x, auto &a) { return logsumexp(x[0], reduce_of(a)); }},
      {"sum_to",
       [](auto &x, auto &a) { return sum_to(x[0], shape_of(a["shape"])); }},
      {"broadcast_to",
       [](auto &x, auto &a) {
         return broadcast_to(x[0], shape_of(a["shape"]));
       }},
      {"clip",
       [](auto &x, auto &a) {
         return clip(x[0], a["lo"].number(), a["hi"].number());
       }},
      {"matmul", [](auto &x, auto &) { return matmul(x[0], x[1]); }},
      {"batch_matmul", [](auto &x, auto &) { return matmul(x[0], x[1]); }},
      {"linear",
       [](auto &x, auto &) {
         return linear(x[0], x[1], x.size() > 2 ? x[2] : Variable());
       }},
      {"get_item", [](auto &x, auto &a) { return get_item_of(x, a); }},
      {"where", [](auto &x, auto &) { return where(x[0] != 0, x[1], x[2]); }},
      {"softmax",
       [](auto &x, auto &a) {
         return softmax(x[0], {.axis = int(a["axis"].number())});
       }},
      {"log_softmax",
       [](auto &x, auto &a) {
         return log_softmax(x[0], {.axis = int(a["axis"].number())});
       }},
      {"softmax_cross_entropy",
       [](auto &x, auto &) { return softmax_cross_entropy(x[0], x[1]); }},
      {"mean_squared_error",
       [](auto &x, auto &) { return mean_squared_error(x[0], x[1]); }},
      {"softplus", [](auto &x, auto &) { return softplus(x[0]); }},
      {"gelu", [](auto &x, auto &) { return gelu(x[0]); }},
      {"leaky_relu",
       [](auto &x, auto &a) { return leaky_relu(x[0], a["slope"].number()); }},
      {"concat",
       [](auto &x, auto &a) { return concat(x, int(a["axis"].number())); }},
      {"stack",
       [](auto &x, auto &a) { return stack(x, int(a["axis"].number())); }},
      {"pad", [](auto &x, auto &a) { return pad_of(x[0], a); }},
      {"embed_id", [](auto &x, auto &) { return embed_id(x[1], x[0]); }},
      {"tensordot",
       [](auto &x, auto &a) {
         return tensordot(x[0], x[1], nested_ints_of(a["axes"]));
       }},
      {"layer_norm",
       [](auto &x, auto &a) {
         return layer_norm(x[0], x[1], x[2], a["eps"].number());
       }},
      {"batch_norm",
       [](auto &x, auto &a) {
         return batch_norm(x[0], x[1], x[2], {}, {},
                           {.eps = a["eps"].number()});
       }},
      {"binary_cross_entropy",
       [](auto &x, auto &) { return binary_cross_entropy(x[0], x[1]); }},
      {"conv2d",
       [](auto &x, auto &a) {
         return conv2d(x[0], x[1], x[2],
                       {.stride = int_of(a["stride"]),
                        .pad = int_of(a["pad"]),
                        .dilation = int_of(a["dilation"]),
                        .groups = int_of(a["groups"])});
       }},
      {"deconv2d",
       [](auto &x, auto &a) {
         return deconv2d(
             x[0], x[1], x[2],
             {.stride = int_of(a["stride"]), .pad = int_of(a["pad"])});
       }},
      {"pooling",
       [](auto &x, auto &a) {
         return pooling(
             x[0], int_of(a["kernel_size"]),
             {.stride = int_of(a["stride"]), .pad = int_of(a["pad"])});
       }},
      {"average_pooling",
       [](auto &x, auto &a) {
         return average_pooling(
             x[0], int_of(a["kernel_size"]),
             {.stride = int_of(a["stride"]), .pad = int_of(a["pad"])});
       }},
      {"global_average_pooling",
       [](auto &x, auto &) { return global_average_pooling(x[0]); }},
      {"im2col",
       [](auto &x, auto &a) {
         return im2col(x[0], int_of(a["kernel_size"]),
                       {.stride = int_of(a["stride"]),
                        .pad = int_of(a["pad"]),
                        .to_matrix = a["to_matrix"].boolean()});
       }},
      {"nth_derivative",
       [](auto &x, auto &) { return nth_derivative_of(x[0]); }},
  };
  return table;
}

} // namespace

OpFunction function_of(const OpCase &c) {
  if (auto rule = rules().find(c.op); rule != rules().end())
    return [&rule = rule->second, &c](const Variables &x) {
      return Variables{rule(x, c.attrs)};
    };
  if (c.op == "split")
    return [&c](const Variables &x) { return split_of(x[0], c.attrs); };
  const OpInfo *op = findOp(c.op);
  if (!op || op->kind != OpKind::pointwise || !op->attrNames.empty())
    return {};
  return [op](const Variables &x) {
    return Variables{x.size() == 1
                         ? detail::apply_pointwise(op->id, {x[0]})
                         : detail::apply_pointwise(op->id, {x[0], x[1]})};
  };
}

} // namespace etch::test

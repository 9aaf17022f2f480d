//===- OpTable.cpp - the generated table and what pointwise ops share -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Etch/OpTable.h"

#include "dialects/Etch/Ops/Rules.h"

#include <unordered_map>

using namespace etch;

static const struct {
  DType dtype;
  const char *numpy, *shortName;
} dtypes[] = {{boolean, "bool", "i1"},
              {i32, "int32", "i32"},
              {i64, "int64", "i64"},
              {f32, "float32", "f32"},
              {f64, "float64", "f64"}};

const char *etch::name_of(DType t) {
  for (auto &row : dtypes)
    if (row.dtype == t)
      return row.numpy;
  return "?";
}

const char *etch::shortNameOf(DType t) {
  for (auto &row : dtypes)
    if (row.dtype == t)
      return row.shortName;
  return "?";
}

std::optional<DType> etch::dtypeOf(std::string_view shortName) {
  for (auto &row : dtypes)
    if (row.shortName == shortName)
      return row.dtype;
  return std::nullopt;
}

std::string etch::to_string(const Shape &shape) {
  std::string s = "(";
  for (int i = 0; i < shape.rank(); ++i) {
    if (i)
      s += ", ";
    s += shape[i] == dynamic_extent ? "?" : std::to_string(shape[i]);
  }
  return s + (shape.rank() == 1 ? ",)" : ")");
}

std::string etch::to_string(const TensorType &type) {
  return std::string(name_of(type.dtype)) + " " + to_string(type.shape);
}

//===----------------------------------------------------------------------===//
// Pointwise ops: one inference for all
//===----------------------------------------------------------------------===//

namespace {
enum class Elements { any, number, floating, index };
enum class ResultType { same, boolean, to, toFloat };
} // namespace

static std::optional<TensorType>
inferPointwise(std::span<const TensorType> operands, const Attrs &attrs,
               Elements elements, ResultType result, std::string &error) {
  TensorType type = operands.back();
  // A leading condition (three operands) is boolean; the rest agree.
  size_t first = operands.size() == 3 ? 1 : 0;
  if (first && operands[0].dtype != boolean) {
    error = "the condition is " + to_string(operands[0]) + ", not bool";
    return std::nullopt;
  }
  for (size_t i = 0; i < operands.size(); ++i) {
    const TensorType &t = operands[i];
    if (t.shape.rank() != type.shape.rank()) {
      error = "shapes differ: " + to_string(operands[0].shape) + " and " +
              to_string(operands[i ? i : 1].shape);
      return std::nullopt;
    }
    for (int d = 0; d < type.shape.rank(); ++d) {
      if (type.shape[d] == dynamic_extent)
        type.shape[d] = t.shape[d];
      if (t.shape[d] != dynamic_extent && t.shape[d] != type.shape[d]) {
        error = "shapes differ: " + to_string(t.shape) + " and " +
                to_string(operands.back().shape);
        return std::nullopt;
      }
    }
    if (i >= first && t.dtype != type.dtype) {
      error = "element types differ: " + std::string(name_of(t.dtype)) +
              " and " + name_of(type.dtype);
      return std::nullopt;
    }
  }
  if ((elements == Elements::floating && !is_floating(type.dtype)) ||
      (elements == Elements::number && type.dtype == boolean) ||
      (elements == Elements::index && type.dtype != i64)) {
    error = std::string("not defined for ") + name_of(type.dtype);
    return std::nullopt;
  }
  if (result == ResultType::boolean)
    type.dtype = boolean;
  if (result == ResultType::to || result == ResultType::toFloat) {
    const std::string &name = std::get<std::string>(attrs[0]);
    std::optional<DType> to = dtypeOf(name);
    if (!to) {
      error = "there is no element type '" + name + "'";
      return std::nullopt;
    }
    type.dtype = *to;
    if (result == ResultType::toFloat && !is_floating(*to)) {
      error = std::string("does not give ") + name_of(*to);
      return std::nullopt;
    }
  }
  return type;
}

namespace etch {
#include "dialects/Etch/OpTable.inc"
} // namespace etch

std::span<const OpInfo> etch::allOps() { return table; }

const OpInfo *etch::findOp(std::string_view mnemonic) {
  static const auto byName = [] {
    std::unordered_map<std::string_view, const OpInfo *> map;
    for (const OpInfo &op : table)
      map.emplace(op.name, &op);
    return map;
  }();
  auto it = byName.find(mnemonic);
  return it == byName.end() ? nullptr : it->second;
}

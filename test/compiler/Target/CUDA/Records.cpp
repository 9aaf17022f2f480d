//===- Records.cpp - A program for each operator --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an operator takes is found by asking its own type rule: of all
// combinations of shapes, element types and attributes, some are taken of those
// that the rule admits. Where a record gives applications, those are taken.
//===----------------------------------------------------------------------===//

#include "test/compiler/Target/CUDA/Records.h"

#include "test/support/GradientChecks.h"

#include <algorithm>
#include <functional>
#include <map>

using namespace etch;
using namespace etch::test;

namespace {

constexpr DType kTypes[] = {f32, f64, i64, i32, boolean};
/// Programs of one operator on operands of the same element types.
constexpr int kShapes = 2;

/// Beyond a block of threads, beyond a block of a sum, primes, 1 and none.
const std::vector<Shape> &shapes() {
  static const std::vector<Shape> all = {
      {67, 19}, {2, 17, 131}, {3, 4500}, {19, 67}, {67}, {2, 131, 17},
      {2, 17},  {2, 3, 9, 8}, {1, 1},    {0, 3},   {}};
  return all;
}

std::vector<AttrValue> candidates(AttrKind kind, const Shape &x) {
  switch (kind) {
  case AttrKind::i64:
    return {int64_t(1), int64_t(0)};
  case AttrKind::f64:
    return {3.0, 0.5};
  case AttrKind::boolean:
    return {false, true};
  case AttrKind::string:
    return {std::string("f32"), std::string("i64")};
  case AttrKind::i64s:
    break;
  }
  List reversed, every, ones, behind, last;
  behind.push_back(2);
  for (int i = 0; i < x.rank(); ++i) {
    reversed.push_back(x.rank() - 1 - i);
    every.push_back(i);
    ones.push_back(1);
    behind.push_back(x[i]);
  }
  if (x.rank())
    last.push_back(x.rank() - 1);
  List flat{x.elements()};
  std::vector<AttrValue> all{last, reversed, every, ones, behind, flat};
  if (x.rank() > 1)
    all.push_back(List{0});
  if (x.rank() == 3)
    all.push_back(List{x[0], 4, x[2]});
  if (x.rank() == 4) { // of windows
    all.push_back(List{2, 2});
    all.push_back(List{1, 1});
    all.push_back(List{x[0], x[1], 5, 5});
  }
  return all;
}

template <class T>
void forAll(const std::vector<std::vector<T>> &choices, std::vector<T> &chosen,
            const std::function<bool(const std::vector<T> &)> &visit,
            bool &enough) {
  if (chosen.size() == choices.size()) {
    enough = visit(chosen);
    return;
  }
  for (const T &value : choices[chosen.size()]) {
    if (enough)
      return;
    chosen.push_back(value);
    forAll(choices, chosen, visit, enough);
    chosen.pop_back();
  }
}

std::string typeText(const TensorType &type) {
  std::string text = "tensor<";
  for (int64_t extent : type.shape)
    text += std::to_string(extent) + "x";
  return text + (type.dtype == boolean ? "i1" : shortNameOf(type.dtype)) + ">";
}

std::string attrText(const AttrValue &value) {
  if (auto *v = std::get_if<int64_t>(&value))
    return std::to_string(*v) + " : i64";
  if (auto *v = std::get_if<double>(&value))
    return std::to_string(*v) + " : f64";
  if (auto *v = std::get_if<bool>(&value))
    return *v ? "true" : "false";
  if (auto *v = std::get_if<std::string>(&value))
    return "\"" + *v + "\"";
  std::string text = "array<i64";
  bool first = true;
  for (int64_t v : std::get<List>(value)) {
    text += (first ? ": " : ", ") + std::to_string(v);
    first = false;
  }
  return text + ">";
}

std::string programText(const OpInfo &op, const std::vector<TensorType> &types,
                        const Attrs &attrs, const TensorType &result) {
  std::string arguments, operands, signature, attributes;
  for (size_t i = 0; i < types.size(); ++i) {
    std::string comma = i ? ", " : "", name = "%x" + std::to_string(i);
    arguments += comma + name + ": " + typeText(types[i]);
    operands += comma + name;
    signature += comma + typeText(types[i]);
  }
  for (size_t i = 0; i < attrs.size(); ++i)
    attributes += (i ? ", " : "") + std::string(op.attrNames[i]) + " = " +
                  attrText(attrs[i]);
  std::string y = typeText(result);
  return "func.func @main(" + arguments + ") -> " + y + " {\n  %y = \"etch." +
         op.name + "\"(" + operands + ") {" + attributes + "} : (" + signature +
         ") -> " + y + "\n  return %y : " + y + "\n}\n";
}

} // namespace

std::vector<OperatorProgram>
etch::test::operatorPrograms(std::vector<std::string> &without) {
  std::vector<OperatorProgram> programs;
  for (const OpInfo &op : allOps()) {
    // By the operands' types.
    std::map<std::string, int> made;
    auto offer = [&](const std::vector<Shape> &in,
                     const std::vector<DType> &dtypes, const Attrs &attrs,
                     int most) {
      std::vector<TensorType> types;
      std::string key;
      for (size_t i = 0; i < in.size(); ++i) {
        types.push_back({dtypes[i], in[i]});
        key += std::string(" ") + shortNameOf(dtypes[i]);
      }
      std::string error;
      auto result = op.infer(types, attrs, error);
      if (!result || made[key] >= most)
        return;
      int number = ++made[key];
      programs.push_back({op.name + key + " " + std::to_string(number),
                          programText(op, types, attrs, *result)});
    };
    std::vector<std::vector<DType>> dtypes(
        size_t(op.numOperands), {std::begin(kTypes), std::end(kTypes)});
    bool enough = false;
    std::vector<DType> chosenTypes;
    const std::vector<Given> given = given_of(op.id);
    if (!given.empty()) {
      forAll<DType>(
          dtypes, chosenTypes,
          [&](const std::vector<DType> &types) {
            for (const Given &one : given)
              offer(one.operands, types, one.attrs, 6);
            return false;
          },
          enough);
    } else {
      std::vector<std::vector<Shape>> choices(size_t(op.numOperands), shapes());
      std::vector<Shape> chosen;
      forAll<Shape>(
          choices, chosen,
          [&](const std::vector<Shape> &in) {
            if (op.kind == OpKind::pointwise &&
                std::count(in.begin(), in.end(), in[0]) != op.numOperands)
              return false;
            std::vector<std::vector<AttrValue>> values;
            for (AttrKind kind : op.attrKinds)
              values.push_back(candidates(kind, in.empty() ? Shape() : in[0]));
            forAll<DType>(
                dtypes, chosenTypes,
                [&](const std::vector<DType> &types) {
                  Attrs attrs;
                  bool all = false;
                  forAll<AttrValue>(
                      values, attrs,
                      [&](const Attrs &attrs) {
                        offer(in, types, attrs, kShapes);
                        return false;
                      },
                      all);
                  return false;
                },
                enough);
            return false;
          },
          enough);
    }
    if (made.empty())
      without.push_back(op.name);
  }
  return programs;
}

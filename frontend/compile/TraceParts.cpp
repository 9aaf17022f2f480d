//===- TraceParts.cpp - loops, branches and extents as text
//----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/compile/TraceText.h"

#include <algorithm>
#include <utility>

using namespace etch;
using namespace etch::detail;

//===----------------------------------------------------------------------===//
// Loops and branches
//===----------------------------------------------------------------------===//

void Printer::print_yield(const Event &e, size_t site) {
  std::vector<int32_t> values;
  std::string types;
  for (const Use &u : t.uses_of(e)) {
    types += (types.empty() ? "" : ", ") + type(u.value);
    values.push_back(u.value);
  }
  line("\"etch.yield\"(" + list(values) + ") : (" + types + ") -> ()", site,
       e.untracked);
}

/// The label of a block: what stands for these values, then the captures.
std::string Printer::print_block(int32_t first_value, int32_t count) {
  std::string s;
  for (int32_t v = first_value; v < first_value + count; ++v)
    s += (s.empty() ? "%" : ", %") + std::to_string(v) + ": " + type(v);
  const Scope &scope = scopes.back();
  for (size_t i = 0; i < scope.captures.size(); ++i)
    s +=
        (s.empty() ? "" : ", ") + scope.name(i) + ": " + scope.captures[i].type;
  return "  ^bb0(" + s + "):\n";
}

/// What is captured is known when the regions have been printed. Gives the
/// number of the last event.
size_t Printer::print_region(size_t first) {
  const Event &begin = t.events[first];
  size_t last = size_t(begin.partner);
  const Event &end = t.events[last];
  size_t between = size_t(end.partner);
  const Event &middle = t.events[between];
  std::string before = std::exchange(out, "");
  scopes.push_back({first, &begin, {}});
  bool has_first = begin.whole || middle.num_uses;
  if (has_first) {
    print_events(first + 1, between);
    print_yield(middle, between);
  }
  std::string first_text = std::exchange(out, "");
  scopes.back().block = &middle;
  print_events(between + 1, last);
  print_yield(end, last);
  std::string second_text = std::exchange(out, std::move(before));
  if (has_first)
    first_text = "\n" + print_block(begin.first_value, begin.num_values) +
                 first_text + "  ";
  second_text =
      print_block(middle.first_value, middle.num_values) + second_text;
  Scope scope = std::move(scopes.back());
  scopes.pop_back();

  std::string operands, types, made;
  auto operand = [&](const std::string &name, const std::string &type) {
    operands += (operands.empty() ? "" : ", ") + name;
    types += (types.empty() ? "" : ", ") + type;
  };
  for (const Use &u : t.uses_of(begin))
    operand(ssa(u.value), type(u.value));
  for (const Scope::Capture &c : scope.captures)
    operand(c.name, c.type);
  for (int32_t v = end.first_value; v < end.first_value + end.num_values; ++v)
    made += (made.empty() ? "" : ", ") + type(v);
  out += "  " + results(end) +
         (begin.whole ? "\"etch.cond\"" : "\"etch.loop\"") + "(" + operands +
         ")";
  if (!begin.whole) {
    size_t states = begin.num_inputs, slices = begin.num_outputs;
    auto sizes = [](const std::vector<size_t> &list) {
      return integers("i32", std::vector<int64_t>(list.begin(), list.end()));
    };
    out += " <{max_iterations = " + text_of(begin.attrs[0]) +
           ", operandSegmentSizes = " +
           sizes({begin.num_uses - states - slices, states, slices,
                  scope.captures.size()}) +
           ", resultSegmentSizes = " + sizes({1, states, end.num_outputs}) +
           ", reverse = " + text_of(begin.attrs[1]) + "}>";
  }
  out += " ({" + first_text + "}, {\n" + second_text;
  line(std::string("})") + (begin.untracked ? " {etch.nograd}" : "") + " : (" +
           types + ") -> (" + made + ")",
       first, begin.untracked);
  return last;
}

//===----------------------------------------------------------------------===//
// Extents that are open
//===----------------------------------------------------------------------===//

/// A line that computes an index; gives its name.
std::string Printer::index(const std::string &op, size_t site) {
  std::string name = "%i" + std::to_string(num_indices++);
  line(name + " = " + op, site, true);
  return name;
}

/// Regions see nothing of the outside: there the extent is one of the block's
/// arguments or that of an array that is captured for it.
std::string Printer::extent_of(int32_t symbol, size_t site) {
  if (scopes.empty())
    return "%n" + std::to_string(symbol);
  OpenExtents::Symbol from = options.open->symbols[size_t(symbol)];
  const OpenExtent plain = {1, {{symbol, 0}}};
  std::string name;
  const Event &block = *scopes.back().block;
  for (int32_t v = block.first_value;
       name.empty() && v < block.first_value + block.num_values; ++v)
    for (int axis = 0; axis < t.values[size_t(v)].type.shape.rank(); ++axis)
      if (const OpenExtent *e = options.open->of(v, axis); e && *e == plain) {
        from = {v, axis};
        name = ssa(v);
        break;
      }
  if (name.empty())
    name = ssa(from.value);
  std::string axis =
      index("arith.constant " + std::to_string(from.axis) + " : index", site);
  return index("tensor.dim " + name + ", " + axis + " : " + type(from.value),
               site);
}

/// Names of the open extents of a value, which are computed here.
std::vector<std::string> Printer::extents(int32_t value, size_t site) {
  std::vector<std::string> names;
  if (!is_open(value))
    return names;
  auto number = [&](int64_t n) {
    return index("arith.constant " + std::to_string(n) + " : index", site);
  };
  for (int axis = 0; axis < t.values[size_t(value)].type.shape.rank(); ++axis) {
    const OpenExtent *e = options.open->of(value, axis);
    if (!e)
      continue;
    std::string product;
    for (const OpenExtent::Factor &f : e->factors) {
      std::string factor = extent_of(f.symbol, site);
      if (f.offset) {
        std::string offset = number(f.offset);
        factor =
            index("arith.addi " + factor + ", " + offset + " : index", site);
      }
      product =
          product.empty()
              ? factor
              : index("arith.muli " + product + ", " + factor + " : index",
                      site);
    }
    if (e->times != 1) {
      std::string times = number(e->times);
      product =
          index("arith.muli " + product + ", " + times + " : index", site);
    }
    names.push_back(product);
  }
  return names;
}

Attrs Printer::attrs_of(const Event &e, size_t site) const {
  if (!options.open || !opInfo(e.op).shaped)
    return e.attrs;
  Attrs attrs = e.attrs;
  auto &shape = std::get<std::vector<int64_t>>(attrs.back());
  for (size_t axis = 0; axis < shape.size(); ++axis)
    if (options.open->of(e.first_value, int(axis)))
      shape[axis] = dynamic_extent;
  if (e.op == OpId::Slice || e.op == OpId::Place)
    attrs[0] = options.open->starts_of(int32_t(site));
  return attrs;
}

/// A scalar, spread over the shape of a value.
void Printer::print_filled(const std::string &name, const std::string &scalar,
                           int32_t like, const char *attrs, size_t site) {
  const TensorType &full = t.values[size_t(like)].type;
  std::vector<int64_t> shape(full.shape.begin(), full.shape.end());
  std::vector<std::string> open = extents(like, site);
  std::string operands = scalar, types = type(TensorType{full.dtype, {}});
  for (const std::string &extent : open) {
    operands += ", " + extent;
    types += ", index";
  }
  for (size_t axis = 0; axis < shape.size(); ++axis)
    if (is_open(like) && options.open->of(like, int(axis)))
      shape[axis] = dynamic_extent;
  line(name + " = \"etch.broadcast_to\"(" + operands +
           ") <{shape = " + integers("i64", shape) + "}>" + attrs + " : (" +
           types + ") -> " + type(like),
       site, true);
}

void Printer::print_symbols() {
  for (size_t i = 0; options.open && i < options.open->symbols.size(); ++i) {
    OpenExtents::Symbol s = options.open->symbols[i];
    std::string n = std::to_string(i);
    out += "  %z" + n + " = arith.constant " + std::to_string(s.axis) +
           " : index\n  %n" + n + " = tensor.dim %arg" +
           std::to_string(s.value) + ", %z" + n + " : " + type(s.value) + "\n";
  }
}

/// Which symbol each axis of an argument is.
std::string Printer::open_axes(int32_t value) const {
  if (!is_open(value))
    return "";
  std::vector<int64_t> numbers;
  for (int axis = 0; axis < t.values[size_t(value)].type.shape.rank(); ++axis) {
    const OpenExtent *e = options.open->of(value, axis);
    bool plain = e && e->times == 1 && e->factors.size() == 1 &&
                 e->factors[0].offset == 0;
    numbers.push_back(plain ? e->factors[0].symbol : -1);
  }
  return ", etch.extents = " + integers("i64", numbers);
}

/// The extents of the call that was traced: others are likely to be close.
std::string Printer::traced_shape(int32_t value) const {
  if (!is_open(value))
    return "";
  Shape shape = t.values[size_t(value)].type.shape;
  std::vector<int64_t> numbers(shape.begin(), shape.end());
  for (int axis = 0; axis < shape.rank(); ++axis)
    if (const OpenExtent *e = options.open->of(value, axis)) {
      int64_t &n = numbers[size_t(axis)] = e->times;
      for (const OpenExtent::Factor &f : e->factors)
        n *= options.open->symbols[size_t(f.symbol)].traced + f.offset;
    }
  return ", etch.traced = " + integers("i64", numbers);
}

/// An extent as data: as many ones, summed.
void Printer::print_from_extent(const std::string &name, DType dtype,
                                const TextOptions::FromExtent &from,
                                size_t site) {
  auto op = [&](const std::string &result, const std::string &text) {
    line(result + " = \"etch." + text, site, true);
  };
  const std::string scalar = "tensor<f64>";
  bool cast = dtype != f64;
  op(name + "o",
     "constant\"() <{value = dense<1.0> : " + scalar + "}> : () -> " + scalar);
  op(name + "f", "constant\"() <{value = dense<" + hexadecimal(from.factor) +
                     "> : " + scalar + "}> : () -> " + scalar);
  op(name + "v", "broadcast_to\"(" + name + "o, " +
                     extent_of(from.symbol, site) +
                     ") <{shape = " + integers("i64", {dynamic_extent}) +
                     "}> : (" + scalar + ", index) -> tensor<?xf64>");
  op(name + "n", "sum\"(" + name +
                     "v) <{axes = array<i64: 0>, keepdims = false}> : "
                     "(tensor<?xf64>) -> " +
                     scalar);
  op(name + (cast ? "w" : ""), (from.divides ? "div\"(" : "mul\"(") + name +
                                   "f, " + name + "n) : (" + scalar + ", " +
                                   scalar + ") -> " + scalar);
  if (cast)
    op(name, "cast\"(" + name + "w) <{to = \"" + shortNameOf(dtype) +
                 "\"}> : (" + scalar + ") -> tensor<" + shortNameOf(dtype) +
                 ">");
}

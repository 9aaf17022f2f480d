//===- TraceText.cpp - a trace as a program -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Generic MLIR without file names: equal programs have equal texts, which are
// the keys of the compiler's cache. Operation N of the trace is site N.
//===----------------------------------------------------------------------===//

#include "frontend/compile/TraceText.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unordered_set>

using namespace etch;
using namespace etch::detail;

namespace {

/// One number as the elements of a constant.
std::string dense_number(double value, DType dtype) {
  char digits[32];
  switch (dtype) {
  case boolean:
    return value != 0 ? "true" : "false";
  case i32:
  case i64:
    return std::to_string(int64_t(value));
  case f32:
    std::snprintf(digits, sizeof digits, "0x%08X",
                  std::bit_cast<uint32_t>(float(value)));
    return digits;
  case f64:
    return hexadecimal(value);
  }
  return "";
}

/// Contents as the elements of a constant: hexadecimal bytes.
std::string dense_bytes(const Value &v) {
  std::string s = "\"0x";
  const auto *bytes = static_cast<const unsigned char *>(v.data);
  size_t n = size_t(v.shape.elements() * size_of(v.dtype));
  static const char digits[] = "0123456789ABCDEF";
  for (size_t i = 0; i < n; ++i) {
    s += digits[bytes[i] >> 4];
    s += digits[bytes[i] & 15];
  }
  return s + "\"";
}

/// Names come from users: nothing in them may end the string.
std::string quoted(const std::string &name) {
  std::string s = "\"";
  for (char c : name) {
    if (c == '"' || c == '\\')
      s += '\\';
    if (static_cast<unsigned char>(c) < ' ')
      c = '_';
    s += c;
  }
  return s + "\"";
}

} // namespace

std::string detail::hexadecimal(double value) {
  char digits[19];
  std::snprintf(digits, sizeof digits, "0x%016llX",
                (unsigned long long)std::bit_cast<uint64_t>(value));
  return digits;
}

std::string detail::integers(const char *element,
                             const std::vector<int64_t> &values) {
  std::string s = std::string("array<") + element;
  for (size_t i = 0; i < values.size(); ++i)
    s += (i ? ", " : ": ") + std::to_string(values[i]);
  return s + ">";
}

std::string detail::text_of(const AttrValue &value) {
  if (auto *i = std::get_if<int64_t>(&value))
    return std::to_string(*i) + " : i64";
  if (auto *d = std::get_if<double>(&value))
    return hexadecimal(*d) + " : f64";
  if (auto *b = std::get_if<bool>(&value))
    return *b ? "true" : "false";
  if (auto *s = std::get_if<std::string>(&value))
    return '"' + *s + '"';
  return integers("i64", std::get<std::vector<int64_t>>(value));
}

std::string Printer::type(const TensorType &type) const {
  std::string s = "tensor<";
  for (int64_t e : type.shape)
    s += std::to_string(e) + "x";
  return s + shortNameOf(type.dtype) + ">";
}

std::string Printer::type(int32_t value) const {
  const TensorType &full = t.values[size_t(value)].type;
  if (!is_open(value))
    return type(full);
  std::string s = "tensor<";
  for (int axis = 0; axis < full.shape.rank(); ++axis)
    s += (options.open->of(value, axis) ? "?"
                                        : std::to_string(full.shape[axis])) +
         "x";
  return s + shortNameOf(full.dtype) + ">";
}

//===----------------------------------------------------------------------===//
// Which values the text mentions
//===----------------------------------------------------------------------===//

void Printer::use(int32_t value, bool tracked) {
  if (value < 0)
    return;
  used[size_t(value)] = true;
  int32_t v = value;
  // A barrier between a tracked operation and what stands behind.
  while (tracked && t.values[size_t(v)].event >= 0) {
    const Event &e = t.events[size_t(t.values[size_t(v)].event)];
    if (e.kind == Event::Kind::assign || e.kind == Event::Kind::cut) {
      barrier[size_t(v)] = true;
      break;
    }
    if (e.kind != Event::Kind::accumulate || !t.adds_on_host(e))
      break;
    v = t.uses_of(e)[0].value;
  }
}

/// Backwards, so that the operands of what nobody reads are not marked; pure
/// operations that nobody reads are printed all the same, they may fail.
void Printer::find_uses() {
  for (int32_t v : exits.results)
    use(v, false);
  for (const Update &u : exits.updates)
    if (u.way != Update::Way::leaf)
      use(u.value, false);
  for (const Event &e : t.events) {
    std::span<const Use> uses = t.uses_of(e);
    switch (e.kind) {
    case Event::Kind::operation:
      for (const Use &u : uses)
        use(u.value, !e.untracked);
      break;
    case Event::Kind::gradient:
      // What grad() was asked for in vain is not mentioned.
      for (size_t i = 0; i < uses.size(); ++i)
        if (i < 2 || e.whole || e.picks[i - 2] >= 0)
          use(uses[i].value, true);
      break;
    case Event::Kind::accumulate:
      if (e.had_old && !t.adds_on_host(e))
        for (const Use &u : uses)
          use(u.value, !e.untracked);
      break;
    case Event::Kind::rule:
    case Event::Kind::call:
      if (!e.failure.empty())
        break;
      for (const Use &u : uses)
        use(u.value, true);
      break;
    case Event::Kind::region:
    case Event::Kind::middle:
    case Event::Kind::end:
      for (const Use &u : uses)
        use(u.value, !e.untracked);
      break;
    case Event::Kind::literal:
    case Event::Kind::assign:
    case Event::Kind::cut:
      break;
    }
  }
  // A barrier is an operation on what stands behind it.
  for (size_t i = barrier.size(); i-- > 0;)
    if (barrier[i]) {
      const Event &e = t.events[size_t(t.values[i].event)];
      std::span<const Use> uses = t.uses_of(e);
      size_t k = e.kind == Event::Kind::assign
                     ? 1
                     : size_t(int32_t(i) - e.first_value) + 1;
      used[size_t(uses[k].value)] = true;
    }
  // Other names of a value use the value.
  for (size_t i = used.size(); i-- > 0;)
    if (used[i])
      used[size_t(t.resolve(int32_t(i)))] = true;
  for (size_t i = 0; i < used.size(); ++i)
    if (used[i] && t.values[i].source == Source::literal)
      numbers[size_t(number_of(int32_t(i)))] = true;
}

/// The name of a value: that of what it is a copy of, unless a barrier is
/// between.
std::string Printer::ssa(int32_t value) {
  while (!barrier[size_t(value)]) {
    const TraceValue &v = t.values[size_t(value)];
    if (v.event < 0)
      break;
    const Event &e = t.events[size_t(v.event)];
    std::span<const Use> uses = t.uses_of(e);
    if (e.kind == Event::Kind::assign)
      value = uses[1].value;
    else if (e.kind == Event::Kind::cut)
      value = uses[size_t(value - e.first_value) + 1].value;
    else if (e.kind == Event::Kind::accumulate &&
             !(e.had_old && !t.adds_on_host(e)))
      value = uses[0].value;
    else
      break;
  }
  const TraceValue &v = t.values[size_t(value)];
  std::string number = std::to_string(value);
  bool fixed = v.source == Source::number;
  if ((fixed || v.source == Source::literal) && v.type.shape.empty())
    return fixed || options.standalone
               ? captured("%lit" + number, type(value), v.event)
               : captured("%arg" + std::to_string(number_of(value)),
                          type(value), -1);
  return captured((v.event < 0 ? "%arg" : "%") + number, type(value), v.event);
}

/// What a value of `event` (-1: an argument) is called where the text stands.
std::string Printer::captured(std::string name, const std::string &type,
                              int32_t event) {
  for (Scope &s : scopes) {
    if (event >= int32_t(s.first))
      continue; // made in there
    auto same = [&](const Scope::Capture &c) { return c.name == name; };
    auto found = std::find_if(s.captures.begin(), s.captures.end(), same);
    size_t i = size_t(found - s.captures.begin());
    if (found == s.captures.end())
      s.captures.push_back({name, type});
    name = s.name(i);
  }
  return name;
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

std::string Printer::list(std::span<const int32_t> values) {
  std::string s;
  for (int32_t v : values)
    s += (s.empty() ? "" : ", ") + ssa(v);
  return s;
}

std::string Printer::functional(std::span<const int32_t> operands,
                                const Event &e, size_t num_extents) const {
  std::string s = "(";
  for (size_t i = 0; i < operands.size(); ++i)
    s += (i ? ", " : "") + type(operands[i]);
  for (size_t i = 0; i < num_extents; ++i)
    s += (s.size() > 1 ? ", index" : "index");
  s += ") -> (";
  for (int32_t i = 0; i < e.num_values; ++i)
    s += (i ? ", " : "") + type(e.first_value + i);
  return s + ")";
}

std::string Printer::results(const Event &e) const {
  std::string s;
  for (int32_t i = 0; i < e.num_values; ++i)
    s += (i ? ", %" : "%") + std::to_string(e.first_value + i);
  return s.empty() ? s : s + " = ";
}

std::string Printer::attributes(const OpInfo &op, const Attrs &attrs) const {
  if (attrs.empty())
    return "";
  std::string s = " <{";
  for (size_t i = 0; i < attrs.size(); ++i)
    s += (i ? ", " : "") + std::string(op.attrNames[i]) + " = " +
         text_of(attrs[i]);
  return s + "}>";
}

/// As debuggers look for it.
static std::string absolute(const char *file) {
  char *path = realpath(file, nullptr);
  std::string s = path ? path : file;
  std::free(path);
  return s;
}

void Printer::line(const std::string &text, size_t site, bool) {
  std::string place = "\"site\":" + std::to_string(site) + ":0";
  if (const Location &where = t.events[site].where;
      options.debug_lines && where)
    place = "fused[" + place + ", " + quoted(absolute(where.file)) + ":" +
            std::to_string(where.line) + ":0]";
  out += "  " + text + " loc(" + place + ")\n";
}

//===----------------------------------------------------------------------===//
// Operations and gradients
//===----------------------------------------------------------------------===//

void Printer::print_operation(const Event &e, size_t site) {
  const OpInfo &op = opInfo(e.op);
  std::vector<int32_t> operands;
  for (const Use &u : t.uses_of(e))
    operands.push_back(u.value);
  std::vector<std::string> open;
  if (op.shaped)
    open = extents(e.first_value, site);
  std::string names = list(operands);
  for (const std::string &extent : open)
    names += (names.empty() ? "" : ", ") + extent;
  line(results(e) + "\"etch." + op.name + "\"(" + names + ")" +
           attributes(op, attrs_of(e, site)) +
           (e.untracked ? " {etch.nograd}" : "") + " : " +
           functional(operands, e, open.size()),
       site, e.untracked);
}

void Printer::print_gradient(const Event &e, size_t site) {
  std::span<const Use> uses = t.uses_of(e);
  std::vector<int32_t> operands{uses[0].value, uses[1].value};
  for (size_t i = 2; i < uses.size(); ++i)
    if (e.whole || e.picks[i - 2] >= 0)
      operands.push_back(uses[i].value);
  if (operands.size() == 2)
    return;
  std::string ones = "%seed" + std::to_string(site);
  std::string seed_type = type(uses[0].value);
  if (uses[1].value < 0) {
    bool open = is_open(uses[0].value);
    std::string scalar =
        type(TensorType{t.values[size_t(uses[0].value)].type.dtype, {}});
    const std::string &full = open ? scalar : seed_type;
    line(ones + (open ? "s" : "") +
             " = \"etch.constant\"() <{value = dense<1.0> : " + full +
             "}> : () -> " + full,
         site, false);
    if (open)
      print_filled(ones, ones + "s", uses[0].value, "", site);
  }
  std::string names =
      ssa(operands[0]) + ", " + (uses[1].value < 0 ? ones : ssa(operands[1]));
  std::string types = seed_type + ", " + seed_type;
  for (size_t i = 2; i < operands.size(); ++i) {
    names += ", " + ssa(operands[i]);
    types += ", " + type(operands[i]);
  }
  std::string gradients;
  for (int32_t i = 0; i < e.num_values; ++i)
    gradients += (i ? ", " : "") + type(e.first_value + i);
  line(results(e) + "\"etch.gradient\"(" + names + ")" +
           (e.untracked ? " {etch.nograd}" : "") + " : (" + types + ") -> (" +
           gradients + ")",
       site, e.untracked);
}

/// The operations up to the call are the region's.
void Printer::print_rule(const Event &e) {
  const Event &call = t.events[size_t(e.partner)];
  std::vector<int32_t> operands;
  std::string names, args;
  std::span<const Use> uses = t.uses_of(call);
  for (size_t i = 0; i < call.num_inputs + call.num_outputs; ++i)
    operands.push_back(uses[i].value);
  for (int32_t i = 0; i < e.num_values; ++i)
    args += (i ? ", %" : "%") + std::to_string(e.first_value + i) + ": " +
            type(e.first_value + i);
  out += "  " + results(call) + "\"etch.custom_vjp\"(" + list(operands) +
         ") <{operandSegmentSizes = array<i32: " +
         std::to_string(call.num_inputs) + ", " +
         std::to_string(call.num_outputs) + ">}> ({\n  ^bb0(" + args + "):\n";
}

void Printer::print_call(const Event &e, size_t site) {
  std::span<const Use> uses = t.uses_of(e);
  std::vector<int32_t> operands, yields;
  for (size_t i = 0; i < uses.size(); ++i)
    (i < e.num_inputs + e.num_outputs ? operands : yields)
        .push_back(uses[i].value);
  std::string types;
  for (int32_t v : yields)
    types += (types.empty() ? "" : ", ") + type(v);
  line("\"etch.yield\"(" + list(yields) + ") : (" + types + ") -> ()", site,
       false);
  line(std::string("}) : ") + functional(operands, e), site, false);
}

void Printer::print_event(size_t i) {
  const Event &e = t.events[i];
  switch (e.kind) {
  case Event::Kind::operation:
    return print_operation(e, i);
  case Event::Kind::literal: {
    if (!used[size_t(e.first_value)])
      return;
    const TensorType &full = t.values[size_t(e.first_value)].type;
    bool constant = options.standalone ||
                    t.values[size_t(e.first_value)].source == Source::number;
    if (full.shape.empty() && !constant)
      return; // the argument itself
    std::string name = "%" + std::to_string(e.first_value),
                scalar = type(TensorType{full.dtype, {}});
    std::string from;
    if (!constant) {
      from = captured("%arg" + std::to_string(number_of(e.first_value)), scalar,
                      -1);
    } else {
      from = "%lit" + std::to_string(e.first_value);
      if (options.from_extents &&
          (*options.from_extents)[size_t(e.first_value)].symbol >= 0)
        print_from_extent(from, full.dtype,
                          (*options.from_extents)[size_t(e.first_value)], i);
      else
        line(from + " = \"etch.constant\"() <{value = dense<" +
                 dense_number(t.literals[size_t(e.first_value)], full.dtype) +
                 "> : " + scalar + "}> : () -> " + scalar,
             i, false);
      if (full.shape.empty())
        return;
    }
    return print_filled(name, from, e.first_value, " {etch.nograd}", i);
  }
  case Event::Kind::gradient:
    return print_gradient(e, i);
  case Event::Kind::accumulate: {
    if (!e.had_old || t.adds_on_host(e))
      return;
    std::span<const Use> uses = t.uses_of(e);
    std::vector<int32_t> operands{uses[1].value, uses[0].value};
    return line(results(e) + "\"etch.add\"(" + list(operands) + ")" +
                    (e.untracked ? " {etch.nograd}" : "") + " : " +
                    functional(operands, e),
                i, e.untracked);
  }
  case Event::Kind::assign:
  case Event::Kind::cut: {
    std::span<const Use> uses = t.uses_of(e);
    for (int32_t k = 0; k < e.num_values; ++k) {
      int32_t id = e.first_value + k;
      if (!barrier[size_t(id)])
        continue;
      int32_t from = uses[size_t(k) + 1].value;
      line("%" + std::to_string(id) + " = \"etch.stop_gradient\"(" + ssa(from) +
               ") : (" + type(from) + ") -> " + type(id),
           i, false);
    }
    return;
  }
  case Event::Kind::region:
  case Event::Kind::middle:
  case Event::Kind::end:
    return; // print_region
  case Event::Kind::rule:
    return print_rule(e);
  case Event::Kind::call: {
    if (e.failure.empty())
      return print_call(e, i);
    // Without a backward half the outputs are the results; reach() refuses.
    std::span<const Use> uses = t.uses_of(e);
    for (uint32_t k = 0; k < e.num_outputs; ++k) {
      int32_t from = uses[e.num_inputs + k].value;
      line("%" + std::to_string(e.first_value + int32_t(k)) +
               " = \"etch.stop_gradient\"(" + ssa(from) + ") : (" + type(from) +
               ") -> " + type(from),
           i, false);
    }
    return;
  }
  }
}

void Printer::print_events(size_t first, size_t last) {
  for (size_t i = first; i < last; ++i) {
    const Event &e = t.events[i];
    // A backward half that failed is left out.
    if (e.kind == Event::Kind::rule && e.partner >= 0 &&
        !t.events[size_t(e.partner)].failure.empty())
      i = size_t(e.partner);
    if (e.kind == Event::Kind::region)
      i = print_region(i);
    else
      print_event(i);
  }
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

bool Printer::is_embedded(int32_t value) const {
  return options.embedded && (*options.embedded)[size_t(value)];
}

bool Printer::is_argument(int32_t value) const {
  const TraceValue &v = t.values[size_t(value)];
  switch (v.source) {
  case Source::argument:
    return true;
  case Source::captured:
    for (const Update &u : exits.updates)
      if (u.way == Update::Way::in_place && u.slot == value)
        return true;
    return used[size_t(value)] && !is_embedded(value);
  case Source::literal:
    return numbers[size_t(value)] && !options.standalone;
  case Source::number:
  case Source::result:
    return false;
  }
  return false;
}

void Printer::print_arguments() {
  std::unordered_set<std::string> taken;
  int inputs = 0, states = 0;
  out = "func.func @main(";
  for (int32_t v = 0; v < int32_t(t.values.size()); ++v) {
    if (!is_argument(v))
      continue;
    const TraceValue &value = t.values[size_t(v)];
    bool first = program.args.empty();
    program.args.push_back(v);
    out += first ? "" : ",\n    ";
    out += "%arg" + std::to_string(v) + ": ";
    if (value.source == Source::literal) {
      out += type(TensorType{value.type.dtype, {}}) + " {etch.literal}";
      continue;
    }
    bool state = value.source == Source::captured &&
                 (options.standalone || options.freeze ||
                  (value.flags & Node::parameter));
    for (const Update &u : exits.updates)
      state |= u.way == Update::Way::in_place && u.slot == v;
    std::string name = names[size_t(v)];
    while (name.empty() || !taken.insert(name).second)
      name = state ? "state" + std::to_string(states++)
                   : "x" + std::to_string(inputs++);
    out += type(v) + " {" + (state ? "etch.state, " : "") +
           "etch.name = " + quoted(name) + open_axes(v) + traced_shape(v) + "}";
  }
  out += ") -> (";
}

void Printer::print_constants() {
  for (size_t i = 0; i < t.values.size(); ++i)
    if (t.values[i].source == Source::captured && used[i] &&
        !is_argument(int32_t(i))) {
      std::string full = type(int32_t(i));
      out += "  %arg" + std::to_string(i) +
             " = \"etch.constant\"() <{value = dense<" +
             dense_bytes(*(*options.embedded)[i]) + "> : " + full +
             "}> : () -> " + full + "\n";
    }
}

ProgramText Printer::print() {
  find_uses();
  print_arguments();
  std::string types, names;
  auto result = [&](int32_t v, const std::string &attribute) {
    out += (names.empty() ? "" : ",\n    ") + type(v) + attribute;
    names += (names.empty() ? " " : ", ") + ssa(v);
    types += (types.empty() ? "" : ", ") + type(v);
  };
  for (int32_t v : exits.results)
    result(v, is_open(v) ? " {" + open_axes(v).substr(2) + "}" : "");
  for (const Update &u : exits.updates) {
    if (u.way != Update::Way::in_place)
      continue;
    auto arg = std::find(program.args.begin(), program.args.end(), u.slot);
    result(u.value, " {etch.update = " +
                        std::to_string(arg - program.args.begin()) + " : i64}");
  }
  out += ") {\n";
  print_constants();
  print_symbols();
  print_events(0, t.events.size());
  out +=
      "  func.return" + names + (types.empty() ? "" : " : " + types) + "\n}\n";
  out.shrink_to_fit(); // it is kept
  program.text = std::move(out);
  return std::move(program);
}

ProgramText detail::print_program(const Trace &trace, const Exits &exits,
                                  const std::vector<std::string> &names,
                                  const TextOptions &options) {
  return Printer(trace, exits, names, options).print();
}

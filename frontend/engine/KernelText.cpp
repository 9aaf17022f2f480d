//===- KernelText.cpp - the program of one operation ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/engine/KernelText.h"

#include <bit>

using namespace etch;
using namespace etch::detail;

static std::string type_text(const KernelSpec::Tensor &t, bool unit_inner) {
  std::string s = "tensor<";
  for (int i = 0; i < t.rank; ++i)
    if (t.extents && (*t.extents)[i] != dynamic_extent)
      s += std::to_string((*t.extents)[i]) + "x";
    else
      s += unit_inner && i == t.rank - 1 ? "1x" : "?x";
  return s + shortNameOf(t.dtype) + ">";
}

static std::string list_text(const std::vector<int64_t> &values) {
  std::string s = "array<i64";
  for (size_t i = 0; i < values.size(); ++i)
    s += (i ? ", " : ": ") + std::to_string(values[i]);
  return s + ">";
}

static std::string hexadecimal(double value) {
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llX",
                (unsigned long long)std::bit_cast<uint64_t>(value));
  return std::string("0x") + digits;
}

static std::string attr_text(const AttrValue &value) {
  if (auto *i = std::get_if<int64_t>(&value))
    return std::to_string(*i) + " : i64";
  if (auto *d = std::get_if<double>(&value))
    return hexadecimal(*d) + " : f64";
  if (auto *b = std::get_if<bool>(&value))
    return *b ? "true" : "false";
  if (auto *s = std::get_if<std::string>(&value))
    return '"' + *s + '"';
  return list_text(std::get<std::vector<int64_t>>(value));
}

static const char *strides_text(Inner inner) {
  switch (inner) {
  case Inner::dense:
    return "";
  case Inner::contiguous:
    return " {etch.strided = [1]}";
  case Inner::repeated:
    return " {etch.strided = [0]}";
  case Inner::unknown:
    break;
  }
  return " {etch.strided = [-1]}";
}

std::string detail::kernel_text(const KernelSpec &spec) {
  const OpInfo &op = *spec.op;
  std::string text = "func.func @main(", operands, types;
  for (int i = 0; i < spec.num_args; ++i) {
    std::string name = "%arg" + std::to_string(i);
    // The inner axis of extent 1 is that of the operand, before it is reduced.
    std::string type = type_text(spec.args[i], spec.unit_inner && i == 0);
    text +=
        (i ? ", " : "") + name + ": " + type + strides_text(spec.args[i].inner);
    if (i < op.numOperands) {
      operands += (i ? ", " : "") + name;
      types += (i ? ", " : "") + type;
    }
  }
  std::string result = type_text(spec.result, spec.unit_inner);
  text += ") -> " + result + " {\n";
  std::string attrs;
  size_t num_attrs = spec.attrs->size();
  std::vector<int64_t> shape(size_t(spec.result.rank), dynamic_extent);
  if (spec.result.extents)
    shape.assign(spec.result.extents->begin(), spec.result.extents->end());
  for (size_t i = 0; i < num_attrs; ++i) {
    bool is_shape = op.shaped && i + 1 == num_attrs;
    attrs += (i ? ", " : " {") + std::string(op.attrNames[i]) + " = " +
             (is_shape ? list_text(shape) : attr_text((*spec.attrs)[i]));
  }
  if (num_attrs)
    attrs += "}";
  if (op.shaped) {
    // The last argument is there for its extents, which are the result's.
    std::string like = "%arg" + std::to_string(spec.num_args - 1);
    for (int i = 0; i < spec.result.rank; ++i) {
      if (shape[size_t(i)] != dynamic_extent)
        continue;
      std::string n = std::to_string(i);
      text += "  %c" + n + " = \"arith.constant\"() {value = " + n +
              " : index} : () -> index\n  %e" + n + " = \"tensor.dim\"(" +
              like + ", %c" + n + ") : (" + result + ", index) -> index\n";
      operands += ", %e" + n;
      types += ", index";
    }
  }
  return text + "  %0 = \"etch." + op.name + "\"(" + operands + ")" + attrs +
         " : (" + types + ") -> " + result +
         " loc(\"site\":0:0)\n  func.return %0 : " + result + "\n}\n";
}

std::string detail::chain_text(const ChainSpec &spec) {
  const Chain &chain = *spec.chain;
  auto type_of = [&](DType dtype) {
    return type_text({dtype, spec.rank, Inner::dense}, false);
  };
  std::string text = "func.func @main(";
  std::vector<std::string> names, types;
  for (size_t i = 0; i < chain.sources.size(); ++i) {
    names.push_back("%arg" + std::to_string(i));
    types.push_back(type_of(chain.sources[i].dtype));
    text += (i ? ", " : "") + names[i] + ": " + types[i] +
            strides_text(spec.inner[i]);
  }
  std::string body;
  for (const Chain::Op &op : chain.ops) {
    names.push_back("%" + std::to_string(names.size()));
    types.push_back(type_of(op.dtype));
    body += "  " + names.back() + " = \"etch." + op.info->name + "\"(";
    std::string operand_types;
    for (int i = 0; i < op.info->numOperands; ++i) {
      const char *comma = i ? ", " : "";
      body += comma + names[op.operands[i]];
      operand_types += comma + types[op.operands[i]];
    }
    body += ")";
    for (size_t i = 0; i < op.attrs->size(); ++i)
      body += (i ? ", " : " {") + std::string(op.info->attrNames[i]) + " = " +
              attr_text((*op.attrs)[i]);
    body += (op.attrs->empty() ? " : (" : "} : (") + operand_types + ") -> " +
            types.back() + " loc(\"site\":0:0)\n";
  }
  std::string results, result_types;
  for (uint8_t op : chain.results) {
    size_t i = chain.sources.size() + op;
    results += (results.empty() ? "" : ", ") + names[i];
    result_types += (result_types.empty() ? "" : ", ") + types[i];
  }
  return text + ") -> (" + result_types + ") {\n" + body + "  func.return " +
         results + " : " + result_types + "\n}\n";
}

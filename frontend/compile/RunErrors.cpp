//===- RunErrors.cpp - what a failed run says -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "etch/host.h"
#include "frontend/compile/Variant.h"

#include <cmath>
#include <cstdio>

using namespace etch;
using namespace etch::detail;

std::string detail::asked_at(const Trace &t, int64_t site) {
  if (site < 0 || size_t(site) >= t.events.size())
    return "compiled function";
  const Event &e = t.events[size_t(site)];
  switch (e.kind) {
  case Event::Kind::operation:
    return opInfo(e.op).name;
  case Event::Kind::region:
  case Event::Kind::middle:
  case Event::Kind::end:
    return e.whole ? "cond" : "loop";
  case Event::Kind::assign:
    return "assign";
  case Event::Kind::literal:
    return "a number";
  case Event::Kind::rule:
  case Event::Kind::call:
    return "Function";
  case Event::Kind::gradient:
  case Event::Kind::accumulate:
  case Event::Kind::cut:
    break;
  }
  return "backward";
}

static std::string number(double value) {
  if (std::isnan(value))
    return "nan";
  if (std::isinf(value))
    return value < 0 ? "-inf" : "inf";
  char text[40];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

std::string detail::explain_value(const etch_error_t &error,
                                  const std::string &asked) {
  std::string what = error.op ? error.op : "?";
  std::string s = error.backward  ? "gradient of " + asked + ": " + what
                  : what == asked ? asked
                                  : asked + ": " + what;
  s += " gives " + number(error.values[0]);
  if (error.rank > 0) {
    s += " for element (";
    for (int32_t i = 0; i < error.rank; ++i)
      s += (i ? ", " : "") + std::to_string(error.index[i]);
    s += error.rank == 1 ? ",)" : ")";
    s += ", the first of " + std::to_string(error.extent) +
         " that is not finite";
  }
  if (error.num_values < 2)
    return s + "; all elements of its operands are finite";
  s += error.num_values == 2 ? "; its operand is " : "; its operands are ";
  for (int32_t i = 1; i < error.num_values; ++i)
    s += (i == 1                      ? ""
          : i + 1 == error.num_values ? " and "
                                      : ", ") +
         number(error.values[i]);
  return s;
}

void Variant::fail(etch_status_t status, const etch_error_t &error) const {
  Location where = location_of(error.site);
  std::string asked = asked_at(*trace, error.site);
  std::string value = std::to_string(error.value),
              extent = std::to_string(error.extent);
  switch (status) {
  case ETCH_ERROR_VALUE:
    throw ValueError(explain_value(error, asked), where);
  case ETCH_ERROR_INDEX:
    if (!error.op)
      throw ValueError(asked + ": index " + value +
                           " is out of range for extent " + extent,
                       where);
    if (std::string(error.op) == "loop")
      throw ValueError("loop: the limit is " + value +
                           ", not in 0 … max_iterations = " + extent,
                       where);
    throw ValueError(
        asked + ": the start is " + value + ", not in 0 … " + extent, where);
  case ETCH_ERROR_DEVICE:
  case ETCH_ERROR_MEMORY:
    if (device >= 0)
      throw DeviceError(asked + ": " + etch_last_error(), where);
    [[fallthrough]];
  default:
    throw RuntimeError(asked + ": " + etch_status_name(status), where);
  }
}

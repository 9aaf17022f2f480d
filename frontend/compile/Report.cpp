//===- Report.cpp - plans of memory and times of compilation --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/compile/Report.h"
#include "frontend/compile/Program.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <string_view>

using namespace etch;
using namespace etch::detail;

std::string detail::json_string(const std::string &text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    if (uint8_t(c) < 0x20)
      out += formatted("\\u%04x", c);
    else
      out += c;
  }
  return out + "\"";
}

std::string detail::grouped(int64_t number) {
  std::string s = std::to_string(number);
  for (int64_t i = int64_t(s.size()) - 3; i > (number < 0); i -= 3)
    s.insert(size_t(i), ",");
  return s;
}

std::string detail::formatted(const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  std::string s(size_t(std::vsnprintf(nullptr, 0, format, args)), '\0');
  std::vsnprintf(s.data(), s.size() + 1, format, again);
  va_end(args);
  va_end(again);
  return s;
}

//===----------------------------------------------------------------------===//
// What the compiler says
//===----------------------------------------------------------------------===//

static std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    size_t end = std::min(text.find(at), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

static int64_t number(const std::string &word) {
  return std::strtoll(word.c_str(), nullptr, 10);
}

static std::string unless_none(const std::string &word) {
  return word == "-" ? "" : word;
}

static Description parse(const std::string &text, const Variant &v) {
  Description d;
  for (const std::string &line : split(text, '\n')) {
    std::vector<std::string> w = split(line, '\t');
    if (w[0] == "arena") {
      d.plan.planned = number(w[1]);
      d.plan.bound = number(w[2]);
      d.plan.saved = number(w[3]);
      d.plan.everything = number(w[4]);
    } else if (w[0] == "buffer") {
      // What a loop's body is given are buffers of the program around it.
      if (w[2] != "main" && w[1] != "arena")
        continue;
      d.plan.buffers.push_back({unless_none(w[9]), unless_none(w[10]), w[1],
                                w[8], w[2], number(w[5]), number(w[6]),
                                number(w[4]), number(w[3]),
                                v.location_of(number(w[7]))});
    } else if (w[0] == "launch") {
      LaunchInfo l;
      l.number = number(w[1]);
      l.kernel = w[4];
      l.depth = number(w[5]);
      l.bytes = number(w[6]);
      l.flops = number(w[7]);
      for (const std::string &site : split(w[8], ','))
        if (Location where = v.location_of(number(site));
            where &&
            std::find(l.lines.begin(), l.lines.end(), where) == l.lines.end())
          l.lines.push_back(where);
      l.ops = split(w[9], ',');
      l.backward = w[10] == "1";
      d.plan.steps = std::max(d.plan.steps, number(w[2]) + 1);
      if (d.launches.size() <= size_t(l.number))
        d.launches.resize(size_t(l.number) + 1);
      d.launches[size_t(l.number)] = std::move(l);
    }
  }
  return d;
}

/// Takes from each of `fixed` once what the first like it of `open` lacks.
template <class T, class Same, class Take>
static void match(std::vector<T> &open, const std::vector<T> &fixed, Same same,
                  Take take) {
  std::vector<bool> taken(fixed.size(), false);
  for (T &a : open)
    for (size_t i = 0; i < fixed.size(); ++i)
      if (!taken[i] && same(a, fixed[i])) {
        taken[i] = true;
        take(a, fixed[i]);
        break;
      }
}

/// "tensor<?x3xf32>" and "tensor<50x3xf32>".
static bool fits(const std::string &open, const std::string &fixed) {
  size_t i = 0, j = 0;
  for (; i < open.size() && j < fixed.size(); ++i, ++j) {
    if (open[i] == fixed[j])
      continue;
    if (open[i] != '?')
      return false;
    while (j + 1 < fixed.size() && fixed[j + 1] >= '0' && fixed[j + 1] <= '9')
      ++j;
  }
  return i == open.size() && j == fixed.size();
}

/// A program that leaves extents open, written for those of this call alone,
/// knows all sizes. What computes the same at the same lines is as large.
static void fill_in(Description &open, const Description &fixed) {
  open.plan.everything = fixed.plan.everything;
  match(
      open.launches, fixed.launches,
      [](const LaunchInfo &a, const LaunchInfo &b) {
        return a.backward == b.backward && a.lines == b.lines &&
               a.ops.back() == b.ops.back();
      },
      [](LaunchInfo &a, const LaunchInfo &b) {
        a.bytes = b.bytes;
        a.flops = b.flops;
      });
  match(
      open.plan.buffers, fixed.plan.buffers,
      [](const BufferLife &a, const BufferLife &b) {
        return a.what == b.what && a.name == b.name && a.place == b.place &&
               a.where == b.where && a.inside == b.inside &&
               fits(a.type, b.type) &&
               (a.bytes < 0 || (b.bytes <= a.bytes && a.bytes < b.bytes + 64));
      },
      [](BufferLife &a, const BufferLife &b) { a.bytes = b.bytes; });
}

Description detail::describe_program(const Variant &v,
                                     const driver::CompileOptions &options) {
  // Arguments in the program's order; literals have no axes.
  std::vector<int64_t> extents;
  for (int32_t value : v.program.args) {
    const TraceValue &x = v.trace->values[size_t(value)];
    if (x.source != Source::literal)
      extents.insert(extents.end(), x.type.shape.begin(), x.type.shape.end());
  }
  driver::DescribeResult described =
      driver::describe(v.program.text, options, extents);
  if (!described.ok)
    throw_compile_error(described.diagnostics, v);
  Description d = parse(described.text, v);
  if (v.open)
    if (driver::DescribeResult fixed = driver::describe(
            print_program(*v.trace, v.exits, v.names).text, options, extents);
        fixed.ok)
      fill_in(d, parse(fixed.text, v));
  for (BufferLife &b : d.plan.buffers)
    d.plan.steps = std::max(d.plan.steps, b.birth + 1);
  std::sort(d.plan.buffers.begin(), d.plan.buffers.end(),
            [](const BufferLife &a, const BufferLife &b) {
              return std::tie(a.birth, a.death, a.offset, a.name) <
                     std::tie(b.birth, b.death, b.offset, b.name);
            });
  return d;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

std::string MemoryPlan::text() const {
  std::string s = "arena " + grouped(planned) + " bytes, largest live set " +
                  grouped(bound) + formatted(" (ratio %.3f)", ratio()) +
                  "\nkept for backward " + grouped(saved) +
                  " bytes; every value kept: " + grouped(everything) +
                  " bytes\n";
  s += formatted("%6s %6s %15s %15s  %-8s %-20s %-26s %s\n", "birth", "death",
                 "bytes", "offset", "place", "what", "type", "line");
  for (const BufferLife &b : buffers) {
    std::string what = b.what;
    if (!b.name.empty())
      what += what.empty() ? b.name : " " + b.name;
    s += formatted(
        "%6lld %6lld %15s %15s  %-8s %-20s %-26s %s\n", (long long)b.birth,
        (long long)b.death, b.bytes < 0 ? "?" : grouped(b.bytes).c_str(),
        b.offset < 0 ? "-" : grouped(b.offset).c_str(), b.place.c_str(),
        what.c_str(), b.type.c_str(), to_string(b.where).c_str());
  }
  return s;
}

std::string MemoryPlan::json() const {
  std::string s =
      formatted("{\"planned\":%lld,\"bound\":%lld,\"saved\":%lld,"
                "\"everything\":%lld,\"ratio\":%.6f,"
                "\"steps\":%lld,\"buffers\":[",
                (long long)planned, (long long)bound, (long long)saved,
                (long long)everything, ratio(), (long long)steps);
  for (size_t i = 0; i < buffers.size(); ++i) {
    const BufferLife &b = buffers[i];
    s += i ? ",\n" : "\n";
    s += "{\"what\":" + json_string(b.what) +
         ",\"name\":" + json_string(b.name) +
         ",\"place\":" + json_string(b.place) +
         ",\"type\":" + json_string(b.type) +
         ",\"inside\":" + json_string(b.inside) +
         formatted(",\"birth\":%lld,\"death\":%lld,\"bytes\":%lld,"
                   "\"offset\":%lld,\"file\":",
                   (long long)b.birth, (long long)b.death, (long long)b.bytes,
                   (long long)b.offset) +
         json_string(b.where ? b.where.file : "") +
         formatted(",\"line\":%u}", b.where.line);
  }
  return s + "]}\n";
}

static std::string xml(const std::string &text) {
  std::string out;
  for (char c : text)
    out += c == '<'   ? "&lt;"
           : c == '>' ? "&gt;"
           : c == '&' ? "&amp;"
           : c == '"' ? "&quot;"
                      : std::string(1, c);
  return out;
}

/// One colour for each kind of operation.
static int hue_of(const std::string &what) {
  uint32_t h = 2166136261;
  for (char c : what)
    h = (h ^ uint8_t(c)) * 16777619;
  return int(h % 360);
}

std::string MemoryPlan::chart() const {
  constexpr double width = 1200, height = 600, left = 110, top = 40;
  double across = width / double(std::max<int64_t>(1, steps)),
         up = height / double(std::max<int64_t>(1, planned));
  std::string s = formatted(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%g\" height=\"%g\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n"
      "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
      left + width + 20, top + height + 50);
  s += formatted("<text x=\"%g\" y=\"20\">arena ", left) + grouped(planned) +
       " bytes, largest live set " + grouped(bound) +
       formatted(" (ratio %.3f), kept for backward ", ratio()) +
       grouped(saved) + "</text>\n";
  for (const BufferLife &b : buffers) {
    if (b.offset < 0 || b.bytes <= 0)
      continue;
    double x = left + double(b.birth) * across,
           w = double(b.death - b.birth + 1) * across, h = double(b.bytes) * up,
           y = top + height - double(b.offset) * up - h;
    s += formatted("<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" "
                   "height=\"%.2f\" fill=\"hsl(%d,55%%,70%%)\" "
                   "stroke=\"#333\" stroke-width=\"0.3\"><title>",
                   x, y, w, h, hue_of(b.what)) +
         xml(b.what + " " + b.type + ", " + grouped(b.bytes) + " bytes, " +
             formatted("launches %lld to %lld", (long long)b.birth,
                       (long long)b.death) +
             (b.where ? ", " + to_string(b.where) : "")) +
         "</title></rect>\n";
    if (h > 12 && w > 7 * double(b.what.size()))
      s += formatted("<text x=\"%.2f\" y=\"%.2f\" pointer-events=\"none\">",
                     x + 3, y + std::min(h - 2, 12.0)) +
           xml(b.what) + "</text>\n";
  }
  s += formatted("<path d=\"M%g %gV%gH%g\" fill=\"none\" stroke=\"black\"/>\n",
                 left, top, top + height, left + width);
  for (int i = 0; i <= 4; ++i) {
    double part = i / 4.0;
    s += formatted("<text x=\"%g\" y=\"%g\" text-anchor=\"end\">", left - 6,
                   top + height * (1 - part) + 4) +
         grouped(int64_t(double(planned) * part)) + "</text>\n";
    s += formatted("<text x=\"%g\" y=\"%g\" text-anchor=\"middle\">%lld"
                   "</text>\n",
                   left + width * part, top + height + 18,
                   (long long)(double(steps) * part));
  }
  s += formatted("<text x=\"%g\" y=\"%g\" text-anchor=\"middle\">launch"
                 "</text>\n",
                 left + width / 2, top + height + 38);
  return s + "</svg>\n";
}

MemoryPlan Program::plan() const {
  if (!present)
    last("plan");
  return describe_program(*present, driver_options()).plan;
}

uint64_t Program::saved_bytes() const {
  const Variant &v = last("memory");
  if (!v.open)
    return v.module.module->saved_bytes;
  if (v.saved_bytes < 0)
    v.saved_bytes = plan().saved;
  return uint64_t(v.saved_bytes);
}

MemoryPlan CompiledFunction::plan_of_last() const { return impl->plan(); }

ProgramMemory CompiledFunction::memory() const {
  const Variant &v = impl->last("memory");
  return {v.arena_bytes(),
          impl->saved_bytes(),
          v.state_bytes(),
          v.result_bytes(),
          v.module.module->prepared_bytes,
          [program = impl] { return program->plan(); }};
}

//===----------------------------------------------------------------------===//
// Compilation
//===----------------------------------------------------------------------===//

CompileTimes CompiledFunction::times() const {
  CompileTimes t = {
      impl->trace_milliseconds, impl->milliseconds, last_origin(), {}};
  for (const driver::PhaseTime &phase : impl->phases)
    t.phases.emplace_back(phase.name, phase.milliseconds);
  return t;
}

std::string CompileTimes::text() const {
  std::string s = formatted("trace %.2f ms, program %.2f ms (%s)", trace, total,
                            origin.c_str());
  for (auto &[name, ms] : phases)
    s += formatted("%s%s %.2f", &name == &phases[0].first ? ": " : ", ",
                   name.c_str(), ms);
  return s + "\n";
}

std::string CompileTimes::json() const {
  std::string s = formatted("{\"trace\":%.3f,\"total\":%.3f,\"origin\":\"%s\","
                            "\"phases\":{",
                            trace, total, origin.c_str());
  for (auto &[name, ms] : phases)
    s += formatted("%s\"%s\":%.3f", &name == &phases[0].first ? "" : ",",
                   name.c_str(), ms);
  return s + "}}\n";
}

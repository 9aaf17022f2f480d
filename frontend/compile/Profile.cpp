//===- Profile.cpp - where the time of a program goes ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "etch/host.h"
#include "frontend/compile/Program.h"
#include "frontend/compile/Report.h"

#include <algorithm>
#include <chrono>
#include <numeric>

using namespace etch;
using namespace etch::detail;

//===----------------------------------------------------------------------===//
// The machine
//===----------------------------------------------------------------------===//

namespace {
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

constexpr long rounds = 20000;
volatile float sink;

/// Independent chains of multiply-adds in the machine's vectors. More than
/// there are of its units times their latency.
template <int Lanes> struct Chains {
  static constexpr int count = 12;
  using Vector [[gnu::vector_size(4 * Lanes)]] = float;

  [[gnu::always_inline]] static float run() {
    Vector a[count], x = Vector{} + 0.999f, y = Vector{} + 1e-3f;
    for (Vector &v : a)
      v = y;
    for (long r = 0; r < rounds; ++r) {
#pragma STDC FP_CONTRACT ON
#pragma GCC unroll 12
      for (int i = 0; i < count; ++i)
        a[i] = a[i] * x + y;
      asm volatile("" ::: "memory");
    }
    for (int i = 1; i < count; ++i)
      a[0] += a[i];
    return a[0][0];
  }
};

#if defined(__x86_64__)
[[gnu::target("avx512f")]] float chains512() { return Chains<16>::run(); }
[[gnu::target("avx2,fma")]] float chains256() { return Chains<8>::run(); }
#endif
float chains128() { return Chains<4>::run(); }

MachineRoof measure_roof() {
  float (*chains)() = chains128;
  double lanes = 4;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    chains = chains512, lanes = 16;
  else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    chains = chains256, lanes = 8;
#endif
  MachineRoof roof;
  for (int repeat = 0; repeat < 10; ++repeat) {
    Clock::time_point start = Clock::now();
    sink = chains();
    roof.flops = std::max(roof.flops, 2 * lanes * 12 * double(rounds) /
                                          seconds_since(start));
  }
  // Two arrays read, one written, none of which stays in a cache.
  constexpr size_t n = 16 << 20;
  std::vector<float> x(n, 1), y(n, 2), z(n, 3);
  for (int repeat = 0; repeat < 3; ++repeat) {
    Clock::time_point start = Clock::now();
    for (size_t i = 0; i < n; ++i)
      z[i] = 0.5f * x[i] + y[i];
    roof.bytes = std::max(roof.bytes, 12.0 * double(n) / seconds_since(start));
    sink = z[n / 2];
  }
  return roof;
}
} // namespace

MachineRoof etch::machine_roof() {
  static const MachineRoof roof = measure_roof();
  return roof;
}

//===----------------------------------------------------------------------===//
// Times of a run
//===----------------------------------------------------------------------===//

/// Of a device: nanoseconds are its ticks.
etch_status_t Variant::collect_device_times() {
  const etch_device_span_t *spans = nullptr;
  int64_t count = 0;
  double seconds = 0;
  if (etch_status_t status =
          etch_device_program_spans(kernels.get(), &spans, &count, &seconds))
    return status;
  times.seconds += seconds;
  times.ticks += seconds * 1e9;
  ++times.runs;
  times.start = 0;
  times.log.clear();
  for (int64_t i = 0; i < count; ++i) {
    auto number = size_t(spans[i].launch);
    auto begin = int64_t(spans[i].begin * 1e9),
         end = int64_t(spans[i].end * 1e9);
    times.log.insert(times.log.end(), {spans[i].launch, begin, end});
    if (times.launches.size() <= number)
      times.launches.resize(number + 1);
    ++times.launches[number].runs;
    times.launches[number].ticks += double(end - begin);
  }
  return ETCH_OK;
}

void Variant::collect_times(double seconds) {
  using Layout = driver::ProfileLayout;
  const auto *words = reinterpret_cast<const int64_t *>(arena->data);
  times.seconds += seconds;
  times.ticks += double(words[Layout::end] - words[Layout::begin]);
  ++times.runs;
  times.start = words[Layout::begin];
  int64_t logged = std::min(words[Layout::logged], Layout::capacity);
  times.log.assign(words + Layout::log,
                   words + Layout::log + Layout::entryWords * logged);
  for (int64_t i = 0; i < logged; ++i) {
    const int64_t *entry = &times.log[size_t(Layout::entryWords * i)];
    auto number = size_t(entry[0]);
    if (times.launches.size() <= number)
      times.launches.resize(number + 1);
    ++times.launches[number].runs;
    times.launches[number].ticks += double(entry[2] - entry[1]);
  }
}

Profile Program::profile() const {
  const Variant &v = last("profile");
  Profile p;
  p.launches = describe_program(v, driver_options()).launches;
  p.runs = v.times.runs;
  p.seconds = v.times.seconds;
  if (!p.runs || v.times.ticks <= 0)
    return p;
  double tick = v.times.seconds / v.times.ticks;
  // A device's roof is not known.
  bool host = options.device.kind == Device::Kind::cpu;
  MachineRoof roof = host ? machine_roof() : MachineRoof();
  double cores = v.is_serial() ? 1 : double(etch_default_host()->workers);
  for (size_t i = 0; i < p.launches.size() && i < v.times.launches.size();
       ++i) {
    LaunchInfo &l = p.launches[i];
    l.runs = v.times.launches[i].runs;
    l.seconds = v.times.launches[i].ticks * tick;
    double least = std::max(double(l.flops) / (cores * roof.flops),
                            double(l.bytes) / (cores * roof.bytes));
    if (host && l.seconds > 0)
      l.roof = least * double(l.runs) / l.seconds;
  }
  using Layout = driver::ProfileLayout;
  for (size_t i = 0; i + 2 < v.times.log.size(); i += Layout::entryWords) {
    const int64_t *entry = &v.times.log[i];
    auto microseconds = [&](int64_t at) {
      return double(at - v.times.start) * tick * 1e6;
    };
    if (entry[0] >= 0 && size_t(entry[0]) < p.launches.size())
      p.last_run.push_back(
          {entry[0], microseconds(entry[1]), microseconds(entry[2])});
  }
  return p;
}

Profile CompiledFunction::profile() const { return impl->profile(); }
void CompiledFunction::reset_profile() {
  impl->last("reset_profile");
  impl->present->times = {};
}

//===----------------------------------------------------------------------===//
// To read
//===----------------------------------------------------------------------===//

static std::string names_of(const LaunchInfo &l) {
  std::string s;
  for (const std::string &op : l.ops)
    s += (s.empty() ? "" : "+") + op;
  return s;
}

static std::string lines_of(const LaunchInfo &l) {
  std::string s;
  for (const Location &line : l.lines)
    s += (s.empty() ? "" : ", ") + to_string(line);
  return s;
}

std::string Profile::text() const {
  std::vector<const LaunchInfo *> order;
  for (const LaunchInfo &l : launches)
    order.push_back(&l);
  std::sort(order.begin(), order.end(),
            [](const LaunchInfo *a, const LaunchInfo *b) {
              return a->seconds != b->seconds ? a->seconds > b->seconds
                                              : a->number < b->number;
            });
  double all = 0;
  bool has_roof = false;
  for (const LaunchInfo &l : launches) {
    all += l.seconds;
    has_roof |= l.roof > 0;
  }
  std::string s = std::to_string(launches.size()) + " launches";
  if (runs)
    s += formatted("; %lld runs, %.1f us each, %.0f%% of it in kernels",
                   (long long)runs, seconds / double(runs) * 1e6,
                   100 * all / seconds);
  if (runs && has_roof)
    s += formatted("; roof %.0f GFLOP/s, %.0f GB/s a core",
                   machine_roof().flops * 1e-9, machine_roof().bytes * 1e-9);
  s += "\n";
  s +=
      formatted("%6s %-6s %10s %6s %6s %15s %15s  %s\n", "launch", "kernel",
                "us a run", "share", "roof", "bytes", "flops", "what  [lines]");
  for (const LaunchInfo *l : order) {
    s += formatted("%6lld %-6s", (long long)l->number, l->kernel.c_str());
    s += runs ? formatted(" %10.2f %5.1f%% ", l->seconds / double(runs) * 1e6,
                          all > 0 ? 100 * l->seconds / all : 0)
              : formatted(" %10s %6s ", "-", "-");
    s += runs && has_roof ? formatted("%5.0f%%", 100 * l->roof)
                          : formatted("%6s", "-");
    s += formatted(" %15s %15s  ",
                   l->bytes < 0 ? "?" : grouped(l->bytes).c_str(),
                   grouped(l->flops).c_str()) +
         names_of(*l) + "  [" + lines_of(*l) + "]" +
         (l->backward ? " backward" : "") + "\n";
  }
  return s;
}

std::string Profile::trace() const {
  std::string s = "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n"
                  "{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":1,\"tid\":1,"
                  "\"args\":{\"name\":\"Etch program\"}}";
  for (const Span &span : last_run) {
    const LaunchInfo &l = launches[size_t(span.launch)];
    s += ",\n{\"name\":" + json_string(names_of(l)) + ",\"cat\":\"" +
         (l.backward ? "backward" : "forward") +
         formatted("\",\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":%.3f,"
                   "\"dur\":%.3f,\"args\":{\"launch\":%lld,\"kernel\":\"%s\","
                   "\"bytes\":%lld,\"flops\":%lld,\"lines\":",
                   span.begin, span.end - span.begin, (long long)l.number,
                   l.kernel.c_str(), (long long)l.bytes, (long long)l.flops) +
         json_string(lines_of(l)) + "}}";
  }
  return s + "\n]}\n";
}

std::string Program::explain() const {
  std::string s;
  if (present && present->module.module)
    s = profile().text();
  if (reasons.empty())
    return s + "every call went as recorded at the first call of its "
               "signature\n";
  for (const std::string &r : reasons)
    s += r + "\n";
  return s;
}

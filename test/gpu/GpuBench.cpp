//===- GpuBench.cpp - How fast programs are on a graphics processor -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   etch-gpu-bench [--list] [--only TEXT] [--peers PYTHON SCRIPT]
//                  [--programs FILE]
//
// Writes one JSON: for each workload and each way to do it the best time of a
// call, what it moves or computes in that time, and the same of PyTorch and JAX
// where the Python has them, turn by turn in the same run. --list says what is
// measured and how it should come out. --programs prepares everything on any
// driver, and writes how long that took; nothing is timed. Without a device it
// says so and exits with 77.
//===----------------------------------------------------------------------===//

#include "test/gpu/GpuBench.h"

#include "test/bench/Rivals.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

using namespace etch;
using namespace etch::gpu;

double etch::bench::now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}
double etch::bench::processorNow() { return now(); }

namespace {
using bench::now;

/// What was measured of one way, ours or a peer's.
struct Row {
  std::string name;
  double seconds = 1e9; ///< until the device has done it
  double host = 1e9;    ///< until the host may go on
  double ready = 0;     ///< seconds of compiling and the first call
  int launches = 0;
  uint64_t library_calls = 0;
  std::string missing; ///< why there is no time
};

struct Arguments {
  std::string only, python, script, programs;
  bool list = false;
};

/// So many calls that they take a while; the best of them each.
void measure(const Prepared &p, long calls, Row &row) {
  double begin = now();
  for (long i = 0; i < calls; ++i)
    p.call();
  double queued = now();
  cuda::synchronize();
  row.seconds = std::min(row.seconds, (now() - begin) / double(calls));
  row.host = std::min(row.host, (queued - begin) / double(calls));
}

long calls_of(const Prepared &p) {
  double begin = now();
  for (int i = 0; i < 3; ++i)
    p.call();
  cuda::synchronize();
  double one = (now() - begin) / 3;
  return std::clamp(long(0.1 / one), 3l, 1000l);
}

std::string quoted(const std::string &text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out + "\"";
}

/// Compiles, and calls twice: what comes later is a graph.
Prepared ready(const Variant &variant, Row &row) {
  double begin = now();
  uint64_t calls = cuda::statistics().library_calls;
  Prepared p = variant.prepare();
  p.call();
  cuda::synchronize();
  row.ready = now() - begin;
  row.library_calls = cuda::statistics().library_calls - calls;
  row.launches = p.launches();
  p.call();
  cuda::synchronize();
  return p;
}

bench::Workload question_of(const Workload &w, const std::string &precision) {
  bench::Workload q;
  q.op = w.op;
  q.options = w.options + " precision=" + precision;
  return q;
}

/// One workload: everybody gets ready, then they take turns.
std::vector<Row>
run(const Workload &w, const Arguments &arguments,
    std::map<std::string, std::unique_ptr<bench::Rival>> &peers) {
  std::vector<Row> rows;
  for (const Variant &variant : w.variants) {
    Row row{variant.name};
    try {
      Prepared p = ready(variant, row);
      long calls = calls_of(p);
      for (int round = 0; round < 10; ++round)
        measure(p, calls, row);
    } catch (const Error &e) {
      row.missing = e.what();
    }
    rows.push_back(row);
  }
  for (const std::string &name : w.peers) {
    Row row{name};
    std::string system = name.substr(0, name.find(' ')),
                precision = name.find(' ') == name.npos
                                ? "f32"
                                : name.substr(name.find(' ') + 1);
    if (arguments.python.empty()) {
      row.missing = "no Python was named";
      rows.push_back(row);
      continue;
    }
    auto &peer = peers[system];
    if (!peer)
      peer = std::make_unique<bench::Rival>(
          system,
          std::vector<std::string>{arguments.python, arguments.script, system});
    std::vector<double> answer =
        peer->prepare(question_of(w, precision), row.missing);
    if (!answer.empty()) {
      row.ready = answer[0];
      for (int round = 0; round < 10; ++round) {
        double seconds = peer->time(answer.size() > 1 ? long(answer[1]) : 10);
        if (seconds > 0)
          row.seconds = std::min(row.seconds, seconds);
      }
      // A turn of ours after each of theirs.
      for (size_t i = 0; i < w.variants.size(); ++i)
        if (rows[i].missing.empty()) {
          Row again{"", 1e9, 1e9};
          Prepared p = ready(w.variants[i], again);
          measure(p, calls_of(p), again);
          rows[i].seconds = std::min(rows[i].seconds, again.seconds);
          rows[i].host = std::min(rows[i].host, again.host);
        }
    }
    rows.push_back(row);
  }
  return rows;
}

void write(std::ostream &os, const Workload &w, const std::vector<Row> &rows) {
  os << "    {\"name\": " << quoted(w.name) << ", \"goal\": " << quoted(w.goal)
     << ", \"systems\": [";
  for (size_t i = 0; i < rows.size(); ++i) {
    const Row &r = rows[i];
    os << (i ? ",\n" : "\n") << "      {\"name\": " << quoted(r.name);
    if (!r.missing.empty()) {
      os << ", \"missing\": " << quoted(r.missing) << "}";
      continue;
    }
    os << ", \"seconds\": " << r.seconds << ", \"ready_seconds\": " << r.ready;
    if (r.host < 1e9)
      os << ", \"host_seconds\": " << r.host << ", \"launches\": " << r.launches
         << ", \"library_calls\": " << r.library_calls;
    if (w.bytes > 0)
      os << ", \"gb_per_second\": " << w.bytes / r.seconds / 1e9;
    if (w.flops > 0)
      os << ", \"gflop_per_second\": " << w.flops / r.seconds / 1e9;
    os << "}";
  }
  os << "\n    ]}";
}

/// The memory's bandwidth by clock and width; 0: the driver does not say.
double memory_bandwidth() {
  void *driver = dlopen("libcuda.so.1", RTLD_NOW);
  auto attribute = driver ? reinterpret_cast<int (*)(int *, int, int)>(
                                dlsym(driver, "cuDeviceGetAttribute"))
                          : nullptr;
  int kilohertz = 0, bits = 0;
  if (!attribute || attribute(&kilohertz, 36, 0) || attribute(&bits, 37, 0))
    return 0;
  return 2e3 * kilohertz * bits / 8;
}

int list() {
  for (const Workload &w : workloads()) {
    std::cout << w.name << ": " << w.goal << "\n  ";
    for (const Variant &variant : w.variants)
      std::cout << variant.name << ", ";
    std::cout << "beside";
    for (const std::string &peer : w.peers)
      std::cout << (&peer == &w.peers.front() ? " " : ", ") << peer;
    std::cout << "\n";
  }
  std::cout << "of each: seconds of a call, of the host, of compiling (cold; "
               "goal <= 0.5 of torch.compile's), launches, library calls\n";
  return 0;
}

/// What compiling takes where the bundle is made.
int make_programs(const Arguments &arguments) {
  std::ofstream out(arguments.programs);
  out << "[";
  const char *comma = "\n";
  int failed = 0;
  for (const Workload &w : workloads()) {
    if (w.name.find(arguments.only) == w.name.npos)
      continue;
    for (const Variant &variant : w.variants) {
      Row row;
      try {
        ready(variant, row);
      } catch (const Error &e) {
        row.missing = e.what();
        ++failed;
        std::cerr << w.name << ", " << variant.name << ": " << e.what() << "\n";
      }
      out << comma << "  {\"name\": " << quoted(w.name + ", " + variant.name)
          << ", \"ready_seconds\": " << row.ready << "}";
      comma = ",\n";
    }
  }
  out << "\n]\n";
  return failed != 0;
}

Arguments parse(int argc, char **argv) {
  Arguments all;
  for (int i = 1; i < argc; ++i) {
    auto is = [&](const char *name, int values) {
      return !strcmp(argv[i], name) && i + values < argc;
    };
    if (is("--list", 0)) {
      all.list = true;
    } else if (is("--only", 1)) {
      all.only = argv[++i];
    } else if (is("--programs", 1)) {
      all.programs = argv[++i];
    } else if (is("--peers", 2)) {
      all.python = argv[++i];
      all.script = argv[++i];
    } else {
      std::cerr << "etch-gpu-bench: what is " << argv[i] << "?\n";
      exit(2);
    }
  }
  return all;
}

} // namespace

int main(int argc, char **argv) {
  Arguments arguments = parse(argc, argv);
  if (arguments.list)
    return list();
  if (!cuda::is_available()) {
    std::cout << "SKIPPED: " << cuda::unavailable_reason() << "\n";
    return 77;
  }
  if (!arguments.programs.empty())
    return make_programs(arguments);
  DeviceStatistics device = cuda::statistics();
  std::cout << "{\n  \"device\": " << quoted(device.name)
            << ", \"architecture\": " << quoted(device.architecture)
            << ", \"memory_gb_per_second\": " << memory_bandwidth() / 1e9
            << ",\n  \"cublaslt\": " << quoted(cuda::no_products_reason())
            << ", \"cudnn\": " << quoted(cuda::no_convolutions_reason())
            << ",\n  \"workloads\": [";
  std::map<std::string, std::unique_ptr<bench::Rival>> peers;
  const char *comma = "\n";
  int failed = 0;
  for (const Workload &w : workloads()) {
    if (w.name.find(arguments.only) == w.name.npos)
      continue;
    std::vector<Row> rows = run(w, arguments, peers);
    std::cout << comma;
    comma = ",\n";
    write(std::cout, w, rows);
    std::cout.flush();
    for (const Row &r : rows) {
      failed += r.name.starts_with("etch") && !r.missing.empty();
      std::cerr << w.name << ", " << r.name << ": "
                << (r.missing.empty() ? std::to_string(r.seconds * 1e6) + " us"
                                      : r.missing)
                << "\n";
    }
  }
  std::cout << "\n  ]\n}\n";
  return failed != 0;
}

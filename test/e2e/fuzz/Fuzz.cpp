//===- Fuzz.cpp - random programs in all modes ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   etch-fuzz [--first SEED] [--count N] [--size OPS] [--aot EVERY]
//             [--freeze EVERY] [--options EVERY] [--quota N] [--coverage FILE]
//             [--values DIR] [--print] [--large] [--guard] [--first-failure]
//
// Runs each program eagerly, compiled (at least twice, on one and on two
// threads; half of them with batches of several extents) and exported, and
// compares the results bit for bit; NaNs are equal. Every so many also with
// some inputs as states of a frozen program, whose contents change, and with
// options that keep every bit, a budget of the arena among them. With
// --values, leaves every value of every program in DIR for oracle.py, which
// computes them again with NumPy; with --coverage, how many programs each
// operator was in, and in how many ("? op") with open extents. With --large,
// arrays are so large that threads share them; with --guard, programs also run
// with buffers that lie between pages that may not be touched. Fails where bits
// differ, where something is refused in one mode only, or an operator (with
// numbers as extents, with open extents), a form of control flow or an order of
// gradients was in less than `quota` of the programs that were compiled.
//===----------------------------------------------------------------------===//

#include "test/e2e/fuzz/Program.h"

#include "etch/host.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <set>

using namespace etch;
using namespace etch::fuzz;
namespace fs = std::filesystem;

namespace {

bool all_zero(const Variable &x) {
  for (double v : x.to_vector())
    if (v != 0)
      return false;
  return true;
}

/// Where two results differ, or "". Where eager mode has no gradient, a program
/// may have zeros: it does not know which branch is taken.
std::string difference(const Variables &a, const Variables &b) {
  if (a.size() != b.size())
    return std::to_string(a.size()) + " and " + std::to_string(b.size()) +
           " results";
  for (size_t i = 0; i < a.size(); ++i) {
    if (!a[i].defined() && (!b[i].defined() || all_zero(b[i])))
      continue;
    if (!a[i].defined() || !b[i].defined())
      return "result " + std::to_string(i) + " is only there in one mode";
    if (a[i].type() != b[i].type())
      return "result " + std::to_string(i) + " is " + to_string(a[i].type()) +
             " and " + to_string(b[i].type());
    // Every element type fits into a double, or is compared as an integer.
    bool whole = is_integer(a[i].dtype());
    std::vector<double> p = whole ? std::vector<double>() : a[i].to_vector(),
                        q = whole ? std::vector<double>() : b[i].to_vector();
    if (whole && a[i].to_vector<int64_t>() != b[i].to_vector<int64_t>())
      return "result " + std::to_string(i) + ": integers differ";
    for (size_t j = 0; j < p.size(); ++j)
      if (std::memcmp(&p[j], &q[j], sizeof p[j]) != 0 &&
          !(std::isnan(p[j]) && std::isnan(q[j]))) {
        char text[160];
        std::snprintf(text, sizeof text,
                      "result %zu of %zu, element %zu: %.17g and %.17g", i,
                      a.size(), j, p[j], q[j]);
        return text;
      }
  }
  return "";
}

struct Options {
  uint64_t first = 1;
  int count = 100, size = 14, aot = 1, freeze = 4, options = 10, quota = 0;
  std::string values, coverage;
  bool print = false, first_failure = false, guard = false, large = false;
};

/// In how many programs each operation was; "? op": with open extents.
using Coverage = std::map<std::string, int>;

void count(const std::string &text, Coverage &coverage) {
  std::set<std::string> found;
  for (size_t at = 0; (at = text.find("\"etch.", at)) != text.npos;) {
    size_t end = text.find('"', at + 1);
    std::string name = text.substr(at + 6, end - at - 6);
    found.insert(name);
    // The types of what has regions stand behind those.
    size_t line = text.find(
        '\n', name == "loop" || name == "cond" ? text.find("})", at) : at);
    if (size_t open = text.find('?', at); open < line)
      found.insert("? " + name);
    at = end;
  }
  for (const std::string &name : found)
    ++coverage[name];
}

/// Every name that count() may find. Not all can have open extents.
std::vector<std::string> all_operations() {
  std::vector<std::string> names = {"loop", "cond", "gradient"};
  for (const OpInfo &op : allOps())
    names.push_back(op.name);
  return names;
}

/// Programs whose gradient is refused in all modes alike.
int refusals = 0;
/// Programs that took several batches, those that one program served, and the
/// libraries that did.
int batched = 0, open_programs = 0, open_libraries = 0;
/// Programs that kept something between calls.
int frozen_programs = 0;
/// Programs that got by with less memory.
int thrifty_programs = 0;

/// What a call gives, or why it is refused.
struct Outcome {
  Variables results;
  std::string refused;
};
template <class F> Outcome outcome(F f, const Variables &inputs) {
  try {
    return {f(inputs), ""};
  } catch (const UserError &error) {
    return {{}, error.what()};
  }
}

/// Exported: for all calls where their extents are left open.
std::string check_library(const Program &program, const fs::path &folder,
                          const std::vector<const Variables *> &calls,
                          const std::vector<Outcome> &expected) {
  std::string name = "p" + std::to_string(program.seed);
  // What has no extent of a batch becomes a state where others have.
  auto passed = [&](const Variables &inputs) {
    Variables xs;
    for (size_t i = 0; i < inputs.size(); ++i)
      if (program.batches.empty() || program.is_open(int(i)))
        xs.push_back(inputs[i]);
    return xs;
  };
  // A library's results are arrays, all of them.
  auto whole = compile([&](const Variables &xs) {
    Variables inputs = program.inputs;
    size_t next = 0;
    for (size_t i = 0; i < inputs.size(); ++i)
      if (program.batches.empty() || program.is_open(int(i)))
        inputs[i] = xs[next++];
    Variables results = program.run(inputs);
    for (Variable &y : results)
      y = y.defined() ? y : inputs[0] * 0.0;
    return results;
  });
  // How numbers follow from extents is read off two calls.
  for (size_t i = 0; i < calls.size() && calls.size() > 1; ++i)
    whole.build(passed(*calls[i]));
  export_library(whole, folder / name, passed(program.inputs));
  Library library = load_library(folder / ("lib" + name + ".so"));
  for (const char *suffix : {".so", ".h", ".state"})
    fs::remove(folder / ((suffix[1] == 's' && suffix[2] == 'o' ? "lib" : "") +
                         name + suffix));
  bool open =
      calls.size() > 1 && whole.compile_count() == 1 &&
      whole.explain().find("all extents are fixed") == std::string::npos;
  open_libraries += open;
  for (size_t i = 0; i < calls.size(); ++i)
    if (open || calls[i] == &program.inputs) {
      std::string d =
          difference(expected[i].results, library.run(passed(*calls[i])));
      if (!d.empty())
        return "exported, call " + std::to_string(i) + ": " + d;
    }
  return "";
}

/// A program with one does not see that no gradient leads around a loop.
bool has_form(const Program &program) {
  return std::any_of(program.steps.begin(), program.steps.end(),
                     [](const Step &s) { return s.form; });
}

/// An array like x whose elements are x's, `by` places further.
Variable rotated(const Variable &x, size_t by) {
  std::vector<double> values = x.to_vector();
  if (!values.empty())
    std::rotate(values.begin(),
                values.begin() + std::ptrdiff_t(by % values.size()),
                values.end());
  return from_data(std::span<const double>(values), x.shape())
      .astype(x.dtype())
      .detach()
      .set_requires_grad(x.requires_grad());
}

/// With some inputs as states: what follows from those alone is kept between
/// calls, as long as their contents stay.
std::string check_frozen(const Program &program,
                         const std::vector<const Variables *> &calls) {
  std::mt19937_64 source(program.seed);
  Variables states;
  for (size_t i = 0; i < program.inputs.size(); ++i)
    states.push_back(program.is_open(int(i)) || source() % 3 == 0
                         ? Variable()
                         : rotated(program.inputs[i], 0));
  auto passed = [&](const Variables &inputs) {
    Variables xs;
    for (size_t i = 0; i < inputs.size(); ++i)
      if (!states[i].defined())
        xs.push_back(inputs[i]);
    return xs;
  };
  auto run = [&](const Variables &xs) {
    Variables inputs = states;
    size_t next = 0;
    for (Variable &x : inputs)
      x = x.defined() ? x : xs[next++];
    return program.run(inputs);
  };
  auto frozen = compile(run, {.freeze = true});
  for (size_t round = 0; round < 3; ++round) {
    for (size_t i = 0; i < states.size(); ++i)
      // One after another, then all as they were.
      if (states[i].defined() && round && (round > 1 || source() % 2))
        states[i].assign(rotated(program.inputs[i], round % 2));
    for (size_t call = 0; call < 2 * calls.size(); ++call) {
      Variables xs = passed(*calls[call / 2]);
      Outcome expected = outcome(run, xs), got = outcome(frozen, xs);
      std::string mode = "frozen, round " + std::to_string(round) + ", call " +
                         std::to_string(call) + ": ";
      if (!expected.refused.empty() || !got.refused.empty()) {
        if (expected.refused.empty())
          return mode + got.refused;
        if (got.refused.empty() && !has_form(program))
          return mode + "runs, eager says: " + expected.refused;
        continue;
      }
      if (std::string d = difference(expected.results, got.results); !d.empty())
        return mode + d;
    }
  }
  frozen_programs += frozen.memory().prepared > 0;
  return "";
}

/// With options that keep every bit; a budget may be too small.
std::string check_options(const Program &program,
                          const std::vector<const Variables *> &calls,
                          const std::vector<Outcome> &expected) {
  auto run = [&](const Variables &xs) { return program.run(xs); };
  auto disagrees = [&](const CompileOptions &options, const std::string &name) {
    auto f = compile(run, options);
    for (size_t i = 0; i < calls.size(); ++i)
      if (std::string d = difference(expected[i].results, f(*calls[i]));
          !d.empty())
        return name + ", call " + std::to_string(i) + ": " + d;
    return std::string();
  };
  if (std::string d = disagrees({.pure = true}, "pure"); !d.empty())
    return d;
  if (std::string d = disagrees({.profile = true, .debug = true}, "profiled");
      !d.empty())
    return d;
  // Starts of slices that do not fit may be refused.
  auto checked = compile(run, {.check = Check::bounds});
  for (size_t i = 0; i < calls.size(); ++i)
    if (Outcome got = outcome(checked, *calls[i]); got.refused.empty())
      if (std::string d = difference(expected[i].results, got.results);
          !d.empty())
        return "checked, call " + std::to_string(i) + ": " + d;
  auto plain = compile(run, {.dynamic = false});
  plain(*calls[0]);
  int64_t all = plain.memory().plan().planned;
  for (int64_t tenths : {9, 7, 5}) {
    if (!all)
      break;
    auto less = compile(run, {.memory_budget = all * tenths / 10});
    std::string mode = "with " + std::to_string(tenths) + " tenths of memory: ";
    Variables results;
    try {
      results = less(*calls[0]);
    } catch (const CompileError &error) {
      if (!std::strstr(error.what(), "the budget is"))
        return mode + error.what();
      break;
    }
    if (std::string d = difference(expected[0].results, results); !d.empty())
      return mode + d;
    if (int64_t planned = less.memory().plan().planned;
        planned > all * tenths / 10)
      return mode + std::to_string(planned) + " of " + std::to_string(all) +
             " bytes";
    thrifty_programs += tenths == 9;
  }
  return "";
}

/// "" when all modes agree.
std::string check(const Program &program, const Options &o,
                  const fs::path &folder, Coverage &coverage) {
  // Any of the extents may be the first one that is seen.
  std::vector<const Variables *> calls = {&program.inputs};
  for (const Program::Batch &b : program.batches)
    calls.push_back(&b.inputs);
  std::rotate(calls.begin(),
              calls.begin() + std::ptrdiff_t(program.seed / 2 % calls.size()),
              calls.end());
  auto run = [&](const Variables &xs) { return program.run(xs); };
  std::vector<Outcome> expected;
  for (const Variables *inputs : calls)
    expected.push_back(outcome(run, *inputs));
  if (o.guard && expected[0].refused.empty()) {
    // Every buffer by itself; extents are numbers here.
    auto guarded = compile(run, {.guard_pages = true});
    for (size_t i = 0; i < calls.size(); ++i)
      if (std::string d = difference(expected[i].results, guarded(*calls[i]));
          !d.empty())
        return "with guard pages, call " + std::to_string(i) + ": " + d;
  }
  calls.push_back(calls[0]);
  expected.push_back(expected[0]);
  auto f = compile(run);
  for (size_t i = 0; i < calls.size(); ++i) {
    int threads = i == 0 ? 1 : 2;
    etch_set_num_threads(threads);
    std::string mode = "compiled, call " + std::to_string(i) + ", " +
                       std::to_string(threads) + " threads: ";
    Outcome got = outcome(f, *calls[i]);
    if (!expected[i].refused.empty()) {
      if (got.refused.empty() && !has_form(program))
        return mode + "runs, eager says: " + expected[i].refused;
      return ++refusals, "";
    }
    if (!got.refused.empty())
      return mode + got.refused;
    if (std::string d = difference(expected[i].results, got.results);
        !d.empty())
      return mode + d;
  }
  if (std::string d = difference(expected[0].results, run(*calls[0]));
      !d.empty())
    return "eager, 2 threads: " + d;
  count(f.program(), coverage);
  std::set<std::string> forms;
  for (const Step &s : program.steps)
    if (s.form)
      forms.insert(s.form->name);
  for (const std::string &name : forms)
    ++coverage["form " + name];
  ++coverage["order " + std::to_string(program.order)];
  if (f.compile_count() > int(1 + program.batches.size()))
    return "compiled " + std::to_string(f.compile_count()) + " times";
  if (!program.batches.empty()) {
    ++batched;
    if (f.compile_count() == 1)
      ++open_programs, ++coverage["open extents"];
  }
  calls.pop_back();
  if (o.freeze && program.seed % uint64_t(o.freeze) == 0)
    if (std::string d = check_frozen(program, calls); !d.empty())
      return d;
  if (o.options && program.seed % uint64_t(o.options) == 0)
    if (std::string d = check_options(program, calls, expected); !d.empty())
      return d;
  if (o.aot && program.seed % uint64_t(o.aot) == 0)
    return check_library(program, folder, calls, expected);
  return "";
}

/// A smaller program on which the modes still disagree.
Program reduced(Program program, const Options &o, const fs::path &folder) {
  Coverage ignored;
  auto fails = [&](const Program &p) {
    try {
      return !check(p, o, folder, ignored).empty();
    } catch (const std::exception &) {
      return true;
    }
  };
  Program less = program;
  for (less.order = 0; less.order < program.order; ++less.order)
    if (fails(less))
      break;
  for (int v = int(less.inputs.size() + less.steps.size()); v-- > 0;)
    if (Program next = less.without(v); fails(next)) {
      less = next;
      v = std::min(v, int(less.inputs.size() + less.steps.size()));
    }
  return less;
}

/// For oracle.py: the program's lines and all values.
void leave(const Program &program, const std::string &dir) {
  std::string stem = dir + "/" + std::to_string(program.seed);
  std::ofstream(stem + ".txt") << program.text();
  std::map<std::string, Variable> all;
  NoGrad scope;
  Variables values = program.values(program.inputs);
  for (size_t i = 0; i < values.size(); ++i)
    all["v" + std::to_string(i)] = values[i];
  save_npz(stem + ".npz", all);
}

} // namespace

int main(int argc, char **argv) {
  Options o;
  for (int i = 1; i < argc; ++i) {
    std::string flag = argv[i];
    auto value = [&] { return i + 1 < argc ? argv[++i] : ""; };
    if (flag == "--first")
      o.first = std::strtoull(value(), nullptr, 10);
    else if (flag == "--count")
      o.count = std::atoi(value());
    else if (flag == "--size")
      o.size = std::atoi(value());
    else if (flag == "--aot")
      o.aot = std::atoi(value());
    else if (flag == "--freeze")
      o.freeze = std::atoi(value());
    else if (flag == "--options")
      o.options = std::atoi(value());
    else if (flag == "--quota")
      o.quota = std::atoi(value());
    else if (flag == "--values")
      o.values = value();
    else if (flag == "--coverage")
      o.coverage = value();
    else if (flag == "--guard")
      o.guard = true;
    else if (flag == "--large")
      o.large = true;
    else if (flag == "--print")
      o.print = true;
    else if (flag == "--first-failure")
      o.first_failure = true;
    else
      return std::fprintf(stderr, "etch-fuzz: unknown option %s\n", argv[i]), 2;
  }
  std::string folder = fs::temp_directory_path() / "etch-fuzz-XXXXXX";
  if (!mkdtemp(folder.data()))
    return std::perror("etch-fuzz"), 2;
  if (!o.values.empty())
    fs::create_directories(o.values);

  setvbuf(stdout, nullptr, _IOLBF, 0); // all is there when a program crashes
  Coverage coverage;
  int failures = 0, orders[3] = {};
  size_t operations = 0;
  for (int i = 0; i < o.count && !(failures && o.first_failure); ++i) {
    uint64_t seed = o.first + uint64_t(i);
    auto report = [&](const std::string &problem, const Program *program) {
      ++failures;
      std::printf("program %llu: %s\n", (unsigned long long)seed,
                  problem.c_str());
      if (program && !o.first_failure)
        std::printf("%s", reduced(*program, o, folder).text().c_str());
    };
    std::unique_ptr<Program> program;
    try {
      program = std::make_unique<Program>(seed, o.size, o.large);
      ++orders[program->order];
      operations += program->steps.size();
      if (o.print)
        std::printf("--- program %llu\n%s", (unsigned long long)seed,
                    program->text().c_str());
      if (!o.values.empty())
        leave(*program, o.values);
      if (std::string d = check(*program, o, folder, coverage); !d.empty())
        report(d, program.get());
    } catch (const std::exception &error) {
      report(error.what(), program.get());
    }
  }
  fs::remove_all(folder);

  std::printf(
      "%d programs, %zu operations; gradients of order 0/1/2: %d/%d/%d; "
      "%d refused, %d failed\n"
      "%d took batches of several extents: %d as one program, %d as one "
      "library\n"
      "%d kept something between calls, %d got by with less memory\n",
      o.count, operations, orders[0], orders[1], orders[2], refusals, failures,
      batched, open_programs, open_libraries, frozen_programs,
      thrifty_programs);
  for (const std::string &name : all_operations())
    coverage[name] += 0, coverage["? " + name] += 0;
  if (!o.coverage.empty()) {
    std::ofstream out(o.coverage);
    for (const auto &[name, programs] : coverage)
      out << programs << '\t' << name << '\n';
  }
  auto expect = [&](const std::string &name) {
    if (coverage[name] >= o.quota)
      return;
    ++failures;
    std::printf("%s: in %d programs, not in %d\n", name.c_str(), coverage[name],
                o.quota);
  };
  for (const std::string &name : all_operations()) {
    expect(name);
    if (name != "iota") // its extents are in its text
      expect("? " + name);
  }
  for (const Form &form : all_forms())
    expect("form " + std::string(form.name));
  for (const char *name : {"order 0", "order 1", "order 2", "open extents"})
    expect(name);
  if (o.freeze && frozen_programs * o.freeze < o.quota) {
    ++failures;
    std::printf("frozen: too few programs\n");
  }
  return failures != 0;
}

//===- step.h - What the steps of the book share ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A step prints its figures as `name: value`; test/steps compares them with
// test/data/steps.json. What it computes in several ways must have the same
// bits in all of them.
//===----------------------------------------------------------------------===//
#ifndef ETCH_EXAMPLES_STEPS_STEP_H
#define ETCH_EXAMPLES_STEPS_STEP_H

#include <etch/etch.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <numbers>
#include <optional>
#include <sstream>

namespace step {

using namespace etch;

// Figures, with all their digits.
inline void report(const std::string &name, const std::string &text) {
  std::cout << name << ": " << text << std::endl;
}
inline void report(const std::string &name, const char *text) {
  report(name, std::string(text));
}
inline void report(const std::string &name, bool yes) {
  report(name, yes ? "yes" : "no");
}
inline void report(const std::string &name, const std::vector<double> &values) {
  std::string text;
  char digits[32];
  for (double v : values) {
    std::snprintf(digits, sizeof digits, "%.17g", v);
    text += (text.empty() ? "" : " ") + std::string(digits);
  }
  report(name, text);
}
inline void report(const std::string &name, const Variable &x) {
  report(name, x.to_vector());
}
template <detail::Literal T> void report(const std::string &name, T value) {
  report(name, std::vector<double>{double(value)});
}

/// A folder for exported libraries and pictures, gone when the program ends.
inline const std::string &folder() {
  static const struct Folder {
    std::string path =
        (std::filesystem::temp_directory_path() / "etch-step-XXXXXX").string();
    Folder() {
      if (!mkdtemp(path.data()))
        throw IOError("no temporary folder: " + path);
    }
    ~Folder() { std::filesystem::remove_all(path); }
  } folder;
  return folder.path;
}

/// In which ways something was computed, and whether the bits were the same.
struct Modes {
  bool compiled = false, exported = false, equal = true;
};
inline Modes modes;

inline bool same_bits(const Variable &a, const Variable &b) {
  if (!a.defined() || !b.defined())
    return a.defined() == b.defined();
  auto same = [](double x, double y) { // every other type fits a double
    return x == y ? std::signbit(x) == std::signbit(y) : x != x && y != y;
  };
  std::vector<double> x = a.to_vector(), y = b.to_vector();
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         std::equal(x.begin(), x.end(), y.begin(), same);
}
inline void must_agree(const char *way, const std::string &what,
                       const Variable &eager, const Variable &other) {
  if (same_bits(eager, other))
    return;
  // Nothing is equal after the first difference: one message is enough.
  if (std::exchange(modes.equal, false))
    std::cout << way << ": " << what << " differs\n"
              << other << "\neagerly:\n"
              << eager << std::endl;
}

/// f(x...) eagerly; compiled, results and gradients must have the same bits.
template <class F, class... X> auto both(F f, const X &...xs) {
  auto copy = [](const Variable &x) {
    Variable c = zeros_like(x);
    c.assign(x);
    return c;
  };
  std::tuple<std::conditional_t<true, Variable, X>...> copies{copy(xs)...};
  auto eager = f(xs...);
  auto program = compile(f);
  auto compiled = std::apply([&](auto &...c) { return program(c...); }, copies);
  modes.compiled = true;
  Variables a, b;
  detail::each_variable(eager, [&](Variable &y) { a.push_back(y); });
  detail::each_variable(compiled, [&](Variable &y) { b.push_back(y); });
  for (size_t i = 0; i < std::max(a.size(), b.size()); ++i)
    must_agree("compiled", "result", a.at(i), b.at(i));
  std::apply(
      [&](auto &...c) {
        (must_agree("compiled", "gradient", xs.grad(), c.grad()), ...);
      },
      copies);
  return eager;
}

/// The same, and from an exported library, whose results must agree, too.
template <class F, class... X> auto everywhere(F f, const X &...xs) {
  auto eager = both(f, xs...);
  auto program = compile(f);
  export_library(program, folder() + "/step", {xs...});
  Variables results = load_library(folder() + "/libstep.so").run({xs...});
  size_t i = 0;
  detail::each_variable(eager, [&](Variable &y) {
    must_agree("exported", "result", y, results.at(i++));
  });
  modes.exported = true;
  return eager;
}

/// What a training gave: its figures, and the eager net after it.
template <class Net> struct Trained {
  std::vector<double> figures;
  std::unique_ptr<Net> net;
  Net *operator->() const { return net.get(); }
};

/// Trains a new Net in each way, from one state of the random stream. `loop`
/// calls the step it is given, which is Net::step, and returns figures. They
/// and all net.params(), by their names, must have the same bits. An exported
/// step is written when its first inputs are there.
template <class Net, bool with_export = true, class Loop>
Trained<Net> train(Loop &&loop) {
  random::State start = random::get_state();
  auto again = [&] {
    random::set_state(start);
    return std::make_unique<Net>();
  };
  auto tell = [&](const char *way, const Net &net, std::vector<double> figures,
                  const Trained<Net> &eager, auto &&get) {
    must_agree(way, "figures", array(eager.figures), array(figures));
    for (const Variable &p : eager->params())
      must_agree(way, p.name(), p, get(net, p.name()));
  };
  Trained<Net> eager{{}, again()};
  eager.figures = loop([&](const auto &...xs) { return eager->step(xs...); });
  random::State end = random::get_state();

  auto jit = again();
  auto step = compile([&](const auto &...xs)
                        requires requires { jit->step(xs...); }
                      { return jit->step(xs...); });
  tell("compiled", *jit, loop(step), eager,
       [](const Net &net, const std::string &name) {
         for (const Variable &p : net.params())
           if (p.name() == name)
             return p;
         return Variable();
       });
  modes.compiled = true;
  if constexpr (with_export) {
    auto aot = again();
    auto program = compile([&](const auto &...xs)
                             requires requires { aot->step(xs...); }
                           { return aot->step(xs...); });
    std::optional<Library> library;
    auto run = [&](const auto &...xs) {
      if (!library) {
        export_library(program, folder() + "/step", {xs...});
        library = load_library(folder() + "/libstep.so");
      }
      Variables results = library->run({xs...});
      using Result = decltype(aot->step(xs...));
      if constexpr (std::is_same_v<Result, Variable>)
        return results.at(0);
      else
        return results;
    };
    tell("exported", *aot, loop(run), eager,
         [&](const Net &, const std::string &name) {
           return library->get_state(name);
         });
    modes.exported = true;
  }
  random::set_state(end);
  return eager;
}

/// The body of main(): 0 when the body ends well and all ways agree.
template <class Body> int run(Body &&body) {
  try {
    body();
  } catch (const std::exception &e) {
    std::cout << "error: " << e.what() << std::endl;
    return 1;
  }
  if (modes.compiled)
    report(modes.exported ? "eager=compiled=exported" : "eager=compiled",
           modes.equal);
  return modes.equal ? 0 : 1;
}

} // namespace step

#endif // ETCH_EXAMPLES_STEPS_STEP_H

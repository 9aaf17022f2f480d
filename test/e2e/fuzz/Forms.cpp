//===- Forms.cpp - control flow and composites in random programs ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/e2e/fuzz/Program.h"

#include <array>

using namespace etch;
using namespace etch::fuzz;

static bool is_float(const Variables &xs) {
  for (const Variable &x : xs)
    if (!is_floating(x.dtype()))
      return false;
  return true;
}
/// Floats of one type.
static bool is_pair(const Variables &xs) {
  return is_float(xs) && xs[0].type() == xs[1].type();
}
static bool is_list(const Variables &xs) {
  return is_float(xs) && xs[0].ndim() > 0;
}
static bool is_square(const Variables &xs) {
  return is_float(xs) && xs[0].dtype() == xs[1].dtype() && xs[0].ndim() == 2 &&
         xs[1].ndim() == 2 && xs[0].shape(1) == xs[1].shape(0) &&
         xs[1].shape(0) == xs[1].shape(1);
}
static bool is_image(const Variables &xs) {
  return is_float(xs) && xs[0].ndim() == 4 && xs[0].shape(2) > 1 &&
         xs[0].shape(3) > 1;
}

/// Tames what a loop would blow up.
static Variable tame(const Variable &x) { return tanh(x) * 1.25; }

static const Form forms[] = {
    {"branch", 2, is_pair,
     [](const Variables &xs) {
       Variable a = xs[0], b = xs[1];
       return cond(
           sum(a) > sum(b), [&] { return a * b + sin(a); },
           [&] { return b - a; });
     }},
    {"while", 2, is_pair,
     [](const Variables &xs) {
       Variable step = xs[1];
       Variables last = while_loop(
           [](const Variables &s) { return s[1] < 2.5; },
           [&](const Variables &s) {
             return Variables{tame(s[0] + step), s[1] + 0.5 * s[1] + 0.25};
           },
           Variables{xs[0], mean(abs(tame(xs[0]))).astype(f64)},
           {.max_iterations = 6});
       return last[0] + last[1].astype(xs[0].dtype());
     }},
    {"for", 2, is_pair,
     [](const Variables &xs) {
       Variable w = xs[1];
       return for_loop(
           3,
           [&](const Variable &i, const Variable &s) {
             return tame(s * w + i.astype(s.dtype()) * 0.5) - w;
           },
           xs[0]);
     }},
    {"scan", 1, is_list,
     [](const Variables &xs) {
       Variable start = sum(xs[0], {.axis = 0}) * 0.125;
       auto [carry, ys] = scan(
           [](const Variable &c, const Variable &x) {
             Variable next = tame(c * 0.5 + x);
             return std::pair(next, next * x);
           },
           start, xs[0]);
       return ys + carry;
     }},
    {"recurrence", 2, is_square,
     [](const Variables &xs) {
       Variable w = xs[1];
       return for_loop(
           4, [&](const Variable &h) { return tanh(matmul(h, w)); }, xs[0]);
     }},
    {"nested", 2, is_pair,
     [](const Variables &xs) {
       Variable w = xs[1];
       return for_loop(
           2,
           [&](const Variable &s) {
             Variable inner =
                 for_loop(2, [&](const Variable &r) { return tame(r + w); }, s);
             return cond(
                 mean(inner) > 0.1, [&] { return inner * 0.5; },
                 [&] { return inner + w; });
           },
           xs[0]);
     }},
    {"pooling", 1, is_image,
     [](const Variables &xs) {
       return pooling(xs[0], 2, {.stride = {2, 1}, .pad = {1, 0}});
     }},
    {"normalised", 1, is_list,
     [](const Variables &xs) {
       return softmax(xs[0], {.axis = -1}) *
              logsumexp(xs[0], {.axis = -1, .keepdims = true});
     }},
    {"parts", 1, is_list,
     [](const Variables &xs) {
       return concat(
           {xs[0][slice(to_end, to_end, -1)], xs[0], xs[0][slice(0, 1)]}, 0);
     }},
};

std::span<const Form> fuzz::all_forms() { return forms; }

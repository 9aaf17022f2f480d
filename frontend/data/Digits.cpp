//===- Digits.cpp - Digits drawn by a program -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A digit is a few strokes in the unit square. Each image moves their points
// (by hand, as it were), bends the plane by a smooth random field, turns,
// slants, scales and shifts it, and draws with a pen of random width.

#include "frontend/data/Digits.h"

#include "etch/random.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace etch::detail {

namespace {

struct Point {
  double x, y;
};
using Stroke = std::vector<Point>;

/// Points on an ellipse, from one angle to another in degrees; 0 is right, 90
/// is down.
void arc(Stroke &s, Point center, double rx, double ry, double from,
         double to) {
  constexpr int steps = 12;
  for (int i = 0; i <= steps; ++i) {
    double a = (from + (to - from) * i / steps) * std::numbers::pi / 180;
    s.push_back({center.x + rx * std::cos(a), center.y + ry * std::sin(a)});
  }
}

/// x from 0 (left) to 1, y from 0 (top) to 1. `style` chooses among the ways
/// in which people write some digits.
std::vector<Stroke> strokes_of(int digit, bool style) {
  Stroke a, b;
  switch (digit) {
  case 0:
    arc(a, {.5, .5}, .26, .38, -90, 270);
    return {a};
  case 1:
    if (style)
      return {{{.35, .28}, {.54, .12}, {.54, .88}}};
    return {{{.52, .12}, {.5, .88}}};
  case 2:
    arc(a, {.5, .33}, .23, .21, -170, 30);
    a.insert(a.end(), {{.26, .86}, {.76, .86}});
    return {a};
  case 3:
    arc(a, {.47, .31}, .22, .19, -150, 85);
    arc(a, {.47, .68}, .25, .2, -85, 150);
    return {a};
  case 4:
    if (style)
      return {{{.62, .12}, {.24, .62}, {.8, .62}}, {{.62, .12}, {.62, .9}}};
    return {{{.28, .14}, {.26, .55}, {.76, .55}}, {{.72, .14}, {.7, .9}}};
  case 5:
    a = {{.74, .14}, {.34, .14}, {.3, .48}};
    arc(a, {.49, .65}, .25, .22, -130, 140);
    return {a};
  case 6:
    a = {{.66, .12}, {.42, .34}};
    arc(a, {.5, .66}, .22, .21, -170, 190);
    return {a};
  case 7:
    a = {{.24, .15}, {.76, .15}, {.44, .88}};
    if (style)
      b = {{.36, .5}, {.68, .5}};
    return {a, b};
  case 8:
    arc(a, {.5, .31}, .19, .18, -90, 270);
    arc(b, {.5, .69}, .23, .2, -90, 270);
    return {a, b};
  default:
    arc(a, {.48, .33}, .21, .2, 0, 360);
    a.insert(a.end(), {{.68, .5}, {.6, .88}});
    return {a};
  }
}

/// A smooth displacement: a few waves of random direction and phase.
struct Field {
  double kx[3], ky[3], phase[3], dx[3], dy[3];
  explicit Field(random::Generator &g) {
    for (int i = 0; i < 3; ++i) {
      kx[i] = 4 * g.normal();
      ky[i] = 4 * g.normal();
      phase[i] = 6.28 * g.uniform();
      dx[i] = .02 * g.normal();
      dy[i] = .02 * g.normal();
    }
  }
  Point operator()(Point p) const {
    Point q = p;
    for (int i = 0; i < 3; ++i) {
      double s = std::sin(kx[i] * p.x + ky[i] * p.y + phase[i]);
      q.x += dx[i] * s;
      q.y += dy[i] * s;
    }
    return q;
  }
};

/// Turned, slanted, scaled and moved about the middle of the square.
struct Affine {
  double xx, xy, yx, yy, x, y;
  explicit Affine(random::Generator &g) {
    double angle = .12 * g.normal(), slant = .15 * g.normal();
    double width = .95 + .08 * g.normal(), height = .95 + .06 * g.normal();
    xx = width * std::cos(angle);
    xy = -height * std::sin(angle) - width * slant;
    yx = width * std::sin(angle);
    yy = height * std::cos(angle);
    x = .5 + .03 * g.normal();
    y = .5 + .03 * g.normal();
  }
  Point operator()(Point p) const {
    return {xx * (p.x - .5) + xy * (p.y - .5) + x,
            yx * (p.x - .5) + yy * (p.y - .5) + y};
  }
};

double distance(Point p, Point a, Point b) {
  double dx = b.x - a.x, dy = b.y - a.y, length2 = dx * dx + dy * dy;
  double t = length2 > 0 ? ((p.x - a.x) * dx + (p.y - a.y) * dy) / length2 : 0;
  t = std::clamp(t, 0.0, 1.0);
  return std::hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

void draw_digit(random::Generator &g, int digit, uint8_t *image) {
  // As in MNIST the digit fills the middle 20 x 20 of 28 x 28 pixels.
  constexpr double scale = 24, margin = 2;
  std::vector<Stroke> strokes = strokes_of(digit, g.uniform() < .5);
  Field field(g);
  Affine affine(g);
  for (Stroke &stroke : strokes)
    for (Point &p : stroke) {
      p = {p.x + .008 * g.normal(), p.y + .008 * g.normal()};
      p = affine(field(p));
      p = {margin + scale * p.x, margin + scale * p.y};
    }
  double pen = std::clamp(1.1 + .25 * g.normal(), .7, 1.8);
  double ink = 225 + 30 * g.uniform();
  for (int row = 0; row < 28; ++row)
    for (int column = 0; column < 28; ++column) {
      double nearest = 1e9;
      for (const Stroke &stroke : strokes)
        for (size_t i = 1; i < stroke.size(); ++i)
          nearest = std::min(nearest, distance({column + .5, row + .5},
                                               stroke[i - 1], stroke[i]));
      double value = ink * std::clamp(pen + .5 - nearest, 0.0, 1.0);
      if (value > 0)
        value += 12 * g.normal();
      image[row * 28 + column] = uint8_t(std::clamp(value, 0.0, 255.0));
    }
}

} // namespace

void draw_digits(uint32_t seed, int64_t count, std::vector<uint8_t> &pixels,
                 std::vector<uint8_t> &labels) {
  random::Generator g(seed);
  pixels.resize(size_t(count) * 28 * 28);
  labels.resize(size_t(count));
  for (int64_t i = 0; i < count; ++i) {
    int digit = int(g.at_most(9));
    labels[size_t(i)] = uint8_t(digit);
    draw_digit(g, digit, pixels.data() + i * 28 * 28);
  }
}

} // namespace etch::detail

//===- Figure.cpp - Plots of numbers --------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/figure.h"

#include "etch/array.h"
#include "etch/config.h"
#include "etch/plot.h"
#include "frontend/io/ImageCodec.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace etch {

namespace {

constexpr Color palette[] = {{31, 119, 180},  {255, 127, 14},  {44, 160, 44},
                             {214, 39, 40},   {148, 103, 189}, {140, 86, 75},
                             {227, 119, 194}, {127, 127, 127}};
constexpr Color ink = {60, 60, 60}, grid = {225, 225, 225};

Color color_of(size_t i) { return palette[i % std::size(palette)]; }
/// The same, nearly white.
Color pale(Color c) {
  auto mix = [](uint8_t v) { return uint8_t(255 - (255 - v) * 3 / 10); };
  return {mix(c.red), mix(c.green), mix(c.blue)};
}

std::string text_of(double v) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.4g", v);
  return buffer;
}

/// Round numbers in a range, about `count` of them.
std::vector<double> ticks(double low, double high, int count) {
  double step = (high - low) / count;
  double power = std::pow(10, std::floor(std::log10(step)));
  for (double factor : {1.0, 2.0, 5.0, 10.0})
    if (factor * power >= step) {
      step = factor * power;
      break;
    }
  std::vector<double> all;
  double first = std::ceil(low / step);
  for (int i = 0; i < 50 && (first + i) * step <= high + 1e-9 * step; ++i)
    all.push_back((first + i) * step);
  return all;
}

/// A filled disc, a cross, a triangle, a square; then again.
void mark(Canvas &canvas, int kind, int x, int y, Color color) {
  switch (kind % 4) {
  case 0:
    for (int dy = -3; dy <= 3; ++dy)
      for (int dx = -3; dx <= 3; ++dx)
        if (dx * dx + dy * dy <= 10)
          canvas.set(x + dx, y + dy, color);
    break;
  case 1:
    for (int d = -3; d <= 3; ++d)
      for (int thick = 0; thick < 2; ++thick) {
        canvas.set(x + d + thick, y + d, color);
        canvas.set(x + d + thick, y - d, color);
      }
    break;
  case 2:
    for (int row = 0; row < 7; ++row)
      canvas.rectangle(x - row / 2, y - 3 + row, row / 2 * 2 + 1, 1, color);
    break;
  default:
    canvas.rectangle(x - 3, y - 3, 6, 6, color);
  }
}

void check_row(const Variable &v, const char *what) {
  if (v.ndim() != 1)
    throw ShapeError(std::string("Figure: ") + what + " has one axis, not " +
                     to_string(v.shape()));
}

} // namespace

Figure::Figure(const FigureOptions &options) : options(options) {
  if (options.width < 160 || options.height < 120 || options.width > 10000 ||
      options.height > 10000)
    throw ValueError("Figure: cannot be " + std::to_string(options.width) +
                     " x " + std::to_string(options.height));
}

Figure &Figure::plot(const Variable &x, const Variable &y,
                     const std::string &label) {
  check_row(x, "x");
  check_row(y, "y");
  if (x.len() != y.len())
    throw ShapeError("Figure: x is " + to_string(x.shape()) + ", y is " +
                     to_string(y.shape()));
  series.push_back({label, -1, x.to_vector(), y.to_vector()});
  return *this;
}

Figure &Figure::plot(const std::vector<double> &y, const std::string &label) {
  std::vector<double> x(y.size());
  for (size_t i = 0; i < y.size(); ++i)
    x[i] = double(i);
  series.push_back({label, -1, std::move(x), y});
  return *this;
}

Figure &Figure::plot(const Variable &y, const std::string &label) {
  check_row(y, "y");
  return plot(y.to_vector(), label);
}

Figure &Figure::scatter(const Variable &points, const Variable &classes) {
  if (points.ndim() != 2 || points.shape(1) != 2)
    throw ShapeError("Figure: points are (n, 2), not " +
                     to_string(points.shape()));
  std::vector<int64_t> kinds(size_t(points.len()));
  if (classes.defined()) {
    check_row(classes, "classes");
    if (classes.len() != points.len())
      throw ShapeError("Figure: " + std::to_string(points.len()) +
                       " points, but " + std::to_string(classes.len()) +
                       " classes");
    kinds = classes.to_vector<int64_t>();
  }
  std::vector<double> xy = points.to_vector();
  for (size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i] < 0 || kinds[i] > 1000)
      throw ValueError("Figure: a class is " + std::to_string(kinds[i]));
    auto of_kind = std::find_if(series.begin(), series.end(), [&](Series &s) {
      return s.kind == int(kinds[i]);
    });
    if (of_kind == series.end()) {
      Series fresh;
      fresh.kind = int(kinds[i]);
      if (classes.defined())
        fresh.label = "class " + std::to_string(kinds[i]);
      auto behind =
          std::find_if(series.begin(), series.end(),
                       [&](const Series &s) { return s.kind > fresh.kind; });
      of_kind = series.insert(behind, std::move(fresh));
    }
    of_kind->x.push_back(xy[2 * i]);
    of_kind->y.push_back(xy[2 * i + 1]);
  }
  points_type = points.dtype();
  return *this;
}

Figure::Range Figure::range(bool horizontal, double margin) const {
  Range r{INFINITY, -INFINITY};
  auto take = [&](double v) {
    if (std::isfinite(v)) {
      r.low = std::min(r.low, v);
      r.high = std::max(r.high, v);
    }
  };
  for (const Series &s : series)
    for (double v : horizontal ? s.x : s.y)
      take(v);
  if (r.low > r.high)
    return {0, 1};
  double width = r.high - r.low;
  // One value only, or less than doubles can part.
  if (!(width > std::max(std::abs(r.low), std::abs(r.high)) * 1e-12))
    return {r.low - std::max(0.5, std::abs(r.low) * 1e-3),
            r.high + std::max(0.5, std::abs(r.high) * 1e-3)};
  if (!std::isfinite(width))
    return {r.low / 2, r.high / 2};
  return {r.low - margin * width, r.high + margin * width};
}

Figure &Figure::regions(const std::function<Variable(const Variable &)> &score,
                        double threshold) {
  if (series.empty())
    throw ValueError("Figure: regions() comes after the points");
  Plane p;
  Range across = range(true, 0.05), up = range(false, 0.05);
  p.left = across.low;
  p.right = across.high;
  p.bottom = up.low;
  p.top = up.high;
  p.columns = std::max(1, options.width / 4);
  p.rows = std::max(1, options.height / 4);
  std::vector<double> xy;
  for (int r = 0; r < p.rows; ++r)
    for (int c = 0; c < p.columns; ++c) {
      xy.push_back(p.left + (p.right - p.left) * (c + 0.5) / p.columns);
      xy.push_back(p.bottom + (p.top - p.bottom) * (r + 0.5) / p.rows);
    }
  int64_t count = int64_t(xy.size()) / 2;
  NoGrad no_grad;
  TestMode test_mode;
  Variable points =
      from_data(std::span<const double>(xy), {count, 2}).astype(points_type);
  Variable scores = score(points);
  bool one = scores.ndim() == 1 || (scores.ndim() == 2 && scores.shape(1) == 1);
  if (scores.ndim() < 1 || scores.ndim() > 2 || scores.len() != count ||
      scores.size() == 0)
    throw ShapeError("Figure: the scores of (" + std::to_string(count) +
                     ", 2) points are " + to_string(scores.shape()));
  std::vector<double> values = scores.to_vector();
  size_t width = values.size() / size_t(count);
  for (size_t i = 0; i < size_t(count); ++i) {
    auto first = values.begin() + int64_t(i * width);
    p.classes.push_back(
        one ? values[i] > threshold
            : int(std::max_element(first, first + int64_t(width)) - first));
  }
  planes.push_back(std::move(p));
  return *this;
}

std::string Figure::csv() const {
  std::string out = "series,x,y\n";
  for (size_t i = 0; i < series.size(); ++i) {
    const Series &s = series[i];
    std::string name =
        s.label.empty() ? "series " + std::to_string(i) : s.label;
    std::string quoted = "\"";
    for (char c : name)
      quoted += c == '"' ? "\"\"" : std::string(1, c);
    for (size_t k = 0; k < s.x.size(); ++k) {
      char numbers[64];
      std::snprintf(numbers, sizeof numbers, "\",%.17g,%.17g\n", s.x[k],
                    s.y[k]);
      out += quoted + numbers;
    }
  }
  return out;
}

void Figure::save(const std::string &file) const {
  if (file.ends_with(".csv"))
    return detail::write_whole(file, csv());
  if (!file.ends_with(".png"))
    throw ValueError("Figure: " + file + " is neither .png nor .csv");
  Canvas canvas(options.width, options.height);
  const int left = 64, top = 30, right = options.width - 14,
            bottom = options.height - 44;
  // What is coloured reaches to the axes.
  Range across = range(true, 0.05), up = range(false, 0.05);
  auto column = [&](double x) {
    return left +
           (right - left) * (x - across.low) / (across.high - across.low);
  };
  auto row = [&](double y) {
    return bottom - (bottom - top) * (y - up.low) / (up.high - up.low);
  };
  auto centered = [&](int x, int y, const std::string &text) {
    canvas.text(x - int(text.size()) * 3, y, text, ink);
  };
  for (const Plane &p : planes)
    for (int y = top; y < bottom; ++y)
      for (int x = left + 1; x <= right; ++x) {
        double px = across.low +
                    (across.high - across.low) * (x - left) / (right - left),
               py = up.low + (up.high - up.low) * (bottom - y) / (bottom - top);
        int c = int((px - p.left) / (p.right - p.left) * p.columns),
            r = int((py - p.bottom) / (p.top - p.bottom) * p.rows);
        if (c < 0 || r < 0 || c >= p.columns || r >= p.rows)
          continue;
        canvas.set(
            x, y, pale(color_of(size_t(p.classes[size_t(r * p.columns + c)]))));
      }
  for (double t : ticks(across.low, across.high, 6)) {
    int x = int(std::lround(column(t)));
    if (planes.empty())
      canvas.line(x, top, x, bottom, grid);
    canvas.line(x, bottom, x, bottom + 4, ink);
    centered(x, bottom + 8, text_of(t));
  }
  for (double t : ticks(up.low, up.high, 6)) {
    int y = int(std::lround(row(t)));
    if (planes.empty())
      canvas.line(left, y, right, y, grid);
    canvas.line(left - 4, y, left, y, ink);
    std::string text = text_of(t);
    canvas.text(left - 8 - 6 * int(text.size()), y - 3, text, ink);
  }
  canvas.line(left, top, left, bottom, ink);
  canvas.line(left, bottom, right, bottom, ink);
  size_t curves = 0;
  int legend = top + 4;
  for (const Series &s : series) {
    Color color = color_of(s.kind < 0 ? curves++ : size_t(s.kind));
    for (size_t i = 0; i < s.x.size(); ++i) {
      double x = column(s.x[i]), y = row(s.y[i]);
      if (!std::isfinite(x) || !std::isfinite(y))
        continue;
      if (s.kind >= 0) {
        mark(canvas, s.kind, int(std::lround(x)), int(std::lround(y)), color);
        continue;
      }
      double x0 = i ? column(s.x[i - 1]) : x, y0 = i ? row(s.y[i - 1]) : y;
      if (std::isfinite(x0) && std::isfinite(y0)) {
        canvas.line(x0, y0, x, y, color);
        canvas.line(x0, y0 + 1, x, y + 1, color);
      }
    }
    if (s.label.empty())
      continue;
    int x = right - 6 * int(s.label.size()) - 24;
    canvas.rectangle(x - 4, legend - 4, right - x + 4, 15, {255, 255, 255});
    if (s.kind >= 0)
      mark(canvas, s.kind, x + 8, legend + 3, color);
    else
      canvas.rectangle(x, legend + 3, 16, 2, color);
    canvas.text(x + 22, legend, s.label, ink);
    legend += 15;
  }
  centered((left + right) / 2, 10, options.title);
  centered((left + right) / 2, bottom + 26, options.xlabel);
  canvas.text(6, 10, options.ylabel, ink);
  canvas.save(file);
}

} // namespace etch

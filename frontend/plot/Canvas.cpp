//===- Canvas.cpp - A small picture ---------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/plot.h"
#include "frontend/io/ImageCodec.h"
#include "frontend/plot/Font.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace etch {

Canvas::Canvas(int width, int height, Color background)
    : columns(width), rows(height) {
  if (width < 1 || height < 1 || int64_t(width) * height > (1 << 28))
    throw ValueError("Canvas: cannot be " + std::to_string(width) + " x " +
                     std::to_string(height));
  pixels.resize(size_t(width) * size_t(height) * 3);
  rectangle(0, 0, width, height, background);
}

Color Canvas::at(int x, int y) const {
  if (x < 0 || y < 0 || x >= columns || y >= rows)
    return {};
  const uint8_t *p =
      pixels.data() + 3 * (size_t(y) * size_t(columns) + size_t(x));
  return {p[0], p[1], p[2]};
}

void Canvas::set(int x, int y, Color color) {
  if (x < 0 || y < 0 || x >= columns || y >= rows)
    return;
  uint8_t *p = pixels.data() + 3 * (size_t(y) * size_t(columns) + size_t(x));
  p[0] = color.red;
  p[1] = color.green;
  p[2] = color.blue;
}

void Canvas::line(double x0, double y0, double x1, double y1, Color color) {
  double length = std::max(std::abs(x1 - x0), std::abs(y1 - y0));
  int steps = int(std::min(length, 1e5)) + 1;
  for (int i = 0; i <= steps; ++i) {
    double t = double(i) / steps;
    set(int(std::lround(x0 + t * (x1 - x0))),
        int(std::lround(y0 + t * (y1 - y0))), color);
  }
}

void Canvas::rectangle(int x, int y, int width, int height, Color color) {
  for (int i = std::max(y, 0); i < std::min(y + height, rows); ++i)
    for (int k = std::max(x, 0); k < std::min(x + width, columns); ++k)
      set(k, i, color);
}

void Canvas::text(int x, int y, const std::string &text, Color color,
                  int scale) {
  for (size_t i = 0; i < text.size(); ++i) {
    int letter = text[i] - ' ';
    if (letter < 0 || letter >= 95)
      letter = '?' - ' ';
    for (int column = 0; column < 5; ++column)
      for (int row = 0; row < 7; ++row)
        if (detail::font[letter][column] >> row & 1)
          rectangle(x + (int(i) * 6 + column) * scale, y + row * scale, scale,
                    scale, color);
  }
}

void Canvas::image(int x, int y, const Variable &gray, int scale) {
  if (gray.ndim() != 2)
    throw ShapeError("Canvas: an image is (height, width), not " +
                     to_string(gray.shape()));
  std::vector<double> values = gray.to_vector<double>();
  int width = int(gray.shape(1));
  for (size_t i = 0; i < values.size(); ++i) {
    auto level = uint8_t(std::lround(255 * std::clamp(values[i], 0.0, 1.0)));
    rectangle(x + int(i) % width * scale, y + int(i) / width * scale, scale,
              scale, {level, level, level});
  }
}

void Canvas::curves(int x, int y, int width, int height,
                    const std::vector<std::vector<double>> &curves,
                    const std::string &title) {
  constexpr Color palette[] = {
      {31, 119, 180}, {214, 39, 40}, {44, 160, 44}, {148, 103, 189}};
  constexpr Color ink = {90, 90, 90};
  double low = INFINITY, high = -INFINITY;
  size_t longest = 2;
  for (const std::vector<double> &curve : curves) {
    longest = std::max(longest, curve.size());
    for (double v : curve)
      if (std::isfinite(v)) {
        low = std::min(low, v);
        high = std::max(high, v);
      }
  }
  if (!(low < high)) {
    low = std::isfinite(low) ? low - 1 : 0;
    high = low + 2;
  }
  constexpr int left = 56, top = 14, bottom = 14;
  int x0 = x + left, y0 = y + top, w = width - left - 2,
      h = height - top - bottom;
  line(x0, y0, x0, y0 + h, ink);
  line(x0, y0 + h, x0 + w, y0 + h, ink);
  text(x0 + 4, y, title);
  auto number = [](double v) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%8.4g", v);
    return std::string(buffer);
  };
  text(x, y0, number(high), ink);
  text(x, y0 + h - 6, number(low), ink);
  std::string last = std::to_string(longest - 1);
  text(x0, y0 + h + 4, "0", ink);
  text(x0 + w - 6 * int(last.size()), y0 + h + 4, last, ink);
  for (size_t c = 0; c < curves.size(); ++c)
    for (size_t i = 1; i < curves[c].size(); ++i) {
      double a = curves[c][i - 1], b = curves[c][i];
      if (!std::isfinite(a) || !std::isfinite(b))
        continue;
      double step = double(w) / double(longest - 1);
      line(x0 + double(i - 1) * step, y0 + h * (high - a) / (high - low),
           x0 + double(i) * step, y0 + h * (high - b) / (high - low),
           palette[c % std::size(palette)]);
    }
}

void Canvas::save(const std::string &file) const {
  detail::write_whole(file,
                      detail::encode_png(columns, rows, 3, pixels.data()));
}

} // namespace etch

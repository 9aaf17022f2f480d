//===- figure.h - Plots of numbers ------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   Figure({.title = "loss", .xlabel = "epoch"}).plot(losses).save("loss.png");
//   Figure().scatter(x, t).regions(model).save("boundary.png");
//===----------------------------------------------------------------------===//
#ifndef ETCH_FIGURE_H
#define ETCH_FIGURE_H

#include "etch/variable.h"

#include <functional>

namespace etch {

struct FigureOptions {
  int width = 640, height = 480; ///< of the picture, in pixels
  std::string title = {}, xlabel = {}, ylabel = {};
};

/// Curves, points and regions in one pair of axes, which take in all of them.
class Figure {
public:
  explicit Figure(const FigureOptions &options = {});

  /// A curve through the points (x[i], y[i]); numbers that are not finite part
  /// it. ShapeError unless both have one axis of the same extent.
  Figure &plot(const Variable &x, const Variable &y,
               const std::string &label = "");
  /// The same over 0, 1, 2, ….
  Figure &plot(const Variable &y, const std::string &label = "");
  Figure &plot(const std::vector<double> &y, const std::string &label = "");
  /// A mark at each row of `points`, shape (n, 2); each class has a colour and
  /// a mark of its own. `classes` is (n,), integers from 0, or empty: one
  /// class.
  Figure &scatter(const Variable &points, const Variable &classes = {});
  /// Colours the plane, as far as the points and curves before it reach, by the
  /// class that `score` gives: of (n, 2) points it makes (n, k), the largest
  /// number being the class, or (n,) or (n, 1), the class being 1 above
  /// `threshold`. Called in test mode without a graph. ValueError when nothing
  /// has been drawn yet.
  Figure &regions(const std::function<Variable(const Variable &)> &score,
                  double threshold = 0);

  /// Writes the picture (.png) or the numbers of curves and points (.csv),
  /// whole or not at all. ValueError for another suffix, IOError.
  void save(const std::string &file) const;

private:
  struct Series {
    std::string label;
    int kind; ///< a class of points, or -1: a curve
    std::vector<double> x, y;
  };
  struct Plane {
    double left, right, bottom, top;
    int columns, rows;
    std::vector<int> classes;
  };
  struct Range {
    double low, high;
  };
  Range range(bool horizontal, double margin) const;
  std::string csv() const;

  FigureOptions options;
  std::vector<Series> series;
  std::vector<Plane> planes;
  DType points_type =
      f32; ///< of the points last seen: what regions() asks with
};

} // namespace etch

#endif // ETCH_FIGURE_H

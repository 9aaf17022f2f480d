//===- plot.h - Pictures of graphs, curves and images -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_PLOT_H
#define ETCH_PLOT_H

#include "etch/variable.h"

namespace etch {

struct DotOptions {
  bool verbose = true; ///< shapes and types beside the names
};

/// The graph behind y as DOT text: Variables are orange ellipses, functions
/// light-blue boxes. Nodes are numbered in the order in which they are met from
/// y backwards, so that equal graphs give equal text.
std::string get_dot_graph(const Variable &y, const DotOptions &options = {});

/// Writes get_dot_graph(y) to `file`: as it is for ".dot", else drawn by
/// Graphviz's program `dot` in the format that the suffix names (png, svg, pdf,
/// …). IOError when that program is missing or fails.
void plot_dot_graph(const Variable &y, const std::string &file,
                    const DotOptions &options = {});
/// The function main of a program in MLIR's text form, such as
/// CompiledFunction::program() or a file that $ETCH_DUMP asked for: arguments
/// and results are orange ellipses, operations and kernels light-blue boxes.
std::string get_dot_program(const std::string &program);
/// Writes DOT text as plot_dot_graph does.
void plot_dot_text(const std::string &dot, const std::string &file);
/// Whether the program `dot` can be run.
bool has_graphviz();

/// Red, green, blue: 0 to 255 each.
struct Color {
  uint8_t red = 0, green = 0, blue = 0;
};

/// A small picture to draw lines, text and images on; (0, 0) is the top left.
/// What lies outside is cut off.
class Canvas {
public:
  Canvas(int width, int height, Color background = {255, 255, 255});
  int width() const { return columns; }
  int height() const { return rows; }
  Color at(int x, int y) const;
  void set(int x, int y, Color color);
  void line(double x0, double y0, double x1, double y1, Color color = {});
  void rectangle(int x, int y, int width, int height, Color color);
  /// Printable ASCII, letters of 5 x 7 points with a space of 1, scaled.
  void text(int x, int y, const std::string &text, Color color = {},
            int scale = 1);
  /// An image of shape (h, w) with values from 0 (black) to 1 (white), each
  /// pixel as a square of `scale`.
  void image(int x, int y, const Variable &gray, int scale = 1);
  /// Curves over their index in a box with axes, a title and the range of
  /// values; points that are not finite are left out.
  void curves(int x, int y, int width, int height,
              const std::vector<std::vector<double>> &curves,
              const std::string &title = "");
  /// Writes a PNG file, whole or not at all. IOError.
  void save(const std::string &file) const;

private:
  int columns, rows;
  std::vector<uint8_t> pixels; ///< red, green, blue
};

} // namespace etch

#endif // ETCH_PLOT_H

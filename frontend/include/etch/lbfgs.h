//===- lbfgs.h - A quasi-Newton optimizer -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   auto optimizer = LBFGS().setup(model);
//   for (int epoch = 0; epoch < 10; ++epoch)
//     optimizer.step([&] {
//       Variable loss = mean_squared_error(model(x), t);
//       model.clear_grads();
//       loss.backward();
//       return loss;
//     });
//===----------------------------------------------------------------------===//
#ifndef ETCH_LBFGS_H
#define ETCH_LBFGS_H

#include "etch/optimizers.h"

#include <deque>

namespace etch {

/// When LBFGS stops, and how much it remembers.
struct LBFGSOptions {
  double lr = 1;      ///< the step length that is tried first
  int history = 10;   ///< pairs of steps and gradient changes that are kept
  int max_iter = 20;  ///< directions per step()
  int max_eval = 100; ///< calls of the closure per step(), about
  double tolerance_grad = 1e-7;   ///< ends when no |g| is larger
  double tolerance_change = 1e-9; ///< ends when nothing changes by more
};

/// L-BFGS: the direction is an estimate of -H⁻¹g by the two-loop recursion over
/// the last steps; its length satisfies the strong Wolfe conditions (1e-4 and
/// 0.9), found by cubic interpolation. Works in float64 on the host whatever
/// the parameters' types are. [Nocedal, Wright: Numerical Optimization, 7.2]
class LBFGS : public OptimizerOf<LBFGS>, public LBFGSOptions {
public:
  explicit LBFGS(const LBFGSOptions &options = {}) : LBFGSOptions(options) {}

  /// `closure` computes the loss, a scalar, and its gradients from the present
  /// parameters; it may be a compiled function. It is called several times; the
  /// parameters are those of the best point at the end. Gives the loss there.
  /// ValueError before setup(), or for a loss that is no number at the start;
  /// TraceError in a function being compiled.
  double step(const std::function<Variable()> &closure,
              SourceLocation l = SourceLocation::current());
  /// Calls of closures so far.
  int evaluations() const { return calls; }

private:
  using Vector = std::vector<double>;
  /// What is known of a point on the line from `start` along `direction`.
  struct Point {
    double t = 0, loss = 0, slope = 0;
    Vector gradient;
  };
  struct Line {
    const std::function<Variable()> &closure;
    Variables params;
    Vector start, direction;
  };
  struct Pair {
    Vector s, y;
    double rho;
  };

  void update_one(Variable param, const Variable &grad) override;
  Point evaluate(Line &line, double t);
  Point search(Line &line, const Point &origin, double t, int budget);
  Point narrow(Line &line, const Point &origin, Point low, Point high,
               int budget);
  void find_direction(Line &line, const Vector &gradient) const;
  void learn(const Line &line, const Point &from, const Point &to);

  std::deque<Pair> pairs;
  int calls = 0;
};

} // namespace etch

#endif // ETCH_LBFGS_H

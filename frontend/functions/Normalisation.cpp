//===- Normalisation.cpp - zero mean, unit variance -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "etch/config.h"
#include "etch/functions.h"
#include "frontend/core/Promotion.h"

#include <algorithm>

using namespace etch;
using namespace etch::detail;

Variable etch::layer_norm(Operand x, Operand gamma, Operand beta, double eps) {
  LocationScope scope(x.location());
  Variable v = floating(x);
  Reduce last = {-1, true};
  Variable centred = v - mean(v, last);
  Variable variance = mean(square(centred), last);
  // One division for each row, in the gradients too.
  return centred * (1.0 / sqrt(variance + eps)) * gamma + beta;
}

/// v has one number per channel of x.
static void check_channels(const Variable &v, const Variable &x,
                           const char *name, const Location &where) {
  if (v.size() != x.shape(1))
    throw ShapeError(std::string("batch_norm: ") + name + " is " +
                         to_string(v.shape()) + ", there are " +
                         std::to_string(x.shape(1)) + " channels",
                     where);
}

/// A running statistic takes in the batch's; not part of the graph.
static void blend(Variable running, const Variable &statistic, double decay) {
  NoGrad no_grad;
  running.assign(running * decay +
                 reshape(statistic, running.shape()).astype(running.dtype()) *
                     (1 - decay));
}

Variable etch::batch_norm(Operand x, Operand gamma, Operand beta,
                          Variable running_mean, Variable running_var,
                          const BatchNormOptions &options) {
  const Location &where = x.location();
  LocationScope scope(where);
  Variable v = floating(x);
  if (v.ndim() < 2)
    throw ShapeError("batch_norm: x is " + to_string(v.shape()) +
                         "; (N, C) or (N, C, …) is needed",
                     where);
  Variable g = gamma.array(), b = beta.array();
  check_channels(g, v, "gamma", where);
  check_channels(b, v, "beta", where);
  bool has_statistics = running_mean.defined() && running_var.defined();
  if (has_statistics) {
    check_channels(running_mean, v, "the running mean", where);
    check_channels(running_var, v, "the running variance", where);
  }
  Shape wide; // (1, C, 1, …)
  for (int i = 0; i < v.ndim(); ++i)
    wide.push_back(i == 1 ? v.shape(1) : 1);
  Variable centred, variance;
  if (config().train) {
    std::vector<int> axes{0};
    for (int i = 2; i < v.ndim(); ++i)
      axes.push_back(i);
    Reduce batch{Axes(std::span<const int>(axes)), true};
    Variable average = mean(v, batch);
    centred = v - average;
    variance = mean(square(centred), batch);
    if (has_statistics) {
      // Elements per channel.
      double count = double(v.size()) / double(std::max<int64_t>(g.size(), 1));
      blend(running_mean, average, options.decay);
      blend(running_var, variance * (count / std::max(count - 1, 1.0)),
            options.decay);
    }
  } else {
    if (!has_statistics)
      throw ValueError("batch_norm: in test mode the running statistics are "
                       "needed",
                       where);
    centred = v - reshape(running_mean, wide);
    variance = reshape(running_var, wide);
  }
  Variable scale = reshape(g, wide) / sqrt(variance + options.eps);
  return centred * scale + reshape(b, wide);
}

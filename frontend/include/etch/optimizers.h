//===- optimizers.h - How parameters learn from gradients -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   SGD optimizer({.lr = 0.1});
//   optimizer.setup(model).add_hook(WeightDecay(1e-4));
//   …
//   loss.backward();
//   optimizer.update();
//
// An update is made of operations without a graph and of assignments, so it
// compiles like everything else. Rates are read at each update: they may change
// between updates, also of a compiled step.
//===----------------------------------------------------------------------===//
#ifndef ETCH_OPTIMIZERS_H
#define ETCH_OPTIMIZERS_H

#include "etch/layers.h"

#include <functional>
#include <unordered_map>

namespace etch {

/// Runs before each update with all parameters that have a gradient; may
/// change the gradients by set_grad, or drop them.
using Hook = std::function<void(const Variables &params)>;

/// Updates a layer's parameters from their gradients.
class Optimizer {
public:
  virtual ~Optimizer();
  /// The layer whose parameters are updated; it must live as long.
  void set_target(Layer &layer) { target = &layer; }
  void append_hook(Hook hook) { hooks.push_back(std::move(hook)); }
  /// Updates every parameter that has a gradient. ValueError before setup().
  void update(SourceLocation l = SourceLocation::current());

  /// Arrays that the updates keep, such as moments, by path: "m/l1/W". They
  /// exist after the first update; assign() to them to restore a run.
  std::map<std::string, Variable> state() const;

protected:
  /// An array that belongs to a parameter, of its shape and type: zeros first.
  Variable &state_of(const Variable &param, const char *name);
  /// A number that all parameters share: float64 of shape ().
  Variable &shared_state(const char *name, double initial);
  /// Updates these parameters, one after the other.
  virtual void update_all(const Variables &params);
  /// Gives one parameter new contents, by assign().
  virtual void update_one(Variable param, const Variable &grad) = 0;
  /// The parameters that have a gradient after all hooks.
  Variables with_gradients() const;

private:
  struct Slot {
    Variable param;
    std::map<std::string, Variable> arrays;
  };
  Layer *target = nullptr;
  std::vector<Hook> hooks;
  std::unordered_map<const void *, Slot> slots;
  std::map<std::string, Variable> shared;
};

/// setup() and add_hook(), which give the optimizer itself:
/// `auto optimizer = SGD({.lr = 0.1}).setup(model);`
template <class Self> class OptimizerOf : public Optimizer {
public:
  Self &setup(Layer &layer) {
    set_target(layer);
    return static_cast<Self &>(*this);
  }
  Self &add_hook(Hook hook) {
    append_hook(std::move(hook));
    return static_cast<Self &>(*this);
  }
};

/// Hyper-parameters of SGD.
struct SGDOptions {
  double lr = 0.01;
};
/// w -= lr g
class SGD : public OptimizerOf<SGD>, public SGDOptions {
public:
  explicit SGD(const SGDOptions &options = {}) : SGDOptions(options) {}

private:
  void update_one(Variable w, const Variable &g) override;
};

/// Hyper-parameters of Momentum.
struct MomentumOptions {
  double lr = 0.01;
  double momentum = 0.9;
};
/// v = momentum v - lr g;  w += v
class MomentumSGD : public OptimizerOf<MomentumSGD>, public MomentumOptions {
public:
  explicit MomentumSGD(const MomentumOptions &options = {})
      : MomentumOptions(options) {}

private:
  void update_one(Variable w, const Variable &g) override;
};

/// Hyper-parameters of AdaGrad.
struct AdaGradOptions {
  double lr = 0.001;
  double eps = 1e-8;
};
/// h += g²;  w -= lr g / (sqrt(h) + eps)
class AdaGrad : public OptimizerOf<AdaGrad>, public AdaGradOptions {
public:
  explicit AdaGrad(const AdaGradOptions &options = {})
      : AdaGradOptions(options) {}

private:
  void update_one(Variable w, const Variable &g) override;
};

/// Hyper-parameters of AdaDelta.
struct AdaDeltaOptions {
  double rho = 0.95;
  double eps = 1e-6;
};
/// g2 = rho g2 + (1 - rho) g²;  d = sqrt((d2 + eps) / (g2 + eps)) g;
/// d2 = rho d2 + (1 - rho) d²;  w -= d
class AdaDelta : public OptimizerOf<AdaDelta>, public AdaDeltaOptions {
public:
  explicit AdaDelta(const AdaDeltaOptions &options = {})
      : AdaDeltaOptions(options) {}

private:
  void update_one(Variable w, const Variable &g) override;
};

/// Hyper-parameters of Adam.
struct AdamOptions {
  double lr = 0.001; ///< step size
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
};
/// m += (1 - beta1) (g - m);  v += (1 - beta2) (g² - v);
/// w -= lr sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + eps), where t
/// counts the updates. The powers are state, too, so that an exported step
/// knows them.
class Adam : public OptimizerOf<Adam>, public AdamOptions {
public:
  explicit Adam(const AdamOptions &options = {}) : AdamOptions(options) {}

private:
  void update_all(const Variables &params) override;
  void update_one(Variable w, const Variable &g) override;
  Variable rate; ///< of the present update
};

/// Hyper-parameters of AdamW.
struct AdamWOptions {
  double lr = 0.001;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.01; ///< of the weights themselves, times lr
};
/// m and v as Adam's;  w *= 1 - lr weight_decay;
/// w -= lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps). As PyTorch has
/// it: eps is outside of the correction, unlike Adam's.
class AdamW : public OptimizerOf<AdamW>, public AdamWOptions {
public:
  explicit AdamW(const AdamWOptions &options = {}) : AdamWOptions(options) {}

private:
  void update_all(const Variables &params) override;
  void update_one(Variable w, const Variable &g) override;
  Variable rate, root; ///< of the present update
};

/// Hyper-parameters of RMSprop.
struct RMSpropOptions {
  double lr = 0.01;
  double alpha = 0.99;
  double eps = 1e-8;
};
/// v = alpha v + (1 - alpha) g²;  w -= lr g / (sqrt(v) + eps)
class RMSprop : public OptimizerOf<RMSprop>, public RMSpropOptions {
public:
  explicit RMSprop(const RMSpropOptions &options = {})
      : RMSpropOptions(options) {}

private:
  void update_one(Variable w, const Variable &g) override;
};

// Hooks.

/// Adds rate times the parameter to each gradient.
struct WeightDecay {
  double rate;
  explicit WeightDecay(double rate) : rate(rate) {}
  void operator()(const Variables &params) const;
};

/// Scales all gradients by min(1, max_norm / (norm + 1e-6)); the norm is taken
/// over all of them together.
struct ClipGrad {
  double max_norm;
  explicit ClipGrad(double max_norm) : max_norm(max_norm) {}
  void operator()(const Variables &params) const;
};

/// Drops the gradients of some parameters, so that they stay as they are:
/// `FreezeParam({model.l1, model.l2.b})`.
class FreezeParam {
public:
  /// A parameter, or a layer with all that are in it.
  class Target {
  public:
    Target(const Parameter &p) : parameter(&p) {}
    Target(const Layer &l) : layer(&l) {}

  private:
    friend class FreezeParam;
    const Parameter *parameter = nullptr;
    const Layer *layer = nullptr;
  };
  /// The targets must live as long as the hook; layers may still be deferred.
  FreezeParam(std::initializer_list<Target> targets) : targets(targets) {}
  void operator()(const Variables &params) const;

private:
  std::vector<Target> targets;
};

} // namespace etch

#endif // ETCH_OPTIMIZERS_H

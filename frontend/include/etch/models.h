//===- models.h - Networks --------------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   struct TwoLayerNet : Model {
//     Linear l1{*this, "l1", 100}, l2{*this, "l2", 10};
//     Variable forward(const Variable &x) override {
//       return l2(sigmoid(l1(x)));
//     }
//   };
//===----------------------------------------------------------------------===//
#ifndef ETCH_MODELS_H
#define ETCH_MODELS_H

#include "etch/functions.h"
#include "etch/layers.h"

#include <functional>

namespace etch {

/// A layer that stands for a whole network.
class Model : public Layer {
public:
  using Layer::Layer;
  /// Writes the graph of forward(x) with shapes and types to a picture; see
  /// plot_dot_graph.
  void plot(const Variable &x, const std::string &file);
};

/// What stands between layers: relu, sigmoid, a lambda, ….
class Activation {
public:
  Activation(Variable (*function)(Operand)) : call(function) {}
  template <class F>
    requires(!std::convertible_to<F, Variable (*)(Operand)> &&
             !std::same_as<std::remove_cvref_t<F>, Activation> &&
             std::is_invocable_r_v<Variable, F &, const Variable &>)
  Activation(F function) : call(std::move(function)) {}
  Variable operator()(const Variable &x) const { return call(x); }

private:
  std::function<Variable(const Variable &)> call;
};

/// Linear layers l0, l1, … of these sizes with the activation between them:
/// `MLP model({1000, 1000, 10}, relu);`
class MLP : public Model {
public:
  explicit MLP(std::vector<int64_t> sizes, Activation activation = sigmoid,
               const LinearOptions &options = {});
  MLP(Layer &owner, std::string name, std::vector<int64_t> sizes,
      Activation activation = sigmoid, const LinearOptions &options = {});
  Variable forward(const Variable &x) override;
  /// Layer i.
  Linear &operator[](size_t i) { return *layers.at(i); }
  size_t count() const { return layers.size(); }

private:
  void add_layers(const std::vector<int64_t> &sizes,
                  const LinearOptions &options);

  std::vector<std::unique_ptr<Linear>> layers;
  Activation activation;
};

/// Layers and functions one after the other:
/// `Sequential net; net.add<Linear>(100).add(relu).add<Linear>(10);`
class Sequential : public Model {
public:
  using Model::Model;
  /// Appends a layer named by its position among layers and functions: "l0",
  /// "l2", ….
  template <std::derived_from<Layer> L, class... Args>
  Sequential &add(Args &&...args) {
    auto layer = std::make_unique<L>(*this, "l" + std::to_string(steps.size()),
                                     std::forward<Args>(args)...);
    steps.push_back({[l = layer.get()](const Variable &x) { return (*l)(x); }});
    layers.push_back(std::move(layer));
    return *this;
  }
  /// Appends a function without parameters.
  Sequential &add(Activation function) {
    steps.push_back(std::move(function));
    return *this;
  }
  Variable forward(const Variable &x) override;
  /// Layer i; functions do not count.
  Layer &operator[](size_t i) { return *layers.at(i); }
  size_t count() const { return layers.size(); }

private:
  std::vector<std::unique_ptr<Layer>> layers;
  std::vector<Activation> steps;
};

} // namespace etch

#endif // ETCH_MODELS_H

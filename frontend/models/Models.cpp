//===- Models.cpp - Networks ----------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/models.h"

#include "etch/plot.h"

namespace etch {

void Model::plot(const Variable &x, const std::string &file) {
  plot_dot_graph((*this)(x), file, {.verbose = true});
}

MLP::MLP(std::vector<int64_t> sizes, Activation activation,
         const LinearOptions &options)
    : activation(std::move(activation)) {
  add_layers(sizes, options);
}

MLP::MLP(Layer &owner, std::string name, std::vector<int64_t> sizes,
         Activation activation, const LinearOptions &options)
    : Model(owner, std::move(name)), activation(std::move(activation)) {
  add_layers(sizes, options);
}

void MLP::add_layers(const std::vector<int64_t> &sizes,
                     const LinearOptions &options) {
  if (sizes.empty())
    throw ValueError("MLP: at least one layer is needed");
  // Only the first layer's input may be given; the others follow from it.
  LinearOptions own = options;
  for (size_t i = 0; i < sizes.size(); ++i, own.in_size = 0)
    layers.push_back(std::make_unique<Linear>(*this, "l" + std::to_string(i),
                                              sizes[i], own));
}

Variable MLP::forward(const Variable &x) {
  Variable y = x;
  for (size_t i = 0; i < layers.size(); ++i)
    y = i == 0 ? (*layers[i])(y) : (*layers[i])(activation(y));
  return y;
}

Variable Sequential::forward(const Variable &x) {
  Variable y = x;
  for (const Activation &step : steps)
    y = step(y);
  return y;
}

} // namespace etch

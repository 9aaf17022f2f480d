//===- Pretrained.h - Weights and windows of known networks -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_MODELS_PRETRAINED_H
#define ETCH_MODELS_PRETRAINED_H

#include "etch/layers.h"

namespace etch::detail {

/// Gives a model the weights of this file of DeZero's collection.
void load_pretrained(Layer &model, const std::string &file);

/// The largest element of 3x3 windows at every second place, of which the last
/// ones may reach over the border, so that they cover everything.
Variable covering_pooling(const Variable &x);

} // namespace etch::detail

#endif // ETCH_MODELS_PRETRAINED_H

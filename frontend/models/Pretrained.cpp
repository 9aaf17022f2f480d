//===- Pretrained.cpp - weights and windows of known networks -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/models/Pretrained.h"

#include "etch/convolution.h"
#include "etch/download.h"

#include <limits>

namespace etch {

void detail::load_pretrained(Layer &model, const std::string &file) {
  constexpr const char *collection =
      "https://github.com/koki0702/dezero-models/releases/download/v0.1/";
  model.load_weights(get_file(collection + file));
}

Variable detail::covering_pooling(const Variable &x) {
  auto missing = [](int64_t extent) {
    return extent < 3 ? 3 - extent : (extent - 3) % 2;
  };
  int64_t below = missing(x.shape(-2)), right = missing(x.shape(-1));
  Variable wide = x;
  if (below || right)
    wide = pad(x, {{0, 0}, {0, 0}, {0, below}, {0, right}},
               -std::numeric_limits<double>::infinity());
  return pooling(wide, 3, {.stride = 2});
}

} // namespace etch

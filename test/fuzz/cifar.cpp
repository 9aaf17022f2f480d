//===- cifar.cpp - Fuzzes the reader of CIFAR files -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/data/Formats.h"
#include "test/fuzz/fuzz.h"

using namespace etch;

ETCH_FUZZ([](std::span<const uint8_t> file) {
  // The first byte chooses the format.
  bool hundred = !file.empty() && file[0] & 1;
  detail::Cifar all;
  detail::parse_cifar(file.empty() ? file : file.subspan(1), "fuzz", hundred,
                      all);
  if (all.pixels.size() != size_t(all.count) * 3072 ||
      all.labels.size() != size_t(all.count))
    std::abort();
})

//===- gzip.cpp - Fuzzes the reader of gzip files -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/data/Formats.h"
#include "test/fuzz/fuzz.h"

using namespace etch;

ETCH_FUZZ([](std::span<const uint8_t> file) {
  detail::unpack({file.begin(), file.end()}, "fuzz", 1 << 22);
})

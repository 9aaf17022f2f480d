//===- idx.cpp - Fuzzes the reader of IDX files ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/data/Formats.h"
#include "test/fuzz/fuzz.h"

using namespace etch;

ETCH_FUZZ([](std::span<const uint8_t> file) {
  detail::Idx idx = detail::parse_idx(file, "fuzz");
  uint64_t count = 1;
  for (int64_t extent : idx.extents)
    count *= uint64_t(extent);
  if (count != idx.bytes.size())
    std::abort();
})

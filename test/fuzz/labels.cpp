//===- labels.cpp - Fuzzes the reader of tables of names ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/data/Formats.h"
#include "test/fuzz/fuzz.h"

using namespace etch;

ETCH_FUZZ([](std::span<const uint8_t> file) {
  detail::parse_labels(
      {reinterpret_cast<const char *>(file.data()), file.size()}, "fuzz");
})

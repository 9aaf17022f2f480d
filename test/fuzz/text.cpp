//===- text.cpp - Fuzzes the reader of UTF-8 texts ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/data/Formats.h"
#include "test/fuzz/fuzz.h"

using namespace etch;

ETCH_FUZZ([](std::span<const uint8_t> file) {
  std::string text(file.begin(), file.end()), back;
  for (char32_t c : detail::parse_utf8(text, "fuzz"))
    back += detail::to_utf8(c);
  if (back != text)
    std::abort();
})

//===- tar.cpp - Fuzzes the reader of tar archives ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/data/Formats.h"
#include "test/fuzz/fuzz.h"

using namespace etch;

/// Gives the headers the right sums: what is behind them shall be reached.
static void set_sums(std::vector<uint8_t> &file) {
  for (size_t at = 0; at + 512 <= file.size(); at += 512) {
    uint8_t *head = file.data() + at;
    if (std::strncmp(reinterpret_cast<char *>(head) + 257, "ustar", 5) != 0)
      continue;
    std::memset(head + 148, ' ', 8);
    unsigned sum = 0;
    for (size_t i = 0; i < 512; ++i)
      sum += head[i];
    std::string digits;
    for (int shift = 15; shift >= 0; shift -= 3)
      digits += char('0' + (sum >> shift & 7));
    std::memcpy(head + 148, digits.c_str(), 7);
  }
}

ETCH_FUZZ([](std::span<const uint8_t> input) {
  std::vector<uint8_t> file(input.begin(), input.end());
  set_sums(file);
  unsigned sum = 0;
  for (const detail::TarMember &member : detail::parse_tar(file, "fuzz")) {
    if (member.name.find('/') != member.name.npos)
      std::abort(); // a path could leave the folder
    for (uint8_t byte : member.content)
      sum += byte;
  }
  [[maybe_unused]] volatile unsigned read = sum;
})

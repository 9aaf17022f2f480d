//===- Digits.h - Digits drawn by a program ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_DATA_DIGITS_H
#define ETCH_DATA_DIGITS_H

#include <cstdint>
#include <vector>

namespace etch::detail {

/// `count` images of 28 x 28 bytes and their labels, the same for each seed.
void draw_digits(uint32_t seed, int64_t count, std::vector<uint8_t> &pixels,
                 std::vector<uint8_t> &labels);

} // namespace etch::detail

#endif // ETCH_DATA_DIGITS_H

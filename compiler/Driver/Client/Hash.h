//===- Hash.h - 128 bits that stand for a text ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two passes of a multiply-fold hash with different seeds. Not cryptographic:
// the cache directory belongs to the user, chance is the only adversary.
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_DRIVER_CLIENT_HASH_H
#define ETCH_DRIVER_CLIENT_HASH_H

#include <compare>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace etch::driver {

/// Name of a compiled program.
struct Key {
  uint64_t low = 0, high = 0;

  auto operator<=>(const Key &) const = default;

  /// 32 hexadecimal digits.
  std::string text() const {
    std::string out;
    for (uint64_t word : {high, low})
      for (int shift = 60; shift >= 0; shift -= 4)
        out += "0123456789abcdef"[word >> shift & 15];
    return out;
  }
};

inline uint64_t foldedProduct(uint64_t a, uint64_t b) {
  unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return uint64_t(product) ^ uint64_t(product >> 64);
}

/// 64 bits of any bytes. The length counts: "a" and "a\0" differ.
inline uint64_t hashBytes(const void *data, size_t bytes, uint64_t seed) {
  constexpr uint64_t k0 = 0xa0761d6478bd642f, k1 = 0xe7037ed1a0b428db;
  const char *at = static_cast<const char *>(data);
  uint64_t hash = foldedProduct(seed ^ k0, bytes ^ k1);
  while (bytes) {
    uint64_t words[2] = {0, 0};
    size_t n = bytes < 16 ? bytes : 16;
    memcpy(words, at, n);
    hash = foldedProduct(words[0] ^ k0 ^ hash, words[1] ^ k1);
    at += n;
    bytes -= n;
  }
  return foldedProduct(hash ^ k1, seed ^ k0);
}

inline Key hashText(std::string_view text) {
  return {hashBytes(text.data(), text.size(), 0x8ebc6af09c88c6e3),
          hashBytes(text.data(), text.size(), 0x589965cc75374cc3)};
}

} // namespace etch::driver

#endif // ETCH_DRIVER_CLIENT_HASH_H

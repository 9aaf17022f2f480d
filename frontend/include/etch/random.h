//===- random.h - Random numbers --------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// etch::random: the numbers that numpy.random gives after numpy.random.seed(n),
// bit for bit: MT19937, uniforms of 53 bits, normals by the polar method,
// permutations by masked rejection. Arrays are float64 or int64. All draws come
// from one stream per process, which starts as after seed(0). They are drawn by
// the host.
//
// etch::Generator: numbers that programs draw themselves, compiled ones too.
//===----------------------------------------------------------------------===//
#ifndef ETCH_RANDOM_H
#define ETCH_RANDOM_H

#include "etch/operand.h"

#include <array>

namespace etch::random {

/// Where a stream stands: can be kept, compared, and put back.
struct State {
  std::array<uint32_t, 624> key;
  uint32_t position;       ///< words of `key` that are used up
  bool has_normal = false; ///< the polar method makes two normals at a time
  double normal = 0;       ///< the second one, when it has not been drawn yet
  friend bool operator==(const State &, const State &) = default;
};

/// A stream of its own. Not for several threads at a time.
class Generator {
public:
  explicit Generator(uint32_t seed = 0) { this->seed(seed); }
  void seed(uint32_t seed);
  State get_state() const { return state; }
  void set_state(const State &s) { state = s; }

  uint32_t bits();                    ///< the next 32 bits
  double uniform();                   ///< in [0, 1)
  double normal();                    ///< mean 0, variance 1
  uint64_t at_most(uint64_t largest); ///< integer in [0, largest]
  /// 0 … n-1 in random order.
  std::vector<int64_t> permutation(int64_t n);

private:
  State state;
};

/// Starts the process's stream anew.
void seed(uint32_t seed);
State get_state();
void set_state(const State &state);

/// Uniform in [0, 1), float64.
Variable rand(const Shape &shape = {},
              SourceLocation l = SourceLocation::current());
/// Uniform in [low, high), float64.
Variable uniform(double low, double high, const Shape &shape = {},
                 SourceLocation l = SourceLocation::current());
/// Normal with mean 0 and variance 1, float64.
Variable randn(const Shape &shape = {},
               SourceLocation l = SourceLocation::current());
/// Integers in [low, high), int64. ValueError when there are none.
Variable randint(int64_t low, int64_t high, const Shape &shape = {},
                 SourceLocation l = SourceLocation::current());
/// 0 … n-1 in random order, int64. ValueError for a negative n.
Variable permutation(int64_t n);

struct ChoiceOptions {
  bool replace = true; ///< the same number may come several times
};
/// `count` of the numbers 0 … n-1, int64. ValueError when there are not enough.
Variable choice(int64_t n, int64_t count, const ChoiceOptions &options = {});

} // namespace etch::random

namespace etch {

/// Random numbers as operations: Philox4x32-10, which computes a number from a
/// key and a counter. Both are arrays, so a compiled function that draws keeps
/// its place in the stream, as any state, and draws what eager code would. Not
/// for several threads at a time.
class Generator {
public:
  explicit Generator(uint64_t seed = 0);
  /// Starts anew: the key is the seed, the counter 0.
  void seed(uint64_t seed);
  /// Uniform in [0, 1), f64 or f32 (DTypeError for others): multiples of 2^-53
  /// or 2^-24. Element i has counter + i; the counter goes on behind the last.
  Variable uniform(const Shape &shape, DType dtype = f64,
                   SourceLocation l = SourceLocation::current());

  /// The state, int64 of shape (): can be kept and put back by assign().
  Variable key, counter;
};

/// What dropout draws from, one for each thread. random::seed(n) seeds that of
/// the calling thread.
Generator &default_generator();

/// In training (see config.h) each element is 0 with probability `ratio`, a
/// number or an array of shape (), and else divided by 1 - ratio; in test mode
/// x itself. ValueError unless the ratio is in [0, 1].
Variable dropout(Operand x, Operand ratio = 0.5,
                 Generator &generator = default_generator());

} // namespace etch

#endif // ETCH_RANDOM_H

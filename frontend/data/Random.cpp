//===- Random.cpp - NumPy's legacy random stream --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/random.h"

#include "etch/array.h"
#include "frontend/core/Array.h"
#include "frontend/core/Convert.h"
#include "frontend/data/Stream.h"
#include "frontend/engine/Engine.h"

#include <cmath>
#include <mutex>
#include <numeric>
#include <span>

namespace etch::random {

namespace {

constexpr uint32_t words = 624, middle = 397;

/// Makes the next 624 words of MT19937.
void twist(State &s) {
  auto mix = [](uint32_t high, uint32_t low) {
    uint32_t y = (high & 0x80000000u) | (low & 0x7fffffffu);
    return (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0u);
  };
  for (uint32_t i = 0; i < words; ++i)
    s.key[i] =
        s.key[(i + middle) % words] ^ mix(s.key[i], s.key[(i + 1) % words]);
  s.position = 0;
}

std::mutex stream_mutex;
/// Of this thread; null: the process's.
constinit thread_local Generator *own_stream = nullptr;

Generator &stream() {
  static Generator generator;
  return own_stream ? *own_stream : generator;
}

/// Of what is recorded once and runs often, a draw would not be one.
void tell_recorder(const Location &where = SourceLocation::current()) {
  if (detail::Recorder *r = detail::recorder())
    r->host_draw(where.in_user_code());
}

/// Fills an array from the process's stream.
template <class T, class Draw>
Variable draw(const char *what, const Shape &shape, const Location &where,
              Draw next) {
  tell_recorder(where);
  detail::ValueRef v =
      detail::new_dense(detail::dtype_of<T>, shape, what, where);
  {
    std::lock_guard lock(stream_mutex);
    for (T &value : std::span(static_cast<T *>(v->data), shape.elements()))
      value = next(stream());
  }
  return detail::new_array(std::move(v), where);
}

} // namespace

void Generator::seed(uint32_t seed) {
  state = State{};
  state.key[0] = seed;
  for (uint32_t i = 1; i < words; ++i)
    state.key[i] =
        1812433253u * (state.key[i - 1] ^ (state.key[i - 1] >> 30)) + i;
  state.position = words;
}

uint32_t Generator::bits() {
  if (state.position == words)
    twist(state);
  uint32_t y = state.key[state.position++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

double Generator::uniform() {
  uint32_t a = bits() >> 5, b = bits() >> 6;
  return (a * 67108864.0 + b) / 9007199254740992.0;
}

double Generator::normal() {
  if (state.has_normal) {
    state.has_normal = false;
    return std::exchange(state.normal, 0.0);
  }
  double x1, x2, r2;
  do {
    x1 = 2.0 * uniform() - 1.0;
    x2 = 2.0 * uniform() - 1.0;
    r2 = x1 * x1 + x2 * x2;
  } while (r2 >= 1.0 || r2 == 0.0);
  double f = std::sqrt(-2.0 * std::log(r2) / r2);
  state.normal = f * x1;
  state.has_normal = true;
  return f * x2;
}

uint64_t Generator::at_most(uint64_t largest) {
  uint64_t mask = largest;
  for (int shift = 1; shift < 64; shift *= 2)
    mask |= mask >> shift;
  uint64_t value;
  do {
    value = bits();
    if (largest > 0xffffffffu)
      value = (value << 32) | bits();
    value &= mask;
  } while (value > largest);
  return value;
}

std::vector<int64_t> Generator::permutation(int64_t n) {
  std::vector<int64_t> order(size_t(n < 0 ? 0 : n));
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = n - 1; i > 0; --i)
    std::swap(order[size_t(i)], order[at_most(uint64_t(i))]);
  return order;
}

void seed(uint32_t seed) {
  {
    std::lock_guard lock(stream_mutex);
    stream().seed(seed);
  }
  default_generator().seed(seed);
}

State get_state() {
  std::lock_guard lock(stream_mutex);
  return stream().get_state();
}

void set_state(const State &state) {
  std::lock_guard lock(stream_mutex);
  stream().set_state(state);
}

Variable rand(const Shape &shape, SourceLocation l) {
  return draw<double>("rand", shape, l,
                      [](Generator &g) { return g.uniform(); });
}

Variable uniform(double low, double high, const Shape &shape,
                 SourceLocation l) {
  return draw<double>("uniform", shape, l, [=](Generator &g) {
    return low + (high - low) * g.uniform();
  });
}

Variable randn(const Shape &shape, SourceLocation l) {
  return draw<double>("randn", shape, l,
                      [](Generator &g) { return g.normal(); });
}

Variable randint(int64_t low, int64_t high, const Shape &shape,
                 SourceLocation l) {
  if (low >= high)
    throw ValueError("randint: no integer is in [" + std::to_string(low) +
                         ", " + std::to_string(high) + ")",
                     l);
  // Unsigned: the width of the range may exceed int64.
  uint64_t largest = uint64_t(high) - uint64_t(low) - 1;
  return draw<int64_t>("randint", shape, l, [=](Generator &g) {
    return int64_t(uint64_t(low) + (largest ? g.at_most(largest) : 0));
  });
}

Variable permutation(int64_t n) {
  if (n < 0)
    throw ValueError("permutation: " + std::to_string(n) + " is negative");
  tell_recorder();
  std::vector<int64_t> order;
  {
    std::lock_guard lock(stream_mutex);
    order = stream().permutation(n);
  }
  return from_data(std::span<const int64_t>(order), {n});
}

Variable choice(int64_t n, int64_t count, const ChoiceOptions &options) {
  if (n < 1 || count < 0 || (!options.replace && count > n))
    throw ValueError("choice: cannot take " + std::to_string(count) + " of " +
                     std::to_string(n) + " numbers");
  if (options.replace)
    return randint(0, n, {count});
  tell_recorder();
  std::vector<int64_t> order;
  {
    std::lock_guard lock(stream_mutex);
    order = stream().permutation(n);
  }
  order.resize(size_t(count));
  return from_data(std::span<const int64_t>(order), {count});
}

} // namespace etch::random

namespace etch::detail {

StreamScope::StreamScope(uint32_t seed)
    : generator(seed), outer(random::own_stream) {
  random::own_stream = &generator;
}

StreamScope::~StreamScope() { random::own_stream = outer; }

uint32_t peek_stream() {
  std::lock_guard lock(random::stream_mutex);
  return random::Generator(random::stream()).bits();
}

} // namespace etch::detail

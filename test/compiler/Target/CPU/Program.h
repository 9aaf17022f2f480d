//===- Program.h - Compiles and runs a program in a test ---------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_TEST_COMPILER_TARGET_CPU_PROGRAM_H
#define ETCH_TEST_COMPILER_TARGET_CPU_PROGRAM_H

#include "compiler/Driver/Client/Client.h"

#include <cstring>
#include <gtest/gtest.h>
#include <numeric>
#include <random>

namespace etch::test {

template <class T> struct TypeName;
template <> struct TypeName<float> {
  static constexpr const char *text = "f32";
  static constexpr int32_t dtype = ETCH_F32;
};
template <> struct TypeName<double> {
  static constexpr const char *text = "f64";
  static constexpr int32_t dtype = ETCH_F64;
};
template <> struct TypeName<int32_t> {
  static constexpr const char *text = "i32";
  static constexpr int32_t dtype = ETCH_I32;
};
template <> struct TypeName<int64_t> {
  static constexpr const char *text = "i64";
  static constexpr int32_t dtype = ETCH_I64;
};
template <> struct TypeName<uint8_t> { // a boolean
  static constexpr const char *text = "i1";
  static constexpr int32_t dtype = ETCH_BOOL;
};

using Extents = std::vector<int64_t>;

inline int64_t countOf(const Extents &extents) {
  return std::accumulate(extents.begin(), extents.end(), int64_t(1),
                         std::multiplies<>());
}

/// An array in row-major order, or a strided view of one.
template <class T> struct Array {
  Extents extents, strides;
  std::vector<T> data;

  Array(Extents e, T value = T()) : extents(std::move(e)) {
    strides.assign(extents.size(), 1);
    for (size_t i = extents.size(); i-- > 1;)
      strides[i - 1] = strides[i] * extents[i];
    data.assign(size_t(countOf(extents)), value);
  }
  T &operator[](int64_t i) { return data[size_t(i)]; }
  const T &operator[](int64_t i) const { return data[size_t(i)]; }
  /// The same bits, NaN payloads aside.
  bool same(const Array &o) const {
    if (extents != o.extents)
      return false;
    for (size_t i = 0; i < data.size(); ++i)
      if (std::memcmp(&data[i], &o.data[i], sizeof(T)) &&
          !(data[i] != data[i] && o.data[i] != o.data[i]))
        return false;
    return true;
  }
};

/// Values around 0, of both signs; small integers for integer types.
template <class T> Array<T> randomArray(Extents extents, unsigned seed) {
  Array<T> array(std::move(extents));
  std::mt19937 generator(seed);
  for (T &v : array.data)
    if constexpr (std::is_floating_point_v<T>)
      v = T(std::normal_distribution<double>()(generator));
    else
      v = T(std::uniform_int_distribution<int>(
          std::is_same_v<T, uint8_t> ? 0 : -1000,
          std::is_same_v<T, uint8_t> ? 1 : 1000)(generator));
  return array;
}

/// `tensor<2x3xf32>`; `dynamic`: `tensor<?x?xf32>`.
template <class T>
std::string typeText(const Extents &e, bool dynamic = false) {
  std::string text = "tensor<";
  for (int64_t extent : e)
    text += (dynamic ? "?" : std::to_string(extent)) + "x";
  return text + TypeName<T>::text + ">";
}

/// A host with two workers that runs the pieces of a loop last to first, so
/// that a result that depends on their order or size shows.
inline const etch_host_t *backwardsHost() {
  static auto parallelFor = [](void *, etch_task_t task, void *closure,
                               int64_t count, int64_t grain) {
    int64_t step = std::max<int64_t>(grain, 1), last = (count - 1) / step;
    for (int64_t piece = last; piece >= 0; --piece)
      task(closure, piece * step, std::min(count, (piece + 1) * step),
           int32_t(piece % 2));
  };
  static const etch_host_t host = {
      nullptr,
      [](void *self, etch_task_t task, void *closure, int64_t count,
         int64_t grain) { parallelFor(self, task, closure, count, grain); },
      2, 0};
  return &host;
}

/// A compiled program; arguments and results are given one after the other.
class Program {
public:
  Program(const std::string &text, const std::string &mcpu = "native",
          driver::Effort effort = driver::Effort::full,
          const std::string &without = "")
      : Program(text, optionsOf(mcpu, effort, without)) {}
  Program(const std::string &text, const driver::CompileOptions &options) {
    driver::CompileResult result = driver::compile(text, options);
    for (const driver::Diagnostic &d : result.diagnostics)
      ADD_FAILURE() << d.message << "\n" << text;
    loaded = result.module;
  }
  explicit operator bool() const { return loaded != nullptr; }
  const etch_module_t &module() const { return loaded->module(); }

  template <class T> Program &in(Array<T> &array) {
    args.push_back(describe(array));
    return *this;
  }
  template <class T> Program &out(Array<T> &array) {
    results.push_back(describe(array));
    return *this;
  }
  /// Runs and forgets the arguments. `missing` bytes are kept from the arena.
  etch_status_t run(const etch_host_t *host = backwardsHost(),
                    uint64_t missing = 0) {
    call = {};
    call.args = args.data();
    call.num_args = int32_t(args.size());
    call.results = results.data();
    call.num_results = int32_t(results.size());
    call.host = host;
    uint64_t bytes = module().arena_bytes(&call);
    std::vector<char> memory(bytes + 64, char(0x7f));
    call.arena = reinterpret_cast<void *>(
        (reinterpret_cast<uintptr_t>(memory.data()) + 63) / 64 * 64);
    call.arena_bytes = bytes - missing;
    call.is_prepared = !prepared.empty();
    if (call.prepared_bytes = module().prepared_bytes; call.prepared_bytes) {
      prepared.resize(call.prepared_bytes + 64);
      call.prepared = reinterpret_cast<void *>(
          (reinterpret_cast<uintptr_t>(prepared.data()) + 63) / 64 * 64);
    }
    args.swap(ranArgs);
    results.swap(ranResults);
    call.args = ranArgs.data();
    call.results = ranResults.data();
    etch_status_t status = module().run(&call);
    args.clear();
    results.clear();
    return status;
  }

  etch_call_t call = {};

private:
  static driver::CompileOptions optionsOf(const std::string &mcpu,
                                          driver::Effort effort,
                                          const std::string &without) {
    driver::CompileOptions options;
    options.without = without;
    options.mcpu = mcpu;
    options.effort = effort;
    return options;
  }
  template <class T> etch_tensor_t describe(Array<T> &array) {
    return {array.data.data(), array.extents.data(), array.strides.data(),
            TypeName<T>::dtype, int32_t(array.extents.size())};
  }
  std::shared_ptr<const driver::LoadedModule> loaded;
  std::vector<etch_tensor_t> args, results, ranArgs, ranResults;
  std::vector<char> prepared; ///< by the first run, for all others
};

/// The order of a strict reduction, one element after the other.
template <class T, class Combine>
T strictReduction(const std::vector<T> &elements, T identity, Combine combine) {
  std::vector<T> total(16, identity);
  for (size_t block = 0; block < elements.size(); block += 4096) {
    std::vector<T> lanes(16, identity);
    for (size_t i = block; i < std::min(elements.size(), block + 4096); ++i)
      lanes[i % 16] = combine(lanes[i % 16], elements[i]);
    for (size_t lane = 0; lane < 16; ++lane)
      total[lane] = combine(total[lane], lanes[lane]);
  }
  for (size_t half = 8; half; half /= 2)
    for (size_t lane = 0; lane < half; ++lane)
      total[lane] = combine(total[lane], total[lane + half]);
  return total[0];
}

} // namespace etch::test

#endif // ETCH_TEST_COMPILER_TARGET_CPU_PROGRAM_H

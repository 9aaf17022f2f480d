//===- Arrays.h - Arrays of files from and to numbers -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_TEST_RUNTIME_ARRAYS_H
#define ETCH_TEST_RUNTIME_ARRAYS_H

#include "etch/npy.h"

#include <cstring>
#include <string>
#include <vector>

namespace etch::test {

template <typename T>
io::Array arrayOf(etch_dtype_t dtype, std::vector<int64_t> shape,
                  std::vector<T> values) {
  io::Array array = io::Array::make(dtype, std::move(shape));
  if (!values.empty())
    memcpy(array.data.get(), values.data(), values.size() * sizeof(T));
  return array;
}

template <typename T> std::vector<T> valuesOf(const io::Array &array) {
  std::vector<T> values(size_t(array.size()));
  if (!values.empty())
    memcpy(values.data(), array.data.get(), array.bytes());
  return values;
}

template <typename T> std::string bytesOf(std::vector<T> values) {
  return std::string(reinterpret_cast<char *>(values.data()),
                     values.size() * sizeof(T));
}

} // namespace etch::test

#endif // ETCH_TEST_RUNTIME_ARRAYS_H

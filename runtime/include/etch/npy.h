//===- npy.h - NumPy's .npy and .npz files ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads and writes arrays of the five element types. Nothing here throws: each
// function returns an Error, which is empty on success; its text names the file
// and the reason. Reading never trusts a size that the file states.
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_NPY_H
#define ETCH_NPY_H

#include "etch/runtime.h"

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace etch::io {

/// What went wrong: ETCH_ERROR_IO (the system), ETCH_ERROR_FORMAT (the file's
/// content), ETCH_ERROR_MEMORY, ETCH_ERROR_ARGUMENT. True when it is an error.
struct Error {
  etch_status_t code = ETCH_OK;
  std::string message;

  explicit operator bool() const { return code != ETCH_OK; }
};

/// A dense row-major array. The data is 64-byte aligned when it was made here;
/// it is shared, not copied, when an Array is copied.
struct Array {
  etch_dtype_t dtype = ETCH_F32;
  std::vector<int64_t> extents;
  std::shared_ptr<void> data;

  /// Uninitialised storage; `data` is null when there is no memory for it.
  static Array make(etch_dtype_t dtype, std::vector<int64_t> extents);

  /// Refers to memory of somebody else, which must live as long.
  static Array view(etch_dtype_t dtype, std::vector<int64_t> extents,
                    const void *data);

  int64_t size() const; ///< number of elements
  size_t bytes() const; ///< of all elements
};

/// Arrays by name, in the order of the file; names without ".npy".
using Arrays = std::vector<std::pair<std::string, Array>>;

/// Reads a .npy file, format 1 to 3. Fortran order becomes row-major;
/// big-endian data, other element types, objects and structures are errors that
/// name them.
Error readNpy(const std::string &path, Array &out);

/// Writes a .npy file; the file appears whole or not at all.
Error writeNpy(const std::string &path, const Array &array);

/// Reads every .npy member of a .npz file, stored or deflated, zip64 included,
/// and checks its CRC. Members that are no arrays are skipped.
Error readNpz(const std::string &path, Arrays &out);

/// Writes a .npz file; the file appears whole or not at all. Equal arrays give
/// equal files. Names must be unique and not empty.
Error writeNpz(const std::string &path, const Arrays &arrays,
               bool compress = false);

/// NumPy's name of an element type for messages, such as "uint8" for "|u1";
/// the text itself when it is no number.
std::string dtypeName(const std::string &descr);

} // namespace etch::io

#endif // ETCH_NPY_H

//===- safetensors.h - Arrays in .safetensors files -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A header of JSON, then the elements of all arrays without a gap. As npy.h:
// nothing throws, and no size that a file states is trusted.
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_SAFETENSORS_H
#define ETCH_SAFETENSORS_H

#include "etch/npy.h"

namespace etch::io {

/// Reads a .safetensors file, arrays in the order of their data. float16 and
/// bfloat16 become float32, which loses nothing; element types other than those
/// and the five of Etch are errors that name them, and so is all that the
/// format forbids: a header of more than 100 MB, names that come twice, offsets
/// that overlap, leave gaps, leave the file or do not fit the shape.
Error readSafetensors(const std::string &path, Arrays &out);

/// Writes a .safetensors file, larger elements first so that all are aligned;
/// the file appears whole or not at all. Equal arrays give equal files. Names
/// must be unique UTF-8, not empty and not "__metadata__".
Error writeSafetensors(const std::string &path, const Arrays &arrays);

} // namespace etch::io

#endif // ETCH_SAFETENSORS_H

//===- Stream.h - Which random stream a thread draws from -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_DATA_STREAM_H
#define ETCH_DATA_STREAM_H

#include "etch/random.h"

namespace etch::detail {

/// While it lives, this thread draws from a stream of its own instead of the
/// process's one.
class StreamScope {
public:
  explicit StreamScope(uint32_t seed);
  ~StreamScope();
  StreamScope(const StreamScope &) = delete;
  StreamScope &operator=(const StreamScope &) = delete;

private:
  random::Generator generator;
  random::Generator *outer;
};

/// The next 32 bits that the stream would give, which stays where it is.
uint32_t peek_stream();

} // namespace etch::detail

#endif // ETCH_DATA_STREAM_H

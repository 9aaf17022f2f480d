//===- graph.h - The graph behind a Variable --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Walks from a result to what it was made of: y.creator().inputs().
//===----------------------------------------------------------------------===//
#ifndef ETCH_GRAPH_H
#define ETCH_GRAPH_H

#include "etch/variable.h"

namespace etch {

/// A node of the graph that y.creator() gives: an operation that was run.
class Creator {
public:
  Creator() = default;
  Creator(const Creator &o) noexcept;
  Creator(Creator &&o) noexcept : entry(std::exchange(o.entry, nullptr)) {}
  Creator &operator=(Creator o) noexcept {
    std::swap(entry, o.entry);
    return *this;
  }
  ~Creator();
  explicit operator bool() const { return entry != nullptr; }
  friend bool operator==(const Creator &, const Creator &) = default;

  std::string name() const; ///< "mul"; the class's name for user Functions
  /// Operands in order. A Variable that nobody holds any more has type and
  /// creator but no contents.
  Variables inputs() const;
  /// Results that are still held; empty Variables for the others.
  Variables outputs() const;
  int64_t generation() const; ///< the largest of its inputs'
  Location location() const;
  const void *id() const { return entry; }

private:
  friend class Variable;
  explicit Creator(void *entry) noexcept;
  void *entry = nullptr;
};

} // namespace etch

#endif // ETCH_GRAPH_H

//===- Node.h - What a Variable is a handle of ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Three counted objects. A Storage is memory. A Value is an immutable view of a
// Storage: type, strides, first element. A Node is a Variable's identity: its
// present Value, its gradient, its place in the graph. The tape keeps Values,
// so that state updates (which give a Node another Value) do not disturb it.
//===----------------------------------------------------------------------===//
#ifndef ETCH_ENGINE_NODE_H
#define ETCH_ENGINE_NODE_H

#include "etch/variable.h"
#include "frontend/core/Counted.h"

namespace etch::detail {

class Entry; // Tape.h

/// Memory; the elements follow in the same block, or belong to somebody else.
struct Storage : Counted {
  void *data = nullptr;
  size_t bytes = 0;
  void (*deleter)(void *context) = nullptr; ///< of foreign memory
  void *context = nullptr;
  bool foreign = false;
  int8_t device = -1; ///< whose memory it is: cuda(device); -1: the host's
};
void destroy(Storage *s) noexcept;
using StorageRef = Ref<Storage>;

/// Uninitialised memory, 64-byte aligned, from a cache of blocks.
StorageRef allocate(size_t bytes);
/// Memory of somebody else; deleter(context), if any, runs with the last use.
StorageRef borrow(void *data, size_t bytes, void (*deleter)(void *),
                  void *context);

/// An immutable view of memory. Without storage it is only a type: a value of a
/// trace, or contents that were released.
struct Value;
void destroy(Value *v) noexcept;
using ValueRef = Ref<Value>;

struct Value : Counted {
  DType dtype = f64;
  Shape shape;
  int64_t strides[Shape::max_rank] = {}; ///< in elements
  void *data = nullptr;                  ///< of element (0, 0, …)
  StorageRef storage;
  /// Of a device's memory: the same elements on the host, if somebody asked.
  mutable ValueRef on_host;

  TensorType type() const { return {dtype, shape}; }
  bool is_dense() const; ///< row-major without gaps
  bool on_device() const { return storage && storage->device >= 0; }
};

/// A dense Value with fresh, uninitialised storage.
ValueRef make_dense(DType dtype, const Shape &shape);
/// A Value without storage.
ValueRef make_type_only(DType dtype, const Shape &shape);
/// The same memory under another shape; the offset counts elements.
ValueRef make_view(const Value &of, const Shape &shape, const int64_t *strides,
                   int64_t offset = 0);
/// One element in memory, repeated by strides of zero.
ValueRef make_splat(double value, DType dtype, const Shape &shape);
/// The same elements in fresh dense memory of the same device.
ValueRef dense_copy(const Value &v);
/// Converts one number.
void store_scalar(void *to, DType dtype, double value);
/// The dense row-major strides of a shape.
void dense_strides(const Shape &shape, int64_t *strides);

/// What a Variable is a handle of.
struct Node : Counted {
  enum Flags : uint16_t {
    parameter = 1,  ///< made as a Parameter
    constant = 2,   ///< no gradient flows to it: literals, seeds, detached
    literal = 4,    ///< a host number: not an array that the user made
    untracked = 8,  ///< computed where no graph is wanted
    unchained = 16, ///< a leaf although there is a creator
    seed = 32,      ///< where backward() started: in graphs, without gradient
    severed = 64,   ///< result of a compiled function, which keeps no graph
  };
  Counted handles; ///< the Variables among the references; edges are others
  uint16_t flags = 0;
  uint16_t output = 0;     ///< which result of the creator
  uint32_t generation = 0; ///< as the book's: 0 for leaves
  ValueRef value;
  Ref<Entry> creator; ///< what made it: see is_leaf()
  Variable grad;
  std::string *name = nullptr; ///< owned; null when unnamed
  // The recorder's own, meaningless in eager mode.
  uint64_t trace = 0;  ///< serial number of the trace; 0: none
  int64_t index = -1;  ///< of the value in the trace
  uint64_t serial = 0; ///< order of creation: larger is younger

  bool is_leaf() const { return !creator || (flags & unchained); }
};
void destroy(Node *n) noexcept;
using NodeRef = Ref<Node>;

/// A leaf with these contents.
Variable make_variable(ValueRef value, uint16_t flags = 0);
/// A value of a trace: a type without contents.
Variable make_traced(const TensorType &type, uint64_t trace, int64_t index);
/// The serial number that the next Node gets.
uint64_t next_serial();

/// The elements, dense and row-major, on the host: x's own memory when they
/// already are so there, else a copy. Not for values of a trace.
ValueRef dense_value(const Variable &x);

/// Gives the Node dense memory of its own, so that writing into it shows in no
/// other array, view or graph. Does nothing when it has that already.
void make_writable(Node &n);

} // namespace etch::detail

#endif // ETCH_ENGINE_NODE_H

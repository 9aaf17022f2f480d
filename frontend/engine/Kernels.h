//===- Kernels.h - Executing one operation ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Eager execution has no arithmetic of its own: an operation is a one-operation
// program, compiled once for all extents and kept in memory and on disk.
//===----------------------------------------------------------------------===//
#ifndef ETCH_ENGINE_KERNELS_H
#define ETCH_ENGINE_KERNELS_H

#include "dialects/Etch/OpTable.h"
#include "frontend/engine/Node.h"

namespace etch::detail {

/// The contents of op(xs), whose type is `type`. Views share memory.
ValueRef execute(const OpInfo &op, std::span<const Variable> xs,
                 const Attrs &attrs, const TensorType &type,
                 const Location &where);

/// Runs a kernel: pointwise, canonical reduction, matmul, gather, scatter_add.
ValueRef run_kernel(const OpInfo &op, std::span<const Value *const> xs,
                    const Attrs &attrs, const TensorType &type,
                    const Location &where);

/// The one number among a pointwise operation's attributes on which its text
/// depends, or that of another canonical operation.
uint64_t attribute_bits(const Attrs &attrs);

// View.cpp: the same elements at other indices; null where only a copy will do.
ValueRef view_reshape(const Value &x, const Shape &shape);
ValueRef view_transpose(const Value &x, const std::vector<int64_t> &axes);
ValueRef view_broadcast(const Value &x, const Shape &shape);
/// The part of this shape at the starts and steps, the first two attributes.
ValueRef view_slice(const Value &x, const Attrs &attrs, const Shape &shape);

// Copies.cpp: elements moved by the host.
/// Copies x into memory of the same shape, a part of an array being made.
void copy_elements(const Value &x, const Value &part);
/// The same on the device that has both. False: nothing has been done, it would
/// take too many copies.
bool copy_elements_there(const Value &x, const Value &part,
                         const Location &where);
/// place() of an array of a device; null: it would take too many copies.
ValueRef place_on_device(const Value &x, const Attrs &attrs,
                         const TensorType &type, const Location &where);
/// What the op `place` says.
ValueRef place(const Value &x, const Attrs &attrs, const TensorType &type);
/// The attributes of slice and place for a start that is data.
Attrs attrs_at(const Value &start, const Attrs &attrs, const Shape &a,
               const Shape &b);
/// What the op `iota` says.
ValueRef count_up(const Shape &shape);

} // namespace etch::detail

#endif // ETCH_ENGINE_KERNELS_H

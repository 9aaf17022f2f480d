//===- Prepack.h - Operands in the form that kernels read -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Many kernels copy an operand into another order before they use it: panels of
// a matrix, transformed filters. Where that operand depends on states alone, in
// programs that keep what does (see etch.prepare), it is copied once.
//
// A kernel that can read operand i in a form of its own says so while it is
// emitted, whether or not it is given that form (its launches decide):
//
//   const Buffer *ready = k.packed(i);     // null: there is only the operand
//   ... code that reads ready->pointer instead of packing ...
//   Packing p;
//   p.operand = i; p.bytes = ...;          // from known extents and options
//   p.units = ...; p.cost = ...;           // of packing all of it
//   p.emit = [=](Kernel &k, Ix unit, const Buffer &from, Value to) {
//     ... code that packs unit number `unit` of `from` to its place in `to` ...
//   };
//   k.offer(std::move(p));
//
// Given the form, a kernel offers it again: that offer is the one that counts,
// so it may be cut in another way then, and a kernel that would do something
// else if it had the form (k.hasPacked) offers it in vain without. What is
// given and not read is not packed.
//
// A kernel with several ways, of which extents choose one at run time, may want
// several forms, each with a name (p.form, k.packed(i, form)).
//
// `from` is the operand as the kernel has it: same extents, dense. `to` is
// where the whole form begins, 64-byte aligned; the same pointer as ready's.
// All that the callback needs it captures by value: the kernel is gone by then,
// k is another one. Packing may use k.e, but no scratch memory. Tile registers
// may be missing where the program runs: a kernel that has another way for
// that (k.usesTiles) must be able to go it with the form, or with the operand,
// which it still has. The form must not change results: where a kernel decides
// by costs what it computes, in mode `strict` it decides the same with the form
// and without.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CPU_PREPACK_H
#define ETCH_COMPILER_TARGET_CPU_PREPACK_H

#include "compiler/Target/CPU/Entry.h"

namespace etch::cpu {

/// Gives launches of `main` packed operands where these are frozen and kernels
/// have offered to read them; the program of device.prepare packs them. Nothing
/// changes in programs that prepare nothing.
llvm::LogicalResult prepackOperands(mlir::ModuleOp module, Kernels &kernels,
                                    const CodegenOptions &options);

/// The kernel of an etch.pack.
llvm::LogicalResult emitPacking(Kernel &k);

} // namespace etch::cpu

#endif // ETCH_COMPILER_TARGET_CPU_PREPACK_H

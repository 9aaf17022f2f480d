//===- Emit.h - Writing scalar, vector and memory code -----------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A builder that folds index arithmetic as it goes. Indices are 64-bit
// integers, memory is reached through LLVM pointers, loops are scf.for: what
// comes out needs no type conversion, only a short lowering of control flow and
// arith.
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_KERNEL_EMIT_H
#define ETCH_COMPILER_TARGET_KERNEL_EMIT_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"

namespace etch::kernel {

/// A 64-bit index, known now or at run time.
struct Ix {
  int64_t known = 0;
  mlir::Value value; ///< null when known

  Ix(int64_t c = 0) : known(c) {}
  Ix(mlir::Value v);
  bool isKnown() const { return !value; }
  bool is(int64_t c) const { return !value && known == c; }
  bool operator==(const Ix &o) const {
    return value == o.value && known == o.known;
  }
};

/// What a vector of consecutive positions covers: all lanes, or those below a
/// bound that is known at run time only.
struct Lanes {
  int64_t count = 1;
  mlir::Value mask;     ///< null: all
  bool aligned = false; ///< in memory at a multiple of the vector's size
};

class Emit : public mlir::OpBuilder {
public:
  Emit(mlir::MLIRContext *context, mlir::Location loc)
      : OpBuilder(context), loc(loc) {}

  mlir::Location loc;
  /// While set, whole vectors of 64 bytes are stored past the caches; they must
  /// lie at multiples of that.
  bool streams = false;

  template <class Op, class... Args> Op make(Args &&...args) {
    return Op::create(*this, loc, std::forward<Args>(args)...);
  }

  mlir::Type ptrType() {
    return mlir::LLVM::LLVMPointerType::get(getContext());
  }

  // Index arithmetic; operands are never negative where it divides.

  /// Equal arithmetic is emitted once. For code that grows at its end only.
  bool shares = false;
  /// What `build` emits, or what it emitted for the same operands.
  mlir::Value shared(mlir::TypeID op, mlir::Value a, mlir::Value b,
                     llvm::function_ref<mlir::Value()> build);
  mlir::Value value(Ix i);
  Ix add(Ix a, Ix b);
  Ix sub(Ix a, Ix b);
  Ix mul(Ix a, Ix b);
  Ix div(Ix a, Ix b);
  Ix rem(Ix a, Ix b);
  Ix ceilDiv(Ix a, Ix b) { return div(add(a, sub(b, 1)), b); }
  Ix roundUp(Ix a, int64_t b) { return mul(ceilDiv(a, b), b); }
  Ix min(Ix a, Ix b);
  Ix max(Ix a, Ix b);
  mlir::Value compare(mlir::arith::CmpIPredicate predicate, Ix a, Ix b);
  Ix select(mlir::Value condition, Ix a, Ix b);

  // Memory. Booleans are bytes in memory and i1 in registers, bf16 is f32
  // there.
  mlir::Type storageType(mlir::Type element);
  /// The type that values have which are stored so.
  mlir::Type valueType(mlir::Type element);
  /// A number as it was loaded, or a vector of them.
  mlir::Value widened(mlir::Value v);
  int64_t bytesOf(mlir::Type element) {
    return storageType(element).getIntOrFloatBitWidth() / 8;
  }
  /// The address of an element.
  mlir::Value at(mlir::Value base, Ix elements, mlir::Type element);
  mlir::Value atByte(mlir::Value base, Ix bytes);
  /// Lanes at base[0], base[stride], …; masked lanes are 0.
  mlir::Value load(mlir::Value base, Ix stride, mlir::Type element,
                   Lanes lanes);
  /// `element`: as it is stored, if not as it is.
  void store(mlir::Value value, mlir::Value base, Lanes lanes,
             mlir::Type element = mlir::Type());
  /// Fetches a cache line that will be read, or written, into the nearest cache
  /// or the one behind it.
  void prefetch(mlir::Value address, bool write = false, bool nearest = true);
  mlir::Value loadRaw(mlir::Type type, mlir::Value address, unsigned align = 0);
  void storeRaw(mlir::Value value, mlir::Value address, unsigned align = 0);
  /// Memory of the function's frame; the builder may stand anywhere in it.
  mlir::Value stack(mlir::Type element, int64_t count, unsigned align = 64);

  // Values
  mlir::Type vectorOf(mlir::Type element, int64_t lanes);
  /// One for each function and value, at its start.
  mlir::Value constant(mlir::TypedAttr value);
  mlir::Value constant(mlir::Type element, double value, int64_t lanes);
  mlir::Value splat(mlir::Value scalar, int64_t lanes);
  /// Lane i is set when i < bound.
  mlir::Value maskBelow(Ix bound, int64_t lanes);
  mlir::Value shuffle(mlir::Value a, mlir::Value b,
                      llvm::ArrayRef<int32_t> lanes);
  mlir::Value extract(mlir::Value vector, int64_t lane);

  // Control
  using Body = llvm::function_ref<void(Ix)>;
  using Carry =
      llvm::function_ref<llvm::SmallVector<mlir::Value>(Ix, mlir::ValueRange)>;
  void loop(Ix lower, Ix upper, int64_t step, Body body);
  llvm::SmallVector<mlir::Value> loop(Ix lower, Ix upper, int64_t step,
                                      mlir::ValueRange initial, Carry body);
  void when(mlir::Value condition, llvm::function_ref<void()> then,
            llvm::function_ref<void()> otherwise = nullptr);

  /// What one of the two gives.
  llvm::SmallVector<mlir::Value>
  select(mlir::Value condition, mlir::TypeRange types,
         llvm::function_ref<llvm::SmallVector<mlir::Value>()> then,
         llvm::function_ref<llvm::SmallVector<mlir::Value>()> otherwise);

  /// A loop over vectors of `width` lanes. `peel`: the last, partial vector is
  /// a copy of the body instead of a mask in every iteration.
  void vectorLoop(Ix lower, Ix upper, int64_t width, bool peel,
                  llvm::function_ref<void(Ix, Lanes)> body);
  llvm::SmallVector<mlir::Value> vectorLoop(
      Ix lower, Ix upper, int64_t width, bool peel, mlir::ValueRange initial,
      llvm::function_ref<llvm::SmallVector<mlir::Value>(Ix, Lanes,
                                                        mlir::ValueRange)>
          body);

  /// A loop over vectors the first of which begins so many lanes in front of
  /// `lower`: at a line of memory. Those at the ends are masked.
  llvm::SmallVector<mlir::Value>
  lineLoop(Ix before, Ix lower, Ix upper, int64_t width,
           mlir::ValueRange initial,
           llvm::function_ref<llvm::SmallVector<mlir::Value>(Ix, Lanes,
                                                             mlir::ValueRange)>
               body);

private:
  mlir::Block *entryBlock();
  template <class Op> Ix index(Ix a, Ix b);

  /// Where constants go, and those that are there.
  mlir::Block *constantsIn = nullptr;
  llvm::DenseMap<mlir::Attribute, mlir::Value> constants;
  llvm::DenseMap<std::tuple<mlir::TypeID, mlir::Value, mlir::Value>,
                 mlir::Value>
      known;
};

} // namespace etch::kernel

#endif // ETCH_COMPILER_TARGET_KERNEL_EMIT_H

//===- Emit.cpp - Writing scalar, vector and memory code ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/Kernel/Emit.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace etch::kernel;

Ix::Ix(Value v) : value(v) {
  APInt constant;
  if (v && matchPattern(v, m_ConstantInt(&constant))) {
    known = constant.getSExtValue();
    value = nullptr;
  }
}

Value Emit::value(Ix i) {
  return i.value ? i.value : constant(getI64IntegerAttr(i.known));
}

/// Whether the builder stands in the value's block or in one inside of it.
static bool isInScope(Value value, Block *block) {
  Block *defined = value.getParentBlock();
  while (block && block != defined) {
    Operation *parent = block->getParentOp();
    block = parent ? parent->getBlock() : nullptr;
  }
  return block;
}

Value Emit::shared(TypeID op, Value a, Value b, function_ref<Value()> build) {
  if (!shares)
    return build();
  Value &value = known[{op, a, b}];
  if (!value || !isInScope(value, getInsertionBlock()))
    value = build();
  return value;
}

template <class Op> Ix Emit::index(Ix a, Ix b) {
  Value x = value(a), y = value(b);
  return shared(TypeID::get<Op>(), x, y, [&] { return make<Op>(x, y); });
}

Ix Emit::add(Ix a, Ix b) {
  if (a.isKnown() && b.isKnown())
    return a.known + b.known;
  if (a.is(0))
    return b;
  if (b.is(0))
    return a;
  return index<arith::AddIOp>(a, b);
}

Ix Emit::sub(Ix a, Ix b) {
  if (a.isKnown() && b.isKnown())
    return a.known - b.known;
  if (b.is(0))
    return a;
  return index<arith::SubIOp>(a, b);
}

Ix Emit::mul(Ix a, Ix b) {
  if (a.isKnown() && b.isKnown())
    return a.known * b.known;
  if (a.is(0) || b.is(0))
    return 0;
  if (a.is(1))
    return b;
  if (b.is(1))
    return a;
  return index<arith::MulIOp>(a, b);
}

Ix Emit::div(Ix a, Ix b) {
  if (a.isKnown() && b.isKnown())
    return a.known / b.known;
  if (b.is(1))
    return a;
  return index<arith::DivUIOp>(a, b);
}

Ix Emit::rem(Ix a, Ix b) {
  if (a.isKnown() && b.isKnown())
    return a.known % b.known;
  if (b.is(1))
    return 0;
  return index<arith::RemUIOp>(a, b);
}

Ix Emit::min(Ix a, Ix b) {
  if (a.isKnown() && b.isKnown())
    return std::min(a.known, b.known);
  if (a == b)
    return a;
  return index<arith::MinSIOp>(a, b);
}

Ix Emit::max(Ix a, Ix b) {
  if (a.isKnown() && b.isKnown())
    return std::max(a.known, b.known);
  if (a == b)
    return a;
  return index<arith::MaxSIOp>(a, b);
}

Value Emit::compare(arith::CmpIPredicate predicate, Ix a, Ix b) {
  return make<arith::CmpIOp>(predicate, value(a), value(b));
}

Ix Emit::select(Value condition, Ix a, Ix b) {
  if (a == b)
    return a;
  return Value(make<arith::SelectOp>(condition, value(a), value(b)));
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Type Emit::vectorOf(Type element, int64_t lanes) {
  return lanes == 1 ? element : VectorType::get({lanes}, element);
}

/// The first block of the function at hand; null in a global's initialiser.
Block *Emit::entryBlock() {
  Operation *parent = getInsertionBlock()->getParentOp();
  while (parent && !isa<LLVM::LLVMFuncOp>(parent))
    parent = parent->getParentOp();
  return parent ? &cast<LLVM::LLVMFuncOp>(parent).getBody().front() : nullptr;
}

Value Emit::constant(TypedAttr value) {
  Block *entry = entryBlock();
  if (entry != constantsIn) {
    constantsIn = entry;
    constants.clear();
  }
  if (!entry)
    return make<arith::ConstantOp>(value);
  Value &known = constants[value];
  if (!known) {
    InsertionGuard guard(*this);
    setInsertionPointToStart(entry);
    known = make<arith::ConstantOp>(value);
  }
  return known;
}

Value Emit::constant(Type element, double value, int64_t lanes) {
  TypedAttr attr;
  if (isa<FloatType>(element))
    attr = FloatAttr::get(element, value);
  else
    attr = IntegerAttr::get(element, int64_t(value));
  if (lanes != 1)
    attr = DenseElementsAttr::get(VectorType::get({lanes}, element),
                                  Attribute(attr));
  return constant(attr);
}

Value Emit::splat(Value scalar, int64_t lanes) {
  if (lanes == 1)
    return scalar;
  return make<vector::BroadcastOp>(
      cast<VectorType>(vectorOf(scalar.getType(), lanes)), scalar);
}

Value Emit::maskBelow(Ix bound, int64_t lanes) {
  SmallVector<int32_t> iota(lanes);
  for (int64_t i = 0; i < lanes; ++i)
    iota[i] = int32_t(i);
  Value lane = constant(cast<TypedAttr>(getI32VectorAttr(iota)));
  Value limit = make<arith::TruncIOp>(getI32Type(), value(min(bound, lanes)));
  return make<arith::CmpIOp>(arith::CmpIPredicate::slt, lane,
                             splat(limit, lanes));
}

Value Emit::shuffle(Value a, Value b, ArrayRef<int32_t> lanes) {
  return make<LLVM::ShuffleVectorOp>(a, b, lanes);
}

Value Emit::extract(Value vector, int64_t lane) {
  return make<LLVM::ExtractElementOp>(vector, value(lane));
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Type Emit::storageType(Type element) {
  return element.isInteger(1) ? getI8Type() : element;
}

Type Emit::valueType(Type element) {
  return element.isBF16() ? getF32Type() : element;
}

Value Emit::widened(Value v) {
  Type type = v.getType();
  if (!getElementTypeOrSelf(type).isBF16())
    return v;
  auto vector = dyn_cast<VectorType>(type);
  return make<arith::ExtFOp>(
      vectorOf(getF32Type(), vector ? vector.getNumElements() : 1), v);
}

Value Emit::at(Value base, Ix elements, Type element) {
  if (elements.is(0))
    return base;
  if (elements.isKnown())
    return make<LLVM::GEPOp>(ptrType(), getI8Type(), base,
                             ArrayRef<LLVM::GEPArg>{LLVM::GEPArg(Value(
                                 value(elements.known * bytesOf(element))))});
  return make<LLVM::GEPOp>(ptrType(), storageType(element), base,
                           ArrayRef<LLVM::GEPArg>{value(elements)});
}

Value Emit::atByte(Value base, Ix bytes) {
  return at(base, bytes, getI8Type());
}

void Emit::prefetch(Value address, bool write, bool nearest) {
  make<LLVM::Prefetch>(address, /*rw=*/unsigned(write),
                       /*hint=*/nearest ? 3u : 2u, /*cache=*/1u);
}

Value Emit::loadRaw(Type type, Value address, unsigned align) {
  return make<LLVM::LoadOp>(type, address, align);
}

void Emit::storeRaw(Value value, Value address, unsigned align) {
  make<LLVM::StoreOp>(value, address, align);
}

/// A boolean from its byte, f32 from bf16.
static Value fromStorage(Emit &e, Value v, Type element) {
  if (!element.isInteger(1))
    return e.widened(v);
  Value zero = e.constant(cast<TypedAttr>(e.getZeroAttr(v.getType())));
  return e.make<arith::CmpIOp>(arith::CmpIPredicate::ne, v, zero);
}

Value Emit::load(Value base, Ix stride, Type element, Lanes lanes) {
  Type memory = storageType(element);
  unsigned align = unsigned(bytesOf(element));
  if (lanes.count == 1 || stride.is(0))
    return splat(fromStorage(*this, loadRaw(memory, base, align), element),
                 lanes.count);
  Type vector = vectorOf(memory, lanes.count);
  Value result;
  if (stride.is(1)) {
    if (lanes.mask)
      result = make<LLVM::MaskedLoadOp>(
          vector, base, lanes.mask,
          constant(cast<TypedAttr>(getZeroAttr(vector))), align);
    else
      result = loadRaw(vector, base,
                       lanes.aligned ? align * unsigned(lanes.count) : align);
  } else {
    SmallVector<int64_t> iota(lanes.count);
    for (int64_t i = 0; i < lanes.count; ++i)
      iota[i] = i * (stride.isKnown() ? stride.known : 1);
    Value offsets = constant(cast<TypedAttr>(getI64VectorAttr(iota)));
    if (!stride.isKnown())
      offsets = make<arith::MulIOp>(offsets, splat(stride.value, lanes.count));
    Value addresses =
        make<LLVM::GEPOp>(VectorType::get({lanes.count}, ptrType()), memory,
                          base, ArrayRef<LLVM::GEPArg>{offsets});
    Value mask =
        lanes.mask ? lanes.mask : constant(getI1Type(), 1, lanes.count);
    result = make<LLVM::masked_gather>(
        vector, addresses, mask,
        ValueRange{constant(cast<TypedAttr>(getZeroAttr(vector)))}, align);
  }
  return fromStorage(*this, result, element);
}

void Emit::store(Value v, Value base, Lanes lanes, Type stored) {
  if (stored && stored.isBF16() && getElementTypeOrSelf(v.getType()).isF32())
    v = make<arith::TruncFOp>(vectorOf(stored, lanes.count), v);
  Type element = getElementTypeOrSelf(v.getType());
  unsigned align = unsigned(bytesOf(element));
  if (element.isInteger(1))
    v = make<arith::ExtUIOp>(vectorOf(getI8Type(), lanes.count), v);
  if (lanes.mask)
    make<LLVM::MaskedStoreOp>(v, base, lanes.mask, align);
  else if (streams && lanes.count * align % 64 == 0)
    make<LLVM::StoreOp>(v, base, 64, /*isVolatile=*/false,
                        /*isNonTemporal=*/true);
  else
    storeRaw(v, base, lanes.aligned ? align * unsigned(lanes.count) : align);
}

Value Emit::stack(Type element, int64_t count, unsigned align) {
  InsertionGuard guard(*this);
  Value size = value(count);
  setInsertionPointAfterValue(size);
  return make<LLVM::AllocaOp>(ptrType(), element, size, align);
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

SmallVector<Value> Emit::loop(Ix lower, Ix upper, int64_t step,
                              ValueRange initial, Carry body) {
  if (lower.isKnown() && upper.isKnown()) {
    if (lower.known >= upper.known)
      return SmallVector<Value>(initial);
    if (upper.known - lower.known <= step)
      return body(lower, initial);
  }
  auto op = make<scf::ForOp>(value(lower), value(upper), value(step), initial);
  InsertionGuard guard(*this);
  Block *block = op.getBody();
  if (!block->empty())
    block->back().erase();
  setInsertionPointToEnd(block);
  SmallVector<Value> next =
      body(Value(op.getInductionVar()), op.getRegionIterArgs());
  make<scf::YieldOp>(next);
  return SmallVector<Value>(op.getResults());
}

void Emit::loop(Ix lower, Ix upper, int64_t step, Body body) {
  loop(lower, upper, step, {}, [&](Ix i, ValueRange) {
    body(i);
    return SmallVector<Value>();
  });
}

void Emit::when(Value condition, function_ref<void()> then,
                function_ref<void()> otherwise) {
  auto op = make<scf::IfOp>(TypeRange(), condition, bool(otherwise));
  InsertionGuard guard(*this);
  setInsertionPointToStart(op.thenBlock());
  then();
  if (otherwise) {
    setInsertionPointToStart(op.elseBlock());
    otherwise();
  }
}

SmallVector<Value> Emit::select(Value condition, TypeRange types,
                                function_ref<SmallVector<Value>()> then,
                                function_ref<SmallVector<Value>()> otherwise) {
  auto branch = make<scf::IfOp>(types, condition, true);
  InsertionGuard guard(*this);
  auto fill = [&](Block *block, function_ref<SmallVector<Value>()> values) {
    if (!block->empty())
      block->back().erase();
    setInsertionPointToEnd(block);
    SmallVector<Value> results = values();
    make<scf::YieldOp>(results);
  };
  fill(branch.thenBlock(), then);
  fill(branch.elseBlock(), otherwise);
  return SmallVector<Value>(branch.getResults());
}

SmallVector<Value>
Emit::vectorLoop(Ix lower, Ix upper, int64_t width, bool peel,
                 ValueRange initial,
                 function_ref<SmallVector<Value>(Ix, Lanes, ValueRange)> body) {
  Ix length = sub(upper, lower);
  bool whole = length.isKnown() && length.known % width == 0;
  if (width == 1 || whole)
    return loop(lower, upper, width, initial, [&](Ix i, ValueRange carried) {
      return body(i, Lanes{width, {}}, carried);
    });
  if (!peel || (length.isKnown() && length.known < width))
    return loop(lower, upper, width, initial, [&](Ix i, ValueRange carried) {
      return body(i, Lanes{width, maskBelow(sub(upper, i), width)}, carried);
    });
  Ix middle = add(lower, mul(div(max(length, 0), width), width));
  SmallVector<Value> results =
      loop(lower, middle, width, initial, [&](Ix i, ValueRange carried) {
        return body(i, Lanes{width, {}}, carried);
      });
  auto rest = [&] {
    return body(middle, Lanes{width, maskBelow(sub(upper, middle), width)},
                results);
  };
  if (length.isKnown()) // known not to be whole
    return rest();
  return select(compare(arith::CmpIPredicate::slt, middle, upper),
                ValueRange(results).getTypes(), rest, [&] { return results; });
}

void Emit::vectorLoop(Ix lower, Ix upper, int64_t width, bool peel,
                      function_ref<void(Ix, Lanes)> body) {
  vectorLoop(lower, upper, width, peel, {}, [&](Ix i, Lanes lanes, ValueRange) {
    body(i, lanes);
    return SmallVector<Value>();
  });
}

SmallVector<Value>
Emit::lineLoop(Ix before, Ix lower, Ix upper, int64_t width, ValueRange initial,
               function_ref<SmallVector<Value>(Ix, Lanes, ValueRange)> body) {
  auto step = [&](Ix i, ValueRange carried) {
    Value whole = make<arith::AndIOp>(
        compare(arith::CmpIPredicate::sge, i, lower),
        compare(arith::CmpIPredicate::sle, add(i, width), upper));
    auto part = [&] {
      Value front = maskBelow(max(sub(lower, i), 0), width);
      Value behind =
          make<arith::XOrIOp>(front, constant(getI1Type(), 1, width));
      Value below = maskBelow(sub(upper, i), width);
      Value mask = make<arith::AndIOp>(below, behind);
      return body(i, Lanes{width, mask}, carried);
    };
    return select(
        whole, carried.getTypes(),
        [&] { return body(i, Lanes{width, {}}, carried); }, part);
  };
  return loop(sub(lower, before), upper, width, initial, step);
}

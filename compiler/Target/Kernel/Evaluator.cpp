//===- Evaluator.cpp - Values of a kernel at a point of its loops ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/Kernel/Evaluator.h"

#include "compiler/Target/Kernel/Division.h"

#include "dialects/Etch/Contraction.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace etch;
using namespace etch::kernel;

//===----------------------------------------------------------------------===//
// What is read and written
//===----------------------------------------------------------------------===//

Evaluator::Access Evaluator::makeAccess(const Buffer &buffer,
                                        ArrayRef<Along> axes) {
  Access access;
  access.buffer = &buffer;
  access.axis.assign(extents.size(), -1);
  access.strides.assign(extents.size(), Ix(0));
  for (auto [axis, along] : llvm::enumerate(axes)) {
    const Ix &stride = buffer.strides[axis];
    access.offset = k.e.add(access.offset, k.e.mul(along.start, stride));
    if (along.dim < 0)
      continue;
    access.axis[along.dim] = int(axis);
    access.strides[along.dim] = k.e.mul(stride, along.step);
  }
  return access;
}

LogicalResult Evaluator::read(Value v) {
  if (given.contains(v) || !seen.insert(v).second)
    return success();
  Operation *op = v.getDefiningOp();
  if (!op || !isa<PointwiseOpInterface>(op))
    return readView(v);
  for (Value operand : op->getOperands())
    if (failed(read(operand)))
      return failure();
  return success();
}

LogicalResult Evaluator::readView(Value v) {
  Emit &e = k.e;
  SmallVector<Along, 4> axes;
  for (int dim : level)
    axes.push_back({dim, 1, 0});
  std::vector<Frame> frames;
  bool whole = true;
  auto extentOf = [&](Value x, size_t axis) {
    return k.extentOf(x, unsigned(axis)).in(k.buffers);
  };
  auto startIn = [&](int64_t start, Value x, size_t axis) {
    return start < 0 ? e.add(extentOf(x, axis), start) : Ix(start);
  };
  auto note = [&](Access access) {
    access.frames = std::move(frames);
    access.whole = whole;
    readOf[v] = unsigned(accesses.size());
    accesses.push_back(std::move(access));
    return success();
  };
  Value source = v;
  while (Operation *view = source.getDefiningOp()) {
    if (auto broadcast = dyn_cast<BroadcastToOp>(view)) {
      // Axes along which it repeats its operand run along no loop.
      auto from = cast<RankedTensorType>(broadcast.getX().getType());
      auto to = cast<RankedTensorType>(broadcast.getY().getType());
      axes.erase(axes.begin(), axes.end() - from.getRank());
      int64_t added = to.getRank() - from.getRank();
      for (int64_t axis = 0; axis < from.getRank(); ++axis)
        if (from.getDimSize(axis) == 1 && to.getDimSize(axis + added) != 1)
          axes[axis] = Along();
      source = broadcast.getX();
    } else if (auto transpose = dyn_cast<TransposeOp>(view)) {
      SmallVector<Along, 4> permuted(axes.size());
      for (auto [axis, from] : llvm::enumerate(transpose.getPermutation()))
        permuted[from] = axes[axis];
      axes = permuted;
      source = transpose.getX();
    } else if (auto slice = dyn_cast<SliceOp>(view)) {
      source = slice.getX();
      for (auto [axis, along] : llvm::enumerate(axes)) {
        int64_t step = slice.getSteps()[axis];
        along.start = e.add(startIn(slice.getStarts()[axis], source, axis),
                            e.mul(along.start, step));
        along.step *= step;
      }
      whole = false;
    } else if (auto place = dyn_cast<PlaceOp>(view)) {
      Frame frame;
      frame.fill = place.getFill().convertToDouble();
      for (auto [axis, along] : llvm::enumerate(axes)) {
        if (place.getSteps()[axis] != 1)
          return view->emitError("a kernel places with steps of 1 only");
        Ix inner = extentOf(place.getX(), axis);
        along.start = e.sub(
            along.start, startIn(place.getStarts()[axis], place.getY(), axis));
        if (!(along.start.is(0) && along.step == 1 &&
              inner == extentOf(place.getY(), axis)))
          frame.guards.push_back({along, inner});
      }
      frames.push_back(frame);
      whole = false;
      source = place.getX();
    } else if (auto slice = dyn_cast<SliceAtOp>(view)) {
      source = slice.getX();
      auto axis = size_t(slice.getAxis());
      Ix start = k.startOf(slice.getStart(), extentOf(source, axis),
                           extentOf(slice.getY(), axis));
      axes[axis].start = e.add(axes[axis].start, start);
      whole = false;
    } else if (auto place = dyn_cast<PlaceAtOp>(view)) {
      source = place.getX();
      auto axis = size_t(place.getAxis());
      Ix inner = extentOf(source, axis);
      Ix start =
          k.startOf(place.getStart(), extentOf(place.getY(), axis), inner);
      axes[axis].start = e.sub(axes[axis].start, start);
      frames.push_back({{{axes[axis], inner}}, 0, nullptr});
      whole = false;
    } else if (isa<IotaOp>(view)) {
      auto counter = std::make_unique<Buffer>();
      counter->element = e.getI64Type();
      Ix stride = 1;
      for (size_t axis = 0; axis < axes.size(); ++axis)
        counter->extents.push_back(extentOf(source, axis));
      counter->strides.resize(axes.size());
      for (size_t axis = axes.size(); axis-- > 0;) {
        counter->strides[axis] = stride;
        stride = e.mul(stride, counter->extents[axis]);
      }
      counters.push_back(std::move(counter));
      return note(makeAccess(*counters.back(), axes));
    } else if (auto constant = dyn_cast<ConstantOp>(view)) {
      auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
      if (!elements || !elements.isSplat())
        return view->emitError("a kernel holds splat constants only");
      auto value = elements.getSplatValue<TypedAttr>();
      if (frames.empty()) {
        constants[v] = value;
        return success();
      }
      auto none = std::make_unique<Buffer>();
      none->element = value.getType();
      none->strides.assign(axes.size(), Ix(0));
      counters.push_back(std::move(none));
      Access access = makeAccess(*counters.back(), axes);
      access.constant = value;
      return note(std::move(access));
    } else {
      return view->emitError("a view of a computed value inside a kernel");
    }
  }
  return note(
      makeAccess(k.buffers[k.bufferOf(cast<BlockArgument>(source))], axes));
}

LogicalResult Evaluator::write(Value v, unsigned buffer) {
  if (failed(read(v)))
    return failure();
  SmallVector<Along, 4> axes;
  for (int dim : level)
    axes.push_back({dim, 1, 0});
  writes.push_back(makeAccess(k.buffers[buffer], axes));
  written.push_back(v);
  return success();
}

LogicalResult Evaluator::writeResults(Value made) {
  if (made)
    declare(made);
  for (auto [n, result] : llvm::enumerate(k.results()))
    if (failed(write(result, k.resultBuffer(unsigned(n)))))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// Merging dimensions
//===----------------------------------------------------------------------===//

bool Evaluator::mergeable(const Access &a, int dim) const {
  for (const Frame &frame : a.frames)
    for (const Guard &g : frame.guards)
      if (g.along.dim == dim + 1 ||
          (g.along.dim == dim &&
           (g.along.step != 1 || !extents[dim + 1].isKnown())))
        return false;
  const Ix &outer = a.strides[dim], &inner = a.strides[dim + 1];
  if (outer.is(0) && inner.is(0))
    return true;
  if (outer.isKnown() && inner.isKnown() && extents[dim + 1].isKnown())
    return outer.known == inner.known * extents[dim + 1].known;
  // Symbolic extents: neighbouring axes of a dense buffer.
  const Buffer &b = *a.buffer;
  int from = a.axis[dim], to = a.axis[dim + 1];
  if (!b.dense || !a.whole || from < 0 || to <= from)
    return false;
  for (int axis = from + 1; axis < to; ++axis)
    if (!b.extents[axis].is(1))
      return false;
  return true;
}

/// A dimension goes, its index is 0 everywhere.
void Evaluator::dropDim(int dim) {
  extents.erase(extents.begin() + dim);
  firstAxis.erase(firstAxis.begin() + dim);
  for (std::vector<Access> *list : {&accesses, &writes})
    for (Access &a : *list) {
      a.axis.erase(a.axis.begin() + dim);
      a.strides.erase(a.strides.begin() + dim);
      for (Frame &frame : a.frames)
        for (Guard &g : frame.guards)
          g.along.dim = g.along.dim > dim    ? g.along.dim - 1
                        : g.along.dim == dim ? -1
                                             : g.along.dim;
    }
}

void Evaluator::collapse(int keep) {
  for (int dim = rank() - 1; dim >= keep; --dim)
    if (extents[dim].is(1))
      dropDim(dim);
  for (int dim = rank() - 2; dim >= keep; --dim) {
    auto merges = [&](const Access &a) { return mergeable(a, dim); };
    if (!llvm::all_of(accesses, merges) || !llvm::all_of(writes, merges))
      continue;
    // The merged dimension steps as the inner one and begins as the outer one.
    Ix inner = extents[dim + 1];
    extents[dim + 1] = k.e.mul(extents[dim], inner);
    firstAxis[dim + 1] = firstAxis[dim];
    for (std::vector<Access> *list : {&accesses, &writes})
      for (Access &a : *list) {
        a.axis[dim + 1] = a.axis[dim];
        for (Frame &frame : a.frames)
          for (Guard &g : frame.guards)
            if (g.along.dim == dim) {
              g.along = {dim + 1, 1, k.e.mul(g.along.start, inner)};
              g.extent = k.e.mul(g.extent, inner);
            }
      }
    dropDim(dim);
  }
  level.clear(); // no longer one dimension for each axis
}

int Evaluator::transposedDim() const {
  int last = rank() - 1;
  for (const Access &a : accesses) {
    if (last < 1 || !a.buffer->pointer || a.strides[last].is(0) ||
        a.strides[last].is(1))
      continue;
    for (int dim = 0; dim < last; ++dim)
      if (a.strides[dim].is(1))
        return dim;
    if (!a.strides[last].isKnown())
      return last - 1; // likely
  }
  return -1;
}

SmallVector<Value> Evaluator::alignVectors(int64_t count) {
  llvm::SetVector<Value> pointers;
  auto isMultiple = [&](Ix i) { return i.isKnown() && i.known % count == 0; };
  for (std::vector<Access> *list : {&accesses, &writes})
    for (Access &a : *list) {
      a.aligned = a.buffer->pointer && a.frames.empty() &&
                  a.strides.back().is(1) && isMultiple(a.offset) &&
                  llvm::all_of(ArrayRef(a.strides).drop_back(), isMultiple);
      if (a.aligned)
        pointers.insert(a.buffer->pointer);
    }
  return pointers.takeVector();
}

SmallVector<Value> Evaluator::transposedReads(int dim) const {
  SmallVector<Value> found(accesses.size());
  for (auto [v, number] : readOf) {
    const Access &a = accesses[number];
    const Ix &last = a.strides.back();
    if (a.buffer->pointer && a.strides[dim].is(1) && !last.is(0) && !last.is(1))
      found[number] = v;
  }
  llvm::erase(found, Value()); // in the order of the reads
  return found;
}

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

/// 0 <= start + step * index < extent.
Value Evaluator::holds(const Guard &guard, Ix index) {
  Emit &e = k.e;
  Ix at = e.add(guard.along.start, e.mul(index, guard.along.step));
  // Below 0 is far above, as unsigned numbers go.
  return e.compare(arith::CmpIPredicate::ult, at, guard.extent);
}

/// The same for all lanes of the point.
Value Evaluator::holdsInLanes(const Guard &guard) {
  Emit &e = k.e;
  const Along &along = guard.along;
  if (lanes.count == 1)
    return holds(guard, index);
  Ix first = e.add(along.start, e.mul(index, along.step));
  if (along.step == 1) {
    auto below = [&](Ix bound) {
      return e.maskBelow(e.max(bound, 0), lanes.count);
    };
    Value before = below(e.sub(0, first));
    return e.make<arith::AndIOp>(
        below(e.sub(guard.extent, first)),
        e.make<arith::XOrIOp>(before,
                              e.constant(e.getI1Type(), 1, lanes.count)));
  }
  SmallVector<int64_t> steps;
  for (int64_t lane = 0; lane < lanes.count; ++lane)
    steps.push_back(lane * along.step);
  Value at = e.make<arith::AddIOp>(
      e.splat(e.value(first), lanes.count),
      e.constant(cast<TypedAttr>(e.getI64VectorAttr(steps))));
  return e.make<arith::CmpIOp>(arith::CmpIPredicate::ult, at,
                               e.splat(e.value(guard.extent), lanes.count));
}

Value Evaluator::constantOf(TypedAttr attr) {
  if (lanes.count != 1)
    attr = DenseElementsAttr::get(
        VectorType::get({lanes.count}, attr.getType()), Attribute(attr));
  return k.e.constant(attr);
}

void Evaluator::enter(Access &a, ArrayRef<Ix> indices, bool load) {
  Emit &e = k.e;
  a.position = a.offset;
  for (int dim = 0; dim < rank(); ++dim)
    if (dim != vectorDim)
      a.position = e.add(a.position, e.mul(indices[dim], a.strides[dim]));
  auto both = [&](Value x, Value y) -> Value {
    return x && y ? e.make<arith::AndIOp>(x, y) : x ? x : y;
  };
  Value inside;
  for (Frame &frame : a.frames) {
    frame.inside = nullptr;
    for (const Guard &g : frame.guards)
      if (g.along.dim < 0 || g.along.dim != vectorDim)
        frame.inside =
            both(frame.inside,
                 holds(g, g.along.dim < 0 ? Ix(0) : indices[g.along.dim]));
    inside = both(inside, frame.inside);
  }
  a.invariant = nullptr;
  if (!a.buffer->pointer)
    return;
  Type memory = e.storageType(a.buffer->element);
  a.address = e.at(a.buffer->pointer, a.position, a.buffer->element);
  if (!load || !(vectorDim < 0 || a.strides[vectorDim].is(0)))
    return;
  // Outside there may be no memory at all.
  Value address = a.address;
  if (inside) {
    if (!a.safe)
      a.safe = e.stack(memory, 1);
    address = e.make<LLVM::SelectOp>(inside, address, a.safe);
  }
  a.invariant = e.load(address, 0, a.buffer->element, Lanes());
}

void Evaluator::enter(ArrayRef<Ix> indices, int dim) {
  vectorDim = dim;
  for (Access &a : accesses)
    enter(a, indices, true);
  for (Access &a : writes)
    enter(a, indices, false);
}

Ix Evaluator::behindLine(Ix n) {
  Emit &e = k.e;
  for (const Access &a : writes)
    e.prefetch(e.at(a.address, n, a.buffer->element), /*write=*/true);
  // Where the narrowest begins a line, the others do.
  auto bytes = [&](const Access &a) { return e.bytesOf(a.buffer->element); };
  const Access &a = *llvm::min_element(
      writes, [&](auto &x, auto &y) { return bytes(x) < bytes(y); });
  Ix at = Value(e.make<LLVM::PtrToIntOp>(e.getI64Type(), a.address));
  return e.div(e.rem(at, 64), bytes(a));
}

void Evaluator::point(Ix at, Lanes covered) {
  index = at;
  lanes = covered;
  memo.clear();
}

/// The fills where `inside`, which has one entry for each frame, does not hold.
Value Evaluator::framed(Access &a, Value inner, ArrayRef<Value> inside) {
  Emit &e = k.e;
  for (size_t i = a.frames.size(); i-- > 0;)
    if (inside[i])
      inner =
          e.make<arith::SelectOp>(inside[i], inner,
                                  e.constant(e.valueType(a.buffer->element),
                                             a.frames[i].fill, lanes.count));
  return inner;
}

Value Evaluator::load(Access &a) {
  Emit &e = k.e;
  Ix stride = vectorDim < 0 ? Ix(0) : a.strides[vectorDim];
  // Where each frame is, then all of them.
  SmallVector<Value> inside;
  Lanes readable = lanes.count == 1 ? Lanes() : lanes;
  readable.aligned = a.aligned;
  for (const Frame &frame : a.frames) {
    Value here;
    auto add = [&](Value condition) {
      here = here ? e.make<arith::AndIOp>(here, condition) : condition;
    };
    if (frame.inside)
      add(e.splat(frame.inside, lanes.count));
    for (const Guard &g : frame.guards)
      if (g.along.dim >= 0 && g.along.dim == vectorDim)
        add(holdsInLanes(g));
    inside.push_back(here);
    if (here)
      readable.mask =
          readable.mask ? e.make<arith::AndIOp>(readable.mask, here) : here;
  }
  Value result;
  if (a.constant) {
    result = constantOf(a.constant);
  } else if (!a.buffer->pointer) {
    Ix first = e.add(a.position, e.mul(index, stride));
    result = e.splat(e.value(first), lanes.count);
    if (lanes.count != 1 && !stride.is(0)) {
      SmallVector<int64_t> lane(lanes.count);
      for (int64_t i = 0; i < lanes.count; ++i)
        lane[i] = i;
      Value steps = e.constant(cast<TypedAttr>(e.getI64VectorAttr(lane)));
      if (!stride.is(1))
        steps =
            e.make<arith::MulIOp>(steps, e.splat(e.value(stride), lanes.count));
      result = e.make<arith::AddIOp>(result, steps);
    }
  } else if (a.invariant) {
    result = e.splat(a.invariant, lanes.count);
  } else if (lanes.count == 1) {
    Value address = e.at(a.address, e.mul(index, stride), a.buffer->element);
    if (readable.mask) {
      if (!a.safe)
        a.safe = e.stack(e.storageType(a.buffer->element), 1);
      address = e.make<LLVM::SelectOp>(readable.mask, address, a.safe);
    }
    result = e.load(address, 0, a.buffer->element, Lanes());
  } else if (stride.is(-1) && !readable.mask) {
    // Forwards from the last one, then reversed.
    Value address =
        e.at(a.address, e.sub(1 - lanes.count, index), a.buffer->element);
    SmallVector<int32_t> reversed;
    for (int64_t i = lanes.count; i-- > 0;)
      reversed.push_back(int32_t(i));
    result = e.load(address, 1, a.buffer->element, lanes);
    result = e.shuffle(result, result, reversed);
  } else {
    Value address = e.at(a.address, e.mul(index, stride), a.buffer->element);
    if (a.buffer->ahead && stride.is(1) && !readable.mask)
      for (int64_t line = 0; line < lanes.count * e.bytesOf(a.buffer->element);
           line += 64)
        e.prefetch(e.atByte(address, a.buffer->ahead + line));
    result = e.load(address, stride, a.buffer->element, readable);
  }
  return framed(a, result, inside);
}

/// product + c, c + product, product - c, c - product in one rounding.
Value Evaluator::contract(Operation *op, MulOp product) {
  Emit &e = k.e;
  bool first = op->getOperand(0) == product.getY();
  Value a = get(product.getLhs()), b = get(product.getRhs()),
        c = get(op->getOperand(first ? 1 : 0));
  if (isa<SubOp>(op))
    (first ? c : a) = e.make<arith::NegFOp>(first ? c : a);
  return e.make<math::FmaOp>(a, b, c);
}

Value Evaluator::get(Value v) {
  if (Value known = memo.lookup(v))
    return known;
  Value result;
  if (auto it = readOf.find(v); it != readOf.end()) {
    result = load(accesses[it->second]);
  } else if (auto it = constants.find(v); it != constants.end()) {
    result = constantOf(it->second);
  } else if (MulOp product = contractedProduct(v.getDefiningOp())) {
    result = contract(v.getDefiningOp(), product);
  } else {
    SmallVector<Value> operands;
    for (Value operand : v.getDefiningOp()->getOperands())
      operands.push_back(get(operand));
    // What is one number along the loop.
    std::function<bool(Value, int)> isOne = [&](Value x, int depth) {
      if (auto it = readOf.find(x); it != readOf.end())
        return (accesses[it->second].invariant ||
                accesses[it->second].constant) &&
               accesses[it->second].frames.empty();
      if (constants.contains(x))
        return true;
      Operation *op = x.getDefiningOp();
      return depth > 0 && !given.contains(x) &&
             isa_and_nonnull<PointwiseOpInterface>(op) &&
             llvm::all_of(op->getOperands(),
                          [&](Value y) { return isOne(y, depth - 1); });
    };
    // By a power of two it is a product.
    auto isPower = [](Value x) {
      Attribute number;
      auto vector = matchPattern(x, m_Constant(&number))
                        ? dyn_cast<SplatElementsAttr>(number)
                        : SplatElementsAttr();
      return vector && vector.getSplatValue<APFloat>().getExactInverse(nullptr);
    };
    if (isa<DivOp>(v.getDefiningOp()) &&
        paysToDivideByOne(operands[1].getType()) && !isPower(operands[1]) &&
        isOne(v.getDefiningOp()->getOperand(1), 4))
      result = divideByOne(k.e, operands[0], operands[1]);
    else
      result = cast<PointwiseOpInterface>(v.getDefiningOp())
                   .emitScalar(k.e, v.getLoc(), operands);
  }
  return memo[v] = result;
}

SmallVector<Value> Evaluator::made() {
  return llvm::map_to_vector(written, [&](Value v) { return get(v); });
}

void Evaluator::store(ArrayRef<Value> made) {
  for (auto [a, value] : llvm::zip_equal(writes, made))
    store(a, value);
}

void Evaluator::storeAt(ArrayRef<Ix> indices, Value v, Value emitted) {
  enter(indices, -1);
  point(0, Lanes());
  give(v, emitted);
  store();
}

void Evaluator::store(Access &a, Value emitted) {
  Ix offset = vectorDim < 0 ? Ix(0) : k.e.mul(index, a.strides[vectorDim]);
  Lanes covered = lanes;
  covered.aligned = a.aligned;
  k.e.store(emitted, k.e.at(a.address, offset, a.buffer->element), covered,
            a.buffer->element);
}

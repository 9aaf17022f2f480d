//===- Space.cpp - loop spaces and values seen in them
//---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A dense value takes any shape. A broadcast or transposed one takes shapes
// whose axes are groups of its own: axes that it repeats, or moves, together. A
// part of another value takes shapes in which it lies as evenly.
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Space.h"

#include "compiler/Transforms/Outline.h"

#include "dialects/Etch/EtchDialect.h"

using namespace mlir;
using namespace etch;

bool Product::divides(const Product &other) const {
  return known != 0 && other.known % known == 0 &&
         std::includes(other.symbols.begin(), other.symbols.end(),
                       symbols.begin(), symbols.end());
}

Product &Product::operator*=(const Product &other) {
  known *= other.known;
  symbols.append(other.symbols);
  llvm::sort(symbols);
  return *this;
}

void SpaceMap::addSymbol(Product &product, Value value, int64_t axis) {
  // Chains are short: what a symbol equals is brought to its end when learnt.
  SmallVector<std::pair<const void *, int64_t>> work = {
      {value.getAsOpaquePointer(), axis}};
  while (!work.empty()) {
    auto symbol = work.pop_back_val();
    auto it = equal.find(symbol);
    if (it == equal.end()) {
      product.symbols.push_back(symbol);
      continue;
    }
    product.known *= it->second.known;
    llvm::append_range(work, it->second.symbols);
  }
}

void SpaceMap::learnFrom(Operation *op) {
  auto isStatic = [](Value x) {
    auto type = llvm::dyn_cast<RankedTensorType>(x.getType());
    return !type || type.hasStaticShape();
  };
  if (llvm::all_of(op->getOperands(), isStatic))
    return;
  Space first = spaceOf(op->getOperand(0));
  for (Value x : op->getOperands().drop_front()) {
    Space other = spaceOf(x);
    for (auto [p, q] : llvm::zip_equal(first, other)) {
      auto learn = [&](const Product &a, const Product &b) {
        bool isSymbol = a.known == 1 && a.symbols.size() == 1;
        if (!isSymbol || llvm::is_contained(b.symbols, a.symbols[0]))
          return false;
        equal[a.symbols[0]] = b;
        return true;
      };
      if (p != q && !learn(q, p))
        learn(p, q);
    }
    first = spaceOf(op->getOperand(0));
  }
}

Product SpaceMap::productOf(ExtentSource source) {
  Product product;
  SmallVector<ExtentSource> work = {source};
  while (!work.empty()) {
    auto [value, axis] = work.pop_back_val();
    if (axis >= 0) {
      auto type = llvm::cast<RankedTensorType>(value.getType());
      if (!type.isDynamicDim(unsigned(axis)))
        product.known *= type.getDimSize(unsigned(axis));
      else
        addSymbol(product, value, axis);
      continue;
    }
    APInt constant;
    if (matchPattern(value, m_ConstantInt(&constant))) {
      product.known *= constant.getSExtValue();
    } else if (auto mul = value.getDefiningOp<arith::MulIOp>()) {
      work.push_back({mul.getLhs(), -1});
      work.push_back({mul.getRhs(), -1});
    } else if (auto dim = value.getDefiningOp<tensor::DimOp>();
               dim && dim.getConstantIndex()) {
      work.push_back(
          resolver.resolve(dim.getSource(), *dim.getConstantIndex()));
    } else {
      addSymbol(product, value, -1);
    }
  }
  llvm::sort(product.symbols);
  return product;
}

Space SpaceMap::spaceOf(Value tensor) {
  auto type = llvm::cast<RankedTensorType>(tensor.getType());
  Space space;
  for (int64_t axis = 0; axis < type.getRank(); ++axis)
    space.push_back(type.isDynamicDim(unsigned(axis))
                        ? productOf(resolver.resolve(tensor, axis))
                        : Product{type.getDimSize(unsigned(axis)), {}});
  return space;
}

RankedTensorType SpaceMap::typeOf(Value x, const Space &space) {
  SmallVector<int64_t> shape;
  for (const Product &extent : space)
    shape.push_back(extent.symbols.empty() ? extent.known
                                           : ShapedType::kDynamic);
  return RankedTensorType::get(shape, getElementTypeOrSelf(x.getType()));
}

SmallVector<Value> SpaceMap::extentValues(const Space &space, Builder &to,
                                          RankedTensorType type) {
  SmallVector<Value> values;
  for (auto [i, extent] : llvm::enumerate(space)) {
    if (type ? !type.isDynamicDim(unsigned(i)) : extent.symbols.empty())
      continue;
    Value size;
    if (extent.symbols.empty()) {
      values.push_back(
          arith::ConstantIndexOp::create(to.b, to.loc, extent.known));
      continue;
    }
    for (auto [pointer, axis] : extent.symbols) {
      Value factor =
          to.values.lookupOrDefault(Value::getFromOpaquePointer(pointer));
      if (axis >= 0)
        factor = tensor::DimOp::create(to.b, to.loc, factor, axis);
      size = size ? arith::MulIOp::create(to.b, to.loc, size, factor) : factor;
    }
    if (extent.known != 1)
      size = arith::MulIOp::create(
          to.b, to.loc, size,
          arith::ConstantIndexOp::create(to.b, to.loc, extent.known));
    values.push_back(size);
  }
  return values;
}

bool SpaceMap::isDense(Value x) {
  if (auto argument = llvm::dyn_cast<BlockArgument>(x))
    return !main.getArgAttr(argument.getArgNumber(), kStridedAttr);
  return !isCloned(x.getDefiningOp());
}

//===----------------------------------------------------------------------===//
// Axes that correspond
//===----------------------------------------------------------------------===//

namespace {
/// Axes of two spaces, other than those of extent 1, whose products agree.
struct Group {
  SmallVector<size_t> from, to;
};
} // namespace

static SmallVector<size_t> axesBeyondOne(const Space &space) {
  SmallVector<size_t> axes;
  for (auto [i, extent] : llvm::enumerate(space))
    if (!extent.isOne())
      axes.push_back(i);
  return axes;
}

/// The finest groups; nothing if extents are 0 or do not fit.
static std::optional<SmallVector<Group>> groupAxes(const Space &from,
                                                   const Space &to) {
  SmallVector<Group> groups;
  SmallVector<size_t> a = axesBeyondOne(from), b = axesBeyondOne(to);
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    Group group = {{a[i]}, {b[j]}};
    Product p = from[a[i++]], q = to[b[j++]];
    while (p != q) {
      if (p.divides(q) && i < a.size()) {
        group.from.push_back(a[i]);
        p *= from[a[i++]];
      } else if (q.divides(p) && j < b.size()) {
        group.to.push_back(b[j]);
        q *= to[b[j++]];
      } else {
        return std::nullopt;
      }
    }
    if (p.known == 0)
      return std::nullopt;
    groups.push_back(std::move(group));
  }
  if (i != a.size() || j != b.size())
    return std::nullopt;
  return groups;
}

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

Value SpaceMap::broadcast(Value x, const Space &space, Builder &to) {
  RankedTensorType type = typeOf(x, space);
  if (x.getType() == type)
    return x;
  Operation *op = BroadcastToOp::create(
      to.b, to.loc, type, x, extentValues(space, to), type.getShape());
  to.temporaries.push_back(op);
  return op->getResult(0);
}

Value SpaceMap::transpose(Value x, ArrayRef<int64_t> permutation, Builder &to) {
  if (llvm::equal(permutation, llvm::seq<int64_t>(0, permutation.size())))
    return x;
  auto from = llvm::cast<RankedTensorType>(x.getType());
  SmallVector<int64_t> shape;
  for (int64_t axis : permutation)
    shape.push_back(from.getDimSize(unsigned(axis)));
  Operation *op = TransposeOp::create(
      to.b, to.loc, RankedTensorType::get(shape, from.getElementType()), x,
      permutation);
  to.temporaries.push_back(op);
  return op->getResult(0);
}

Value SpaceMap::view(Value x, const Space &space, Builder *to) {
  // Reshapes of dense values are as good as these.
  if (auto reshape = x.getDefiningOp<ReshapeOp>();
      reshape && isDense(reshape.getX()))
    return viewOfDense(reshape.getX(), space, to);
  Space from = spaceOf(x);
  if (from == space)
    return x;
  if (isDense(x))
    return viewOfDense(x, space, to);
  if (llvm::isa<BlockArgument>(x))
    return viewOfStrided(x, from, space, to);
  if (auto constant = x.getDefiningOp<ConstantOp>()) {
    RankedTensorType type = typeOf(x, space);
    if (!to || !type.hasStaticShape())
      return type.hasStaticShape() ? x : Value();
    Operation *op = ConstantOp::create(
        to->b, to->loc, type,
        llvm::cast<DenseElementsAttr>(constant.getValue()).resizeSplat(type));
    to->temporaries.push_back(op);
    return op->getResult(0);
  }
  if (x.getDefiningOp<IotaOp>()) {
    if (!to)
      return x;
    RankedTensorType type = typeOf(x, space);
    Operation *op = IotaOp::create(to->b, to->loc, type,
                                   extentValues(space, *to), type.getShape());
    to->temporaries.push_back(op);
    return op->getResult(0);
  }
  if (llvm::isa<SliceAtOp, PlaceAtOp>(x.getDefiningOp()))
    return {};
  if (llvm::isa<SliceOp, PlaceOp>(x.getDefiningOp()))
    return viewOfPart(x, from, space, to);
  if (x.getDefiningOp<BroadcastToOp>())
    return viewOfBroadcast(x, from, space, to);
  return viewOfTranspose(x, from, space, to);
}

Value SpaceMap::viewOfDense(Value x, const Space &space, Builder *to) {
  if (!to || spaceOf(x) == space)
    return x;
  RankedTensorType type = typeOf(x, space);
  if (Value y = to->reshapes.lookup({x, type}))
    return y;
  Value y =
      ReshapeOp::create(to->b, to->loc, type, to->values.lookupOrDefault(x),
                        extentValues(space, *to), type.getShape());
  to->values.map(y, y);
  if (type.hasStaticShape())
    to->reshapes[{x, type}] = y;
  return y;
}

/// New axes of extent 1: leading ones by broadcast, then moved into place.
Value SpaceMap::viewOfStrided(Value x, const Space &from, const Space &space,
                              Builder *to) {
  if (space.size() < from.size())
    return {};
  int64_t lead = int64_t(space.size() - from.size()), added = 0;
  size_t next = 0;
  SmallVector<int64_t> permutation;
  for (const Product &extent : space) {
    if (next < from.size() && extent == from[next])
      permutation.push_back(lead + int64_t(next++));
    else if (extent.isOne() && added < lead)
      permutation.push_back(added++);
    else
      return {};
  }
  if (!to)
    return x;
  Space leading = from;
  leading.insert(leading.begin(), size_t(lead), Product());
  return transpose(broadcast(x, leading, *to), permutation, *to);
}

Value SpaceMap::viewOfBroadcast(Value x, const Space &from, const Space &space,
                                Builder *to) {
  Value source = x.getDefiningOp<BroadcastToOp>().getX();
  Space small = spaceOf(source);
  size_t lead = from.size() - small.size();
  auto groups = groupAxes(from, space);
  if (!groups)
    return {};
  Space kept(space.size(), Product());
  for (const Group &group : *groups) {
    auto isKept = [&](size_t axis) {
      return axis >= lead && !small[axis - lead].isOne();
    };
    bool keep = isKept(group.from.front());
    if (llvm::any_of(group.from, [&](size_t a) { return isKept(a) != keep; }))
      return {};
    for (size_t axis : group.to)
      if (keep)
        kept[axis] = space[axis];
  }
  // One element broadcasts as it is.
  bool isOne = llvm::all_of(kept, [](const Product &e) { return e.isOne(); });
  Value y =
      isOne && small.size() <= space.size() ? source : view(source, kept, to);
  return y && to ? broadcast(y, space, *to) : y;
}

Value SpaceMap::viewOfTranspose(Value x, const Space &from, const Space &space,
                                Builder *to) {
  auto op = x.getDefiningOp<TransposeOp>();
  ArrayRef<int64_t> permutation = op.getPermutation();
  auto groups = groupAxes(from, space);
  if (!groups)
    return {};
  // Where each axis stands in the source, those of extent 1 left out.
  Space source = spaceOf(op.getX());
  SmallVector<size_t> rank(source.size());
  for (auto [i, axis] : llvm::enumerate(axesBeyondOne(source)))
    rank[axis] = i;
  for (const Group &group : *groups)
    for (size_t k = 1; k < group.from.size(); ++k)
      if (rank[size_t(permutation[group.from[k]])] !=
          rank[size_t(permutation[group.from[k - 1]])] + 1)
        return {};
  llvm::sort(*groups, [&](const Group &a, const Group &b) {
    return rank[size_t(permutation[a.from[0]])] <
           rank[size_t(permutation[b.from[0]])];
  });
  Space moved;
  SmallVector<int64_t> back(space.size(), -1);
  for (const Group &group : *groups)
    for (size_t axis : group.to) {
      back[axis] = int64_t(moved.size());
      moved.push_back(space[axis]);
    }
  for (int64_t &axis : back)
    if (axis < 0) {
      axis = int64_t(moved.size());
      moved.push_back(Product());
    }
  Value y = view(op.getX(), moved, to);
  return y && to ? transpose(y, back, *to) : y;
}

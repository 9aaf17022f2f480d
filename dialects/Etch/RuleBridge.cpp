//===- RuleBridge.cpp - the op table's rules on MLIR values ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A GraphBuilder that writes into an MLIR block, and the conversions between
// the table's plain types and attributes and those of MLIR.
//===----------------------------------------------------------------------===//

#include "dialects/Etch/EtchDialect.h"
#include "dialects/Etch/Expr.h"

using namespace mlir;
using namespace etch;

static_assert(dynamic_extent == ShapedType::kDynamic);

Type etch::toMLIR(MLIRContext *context, DType dtype) {
  switch (dtype) {
  case DType::boolean:
    return IntegerType::get(context, 1);
  case DType::i32:
    return IntegerType::get(context, 32);
  case DType::i64:
    return IntegerType::get(context, 64);
  case DType::f32:
    return Float32Type::get(context);
  case DType::f64:
    return Float64Type::get(context);
  }
  return {};
}

RankedTensorType etch::toMLIR(MLIRContext *context,
                              const etch::TensorType &type) {
  return RankedTensorType::get(
      ArrayRef(type.shape.data(), size_t(type.shape.rank())),
      toMLIR(context, type.dtype));
}

etch::TensorType etch::toTensorType(Type type) {
  auto tensor = llvm::cast<RankedTensorType>(type);
  etch::TensorType result;
  for (int64_t extent : tensor.getShape())
    result.shape.push_back(extent);
  Type e = tensor.getElementType();
  result.dtype = e.isF32()         ? f32
                 : e.isF64()       ? f64
                 : e.isInteger(64) ? i64
                 : e.isInteger(32) ? i32
                                   : boolean;
  return result;
}

const OpInfo &etch::infoOf(Operation *op) {
  return *findOp(op->getName().stripDialect());
}

Attrs etch::attrsOf(const OpInfo &info, DictionaryAttr attributes) {
  Attrs attrs;
  for (auto [name, kind] : llvm::zip_equal(
           llvm::ArrayRef(info.attrNames.data(), info.attrNames.size()),
           llvm::ArrayRef(info.attrKinds.data(), info.attrKinds.size()))) {
    Attribute a = attributes.get(name);
    switch (kind) {
    case AttrKind::i64:
      attrs.emplace_back(llvm::cast<IntegerAttr>(a).getInt());
      break;
    case AttrKind::f64:
      attrs.emplace_back(llvm::cast<FloatAttr>(a).getValueAsDouble());
      break;
    case AttrKind::boolean:
      attrs.emplace_back(llvm::cast<BoolAttr>(a).getValue());
      break;
    case AttrKind::string:
      attrs.emplace_back(llvm::cast<StringAttr>(a).str());
      break;
    case AttrKind::i64s:
      attrs.emplace_back(llvm::cast<DenseI64ArrayAttr>(a).asArrayRef().vec());
      break;
    }
  }
  return attrs;
}

static Attribute toMLIR(Builder &b, const AttrValue &value) {
  if (auto *i = std::get_if<int64_t>(&value))
    return b.getI64IntegerAttr(*i);
  if (auto *d = std::get_if<double>(&value))
    return b.getF64FloatAttr(*d);
  if (auto *flag = std::get_if<bool>(&value))
    return b.getBoolAttr(*flag);
  if (auto *text = std::get_if<std::string>(&value))
    return b.getStringAttr(*text);
  return b.getDenseI64ArrayAttr(std::get<std::vector<int64_t>>(value));
}

LogicalResult etch::inferResultType(StringRef mnemonic,
                                    std::optional<Location> loc,
                                    ValueRange operands,
                                    DictionaryAttr attributes,
                                    SmallVectorImpl<Type> &types) {
  const OpInfo &info = *findOp(mnemonic);
  if (operands.size() < size_t(info.numOperands))
    return emitOptionalError(loc, mnemonic, ": too few operands");
  SmallVector<etch::TensorType> operandTypes;
  for (Value x : operands.take_front(size_t(info.numOperands))) {
    auto tensor = llvm::dyn_cast<RankedTensorType>(x.getType());
    if (!tensor)
      return emitOptionalError(loc, mnemonic, ": operands are ranked tensors");
    if (tensor.getRank() > Shape::max_rank)
      return emitOptionalError(loc, mnemonic, ": more than ",
                               int(Shape::max_rank), " axes");
    operandTypes.push_back(toTensorType(tensor));
  }
  for (const char *name : info.attrNames)
    if (!attributes || !attributes.get(name))
      return emitOptionalError(loc, mnemonic, ": attribute '", name,
                               "' is missing");
  std::string error;
  auto result = info.infer(operandTypes, attrsOf(info, attributes), error);
  if (!result)
    return emitOptionalError(loc, mnemonic, ": ", error);
  if (info.shaped) {
    auto dynamic = llvm::count(result->shape, dynamic_extent);
    if (size_t(dynamic) != operands.size() - size_t(info.numOperands))
      return emitOptionalError(
          loc, mnemonic, ": ", dynamic, " symbolic extents but ",
          operands.size() - size_t(info.numOperands), " operands for them");
  }
  MLIRContext *context =
      attributes ? attributes.getContext() : operands.front().getContext();
  RankedTensorType type = toMLIR(context, *result);
  // The table does not know how values are stored; a view has them as they are.
  if (info.kind == OpKind::view && !operandTypes.empty() &&
      getElementTypeOrSelf(operands.front().getType()).isBF16())
    type = type.clone(BFloat16Type::get(context));
  types.push_back(type);
  return success();
}

bool etch::isCompatibleResult(TypeRange inferred, TypeRange actual) {
  return inferred.size() == actual.size() &&
         llvm::all_of(llvm::zip(inferred, actual), [](auto pair) {
           auto [a, b] = pair;
           return getElementTypeOrSelf(a) == getElementTypeOrSelf(b) &&
                  succeeded(verifyCompatibleShape(a, b));
         });
}

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

Value etch::buildSplat(OpBuilder &b, Location loc, double value, Value like) {
  auto type = llvm::cast<RankedTensorType>(like.getType());
  Type e = type.getElementType();
  auto scalar = RankedTensorType::get({}, e);
  Attribute attr = llvm::isa<FloatType>(e)
                       ? Attribute(b.getFloatAttr(e, value))
                       : Attribute(b.getIntegerAttr(e, int64_t(value)));
  if (type.hasStaticShape())
    return ConstantOp::create(b, loc, type, DenseElementsAttr::get(type, attr));
  Value constant =
      ConstantOp::create(b, loc, scalar, DenseElementsAttr::get(scalar, attr));
  SmallVector<Value> extents;
  for (int64_t i = 0; i < type.getRank(); ++i)
    if (type.isDynamicDim(i))
      extents.push_back(tensor::DimOp::create(b, loc, like, i));
  return BroadcastToOp::create(b, loc, type, constant, extents,
                               type.getShape());
}

namespace {
class MLIRGraphBuilder : public GraphBuilder {
public:
  MLIRGraphBuilder(OpBuilder &b, Location loc) : b(b), loc(loc) {}

  etch::TensorType typeOf(Handle value) override {
    return toTensorType(unwrap(value).getType());
  }

  Handle apply(OpId op, std::span<const Handle> operands,
               Attrs attrs) override {
    SmallVector<Value> values =
        llvm::map_to_vector(ArrayRef(operands.data(), operands.size()), unwrap);
    return create(opInfo(op), values, attrs);
  }

  Handle applyShaped(OpId op, std::span<const Handle> operands, Attrs attrs,
                     std::span<const Extent> extents) override {
    SmallVector<Value> values =
        llvm::map_to_vector(ArrayRef(operands.data(), operands.size()), unwrap);
    std::vector<int64_t> shape;
    for (const Extent &e : extents) {
      if (e.factors.empty()) {
        shape.push_back(e.size + e.more);
        continue;
      }
      shape.push_back(dynamic_extent);
      Value size;
      for (const Extent::Factor &f : e.factors) {
        Value dim = unwrap(f.value);
        if (f.axis >= 0)
          dim = tensor::DimOp::create(b, loc, dim, f.axis);
        size = size ? arith::MulIOp::create(b, loc, size, dim) : dim;
      }
      if (e.size != 1)
        size = arith::MulIOp::create(
            b, loc, size, arith::ConstantIndexOp::create(b, loc, e.size));
      if (e.more != 0)
        size = arith::AddIOp::create(
            b, loc, size, arith::ConstantIndexOp::create(b, loc, e.more));
      values.push_back(size);
    }
    attrs.emplace_back(std::move(shape));
    return create(opInfo(op), values, attrs);
  }

  Handle splatLike(double value, Handle like) override {
    return buildSplat(b, loc, value, unwrap(like)).getAsOpaquePointer();
  }

private:
  static Value unwrap(Handle h) { return Value::getFromOpaquePointer(h); }

  Handle create(const OpInfo &info, ArrayRef<Value> operands,
                const Attrs &attrs) {
    OperationState state(loc, (llvm::Twine("etch.") + info.name).str());
    state.addOperands(operands);
    SmallVector<NamedAttribute> named;
    for (size_t i = 0; i < attrs.size(); ++i)
      named.push_back(b.getNamedAttr(info.attrNames[i], toMLIR(b, attrs[i])));
    state.addAttributes(named);
    SmallVector<Type> types;
    LogicalResult inferred = inferResultType(info.name, loc, operands,
                                             b.getDictionaryAttr(named), types);
    assert(succeeded(inferred) && "a rule wrote an ill-typed operation");
    (void)inferred;
    state.addTypes(types);
    return b.create(state)->getResult(0).getAsOpaquePointer();
  }

  OpBuilder &b;
  Location loc;
};
} // namespace

std::unique_ptr<GraphBuilder> etch::makeGraphBuilder(OpBuilder &b,
                                                     Location loc) {
  return std::make_unique<MLIRGraphBuilder>(b, loc);
}

static SmallVector<GraphBuilder::Handle> tensorOperands(Operation *op,
                                                        const OpInfo &info) {
  SmallVector<GraphBuilder::Handle> handles;
  for (Value x : op->getOperands().take_front(size_t(info.numOperands)))
    handles.push_back(x.getAsOpaquePointer());
  return handles;
}

SmallVector<Value> etch::buildVjpOf(Operation *op, OpBuilder &b,
                                    ValueRange gys) {
  const OpInfo &info = infoOf(op);
  SmallVector<Value> cotangents(size_t(info.numOperands));
  Value gy = gys.front();
  if (!gy || info.gradient != Gradient::rule)
    return cotangents;
  MLIRGraphBuilder builder(b, op->getLoc());
  auto operands = tensorOperands(op, info);
  Attrs attrs = attrsOf(info, op->getAttrDictionary());
  RuleContext context = {&builder,
                         {operands.data(), operands.size()},
                         op->getResult(0).getAsOpaquePointer(),
                         gy.getAsOpaquePointer(),
                         attrs};
  for (auto [value, expr] : llvm::zip_equal(cotangents, info.vjp(context)))
    if (expr)
      value = Value::getFromOpaquePointer(expr.handle());
  return cotangents;
}

Value etch::buildExpansionOf(Operation *op, OpBuilder &b) {
  const OpInfo &info = infoOf(op);
  if (!info.expand)
    return {};
  MLIRGraphBuilder builder(b, op->getLoc());
  auto operands = tensorOperands(op, info);
  Attrs attrs = attrsOf(info, op->getAttrDictionary());
  std::vector<Extent> extents;
  if (info.shaped) {
    auto given = op->getOperands().drop_front(size_t(info.numOperands));
    for (int64_t extent : std::get<std::vector<int64_t>>(attrs.back())) {
      Extent &e = extents.emplace_back();
      if (extent != dynamic_extent) {
        e.size = extent;
        continue;
      }
      e.factors.push_back({given.front().getAsOpaquePointer(), -1});
      given = given.drop_front();
    }
  }
  Expr expansion = info.expand({&builder,
                                {operands.data(), operands.size()},
                                nullptr,
                                nullptr,
                                attrs,
                                extents});
  return expansion ? Value::getFromOpaquePointer(expansion.handle()) : Value();
}

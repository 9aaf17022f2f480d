//===- EtchDialect.cpp - the dialect and the ops that have no table row ---===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Etch/EtchDialect.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace etch;

#include "dialects/Etch/EtchDialect.cpp.inc"
#include "dialects/Etch/EtchInterfaces.cpp.inc"

#define GET_OP_CLASSES
#include "dialects/Etch/EtchOps.cpp.inc"

void EtchDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/Etch/EtchOps.cpp.inc"
      >();
}

Operation *EtchDialect::materializeConstant(OpBuilder &b, Attribute value,
                                            Type type, Location loc) {
  auto elements = llvm::dyn_cast<ElementsAttr>(value);
  if (!elements || elements.getType() != type)
    return nullptr;
  return ConstantOp::create(b, loc, type, elements);
}

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

LogicalResult GradientOp::verify() {
  if (getY().getType() != getGy().getType())
    return emitOpError("the seed is ")
           << getGy().getType() << ", y is " << getY().getType();
  if (getXs().size() != getGxs().size())
    return emitOpError("has ") << getXs().size() << " variables but "
                               << getGxs().size() << " gradients";
  for (auto [x, gx] : llvm::zip_equal(getXs(), getGxs()))
    if (x.getType() != gx.getType())
      return emitOpError("the gradient of ")
             << x.getType() << " is " << gx.getType();
  return success();
}

LogicalResult CustomVjpOp::verify() {
  if (getOutputs().getTypes() != getYs().getTypes())
    return emitOpError("results differ from the outputs in number or type");
  Block &rule = getRule().front();
  if (rule.getArgumentTypes() != getYs().getTypes())
    return emitOpError("the rule takes one cotangent per output");
  Operation *yield = rule.getTerminator();
  if (yield->getOperandTypes() != getInputs().getTypes())
    return emitOpError("the rule yields one cotangent per input");
  return success();
}

// (%inputs) gives (%outputs) { ^bb0(%gy): … } : types
ParseResult CustomVjpOp::parse(OpAsmParser &parser, OperationState &state) {
  SmallVector<OpAsmParser::UnresolvedOperand> inputs, outputs;
  SmallVector<Type> inputTypes, outputTypes;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseOperandList(inputs, OpAsmParser::Delimiter::Paren) ||
      parser.parseKeyword("gives") ||
      parser.parseOperandList(outputs, OpAsmParser::Delimiter::Paren) ||
      parser.parseRegion(*state.addRegion()) ||
      parser.parseOptionalAttrDict(state.attributes) || parser.parseColon() ||
      parser.parseLParen() ||
      (!inputs.empty() && parser.parseTypeList(inputTypes)) ||
      parser.parseRParen() || parser.parseArrow() || parser.parseLParen() ||
      parser.parseTypeList(outputTypes) || parser.parseRParen() ||
      parser.resolveOperands(inputs, inputTypes, loc, state.operands) ||
      parser.resolveOperands(outputs, outputTypes, loc, state.operands))
    return failure();
  state.getOrAddProperties<Properties>().operandSegmentSizes = {
      int32_t(inputs.size()), int32_t(outputs.size())};
  state.addTypes(outputTypes);
  return success();
}

void CustomVjpOp::print(OpAsmPrinter &p) {
  p << '(' << getInputs() << ") gives (" << getOutputs() << ") ";
  p.printRegion(getRule());
  p.printOptionalAttrDict((*this)->getAttrs(), {"operandSegmentSizes"});
  p << " : (" << getInputs().getTypes() << ") -> (" << getYs().getTypes()
    << ')';
}

//===- PlugIn.cpp - An op of another dialect ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What somebody else's op needs to be part of programs and of their gradients:
// DifferentiableOpInterface. The rule is written once, in ops; it serves every
// order. Back ends never see the op: it expands into ops that they know.
//===----------------------------------------------------------------------===//

#include "test/backend/Interpreter.h"

#include "dialects/Etch/EtchDialect.h"

#include "mlir/IR/DialectRegistry.h"

using namespace mlir;

namespace plug {

/// plug.cube: x * x * x.
class CubeOp : public Op<CubeOp, OpTrait::ZeroRegions, OpTrait::OneResult,
                         OpTrait::ZeroSuccessors, OpTrait::OneOperand,
                         OpTrait::SameOperandsAndResultType,
                         MemoryEffectOpInterface::Trait,
                         etch::DifferentiableOpInterface::Trait> {
public:
  using Op::Op;
  static StringRef getOperationName() { return "plug.cube"; }
  static ArrayRef<StringRef> getAttributeNames() { return {}; }
  void getEffects(SmallVectorImpl<MemoryEffects::EffectInstance> &) {}

  const etch::OpInfo &getInfo() {
    static const etch::OpInfo info = {.id = etch::OpId(-1),
                                      .name = "cube",
                                      .kind = etch::OpKind::pointwise,
                                      .gradient = etch::Gradient::rule,
                                      .commutative = false,
                                      .numOperands = 1,
                                      .shaped = false,
                                      .attrNames = {},
                                      .attrKinds = {},
                                      .infer = nullptr,
                                      .vjp = nullptr,
                                      .expand = nullptr};
    return info;
  }
  /// 3 x² gy
  SmallVector<Value> buildVjp(OpBuilder &b, ValueRange gys) {
    Value x = getOperation()->getOperand(0);
    Value three = etch::buildSplat(b, getLoc(), 3, x);
    return {times(b, times(b, three, times(b, x, x)), gys[0])};
  }
  Value buildExpansion(OpBuilder &b) {
    Value x = getOperation()->getOperand(0);
    return times(b, times(b, x, x), x);
  }

private:
  Value times(OpBuilder &b, Value x, Value y) {
    return etch::MulOp::create(b, getLoc(), x, y);
  }
};

class PlugDialect : public Dialect {
public:
  explicit PlugDialect(MLIRContext *context)
      : Dialect(getDialectNamespace(), context, TypeID::get<PlugDialect>()) {
    addOperations<CubeOp>();
  }
  static StringRef getDialectNamespace() { return "plug"; }
};

} // namespace plug

void etch::backend::addPlugIn(DialectRegistry &registry) {
  registry.insert<plug::PlugDialect>();
}

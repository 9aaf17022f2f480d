//===- EtchInterfaces.td - How passes speak to ops -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_INTERFACES
#define ETCH_INTERFACES

include "mlir/IR/OpBase.td"

def PointwiseOpInterface : OpInterface<"PointwiseOpInterface"> {
  let cppNamespace = "::etch";
  let description = [{
    One scalar body over operands and result of one shape. The body is the op's
    only definition: every back end and the eager mode use it.
  }];
  let methods = [InterfaceMethod<[{
      Emits the body. The arguments are scalars or vectors of the operands'
      element types; so is the value that it returns.
    }], "::mlir::Value", "emitScalar",
    (ins "::mlir::OpBuilder &":$b, "::mlir::Location":$loc,
         "::mlir::ValueRange":$args)>];
}

def DifferentiableOpInterface : OpInterface<"DifferentiableOpInterface"> {
  let cppNamespace = "::etch";
  let description = [{
    An op of the table in OpTable.h. The same rule serves the differentiation
    pass and the eager tape.
  }];
  let methods = [
    InterfaceMethod<"The op's row in the table.", "const ::etch::OpInfo &",
      "getInfo", (ins), /*methodBody=*/"", /*defaultImplementation=*/[{
        return ::etch::infoOf($_op);
      }]>,
    InterfaceMethod<[{
      Builds one cotangent per tensor operand. A null cotangent, in or out,
      means "no gradient".
    }], "::llvm::SmallVector<::mlir::Value>", "buildVjp",
    (ins "::mlir::OpBuilder &":$b, "::mlir::ValueRange":$gys),
    /*methodBody=*/"", /*defaultImplementation=*/[{
      return ::etch::buildVjpOf($_op, b, gys);
    }]>,
    InterfaceMethod<[{
      Builds the same value in terms of canonical ops, or returns null when the
      op is canonical already.
    }], "::mlir::Value", "buildExpansion", (ins "::mlir::OpBuilder &":$b),
    /*methodBody=*/"", /*defaultImplementation=*/[{
      return ::etch::buildExpansionOf($_op, b);
    }]>,
  ];
}

#endif // ETCH_INTERFACES

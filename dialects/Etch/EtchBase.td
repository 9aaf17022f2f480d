//===- EtchBase.td - The dialect and its op classes ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A pointwise op is one record: its scalar body and its gradient. A structured
// op is one record and one file in Ops/. Everything else is derived: the op
// class, type inference, verification, both gradients (static and eager), the
// eager function, the documentation, the gradient check.
//
// Two generators read a record. mlir-tblgen makes the op class; `scalar` is
// pasted into it. etch-tblgen makes the MLIR-free table (OpTable.h); `vjp` is
// pasted there, and the op class calls it through the table.
//===----------------------------------------------------------------------===//
#ifndef ETCH_BASE
#define ETCH_BASE

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/Etch/EtchInterfaces.td"

def Etch_Dialect : Dialect {
  let name = "etch";
  let cppNamespace = "::etch";
  let summary = "Tensor operations with gradients.";
  let description = [{
    What a user's define-by-run program means: pure operations on tensors, each
    with one scalar definition or one structure, and one gradient rule. Shapes
    must match; broadcasting is an operation of its own.
  }];
  let hasConstantMaterializer = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
}

// Element types that an op takes.
class Etch_Elements<string name> { string cppName = name; }
def AnyElement : Etch_Elements<"any">;       // booleans too
def NumberElement : Etch_Elements<"number">; // integers and floats
def FloatElement : Etch_Elements<"floating">;
def IndexElement : Etch_Elements<"index">;   // int64 only

// Numbers of f32 may be stored between kernels as bf16 (see etch-narrow): only
// reshape meets those, for all other results are of the table's types.
def Etch_Tensor : RankedTensorOf<[I1, I32, I64, BF16, F32, F64]>;

// What `vjp` says when it is not a rule.
defvar Inactive = [{Inactive}];                   // zero everywhere
defvar NotDifferentiable = [{NotDifferentiable}]; // asking is an error

// Every op of the table. `vjp`: comma-separated cotangents, one per operand, in
// terms of the operands' names, y, gy and the attributes; {} is no gradient.
class Etch_Op<string mnemonic, list<Trait> traits = []>
    : Op<Etch_Dialect, mnemonic, !listconcat(traits, [
        Pure, DeclareOpInterfaceMethods<InferTypeOpInterface>,
        DifferentiableOpInterface])> {
  string kind = ?;     // OpKind of OpTable.h
  code vjp = ?;        // a rule, Inactive, NotDifferentiable; unset: in Ops/
  bit commutative = 0;
  bit expands = 0;     // Ops/ has `Expr expandFoo(const RuleContext &)`
  bit shaped = 0;      // has the trailing `shape` attribute and extents
  // Applications for the generated gradient check, where what fits is not found
  // by trying: {{operands' shapes}, {attributes}}, … Lists are List{…}.
  code gradientCheck = "";

  code inferBase = [{
    ::llvm::LogicalResult $cppClass::inferReturnTypes(
        ::mlir::MLIRContext *context, ::std::optional<::mlir::Location> loc,
        ::mlir::ValueRange operands, ::mlir::DictionaryAttr attributes,
        ::mlir::OpaqueProperties properties, ::mlir::RegionRange,
        ::llvm::SmallVectorImpl<::mlir::Type> &types) {
      if (properties)
        if (auto dict = ::llvm::dyn_cast_or_null<::mlir::DictionaryAttr>(
                getPropertiesAsAttr(context, *properties.as<Properties *>())))
          attributes = dict;
      return ::etch::inferResultType("}] # mnemonic # [{", loc, operands,
                                     attributes, types);
    }
    bool $cppClass::isCompatibleReturnTypes(::mlir::TypeRange inferred,
                                            ::mlir::TypeRange actual) {
      return ::etch::isCompatibleResult(inferred, actual);
    }
  }];
  let extraClassDeclaration = [{
    static bool isCompatibleReturnTypes(::mlir::TypeRange inferred,
                                        ::mlir::TypeRange actual);
  }];
  let extraClassDefinition = inferBase;
  let results = (outs Etch_Tensor:$y);
  let assemblyFormat =
      "operands attr-dict `:` functional-type(operands, results)";
}

//===----------------------------------------------------------------------===//
// Pointwise
//===----------------------------------------------------------------------===//

// `scalar`: one expression of ScalarExpr.h in terms of the operands' names and
// the attributes. `result`: "same" element type as the last operand, "boolean",
// "to" (that which the attribute `to` names) or "toFloat" (the same, a float).
class Etch_Pointwise<string mnemonic, dag operands, dag attrs = (ins),
                     code scalarBody, code locals>
    : Etch_Op<mnemonic, [DeclareOpInterfaceMethods<PointwiseOpInterface>]> {
  let kind = "pointwise";
  Etch_Elements elements = NumberElement;
  string result = "same";
  let arguments = !con(operands, attrs);
  let extraClassDefinition = inferBase # [{
    ::mlir::Value $cppClass::emitScalar(::mlir::OpBuilder &b,
                                        ::mlir::Location loc,
                                        ::mlir::ValueRange args) {
      }] # locals # [{
      return (}] # scalarBody # [{);
    }
  }];
}

class Etch_Unary<string mnemonic, code scalar, code rule,
                 Etch_Elements elems = FloatElement, dag attrs = (ins),
                 code attrLocals = "">
    : Etch_Pointwise<mnemonic, (ins Etch_Tensor:$x), attrs, scalar,
                     "::etch::ScalarExpr x(b, loc, args[0]);" # attrLocals> {
  let vjp = rule;
  let elements = elems;
}

class Etch_Binary<string mnemonic, code scalar, code rule,
                  Etch_Elements elems = NumberElement>
    : Etch_Pointwise<mnemonic, (ins Etch_Tensor:$lhs, Etch_Tensor:$rhs), (ins),
                     scalar, [{::etch::ScalarExpr lhs(b, loc, args[0]),
                               rhs(b, loc, args[1]);}]> {
  let vjp = rule;
  let elements = elems;
}

class Etch_Compare<string mnemonic, code scalar>
    : Etch_Binary<mnemonic, scalar, Inactive, AnyElement> {
  let result = "boolean";
}

//===----------------------------------------------------------------------===//
// Structured: rules in Ops/<File>.cpp
//===----------------------------------------------------------------------===//

// `inferFoo`, `vjpFoo` (unless vjp is set) and `expandFoo` (if expands) are
// written in Ops/, without MLIR; Foo is the mnemonic in CamelCase.
class Etch_Structured<string mnemonic, string opKind> : Etch_Op<mnemonic> {
  let kind = opKind;
}

// The result's shape is an attribute; its dynamic extents are operands.
class Etch_Shaped<string mnemonic, string opKind, dag operands,
                  dag attrs = (ins)>
    : Etch_Structured<mnemonic, opKind> {
  let shaped = 1;
  let arguments = !con(operands, (ins Variadic<Index>:$extents), attrs,
                       (ins DenseI64ArrayAttr:$shape));
}

#endif // ETCH_BASE

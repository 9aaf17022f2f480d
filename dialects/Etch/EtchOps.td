//===- EtchOps.td - The ops ----------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names: operands x, w, lhs, rhs; result y; cotangent of the result gy.
//===----------------------------------------------------------------------===//
#ifndef ETCH_OPS
#define ETCH_OPS

include "dialects/Etch/EtchBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

def NegOp : Etch_Unary<"neg", [{ -x }], [{ -gy }], NumberElement> {
  let summary = "Negation.";
  let hasFolder = 1;
}
def AddOp : Etch_Binary<"add", [{ lhs + rhs }], [{ gy, gy }]> {
  let summary = "Sum of two tensors.";
  let commutative = 1;
  let hasCanonicalizer = 1;
}
def SubOp : Etch_Binary<"sub", [{ lhs - rhs }], [{ gy, -gy }]> {
  let summary = "Difference of two tensors.";
  let hasCanonicalizer = 1;
}
def MulOp : Etch_Binary<"mul", [{ lhs * rhs }], [{ gy * rhs, gy * lhs }]> {
  let summary = "Product of two tensors.";
  let commutative = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}
def DivOp : Etch_Binary<"div", [{ lhs / rhs }],
                        [{ gy / rhs, gy * (-lhs / (rhs * rhs)) }],
                        FloatElement> {
  let summary = "Quotient of two tensors (true division).";
  let hasFolder = 1;
}
def PowOp : Etch_Unary<"pow", [{ pow(x, exponent) }],
                       [{ exponent == 0 ? splatLike(0, gy)
                                     : exponent * pow(x, exponent - 1) * gy }],
                       FloatElement, (ins F64Attr:$exponent),
                       "double exponent = getExponent().convertToDouble();"> {
  let summary = "A constant power of x; the exponent has no gradient.";
  let hasFolder = 1;
}
def MaximumOp
    : Etch_Binary<"maximum", [{ maximum(lhs, rhs) }],
                  [{ select(greater(lhs, rhs), gy,
                            select(equal(lhs, rhs), gy * 0.5,
                                   splatLike(0, gy))),
                     select(less(lhs, rhs), gy,
                            select(equal(lhs, rhs), gy * 0.5,
                                   splatLike(0, gy))) }]> {
  let summary = "The larger of two; a NaN wins, rhs at a tie, which shares the gradient.";
}
def MinimumOp
    : Etch_Binary<"minimum", [{ minimum(lhs, rhs) }],
                  [{ select(less(lhs, rhs), gy,
                            select(equal(lhs, rhs), gy * 0.5,
                                   splatLike(0, gy))),
                     select(greater(lhs, rhs), gy,
                            select(equal(lhs, rhs), gy * 0.5,
                                   splatLike(0, gy))) }]> {
  let summary = "The smaller of two; a NaN wins, rhs at a tie, which shares the gradient.";
}
def AbsOp : Etch_Unary<"abs", [{ abs(x) }], [{ gy * sign(x) }],
                       NumberElement> {
  let summary = "Absolute value; its gradient at 0 is 0.";
}
def SignOp : Etch_Unary<"sign", [{ sign(x) }], Inactive, NumberElement> {
  let summary = "-1, 0 or 1; NaN for NaN.";
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

def ExpOp : Etch_Unary<"exp", [{ exp(x) }], [{ gy * y }]> {
  let summary = "e to the power of x.";
}
def LogOp : Etch_Unary<"log", [{ log(x) }], [{ gy / x }]> {
  let summary = "Natural logarithm.";
}
def SqrtOp : Etch_Unary<"sqrt", [{ sqrt(x) }], [{ gy * 0.5 / y }]> {
  let summary = "Square root, correctly rounded.";
}
def SinOp : Etch_Unary<"sin", [{ sin(x) }], [{ gy * cos(x) }]> {
  let summary = "Sine of x in radians.";
}
def CosOp : Etch_Unary<"cos", [{ cos(x) }], [{ gy * -sin(x) }]> {
  let summary = "Cosine of x in radians.";
}
def TanhOp : Etch_Unary<"tanh", [{ tanh(x) }], [{ gy * (1 - y * y) }]> {
  let summary = "Hyperbolic tangent.";
}
def SigmoidOp
    : Etch_Unary<"sigmoid", [{ sigmoid(x) }], [{ gy * y * (1 - y) }]> {
  let summary = "Logistic function 1 / (1 + exp(-x)).";
}
def ErfOp : Etch_Unary<"erf", [{ erf(x) }],
                       [{ gy * (1.1283791670955126 * exp(-(x * x))) }]> {
  let summary = "Error function; its derivative is 2/sqrt(pi) exp(-x*x).";
}
def ReluOp : Etch_Unary<"relu", [{ relu(x) }],
                        [{ select(greater(y, splatLike(0, y)), gy,
                                  splatLike(0, gy)) }], NumberElement> {
  let summary = "max(x, 0); its gradient at 0 is 0.";
}

//===----------------------------------------------------------------------===//
// Comparison, choice, conversion
//===----------------------------------------------------------------------===//

def EqualOp : Etch_Compare<"equal", [{ eq(lhs, rhs) }]> {
  let summary = "lhs == rhs";
  let commutative = 1;
}
def NotEqualOp : Etch_Compare<"not_equal", [{ ne(lhs, rhs) }]> {
  let summary = "lhs != rhs; true for NaN.";
  let commutative = 1;
}
def LessOp : Etch_Compare<"less", [{ lt(lhs, rhs) }]> {
  let summary = "lhs < rhs";
}
def LessEqualOp : Etch_Compare<"less_equal", [{ le(lhs, rhs) }]> {
  let summary = "lhs <= rhs";
}
def GreaterOp : Etch_Compare<"greater", [{ gt(lhs, rhs) }]> {
  let summary = "lhs > rhs";
}
def GreaterEqualOp : Etch_Compare<"greater_equal", [{ ge(lhs, rhs) }]> {
  let summary = "lhs >= rhs";
}
def SelectOp
    : Etch_Pointwise<"select",
          (ins Etch_Tensor:$condition, Etch_Tensor:$lhs, Etch_Tensor:$rhs),
          (ins), [{ select(condition, lhs, rhs) }],
          [{::etch::ScalarExpr condition(b, loc, args[0]),
                lhs(b, loc, args[1]), rhs(b, loc, args[2]);}]> {
  let summary = "lhs where the condition holds, else rhs.";
  let elements = AnyElement;
  let vjp = [{ {}, select(condition, gy, splatLike(0, gy)),
               select(condition, splatLike(0, gy), gy) }];
  let hasFolder = 1;
}
def CastOp
    : Etch_Unary<"cast", [{ cast(x, ::mlir::getElementTypeOrSelf(getY())) }],
                 [{ castLike(gy, x) }], AnyElement, (ins StrAttr:$to)> {
  let summary = "Conversion to the element type that `to` names.";
  let description = [{
    Floats become integers by truncation, saturating; NaN becomes 0. Anything
    but zero becomes true.
  }];
  let result = "to";
  let hasFolder = 1;
}
def StopGradientOp
    : Etch_Unary<"stop_gradient", [{ x }], Inactive, AnyElement> {
  let summary = "x itself, cut off from the gradient.";
}

//===----------------------------------------------------------------------===//
// Random numbers
//===----------------------------------------------------------------------===//

def PhiloxOp
    : Etch_Pointwise<"philox", (ins Etch_Tensor:$counter, Etch_Tensor:$key),
          (ins StrAttr:$to),
          [{ philox(counter, key, ::mlir::getElementTypeOrSelf(getY())) }],
          [{::etch::ScalarExpr counter(b, loc, args[0]),
                key(b, loc, args[1]);}]> {
  let summary = "Uniform in [0, 1) by counter and key: Philox4x32-10.";
  let description = [{
    Of the block at (counter, 0) under the key, all little-endian, a float is the
    first word's upper 24 bits, a double the upper 53 of the first two. No two
    counters share anything, so the order of evaluation does not matter.
  }];
  let elements = IndexElement;
  let result = "toFloat";
  let vjp = Inactive;
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

def ReshapeOp
    : Etch_Shaped<"reshape", "view", (ins Etch_Tensor:$x)> {
  let summary = "The same elements in row-major order under another shape.";
  let vjp = [{ reshapeLike(gy, x) }];
  let hasFolder = 1;
}
def BroadcastToOp
    : Etch_Shaped<"broadcast_to", "view", (ins Etch_Tensor:$x)> {
  let summary = "Repeats x along new leading axes and axes of extent 1.";
  let vjp = [{ sumTo(gy, extentsOf(x)) }];
  let hasFolder = 1;
}
def SumToOp : Etch_Shaped<"sum_to", "reduction", (ins Etch_Tensor:$x)> {
  let summary = "Sums over the axes that broadcast_to would repeat.";
  let vjp = [{ broadcastTo(gy, extentsOf(x)) }];
  let expands = 1;
  let hasFolder = 1;
}
def TransposeOp : Etch_Structured<"transpose", "view"> {
  let summary = "Permutes the axes: axis i of y is axis permutation[i] of x.";
  let arguments = (ins Etch_Tensor:$x, DenseI64ArrayAttr:$permutation);
  let hasFolder = 1;
}

def IotaOp : Etch_Shaped<"iota", "view", (ins)> {
  let summary = "0, 1, 2, … as int64, in row-major order of the shape.";
  let vjp = Inactive;
}
def SliceOp : Etch_Shaped<"slice", "view", (ins Etch_Tensor:$x),
                          (ins DenseI64ArrayAttr:$starts,
                               DenseI64ArrayAttr:$steps)> {
  let summary = "y[i, …] = x[start + i * step, …] along every axis.";
  let description = [{
    Steps may be negative, not 0. A negative start counts from the end of x.
  }];
  let gradientCheck = [{
    {{{7}}, {List{2}, List{1}, List{4}}},
    {{{7}}, {List{6}, List{-2}, List{4}}},
    {{{7}}, {List{-1}, List{-1}, List{7}}},
    {{{5}}, {List{0}, List{1}, List{0}}},
    {{{3, 5}}, {List{0, 1}, List{1, 2}, List{3, 2}}},
    {{{3, 5}}, {List{2, 4}, List{-2, -3}, List{2, 2}}},
    {{{3, 5}}, {List{1, 0}, List{1, 1}, List{1, 5}}},
    {{{1, 4}}, {List{0, 3}, List{1, 1}, List{1, 1}}},
    {{{0, 3}}, {List{0, 1}, List{1, 1}, List{0, 2}}},
    {{{67, 19}}, {List{66, 0}, List{-3, 1}, List{20, 19}}},
    {{{2, 17, 31}}, {List{0, 3, 5}, List{1, 1, 1}, List{2, 4, 20}}},
    {{Shape{}}, {List{}, List{}, List{}}}
  }];
  let hasFolder = 1;
}
def PlaceOp : Etch_Shaped<"place", "view", (ins Etch_Tensor:$x),
                          (ins DenseI64ArrayAttr:$starts,
                               DenseI64ArrayAttr:$steps, F64Attr:$fill)> {
  let summary = "y[start + i * step, …] = x[i, …], elsewhere the fill.";
  let description = [{
    The adjoint of slice. Steps may be negative, not 0. A negative start counts
    from the end of y.
  }];
  let gradientCheck = [{
    {{{4}}, {List{2}, List{1}, 0.5, List{7}}},
    {{{4}}, {List{6}, List{-2}, 0.0, List{7}}},
    {{{7}}, {List{-1}, List{-1}, 0.0, List{7}}},
    {{{0}}, {List{0}, List{1}, 2.0, List{5}}},
    {{{3, 2}}, {List{0, 1}, List{1, 2}, 0.0, List{3, 5}}},
    {{{2, 2}}, {List{2, 4}, List{-2, -3}, 0.5, List{3, 5}}},
    {{{1, 5}}, {List{1, 0}, List{1, 1}, 0.0, List{3, 5}}},
    {{{1, 1}}, {List{0, 3}, List{1, 1}, 0.0, List{1, 4}}},
    {{{0, 2}}, {List{0, 1}, List{1, 1}, 0.0, List{0, 3}}},
    {{{20, 19}}, {List{66, 0}, List{-3, 1}, 0.0, List{67, 19}}},
    {{{2, 4, 20}}, {List{0, 3, 5}, List{1, 1, 1}, -0.5, List{2, 17, 31}}},
    {{Shape{}}, {List{}, List{}, 0.0, List{}}}
  }];
  let expands = 1;
  let hasFolder = 1;
}

def SliceAtOp : Etch_Shaped<"slice_at", "view",
                            (ins Etch_Tensor:$x, Etch_Tensor:$start),
                            (ins I64Attr:$axis)> {
  let summary = "y[…, i, …] = x[…, start + i, …] along one axis.";
  let description = [{
    The start is data, an int64 of shape (); the nearest one is taken for which y
    is a part of x.
  }];
  let hasCanonicalizer = 1;
}
def PlaceAtOp : Etch_Shaped<"place_at", "view",
                            (ins Etch_Tensor:$x, Etch_Tensor:$start),
                            (ins I64Attr:$axis)> {
  let summary = "y[…, start + i, …] = x[…, i, …] along one axis, else 0.";
  let description = "The adjoint of slice_at.";
  let hasCanonicalizer = 1;
}

//===----------------------------------------------------------------------===//
// Reductions, scans
//===----------------------------------------------------------------------===//

class Etch_Reduction<string mnemonic> : Etch_Structured<mnemonic, "reduction"> {
  let arguments = (ins Etch_Tensor:$x, DenseI64ArrayAttr:$axes,
                       BoolAttr:$keepdims);
  let expands = 1;
}
def SumOp : Etch_Reduction<"sum"> {
  let summary = "Sum over the axes, as a fixed tree.";
}
def MeanOp : Etch_Reduction<"mean"> {
  let summary = "Mean over the axes: the sum divided by the count.";
}
def MaxOp : Etch_Reduction<"max"> {
  let summary = "Largest element over the axes; every tie has the gradient.";
}
def MinOp : Etch_Reduction<"min"> {
  let summary = "Smallest element over the axes; every tie has the gradient.";
}
def ArgmaxOp : Etch_Structured<"argmax", "reduction"> {
  let summary = "Index of the first largest element along one axis, int64.";
  let arguments = (ins Etch_Tensor:$x, I64Attr:$axis);
  let vjp = Inactive;
  let expands = 1;
}
def CumsumOp : Etch_Structured<"cumsum", "scan"> {
  let summary = "Sums of the elements so far along one axis, in their order.";
  let description = [{
    y[0] = x[0], y[k] = y[k-1] + x[k]; `reverse` begins at the last element.
  }];
  let arguments = (ins Etch_Tensor:$x, I64Attr:$axis, BoolAttr:$reverse);
  let vjp = [{ cumsum(gy, axis, !reverse) }];
  let expands = 1;
}

//===----------------------------------------------------------------------===//
// Contraction, indexing
//===----------------------------------------------------------------------===//

def MatmulOp : Etch_Structured<"matmul", "contraction"> {
  let summary = "Matrix product of (…, M, K) and (…, K, N).";
  let description = [{
    Both have the same leading axes. Each element is a chain of fused
    multiply-adds in ascending k, in blocks of 256 whose sums add in order; a
    product of one row and one column is summed as a reduction is.
  }];
  let arguments = (ins Etch_Tensor:$x, Etch_Tensor:$w);
  let expands = 1;
}
def GatherOp : Etch_Structured<"gather", "indexed"> {
  let summary = "y[b, j, i] = x[b, index[b, j], i]";
  let description = [{
    x is (B, A, I), index (B, J) int64, y (B, J, I). A negative index counts
    from the end; one that is out of range is an error of the run. An index
    (B, J, I) says it for each i.
  }];
  let arguments = (ins Etch_Tensor:$x, Etch_Tensor:$index);
}
def ScatterAddOp
    : Etch_Shaped<"scatter_add", "indexed",
                  (ins Etch_Tensor:$x, Etch_Tensor:$index)> {
  let summary = "y[b, index[b, j], i] += x[b, j, i], in ascending j, from 0.";
  let description = [{
    The adjoint of gather, in both of its forms: x is (B, J, I), y (B, A, I).
  }];
}

include "dialects/Etch/ConvolutionOps.td"

//===----------------------------------------------------------------------===//
// Compiler's own: not in the table, never made by the front end's functions
//===----------------------------------------------------------------------===//

def ConstantOp : Op<Etch_Dialect, "constant", [Pure, ConstantLike,
                                               AllTypesMatch<["value", "y"]>]> {
  let summary = "A tensor known at compile time.";
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Etch_Tensor:$y);
  let assemblyFormat = "attr-dict $value";
  let hasFolder = 1;
}

def GradientOp : Op<Etch_Dialect, "gradient", [Pure]> {
  let summary = "Gradients of y with respect to xs, seeded by gy.";
  let description = [{
    What `y.backward()` leaves in a trace. The phase `differentiate` replaces it
    by the ops of the rules, visited in reverse order. A value of xs on which y
    does not depend has a gradient of zero.
  }];
  let arguments = (ins Etch_Tensor:$y, Etch_Tensor:$gy,
                       Variadic<Etch_Tensor>:$xs);
  let results = (outs Variadic<Etch_Tensor>:$gxs);
  let assemblyFormat = [{
    $y `by` $gy `wrt` $xs attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def CustomVjpOp
    : Op<Etch_Dialect, "custom_vjp", [Pure, AttrSizedOperandSegments,
                       SingleBlockImplicitTerminator<"YieldOp">]> {
  let summary = "Gives values the gradient rule of a user's Function.";
  let description = [{
    The results are the values `outputs`, computed by the Function's forward. In
    the backward sweep, their cotangents become the region's arguments and what
    it yields the cotangents of `inputs`; none reaches `outputs`.
  }];
  let arguments = (ins Variadic<Etch_Tensor>:$inputs,
                       Variadic<Etch_Tensor>:$outputs);
  let results = (outs Variadic<Etch_Tensor>:$ys);
  let regions = (region SizedRegion<1>:$rule);
  let hasVerifier = 1;
  let hasCustomAssemblyFormat = 1;
}

def LoopOp
    : Op<Etch_Dialect, "loop", [Pure, IsolatedFromAbove, SingleBlock,
                                AttrSizedOperandSegments,
                                AttrSizedResultSegments]> {
  let summary = "Repeats its body: while, for and scan in one.";
  let description = [{
    Iteration i has the states' current values, slice i of each of xs along axis
    0, and the captures: all that the regions read, for they see nothing of the
    outside. The body takes (i, states, slices, captures) and yields the next
    states, then one slice for each of ys. The condition, if it is there, takes
    (states, captures) and yields whether to go on; it is asked before every
    iteration.

    There are at most `limit` iterations if that is given, at most
    max_iterations unless that is negative, and at most the extent of axis 0 of
    xs. `count` says how many there were. With `reverse`, i runs from the last of
    them down to 0. Axis 0 of ys is that of xs or, without xs, max_iterations;
    slices that no iteration has yielded are zero.
  }];
  let arguments = (ins Optional<Etch_Tensor>:$limit,
                       Variadic<Etch_Tensor>:$inits,
                       Variadic<Etch_Tensor>:$xs,
                       Variadic<Etch_Tensor>:$captures,
                       BoolAttr:$reverse, I64Attr:$max_iterations);
  let results = (outs Etch_Tensor:$count, Variadic<Etch_Tensor>:$finals,
                      Variadic<Etch_Tensor>:$ys);
  let regions = (region MaxSizedRegion<1>:$condition, SizedRegion<1>:$body);
  let extraClassDeclaration = [{
    bool hasCondition() { return !getCondition().empty(); }
    // max_iterations if there is such a bound.
    std::optional<int64_t> getBound() {
      auto bound = int64_t(getMaxIterations());
      return bound < 0 ? std::nullopt : std::optional<int64_t>(bound);
    }
    ::mlir::Block &getConditionBlock() { return getCondition().front(); }
    ::mlir::Block &getBodyBlock() { return getBody().front(); }
    // The arguments of the body.
    ::mlir::BlockArgument getIndex() { return getBodyBlock().getArgument(0); }
    ::mlir::MutableArrayRef<::mlir::BlockArgument> getStates() {
      return getBodyBlock().getArguments().slice(1, getInits().size());
    }
    ::mlir::MutableArrayRef<::mlir::BlockArgument> getSlices() {
      return getBodyBlock().getArguments().slice(1 + getInits().size(),
                                                 getXs().size());
    }
    ::mlir::MutableArrayRef<::mlir::BlockArgument> getCaptured() {
      return getBodyBlock().getArguments().take_back(getCaptures().size());
    }
    // What the body yields.
    ::mlir::OperandRange getNextStates() {
      return getBodyBlock().getTerminator()->getOperands().take_front(
          getInits().size());
    }
    ::mlir::OperandRange getYielded() {
      return getBodyBlock().getTerminator()->getOperands().drop_front(
          getInits().size());
    }
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def CondOp : Op<Etch_Dialect, "cond", [Pure, IsolatedFromAbove, SingleBlock]> {
  let summary = "One of two branches, chosen by a value.";
  let description = [{
    Only the branch that is chosen runs. Both take the captures: all that they
    read, for they see nothing of the outside.
  }];
  let arguments = (ins Etch_Tensor:$predicate,
                       Variadic<Etch_Tensor>:$captures);
  let results = (outs Variadic<Etch_Tensor>:$ys);
  let regions = (region SizedRegion<1>:$then, SizedRegion<1>:$otherwise);
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def PrepareOp : Op<Etch_Dialect, "prepare", [IsolatedFromAbove, SingleBlock]> {
  let summary = "What is computed once and kept between calls.";
  let description = [{
    Made by `etch-freeze`, at the start of main. The captures are arguments that
    keep their contents from call to call; the body runs in calls that say that
    nothing has been prepared (see etch_call_t), its results live in memory that
    the caller keeps. It has a body without results, too: a target may prepare
    more.
  }];
  let arguments = (ins Variadic<Etch_Tensor>:$captures);
  let results = (outs Variadic<Etch_Tensor>:$ys);
  let regions = (region SizedRegion<1>:$body);
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def PackOp : Op<Etch_Dialect, "pack", [Pure]> {
  let summary = "An operand of a kernel in the form in which it reads it best.";
  let description = [{
    A kernel of its own, of programs that prepare. What the form is only the
    target knows, which makes these ops and kernels with `etch.packed`
    arguments that read it. y's type says no more than how large it is.
  }];
  let arguments = (ins Etch_Tensor:$x, FlatSymbolRefAttr:$kernel,
                       I64Attr:$operand);
  let results = (outs Etch_Tensor:$y);
  let assemblyFormat = [{
    $x `for` $kernel $operand attr-dict `:` functional-type(operands, results)
  }];
}

def CheckOp : Op<Etch_Dialect, "check", [Pure, AllTypesMatch<["x", "y"]>]> {
  let summary = "Its operand, looked at for NaN and infinity.";
  let description = [{
    x is what the op `what` computed from `inputs` (with `backward`: in the
    gradient of the op at this location). The run fails if an element of x is
    not finite although what it was computed from is: the inputs' elements at
    that place if the op is pointwise, else all elements of all inputs.

    With `most`, x is an int64 of shape () that is to lie in [0, most].
  }];
  let arguments = (ins Etch_Tensor:$x, Variadic<Etch_Tensor>:$inputs,
                       StrAttr:$what, OptionalAttr<I64Attr>:$most,
                       UnitAttr:$backward);
  let results = (outs Etch_Tensor:$y);
  let assemblyFormat = [{
    $what $x (`from` $inputs^)? (`most` $most^)? (`backward` $backward^)?
    attr-dict `:`
    functional-type(operands, results)
  }];
}

def YieldOp : Op<Etch_Dialect, "yield", [Pure, Terminator, ReturnLike,
                                         ParentOneOf<["CustomVjpOp", "LoopOp",
                                                      "CondOp", "PrepareOp"]>]> {
  let summary = "Ends a region.";
  let arguments = (ins Variadic<Etch_Tensor>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let builders = [OpBuilder<(ins), [{ (void)$_state; }]>];
}

#endif // ETCH_OPS

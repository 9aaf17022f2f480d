//===- DeviceOps.td - What back ends run ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// After bufferization a program is a list of launches over planned buffers, and
// of loops and branches around other such lists.
//===----------------------------------------------------------------------===//
#ifndef ETCH_DEVICE_OPS
#define ETCH_DEVICE_OPS

include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Device_Dialect : Dialect {
  let name = "device";
  let cppNamespace = "::etch::device";
  let summary = "Launches of kernels over buffers.";
}

def Device_LaunchOp
    : Op<Device_Dialect, "launch",
         [AttrSizedOperandSegments,
          DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Runs a kernel once over its whole loop space.";
  let description = [{
    The kernel is a function of tensors; `ins` are the buffers of its arguments,
    `outs` those that receive its results, all dense in row-major order unless
    the kernel's argument says otherwise (`etch.strided`). Symbolic extents that a
    kernel needs are arguments of type index. A buffer may stand on
    both sides when each element is read before it is written and by the same
    iteration.
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel,
                       Arg<Variadic<AnyTypeOf<[AnyMemRef, Index]>>, "",
                           [MemRead]>:$ins,
                       Arg<Variadic<AnyMemRef>, "", [MemWrite]>:$outs);
  let assemblyFormat = [{
    $kernel `ins` `(` ($ins^ `:` type($ins))? `)`
            `outs` `(` ($outs^ `:` type($outs))? `)` attr-dict
  }];
}

def Device_LoopOp
    : Op<Device_Dialect, "loop",
         [AttrSizedOperandSegments,
          DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Repeats a program (see etch.loop).";
  let description = [{
    `body` takes the index, the states, one slice of each of xs, the captures,
    one slice of each of ys and the arena; it leaves the next states in the
    place of the last. `condition` takes the states, the captures, the place of
    its boolean and the arena.
  }];
  let arguments = (ins FlatSymbolRefAttr:$body,
                       OptionalAttr<FlatSymbolRefAttr>:$condition,
                       Arg<Optional<AnyMemRef>, "", [MemRead]>:$limit,
                       Arg<Variadic<AnyMemRef>, "", [MemRead, MemWrite]>:$states,
                       Arg<Variadic<AnyMemRef>, "", [MemRead]>:$xs,
                       Arg<Variadic<AnyMemRef>, "", [MemRead]>:$captures,
                       Arg<AnyMemRef, "", [MemWrite]>:$count,
                       Arg<Variadic<AnyMemRef>, "", [MemWrite]>:$ys,
                       Arg<AnyMemRef, "", [MemRead, MemWrite]>:$arena,
                       BoolAttr:$reverse, I64Attr:$max_iterations);
  let assemblyFormat = [{
    $body (`while` $condition^)? (`limit` `(` $limit^ `:` type($limit) `)`)?
    `states` `(` ($states^ `:` type($states))? `)`
    `xs` `(` ($xs^ `:` type($xs))? `)`
    `captures` `(` ($captures^ `:` type($captures))? `)`
    `count` `(` $count `:` type($count) `)`
    `ys` `(` ($ys^ `:` type($ys))? `)`
    `arena` `(` $arena `:` type($arena) `)` attr-dict
  }];
}

def Device_BranchOp
    : Op<Device_Dialect, "branch",
         [AttrSizedOperandSegments,
          DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Runs one of two programs (see etch.cond).";
  let description = [{
    Both take the captures, the places of their results, and the arena.
  }];
  let arguments = (ins FlatSymbolRefAttr:$then, FlatSymbolRefAttr:$otherwise,
                       Arg<AnyMemRef, "", [MemRead]>:$predicate,
                       Arg<Variadic<AnyMemRef>, "", [MemRead]>:$captures,
                       Arg<Variadic<AnyMemRef>, "", [MemWrite]>:$ys,
                       Arg<AnyMemRef, "", [MemRead, MemWrite]>:$arena);
  let assemblyFormat = [{
    $then `else` $otherwise `if` `(` $predicate `:` type($predicate) `)`
    `captures` `(` ($captures^ `:` type($captures))? `)`
    `ys` `(` ($ys^ `:` type($ys))? `)`
    `arena` `(` $arena `:` type($arena) `)` attr-dict
  }];
}

def Device_PrepareOp
    : Op<Device_Dialect, "prepare",
         [AttrSizedOperandSegments,
          DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Runs a program in calls that are not prepared (see etch.prepare).";
  let description = [{
    It takes the captures, the places of its results, which are kept between
    calls, and the arena.
  }];
  let arguments = (ins FlatSymbolRefAttr:$program,
                       Arg<Variadic<AnyMemRef>, "", [MemRead]>:$captures,
                       Arg<Variadic<AnyMemRef>, "", [MemWrite]>:$ys,
                       Arg<AnyMemRef, "", [MemRead, MemWrite]>:$arena);
  let assemblyFormat = [{
    $program `captures` `(` ($captures^ `:` type($captures))? `)`
    `ys` `(` ($ys^ `:` type($ys))? `)`
    `arena` `(` $arena `:` type($arena) `)` attr-dict
  }];
}

#endif // ETCH_DEVICE_OPS

//===- DeviceOps.td - What back ends run ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// After bufferization a program is a list of launches over planned buffers.
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

#endif // ETCH_DEVICE_OPS

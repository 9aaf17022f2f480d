// Columns of a state are packed for tile registers when the program is prepared.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 bf16 amx stop=loops" | FileCheck %s
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 bf16 stop=loops" | FileCheck %s --check-prefix=NONE

// CHECK: llvm.func internal @k0.packed.1(
// CHECK: llvm.func internal @k0.packed.1.from1(
// CHECK: llvm.func internal @etch.run(
// CHECK: llvm.call @k0.packed.1.from1(
// CHECK: llvm.call @k0.packed.1(
// NONE: llvm.func internal @k0(
// NONE-NOT: packed
module attributes {etch.arena_bytes = 0 : i64, etch.prepared_bytes = 64 : i64} {
  func.func private @k0(%x: tensor<33x17xf32>, %w: tensor<17x50xf32>) -> tensor<33x50xf32> attributes {etch.kernel} {
    %0 = etch.matmul %x, %w {etch.relaxed} : (tensor<33x17xf32>, tensor<17x50xf32>) -> tensor<33x50xf32>
    return %0 : tensor<33x50xf32>
  }
  func.func private @prepare(%a: memref<?xi8> {etch.arena}) attributes {etch.program} {
    return
  }
  func.func @main(%x: memref<33x17xf32>, %w: memref<17x50xf32> {etch.state},
      %y: memref<33x50xf32> {etch.result = 0 : i64},
      %p: memref<?xi8> {etch.prepared}, %a: memref<?xi8> {etch.arena}) {
    device.prepare @prepare captures() ys() arena(%a : memref<?xi8>)
    device.launch @k0 ins(%x, %w : memref<33x17xf32>, memref<17x50xf32>) outs(%y : memref<33x50xf32>)
    return
  }
}

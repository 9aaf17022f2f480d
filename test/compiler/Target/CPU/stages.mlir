// Stages of a kernel are functions of their own; the kernel calls them for a few
// rows at a time. What is between them lies in scratch memory.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// 1024 columns of 4 bytes, seen twice and written: two rows fit into the cache.
// CHECK-LABEL: llvm.func internal @r0(
// CHECK: scf.for
// CHECK: llvm.call @r0.0
// CHECK-NEXT: llvm.call @r0.1
// CHECK-LABEL: llvm.func internal @r0.0(
// CHECK: llvm.return
// CHECK-LABEL: llvm.func internal @r0.1(
// CHECK: arith.subf
func.func private @r0(%x: tensor<64x1024x1xf32>, %z: tensor<64x1024xf32>) -> tensor<64x1024xf32>
    attributes {etch.kernel, etch.rows} {
  %0 = etch.max %x {axes = array<i64: 1>, etch.stage = 0 : i64, keepdims = false} : (tensor<64x1024x1xf32>) -> tensor<64x1xf32>
  %1 = etch.broadcast_to %0 {etch.stage = 1 : i64, shape = array<i64: 64, 1024>} : (tensor<64x1xf32>) -> tensor<64x1024xf32>
  %2 = etch.sub %z, %1 {etch.stage = 1 : i64} : (tensor<64x1024xf32>, tensor<64x1024xf32>) -> tensor<64x1024xf32>
  return %2 : tensor<64x1024xf32>
}

func.func @main(%x: memref<64x1024xf32>, %y: memref<64x1024xf32> {etch.result = 0 : i64},
    %arena: memref<?xi8> {etch.arena}) {
  %0 = memref.reinterpret_cast %x to offset: [0], sizes: [64, 1024, 1], strides: [1024, 1, 1] : memref<64x1024xf32> to memref<64x1024x1xf32>
  device.launch @r0 ins(%0, %x : memref<64x1024x1xf32>, memref<64x1024xf32>) outs(%y : memref<64x1024xf32>)
  return
}

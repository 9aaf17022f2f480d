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

// Four vectors at a time of a long body would be two rows: a unit is one.
// CHECK-LABEL: llvm.func internal @r1.0(
// CHECK-NOT: vector<64xf32>
// CHECK: scf.for {{.*}} step %c32_i64
// CHECK: vector<32xf32>
// CHECK-NOT: vector<64xf32>
// CHECK: llvm.return
func.func private @r1(%x: tensor<64x4x8xf32>, %z: tensor<64x32x1xf32>) -> (tensor<64x4x8xf32>, tensor<64x1xf32>)
    attributes {etch.kernel, etch.rows} {
  %0 = etch.tanh %x {etch.stage = 0 : i64} : (tensor<64x4x8xf32>) -> tensor<64x4x8xf32>
  %1 = etch.reshape %0 {shape = array<i64: 64, 32, 1>} : (tensor<64x4x8xf32>) -> tensor<64x32x1xf32>
  %2 = etch.mul %1, %z {etch.stage = 1 : i64} : (tensor<64x32x1xf32>, tensor<64x32x1xf32>) -> tensor<64x32x1xf32>
  %3 = etch.max %2 {axes = array<i64: 1>, etch.stage = 1 : i64, keepdims = false} : (tensor<64x32x1xf32>) -> tensor<64x1xf32>
  return %0, %3 : tensor<64x4x8xf32>, tensor<64x1xf32>
}

func.func @main(%x: memref<64x1024xf32>, %y: memref<64x1024xf32> {etch.result = 0 : i64},
    %z: memref<64x4x8xf32>, %w: memref<64x4x8xf32> {etch.result = 1 : i64}, %s: memref<64x1xf32> {etch.result = 2 : i64},
    %arena: memref<?xi8> {etch.arena}) {
  %0 = memref.reinterpret_cast %x to offset: [0], sizes: [64, 1024, 1], strides: [1024, 1, 1] : memref<64x1024xf32> to memref<64x1024x1xf32>
  device.launch @r0 ins(%0, %x : memref<64x1024x1xf32>, memref<64x1024xf32>) outs(%y : memref<64x1024xf32>)
  %1 = memref.reinterpret_cast %z to offset: [0], sizes: [64, 32, 1], strides: [32, 1, 1] : memref<64x4x8xf32> to memref<64x32x1xf32>
  device.launch @r1 ins(%z, %1 : memref<64x4x8xf32>, memref<64x32x1xf32>) outs(%w, %s : memref<64x4x8xf32>, memref<64x1xf32>)
  return
}

// Kernels that run once or a few times: less code, if a little slower.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 quick stop=loops" | FileCheck %s

// A product of open extents that may be small: then nothing is packed, and one
// row is not eight times the same. The others go the usual way.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK: scf.if
// CHECK: arith.cmpi eq, %{{.*}}, %c1_i64
// CHECK-NEXT: scf.if
// CHECK: scf.for {{.*}} -> (vector<16xf32>) : i64
// CHECK: } else {
// CHECK: scf.for {{.*}} step %c8_i64
// CHECK: } else {
// CHECK: llvm.shufflevector
// CHECK: llvm.return
func.func private @k0(%x: tensor<?x?xf32>, %w: tensor<?x?xf32>)
    -> tensor<?x?xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// What follows a product is not there twice: always packed.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK-NOT: arith.cmpi eq, %{{.*}}, %c1_i64 : i64{{[[:space:]]}}{{.*}}scf.if
// CHECK: llvm.shufflevector
// CHECK: llvm.return
func.func private @k1(%x: tensor<?x?xf32>, %w: tensor<?x?xf32>)
    -> tensor<?x?xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  %1 = etch.neg %0 : (tensor<?x?xf32>) -> tensor<?x?xf32>
  return %1 : tensor<?x?xf32>
}

// Long bodies work on one register at a time, and are there once: results do
// not go past the caches.
// CHECK-LABEL: llvm.func internal @k2(
// CHECK-NOT: vector<32xf32>
// CHECK-NOT: nontemporal
// CHECK: llvm.return
func.func private @k2(%x: tensor<16777216xf32>) -> tensor<16777216xf32> attributes {etch.kernel} {
  %0 = etch.tanh %x : (tensor<16777216xf32>) -> tensor<16777216xf32>
  return %0 : tensor<16777216xf32>
}

// Squares are gathered, not turned in registers.
// CHECK-LABEL: llvm.func internal @k3(
// CHECK-NOT: llvm.shufflevector
// CHECK: llvm.intr.masked.gather
// CHECK: llvm.return
func.func private @k3(%x: tensor<1024x1024xf32>) -> tensor<1024x1024xf32> attributes {etch.kernel} {
  %0 = etch.transpose %x {permutation = array<i64: 1, 0>} : (tensor<1024x1024xf32>) -> tensor<1024x1024xf32>
  %1 = etch.neg %0 : (tensor<1024x1024xf32>) -> tensor<1024x1024xf32>
  return %1 : tensor<1024x1024xf32>
}

// Sums of long bodies are one chain.
// CHECK-LABEL: llvm.func internal @k4(
// CHECK-NOT: vector<32xf32>
// CHECK: arith.addf {{.*}} : vector<16xf32>
// CHECK: llvm.return
func.func private @k4(%x: tensor<64x4096x1xf32>) -> tensor<64x1xf32> attributes {etch.kernel} {
  %0 = etch.exp %x : (tensor<64x4096x1xf32>) -> tensor<64x4096x1xf32>
  %1 = etch.sum %0 {axes = array<i64: 1>, keepdims = false} : (tensor<64x4096x1xf32>) -> tensor<64x1xf32>
  return %1 : tensor<64x1xf32>
}

func.func @main(%a0: memref<?x?xf32>, %a1: memref<?x?xf32>, %a2: memref<?x?xf32>, %a3: memref<?x?xf32>,
    %a4: memref<16777216xf32>, %a5: memref<1024x1024xf32>, %a6: memref<64x4096x1xf32>,
    %y0: memref<?x?xf32> {etch.result = 0 : i64}, %y1: memref<?x?xf32> {etch.result = 1 : i64},
    %y2: memref<16777216xf32> {etch.result = 2 : i64}, %y3: memref<1024x1024xf32> {etch.result = 3 : i64},
    %y4: memref<64x1xf32> {etch.result = 4 : i64}, %arena: memref<?xi8> {etch.arena}) {
  device.launch @k0 ins(%a0, %a1 : memref<?x?xf32>, memref<?x?xf32>) outs(%y0 : memref<?x?xf32>)
  device.launch @k1 ins(%a2, %a3 : memref<?x?xf32>, memref<?x?xf32>) outs(%y1 : memref<?x?xf32>)
  device.launch @k2 ins(%a4 : memref<16777216xf32>) outs(%y2 : memref<16777216xf32>)
  device.launch @k3 ins(%a5 : memref<1024x1024xf32>) outs(%y3 : memref<1024x1024xf32>)
  device.launch @k4 ins(%a6 : memref<64x4096x1xf32>) outs(%y4 : memref<64x1xf32>)
  return
}

// Rows that fill vectors better than columns do become the columns, where K is
// long enough to gather what was summed: the loads of the end have strides.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// 64 columns of four vectors' lanes, 67 rows.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK: math.fma
// CHECK: llvm.intr.masked.gather
// CHECK-LABEL: llvm.func internal @k1(
func.func private @k0(%x: tensor<4096x61xf32>, %w: tensor<4096x67xf32>)
    -> tensor<61x67xf32> attributes {etch.kernel} {
  %0 = etch.transpose %x {permutation = array<i64: 1, 0>} : (tensor<4096x61xf32>) -> tensor<61x4096xf32>
  %1 = etch.matmul %0, %w : (tensor<61x4096xf32>, tensor<4096x67xf32>) -> tensor<61x67xf32>
  return %1 : tensor<61x67xf32>
}

// Too few steps; then columns that fill theirs as well; then rows along K.
// CHECK-NOT: llvm.intr.masked.gather
func.func private @k1(%x: tensor<64x61xf32>, %w: tensor<64x67xf32>)
    -> tensor<61x67xf32> attributes {etch.kernel} {
  %0 = etch.transpose %x {permutation = array<i64: 1, 0>} : (tensor<64x61xf32>) -> tensor<61x64xf32>
  %1 = etch.matmul %0, %w : (tensor<61x64xf32>, tensor<64x67xf32>) -> tensor<61x67xf32>
  return %1 : tensor<61x67xf32>
}
func.func private @k2(%x: tensor<4096x61xf32>, %w: tensor<4096x63xf32>)
    -> tensor<61x63xf32> attributes {etch.kernel} {
  %0 = etch.transpose %x {permutation = array<i64: 1, 0>} : (tensor<4096x61xf32>) -> tensor<61x4096xf32>
  %1 = etch.matmul %0, %w : (tensor<61x4096xf32>, tensor<4096x63xf32>) -> tensor<61x63xf32>
  return %1 : tensor<61x63xf32>
}
func.func private @k3(%x: tensor<61x4096xf32>, %w: tensor<4096x67xf32>)
    -> tensor<61x67xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<61x4096xf32>, tensor<4096x67xf32>) -> tensor<61x67xf32>
  return %0 : tensor<61x67xf32>
}

func.func @main(%x: memref<4096x61xf32>, %w: memref<4096x67xf32>, %v: memref<64x61xf32>, %u: memref<64x67xf32>,
    %t: memref<4096x63xf32>, %z: memref<61x4096xf32>,
    %a: memref<61x67xf32> {etch.result = 0 : i64}, %b: memref<61x67xf32> {etch.result = 1 : i64},
    %c: memref<61x63xf32> {etch.result = 2 : i64}, %d: memref<61x67xf32> {etch.result = 3 : i64},
    %arena: memref<?xi8> {etch.arena}) {
  device.launch @k0 ins(%x, %w : memref<4096x61xf32>, memref<4096x67xf32>) outs(%a : memref<61x67xf32>)
  device.launch @k1 ins(%v, %u : memref<64x61xf32>, memref<64x67xf32>) outs(%b : memref<61x67xf32>)
  device.launch @k2 ins(%x, %t : memref<4096x61xf32>, memref<4096x63xf32>) outs(%c : memref<61x63xf32>)
  device.launch @k3 ins(%z, %w : memref<61x4096xf32>, memref<4096x67xf32>) outs(%d : memref<61x67xf32>)
  return
}

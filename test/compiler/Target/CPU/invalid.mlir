// RUN: not etch-opt %s --split-input-file --etch-codegen-cpu 2>&1 | FileCheck %s

// CHECK: error: a view of a computed value inside a kernel
func.func private @k0(%x: tensor<2x3xf32>) -> tensor<3x2xf32> attributes {etch.kernel} {
  %0 = etch.neg %x : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %1 = etch.transpose %0 {permutation = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  return %1 : tensor<3x2xf32>
}

// -----

// CHECK: error: a reduction in a kernel is over axis 1 of 3
func.func private @k0(%x: tensor<2x3xf32>) -> tensor<2xf32> attributes {etch.kernel} {
  %0 = etch.sum %x {axes = array<i64: 1>, keepdims = false} : (tensor<2x3xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// CHECK: error: 'device.launch' op there is no kernel @nowhere
func.func @main(%x: memref<2xf32>, %y: memref<2xf32> {etch.result = 0 : i64}) {
  device.launch @nowhere ins(%x : memref<2xf32>) outs(%y : memref<2xf32>)
  return
}

// -----

// CHECK: error: no function main
module {
}

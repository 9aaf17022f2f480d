// What a kernel computes and sums may take the place of what it is computed
// from, if the target's kernels go along.
//
// RUN: etch-opt %s '-etch-order=sums=true' '-etch-bufferize=sums=true' | FileCheck %s
// RUN: etch-opt %s -etch-order -etch-bufferize | FileCheck %s --check-prefix=APART

// CHECK: etch.arena_bytes = 4224 : i64
// APART: etch.arena_bytes = 8320 : i64
// CHECK-LABEL: func @main
// CHECK: %[[V:.*]] = memref.view
// CHECK: device.launch @make ins(%{{.*}}) outs(%[[V]] :
// CHECK: device.launch @sum ins(%[[V]], %{{.*}}) outs(%[[V]], %{{.*}} :
func.func private @make(%x: tensor<1x32x32xf32>) -> tensor<1x32x32xf32> attributes {etch.kernel} {
  %0 = etch.exp %x : (tensor<1x32x32xf32>) -> tensor<1x32x32xf32>
  func.return %0 : tensor<1x32x32xf32>
}
func.func private @sum(%x: tensor<1x32x32xf32>, %g: tensor<1x32x32xf32>) -> (tensor<1x32x32xf32>, tensor<1x32xf32>) attributes {etch.kernel} {
  %0 = etch.mul %x, %g : (tensor<1x32x32xf32>, tensor<1x32x32xf32>) -> tensor<1x32x32xf32>
  %1 = etch.sum %0 {axes = array<i64: 1>, keepdims = false} : (tensor<1x32x32xf32>) -> tensor<1x32xf32>
  func.return %0, %1 : tensor<1x32x32xf32>, tensor<1x32xf32>
}
func.func private @use(%x: tensor<1x32x32xf32>, %s: tensor<1x32xf32>) -> tensor<1x32xf32> attributes {etch.kernel} {
  %0 = etch.sum %x {axes = array<i64: 1>, keepdims = false} : (tensor<1x32x32xf32>) -> tensor<1x32xf32>
  %1 = etch.add %0, %s : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  func.return %1 : tensor<1x32xf32>
}
func.func @main(%x: tensor<1x32x32xf32>, %g: tensor<1x32x32xf32>) -> tensor<1x32xf32> {
  %0 = func.call @make(%x) : (tensor<1x32x32xf32>) -> tensor<1x32x32xf32>
  %1:2 = func.call @sum(%0, %g) : (tensor<1x32x32xf32>, tensor<1x32x32xf32>) -> (tensor<1x32x32xf32>, tensor<1x32xf32>)
  %2 = func.call @use(%1#0, %1#1) : (tensor<1x32x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  func.return %2 : tensor<1x32xf32>
}

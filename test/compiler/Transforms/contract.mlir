// A product that only a sum reads is computed with it, in mode `fast`.
//
// CAPABILITY: C137
// RUN: etch-opt %s -etch-contract | FileCheck %s
// RUN: etch-compile %s --fast --compile-to=codegen -o - | FileCheck %s --check-prefix=FAST
// RUN: etch-compile %s --compile-to=codegen -o - | FileCheck %s --check-prefix=STRICT
// REQUIRES: etch-compile

// CHECK: etch.add {{.*}} {etch.contract}
// CHECK-NOT: etch.contract

// FAST-COUNT-1: call {{.*}}@llvm.fma
// FAST-NOT: call {{.*}}@llvm.fma
// STRICT-NOT: @llvm.fma
func.func @main(%a: tensor<16xf32>, %b: tensor<16xf32>) -> (tensor<16xf32>, tensor<16xf32>) {
  %one = etch.constant dense<1.0> : tensor<16xf32>
  %p = etch.mul %a, %b : (tensor<16xf32>, tensor<16xf32>) -> tensor<16xf32>
  %q = etch.add %p, %one : (tensor<16xf32>, tensor<16xf32>) -> tensor<16xf32>
  // What else is read is not part of anything.
  %r = etch.mul %b, %b : (tensor<16xf32>, tensor<16xf32>) -> tensor<16xf32>
  %s = etch.sub %r, %q : (tensor<16xf32>, tensor<16xf32>) -> tensor<16xf32>
  %t = etch.mul %r, %s : (tensor<16xf32>, tensor<16xf32>) -> tensor<16xf32>
  return %q, %t : tensor<16xf32>, tensor<16xf32>
}

// Sums of convolutions may be formed in other ways.
// CHECK: etch.conv2d {{.*}}etch.relaxed
func.func @convolution(%x: tensor<2x3x8x8xf32>, %w: tensor<4x3x3x3xf32>) -> tensor<2x4x6x6xf32> {
  %y = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 2, 4, 6, 6>} : (tensor<2x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<2x4x6x6xf32>
  return %y : tensor<2x4x6x6xf32>
}

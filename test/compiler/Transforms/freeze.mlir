// What depends on states alone is computed once.
//
// RUN: etch-opt %s -split-input-file -verify-diagnostics -etch-freeze | FileCheck %s

// The factor of each channel is kept; that it is spread over images costs
// nothing where it is read. The literal is marked, the weights stay.
// CHECK-LABEL: func private @prepare
// CHECK-SAME: (%[[G:.*]]: tensor<4xf32>, %[[V:.*]]: tensor<4xf32>, %[[E:.*]]: tensor<f32>) -> tensor<4xf32> attributes {etch.program}
// CHECK: %[[S:.*]] = etch.broadcast_to %[[E]]
// CHECK: %[[A:.*]] = etch.add %[[V]], %[[S]]
// CHECK: %[[R:.*]] = etch.sqrt %[[A]]
// CHECK: %[[F:.*]] = etch.div %[[G]], %[[R]]
// CHECK: return %[[F]]
// CHECK-LABEL: func @main
// CHECK-SAME: %[[LIT:[a-z0-9]*]]: tensor<f32> {etch.literal, etch.prepares}
// CHECK: "etch.prepare"(%{{.*}}, %{{.*}}, %[[LIT]])
// CHECK: call @prepare
// CHECK: etch.yield
// CHECK-NOT: etch.sqrt
// CHECK: etch.broadcast_to
// CHECK-NEXT: etch.mul
func.func @main(%x: tensor<8x4xf32>, %eps: tensor<f32> {etch.literal},
    %g: tensor<4xf32> {etch.state}, %v: tensor<4xf32> {etch.state}) -> tensor<8x4xf32> {
  %e = etch.broadcast_to %eps {shape = array<i64: 4>} : (tensor<f32>) -> tensor<4xf32>
  %a = etch.add %v, %e : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %s = etch.sqrt %a : (tensor<4xf32>) -> tensor<4xf32>
  %k = etch.div %g, %s : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %b = etch.broadcast_to %k {shape = array<i64: 8, 4>} : (tensor<4xf32>) -> tensor<8x4xf32>
  %y = etch.mul %x, %b : (tensor<8x4xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// -----

// What is large and cheap to make from little stays, and so does a transposed
// operand of a product, which reads it as it is. What a product needs in memory
// is kept.
// CHECK-LABEL: func private @prepare
// CHECK: %[[W:.*]] = etch.mul
// CHECK: return %[[W]] : tensor<64x64xf32>
// CHECK-LABEL: func @main
// CHECK: %[[P:.*]] = "etch.prepare"
// CHECK: %[[T:.*]] = etch.transpose %[[P]]
// CHECK: %[[M:.*]] = etch.matmul %{{.*}}, %[[T]]
// CHECK: %[[O:.*]] = etch.mul
// CHECK: etch.add %[[M]], %[[O]]
func.func @main(%x: tensor<64x64xf32>, %w: tensor<64x64xf32> {etch.state},
    %a: tensor<64x1xf32> {etch.state}, %b: tensor<1x64xf32> {etch.state}) -> tensor<64x64xf32> {
  %s = etch.mul %w, %w : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %t = etch.transpose %s {permutation = array<i64: 1, 0>} : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %m = etch.matmul %x, %t : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %p = etch.broadcast_to %a {shape = array<i64: 64, 64>} : (tensor<64x1xf32>) -> tensor<64x64xf32>
  %q = etch.broadcast_to %b {shape = array<i64: 64, 64>} : (tensor<1x64xf32>) -> tensor<64x64xf32>
  %o = etch.mul %p, %q : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %y = etch.add %m, %o : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %y : tensor<64x64xf32>
}

// -----

// Extents of a call are none of a state's. A target may prepare something all
// the same.
// CHECK-LABEL: func private @prepare() attributes {etch.program}
// CHECK-LABEL: func @main
// CHECK: "etch.prepare"()
// CHECK: etch.exp
func.func @main(%x: tensor<?xf32> {etch.state}) -> tensor<?xf32> {
  %y = etch.exp %x : (tensor<?xf32>) -> tensor<?xf32>
  return %y : tensor<?xf32>
}

// -----

func.func @main(%w: tensor<2xf32> {etch.state}) -> (tensor<2xf32> {etch.update = 0 : i64}) {
  // expected-error @+1 {{a frozen program updates a state}}
  %y = etch.exp %w : (tensor<2xf32>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}

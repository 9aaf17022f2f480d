// Batch norm in mode fast: what is normalised is read twice forward (a mean and
// a variance in one pass), and no sum of the gradient of what is centred reads
// anything.
//
// RUN: split-file %s %t
// RUN: etch-opt %t/moments.mlir -etch-relax | FileCheck %s --check-prefix=MOMENTS
// RUN: etch-opt %t/centred.mlir -etch-relax | FileCheck %s --check-prefix=CENTRED
// RUN: etch-opt %t/others.mlir -etch-relax | FileCheck %s --check-prefix=OTHERS

// MOMENTS: %[[PART:.*]] = etch.slice %[[X:.*]] {shape = array<i64: 1, 4, 3, 5>, starts = array<i64: 0, 0, 0, 0>, steps = array<i64: 1, 1, 1, 1>}
// MOMENTS: %[[NEAR:.*]] = etch.mean %[[PART]]
// MOMENTS: %[[AROUND:.*]] = etch.broadcast_to %[[NEAR]]
// MOMENTS: %[[OFF:.*]] = etch.sub %[[X]], %[[AROUND]]
// MOMENTS: %[[FIRST:.*]] = etch.mean %[[OFF]]
// MOMENTS: %[[SQUARES:.*]] = etch.mul %[[OFF]], %[[OFF]]
// MOMENTS: %[[SECOND:.*]] = etch.mean %[[SQUARES]]
// MOMENTS: %[[MEAN:.*]] = etch.add %[[NEAR]], %[[FIRST]]
// MOMENTS: %[[SQUARE:.*]] = etch.mul %[[FIRST]], %[[FIRST]]
// MOMENTS: %[[LESS:.*]] = etch.sub %[[SECOND]], %[[SQUARE]]
// MOMENTS: %[[VARIANCE:.*]] = etch.maximum %[[LESS]],
// MOMENTS-NOT: etch.mean
// MOMENTS: return %[[MEAN]], %[[VARIANCE]]

// CENTRED: %[[SUM:.*]] = etch.sum_to %{{.*}} {shape = array<i64: 1, 4>}
// CENTRED-NOT: etch.sum_to
// CENTRED: %[[R:.*]] = etch.mul %{{.*}}, %[[SUM]] : (tensor<1x4xf32>, tensor<1x4xf32>)
// CENTRED-NOT: etch.sum_to
// CENTRED: return

// Few parts: one is no small share. Other axes: no centre. Unknown sums.
// OTHERS-NOT: etch.slice
// OTHERS-COUNT-2: etch.mean
// OTHERS-COUNT-2: etch.sum_to

//--- moments.mlir
func.func @main(%x: tensor<16x4x3x5xf32>) -> (tensor<1x4x1x1xf32>, tensor<1x4x1x1xf32>) {
  %m = etch.mean %x {axes = array<i64: 0, 2, 3>, keepdims = true} : (tensor<16x4x3x5xf32>) -> tensor<1x4x1x1xf32>
  %b = etch.broadcast_to %m {shape = array<i64: 16, 4, 3, 5>} : (tensor<1x4x1x1xf32>) -> tensor<16x4x3x5xf32>
  %c = etch.sub %x, %b : (tensor<16x4x3x5xf32>, tensor<16x4x3x5xf32>) -> tensor<16x4x3x5xf32>
  %q = etch.mul %c, %c : (tensor<16x4x3x5xf32>, tensor<16x4x3x5xf32>) -> tensor<16x4x3x5xf32>
  %v = etch.mean %q {axes = array<i64: 0, 2, 3>, keepdims = true} : (tensor<16x4x3x5xf32>) -> tensor<1x4x1x1xf32>
  return %m, %v : tensor<1x4x1x1xf32>, tensor<1x4x1x1xf32>
}

//--- centred.mlir
func.func @main(%x: tensor<16x4xf32>, %g: tensor<16x4xf32>, %s: tensor<1x4xf32>, %t: tensor<1x4xf32>)
    -> (tensor<1x4xf32>, tensor<1x4xf32>) {
  %m = etch.mean %x {axes = array<i64: 0>, keepdims = true} : (tensor<16x4xf32>) -> tensor<1x4xf32>
  %b = etch.broadcast_to %m {shape = array<i64: 16, 4>} : (tensor<1x4xf32>) -> tensor<16x4xf32>
  %c = etch.sub %x, %b : (tensor<16x4xf32>, tensor<16x4xf32>) -> tensor<16x4xf32>
  %r = etch.sum_to %g {shape = array<i64: 1, 4>} : (tensor<16x4xf32>) -> tensor<1x4xf32>
  %sb = etch.broadcast_to %s {shape = array<i64: 16, 4>} : (tensor<1x4xf32>) -> tensor<16x4xf32>
  %tb = etch.broadcast_to %t {shape = array<i64: 16, 4>} : (tensor<1x4xf32>) -> tensor<16x4xf32>
  %gs = etch.mul %g, %sb : (tensor<16x4xf32>, tensor<16x4xf32>) -> tensor<16x4xf32>
  %ct = etch.mul %tb, %c : (tensor<16x4xf32>, tensor<16x4xf32>) -> tensor<16x4xf32>
  %a = etch.add %gs, %ct : (tensor<16x4xf32>, tensor<16x4xf32>) -> tensor<16x4xf32>
  %y = etch.sum_to %a {shape = array<i64: 1, 4>} : (tensor<16x4xf32>) -> tensor<1x4xf32>
  return %r, %y : tensor<1x4xf32>, tensor<1x4xf32>
}

//--- others.mlir
func.func @main(%x: tensor<4x4x3xf32>, %g: tensor<4x4x3xf32>) -> (tensor<1x4x1xf32>, tensor<1x4x1xf32>, tensor<1x4x1xf32>) {
  %m = etch.mean %x {axes = array<i64: 0, 2>, keepdims = true} : (tensor<4x4x3xf32>) -> tensor<1x4x1xf32>
  %b = etch.broadcast_to %m {shape = array<i64: 4, 4, 3>} : (tensor<1x4x1xf32>) -> tensor<4x4x3xf32>
  %c = etch.sub %x, %b : (tensor<4x4x3xf32>, tensor<4x4x3xf32>) -> tensor<4x4x3xf32>
  %q = etch.mul %c, %c : (tensor<4x4x3xf32>, tensor<4x4x3xf32>) -> tensor<4x4x3xf32>
  %v = etch.mean %q {axes = array<i64: 0, 2>, keepdims = true} : (tensor<4x4x3xf32>) -> tensor<1x4x1xf32>
  %a = etch.add %c, %g : (tensor<4x4x3xf32>, tensor<4x4x3xf32>) -> tensor<4x4x3xf32>
  %y = etch.sum_to %a {shape = array<i64: 1, 4, 1>} : (tensor<4x4x3xf32>) -> tensor<1x4x1xf32>
  %p = etch.mul %g, %x : (tensor<4x4x3xf32>, tensor<4x4x3xf32>) -> tensor<4x4x3xf32>
  %z = etch.sum_to %p {shape = array<i64: 1, 4, 1>} : (tensor<4x4x3xf32>) -> tensor<1x4x1xf32>
  return %v, %y, %z : tensor<1x4x1xf32>, tensor<1x4x1xf32>, tensor<1x4x1xf32>
}

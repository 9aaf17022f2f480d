// What is read behind a reduction is computed there, if that is cheap.
//
// RUN: etch-opt %s -split-input-file -etch-recompute | FileCheck %s

// The distance from the mean, once for its square and once for what comes
// behind the sum of those: neither need be written.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<64x1024xf32>, %[[M:.*]]: tensor<64x1xf32>)
// CHECK: %[[D:.*]] = etch.sub %[[X]], %[[WIDE:.*]] :
// CHECK: etch.mul %[[D]], %[[D]]
// CHECK: etch.sum
// CHECK: %[[AGAIN:.*]] = etch.sub %[[X]], %[[WIDE]] :
// CHECK: etch.mul %[[AGAIN]],
func.func @main(%x: tensor<64x1024xf32>, %m: tensor<64x1xf32>) -> tensor<64x1024xf32> {
  %0 = etch.broadcast_to %m {shape = array<i64: 64, 1024>} : (tensor<64x1xf32>) -> tensor<64x1024xf32>
  %1 = etch.sub %x, %0 : (tensor<64x1024xf32>, tensor<64x1024xf32>) -> tensor<64x1024xf32>
  %2 = etch.mul %1, %1 : (tensor<64x1024xf32>, tensor<64x1024xf32>) -> tensor<64x1024xf32>
  %3 = etch.sum %2 {axes = array<i64: 1>, keepdims = true} : (tensor<64x1024xf32>) -> tensor<64x1xf32>
  %4 = etch.broadcast_to %3 {shape = array<i64: 64, 1024>} : (tensor<64x1xf32>) -> tensor<64x1024xf32>
  %5 = etch.mul %1, %4 : (tensor<64x1024xf32>, tensor<64x1024xf32>) -> tensor<64x1024xf32>
  return %5 : tensor<64x1024xf32>
}

// -----

// Only read behind the sum: it moves, whatever it costs.
// CHECK-LABEL: func @main
// CHECK: etch.sum
// CHECK: %[[T:.*]] = etch.tanh %{{.*}} :
// CHECK: etch.mul %[[T]],
func.func @main(%x: tensor<64x1024xf32>) -> tensor<64x1024xf32> {
  %0 = etch.tanh %x : (tensor<64x1024xf32>) -> tensor<64x1024xf32>
  %1 = etch.sum %x {axes = array<i64: 1>, keepdims = true} : (tensor<64x1024xf32>) -> tensor<64x1xf32>
  %2 = etch.broadcast_to %1 {shape = array<i64: 64, 1024>} : (tensor<64x1xf32>) -> tensor<64x1024xf32>
  %3 = etch.mul %0, %2 : (tensor<64x1024xf32>, tensor<64x1024xf32>) -> tensor<64x1024xf32>
  return %3 : tensor<64x1024xf32>
}

// -----

// Dear and read in front of the sum, too: kept. So is what others want in
// memory, and what two products make: they would have to be there for longer.
// CHECK-LABEL: func @main
// CHECK-COUNT-1: etch.exp
// CHECK-COUNT-1: etch.neg
// CHECK-COUNT-1: etch.add
// CHECK: etch.sum
// CHECK-NOT: etch.exp
// CHECK-NOT: etch.neg
// CHECK-NOT: etch.add
func.func @main(%x: tensor<64x1024xf32>, %w: tensor<64x1024xf32>, %v: tensor<64x64xf32>) -> (tensor<64x1024xf32>, tensor<64x1024xf32>) {
  %0 = etch.exp %x : (tensor<64x1024xf32>) -> tensor<64x1024xf32>
  %1 = etch.neg %x : (tensor<64x1024xf32>) -> tensor<64x1024xf32>
  %p = etch.matmul %v, %x : (tensor<64x64xf32>, tensor<64x1024xf32>) -> tensor<64x1024xf32>
  %q = etch.matmul %v, %w : (tensor<64x64xf32>, tensor<64x1024xf32>) -> tensor<64x1024xf32>
  %r = etch.add %p, %q : (tensor<64x1024xf32>, tensor<64x1024xf32>) -> tensor<64x1024xf32>
  %2 = etch.sum %0 {axes = array<i64: 1>, keepdims = true} : (tensor<64x1024xf32>) -> tensor<64x1xf32>
  %3 = etch.broadcast_to %2 {shape = array<i64: 64, 1024>} : (tensor<64x1xf32>) -> tensor<64x1024xf32>
  %4 = etch.mul %0, %3 : (tensor<64x1024xf32>, tensor<64x1024xf32>) -> tensor<64x1024xf32>
  %5 = etch.mul %4, %1 : (tensor<64x1024xf32>, tensor<64x1024xf32>) -> tensor<64x1024xf32>
  %6 = etch.mul %5, %r : (tensor<64x1024xf32>, tensor<64x1024xf32>) -> tensor<64x1024xf32>
  return %6, %1 : tensor<64x1024xf32>, tensor<64x1024xf32>
}

// -----

// Of few elements, or read by a product: as they were.
// CHECK-LABEL: func @main
// CHECK-COUNT-1: etch.neg
// CHECK: etch.sum
// CHECK-NOT: etch.neg
func.func @main(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %0 = etch.neg %x : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %1 = etch.sum %0 {axes = array<i64: 1>, keepdims = true} : (tensor<8x8xf32>) -> tensor<8x1xf32>
  %2 = etch.broadcast_to %1 {shape = array<i64: 8, 8>} : (tensor<8x1xf32>) -> tensor<8x8xf32>
  %3 = etch.mul %0, %2 : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  return %3 : tensor<8x8xf32>
}

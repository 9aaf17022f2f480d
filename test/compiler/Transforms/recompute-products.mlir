// What a small product of batches and a function make of arrays that backward
// reads, too, is not kept for it.
//
// RUN: etch-opt %s -split-input-file -etch-recompute | FileCheck %s

// An attention: the exponentials of scores, once for all that reads them.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[Q:.*]]: tensor<8x256x64xf32>, %[[K:.*]]: tensor<8x64x256xf32>, %[[M:.*]]: tensor<8x256x1xf32>
// CHECK: etch.matmul %[[Q]], %[[K]] :
// CHECK: %[[WIDE:.*]] = etch.broadcast_to %[[M]] {shape
// CHECK: %[[E:.*]] = etch.exp %{{.*}} :
// CHECK: etch.sum %[[E]]
// CHECK: %[[P:.*]] = etch.matmul %[[Q]], %[[K]] {etch.backward}
// CHECK: %[[D:.*]] = etch.sub %[[P]], %[[WIDE]] {etch.backward}
// CHECK: %[[AGAIN:.*]] = etch.exp %[[D]] {etch.backward}
// CHECK-NOT: etch.exp
// CHECK: etch.mul %[[AGAIN]],
// CHECK: etch.mul %[[AGAIN]],
func.func @main(%q: tensor<8x256x64xf32>, %k: tensor<8x64x256xf32>, %m: tensor<8x256x1xf32>, %g: tensor<8x256x256xf32>) -> (tensor<8x256x1xf32>, tensor<8x256x256xf32>, tensor<8x256x256xf32>) {
  %0 = etch.matmul %q, %k : (tensor<8x256x64xf32>, tensor<8x64x256xf32>) -> tensor<8x256x256xf32>
  %1 = etch.broadcast_to %m {shape = array<i64: 8, 256, 256>} : (tensor<8x256x1xf32>) -> tensor<8x256x256xf32>
  %2 = etch.sub %0, %1 : (tensor<8x256x256xf32>, tensor<8x256x256xf32>) -> tensor<8x256x256xf32>
  %3 = etch.exp %2 : (tensor<8x256x256xf32>) -> tensor<8x256x256xf32>
  %4 = etch.sum %3 {axes = array<i64: 2>, keepdims = true} : (tensor<8x256x256xf32>) -> tensor<8x256x1xf32>
  %5 = etch.mul %3, %g {etch.backward} : (tensor<8x256x256xf32>, tensor<8x256x256xf32>) -> tensor<8x256x256xf32>
  %6 = etch.mul %3, %5 {etch.backward} : (tensor<8x256x256xf32>, tensor<8x256x256xf32>) -> tensor<8x256x256xf32>
  return %4, %5, %6 : tensor<8x256x1xf32>, tensor<8x256x256xf32>, tensor<8x256x256xf32>
}

// -----

// A layer with weights has few products beside this one; a deep product takes
// long; and what else would have to be kept is no smaller.
// CHECK-LABEL: func @main
// CHECK-NOT: etch.matmul {{.*}}etch.backward
// CHECK-NOT: etch.exp {{.*}}etch.backward
// CHECK: return
func.func @main(%x: tensor<4096x64xf32>, %w: tensor<64x256xf32>, %q: tensor<8x256x512xf32>, %k: tensor<8x512x256xf32>, %s: tensor<8x256x64xf32>, %t: tensor<8x64x64xf32>) -> (tensor<4096x256xf32>, tensor<8x256x256xf32>, tensor<8x256x256xf32>) {
  %0 = etch.matmul %x, %w : (tensor<4096x64xf32>, tensor<64x256xf32>) -> tensor<4096x256xf32>
  %1 = etch.exp %0 : (tensor<4096x256xf32>) -> tensor<4096x256xf32>
  %2 = etch.matmul %q, %k : (tensor<8x256x512xf32>, tensor<8x512x256xf32>) -> tensor<8x256x256xf32>
  %3 = etch.exp %2 : (tensor<8x256x256xf32>) -> tensor<8x256x256xf32>
  %p = etch.matmul %s, %t : (tensor<8x256x64xf32>, tensor<8x64x64xf32>) -> tensor<8x256x64xf32>
  %u = etch.transpose %p {permutation = array<i64: 0, 2, 1>} : (tensor<8x256x64xf32>) -> tensor<8x64x256xf32>
  %4 = etch.matmul %p, %u : (tensor<8x256x64xf32>, tensor<8x64x256xf32>) -> tensor<8x256x256xf32>
  %5 = etch.exp %4 : (tensor<8x256x256xf32>) -> tensor<8x256x256xf32>
  %6 = etch.mul %1, %1 {etch.backward} : (tensor<4096x256xf32>, tensor<4096x256xf32>) -> tensor<4096x256xf32>
  %7 = etch.mul %3, %3 {etch.backward} : (tensor<8x256x256xf32>, tensor<8x256x256xf32>) -> tensor<8x256x256xf32>
  %8 = etch.mul %5, %5 {etch.backward} : (tensor<8x256x256xf32>, tensor<8x256x256xf32>) -> tensor<8x256x256xf32>
  return %6, %7, %8 : tensor<4096x256xf32>, tensor<8x256x256xf32>, tensor<8x256x256xf32>
}

// -----

// What a second product makes of them for another one: behind them, and all are
// in front of what needs them first. Their shares are computed once.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[Q:.*]]: tensor<32x128x64xf32>, %[[K:.*]]: tensor<32x64x128xf32>, %[[V:.*]]: tensor<32x128x64xf32>
// CHECK: %[[P:.*]] = etch.matmul %[[Q]], %[[K]] {etch.backward}
// CHECK-NEXT: %[[AGAIN:.*]] = etch.exp %[[P]] {etch.backward}
// CHECK-NEXT: %[[S:.*]] = etch.mul %[[AGAIN]], %{{.*}} {etch.backward}
// CHECK-NEXT: %[[O:.*]] = etch.matmul %[[S]], %[[V]] {etch.backward}
// CHECK-NEXT: %[[ROWS:.*]] = etch.reshape %[[O]] {etch.backward
// CHECK-NEXT: etch.transpose %[[ROWS]]
// CHECK-NOT: etch.exp
// CHECK: etch.mul %[[S]],
// CHECK-NOT: etch.mul %[[AGAIN]],
// CHECK: return
func.func @main(%q: tensor<32x128x64xf32>, %k: tensor<32x64x128xf32>, %v: tensor<32x128x64xf32>, %n: tensor<32x128x1xf32>, %w: tensor<64x64xf32>, %g: tensor<4096x64xf32>) -> (tensor<4096x64xf32>, tensor<64x64xf32>, tensor<32x128x128xf32>) {
  %0 = etch.matmul %q, %k : (tensor<32x128x64xf32>, tensor<32x64x128xf32>) -> tensor<32x128x128xf32>
  %1 = etch.exp %0 : (tensor<32x128x128xf32>) -> tensor<32x128x128xf32>
  %2 = etch.broadcast_to %n {shape = array<i64: 32, 128, 128>} : (tensor<32x128x1xf32>) -> tensor<32x128x128xf32>
  %3 = etch.mul %1, %2 : (tensor<32x128x128xf32>, tensor<32x128x128xf32>) -> tensor<32x128x128xf32>
  %4 = etch.matmul %3, %v : (tensor<32x128x128xf32>, tensor<32x128x64xf32>) -> tensor<32x128x64xf32>
  %5 = etch.reshape %4 {shape = array<i64: 4096, 64>} : (tensor<32x128x64xf32>) -> tensor<4096x64xf32>
  %6 = etch.matmul %5, %w : (tensor<4096x64xf32>, tensor<64x64xf32>) -> tensor<4096x64xf32>
  %7 = etch.transpose %5 {etch.backward, permutation = array<i64: 1, 0>} : (tensor<4096x64xf32>) -> tensor<64x4096xf32>
  %8 = etch.matmul %7, %g {etch.backward} : (tensor<64x4096xf32>, tensor<4096x64xf32>) -> tensor<64x64xf32>
  %9 = etch.mul %1, %2 {etch.backward} : (tensor<32x128x128xf32>, tensor<32x128x128xf32>) -> tensor<32x128x128xf32>
  %10 = etch.mul %9, %1 {etch.backward} : (tensor<32x128x128xf32>, tensor<32x128x128xf32>) -> tensor<32x128x128xf32>
  return %6, %8, %10 : tensor<4096x64xf32>, tensor<64x64xf32>, tensor<32x128x128xf32>
}

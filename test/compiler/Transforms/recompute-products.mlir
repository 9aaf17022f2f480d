// What a small product of batches and a function make of arrays that backward
// reads, too, is not kept for it.
//
// RUN: etch-opt %s -split-input-file -etch-recompute | FileCheck %s

// An attention: the exponentials of scores, once for all that reads them.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[Q:.*]]: tensor<8x256x64xf32>, %[[K:.*]]: tensor<8x64x256xf32>, %[[M:.*]]: tensor<8x256x1xf32>
// CHECK: etch.matmul %[[Q]], %[[K]] :
// CHECK: %[[E:.*]] = etch.exp %{{.*}} :
// CHECK: etch.sum %[[E]]
// CHECK-DAG: %[[WIDE:.*]] = etch.broadcast_to %[[M]] {etch.backward,
// CHECK-DAG: %[[P:.*]] = etch.matmul %[[Q]], %[[K]] {etch.backward}
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

// Backward computes cheap values of arguments again; dear ones are kept.
//
// RUN: etch-opt %s -split-input-file -etch-recompute | FileCheck %s

// CHECK-LABEL: func @main
// CHECK-SAME: (%[[A:.*]]: tensor<8xf32>, %[[B:.*]]: tensor<8xf32>)
// CHECK: %[[D:.*]] = etch.sub %[[A]], %[[B]] :
// CHECK: %[[T:.*]] = etch.tanh %[[D]] :
// CHECK: %[[AGAIN:.*]] = etch.sub %[[A]], %[[B]] {etch.backward}
// CHECK: etch.mul %[[AGAIN]], %[[T]]
func.func @main(%a: tensor<8xf32>, %b: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %0 = etch.sub %a, %b : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %1 = etch.tanh %0 : (tensor<8xf32>) -> tensor<8xf32>
  %2 = etch.mul %0, %1 {etch.backward} : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  func.return %1, %2 : tensor<8xf32>, tensor<8xf32>
}

// -----

// A value that something else than a pointwise op reads is in memory anyway.
// CHECK-LABEL: func @main
// CHECK: etch.sub
// CHECK-NOT: etch.sub
func.func @main(%a: tensor<4x4xf32>, %b: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %0 = etch.sub %a, %b : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = etch.mul %0, %0 {etch.backward} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = etch.matmul %0, %1 {etch.backward} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  func.return %1, %2 : tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

// What is kept anyway serves as an argument does: the square is not kept, too.
// CHECK-LABEL: func @main
// CHECK: %[[Y:.*]] = etch.tanh
// CHECK: etch.mul %[[Y]], %[[Y]] :
// CHECK: %[[AGAIN:.*]] = etch.mul %[[Y]], %[[Y]] {etch.backward}
// CHECK: etch.sub %{{.*}}, %[[AGAIN]]
func.func @main(%x: tensor<8xf32>, %g: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %0 = etch.tanh %x : (tensor<8xf32>) -> tensor<8xf32>
  %1 = etch.mul %0, %0 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %2 = etch.mul %0, %g {etch.backward} : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %3 = etch.sub %2, %1 {etch.backward} : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  func.return %1, %3 : tensor<8xf32>, tensor<8xf32>
}

// -----

// One number for each row is kept, what it makes of the elements is not.
// CHECK-LABEL: func @main
// CHECK: %[[S:.*]] = etch.sum
// CHECK: %[[ROWS:.*]] = etch.broadcast_to %[[S]]
// CHECK: etch.sub %{{.*}}, %[[ROWS]] :
// CHECK: %[[AGAIN:.*]] = etch.sub %{{.*}}, %[[ROWS]] {etch.backward}
// CHECK: etch.mul %[[AGAIN]]
func.func @main(%x: tensor<8x64xf32>, %g: tensor<8x64xf32>) -> (tensor<8x64xf32>, tensor<8x64xf32>) {
  %0 = etch.sum %x {axes = array<i64: 1>, keepdims = true} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %1 = etch.broadcast_to %0 {shape = array<i64: 8, 64>} : (tensor<8x1xf32>) -> tensor<8x64xf32>
  %2 = etch.sub %x, %1 : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %3 = etch.tanh %2 : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %4 = etch.mul %2, %g {etch.backward} : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  func.return %3, %4 : tensor<8x64xf32>, tensor<8x64xf32>
}

// -----

// Of a product that backward does not read, two values are made that it reads:
// the product is kept in their place. Not for one that it reads.
// CHECK-LABEL: func @main
// CHECK: %[[P:.*]] = etch.matmul %{{.*}}, %{{.*}} :
// CHECK: %[[Q:.*]] = etch.matmul %{{.*}}, %{{.*}} :
// CHECK: %[[ONE:.*]] = etch.neg %[[Q]] :
// CHECK: etch.abs %[[P]] {etch.backward}
// CHECK: etch.mul %[[P]], %[[P]] {etch.backward}
// CHECK-NOT: etch.neg
func.func @main(%a: tensor<4x4xf32>, %g: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) {
  %p = etch.matmul %a, %a : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %x = etch.abs %p : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %y = etch.mul %p, %p : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %f = etch.add %x, %y : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %q = etch.matmul %g, %a : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %z = etch.neg %q : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %0 = etch.mul %x, %g {etch.backward} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = etch.mul %y, %z {etch.backward} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  func.return %f, %0, %1 : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

// An array that is gone from the caches may take more instructions.
// CHECK-LABEL: func @main
// CHECK: %[[E:.*]] = etch.exp %[[X:.*]] : (tensor<512x512xf32>)
// CHECK: %[[AGAIN:.*]] = etch.exp %[[X]] {etch.backward} : (tensor<512x512xf32>)
// CHECK: etch.mul %[[AGAIN]], %{{.*}} {etch.backward}
func.func @main(%x: tensor<512x512xf32>, %g: tensor<512x512xf32>) -> (tensor<512x512xf32>, tensor<512x512xf32>) {
  %0 = etch.exp %x : (tensor<512x512xf32>) -> tensor<512x512xf32>
  %1 = etch.sqrt %0 : (tensor<512x512xf32>) -> tensor<512x512xf32>
  %2 = etch.mul %0, %g {etch.backward} : (tensor<512x512xf32>, tensor<512x512xf32>) -> tensor<512x512xf32>
  func.return %1, %2 : tensor<512x512xf32>, tensor<512x512xf32>
}

// -----

// A large one is made again for products, too: once.
// CHECK-LABEL: func @main
// CHECK: %[[Y:.*]] = etch.sub
// CHECK: etch.tanh %[[Y]]
// CHECK: %[[AGAIN:.*]] = etch.sub %{{.*}}, %{{.*}} {etch.backward}
// CHECK: etch.matmul %[[AGAIN]], %{{.*}} {etch.backward}
// CHECK-NOT: etch.sub
// CHECK: etch.matmul %{{.*}}, %[[AGAIN]] {etch.backward}
func.func @main(%a: tensor<512x512xf32>, %b: tensor<512x512xf32>) -> (tensor<512x512xf32>, tensor<512x512xf32>, tensor<512x512xf32>) {
  %0 = etch.sub %a, %b : (tensor<512x512xf32>, tensor<512x512xf32>) -> tensor<512x512xf32>
  %1 = etch.tanh %0 : (tensor<512x512xf32>) -> tensor<512x512xf32>
  %2 = etch.matmul %0, %a {etch.backward} : (tensor<512x512xf32>, tensor<512x512xf32>) -> tensor<512x512xf32>
  %3 = etch.matmul %a, %0 {etch.backward} : (tensor<512x512xf32>, tensor<512x512xf32>) -> tensor<512x512xf32>
  func.return %1, %2, %3 : tensor<512x512xf32>, tensor<512x512xf32>, tensor<512x512xf32>
}

// -----

// It may take a part of what the products do with each of its elements, also
// with a view of them: 400 multiply-adds, but not 32.
// CHECK-LABEL: func @main
// CHECK-COUNT-2: etch.exp %{{[a-z0-9]+}} :
// CHECK: %[[AGAIN:.*]] = etch.exp %{{.*}} {etch.backward}
// CHECK: etch.transpose %[[AGAIN]]
// CHECK-NOT: etch.exp
func.func @main(%x: tensor<1024x512xf32>, %y: tensor<1024x512xf32>, %g: tensor<1024x400xf32>, %h: tensor<1024x32xf32>) -> (tensor<1024x512xf32>, tensor<1024x512xf32>, tensor<512x400xf32>, tensor<512x32xf32>) {
  %0 = etch.exp %x : (tensor<1024x512xf32>) -> tensor<1024x512xf32>
  %1 = etch.exp %y : (tensor<1024x512xf32>) -> tensor<1024x512xf32>
  %a = etch.tanh %0 : (tensor<1024x512xf32>) -> tensor<1024x512xf32>
  %b = etch.tanh %1 : (tensor<1024x512xf32>) -> tensor<1024x512xf32>
  %2 = etch.transpose %0 {etch.backward, permutation = array<i64: 1, 0>} : (tensor<1024x512xf32>) -> tensor<512x1024xf32>
  %3 = etch.matmul %2, %g {etch.backward} : (tensor<512x1024xf32>, tensor<1024x400xf32>) -> tensor<512x400xf32>
  %4 = etch.transpose %1 {etch.backward, permutation = array<i64: 1, 0>} : (tensor<1024x512xf32>) -> tensor<512x1024xf32>
  %5 = etch.matmul %4, %h {etch.backward} : (tensor<512x1024xf32>, tensor<1024x32xf32>) -> tensor<512x32xf32>
  func.return %a, %b, %3, %5 : tensor<1024x512xf32>, tensor<1024x512xf32>, tensor<512x400xf32>, tensor<512x32xf32>
}

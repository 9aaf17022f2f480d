// What frees memory runs early, what takes memory late; nothing runs before what
// it needs, and no old value is overwritten that something still reads.
//
// RUN: etch-opt %s -split-input-file -etch-order | FileCheck %s
// RUN: etch-opt %s -split-input-file -etch-order -etch-bufferize | FileCheck %s --check-prefix=PLAN
// RUN: etch-opt %s -split-input-file '-etch-order=together=true' | FileCheck %s --check-prefix=TOGETHER

// Both gradients would be alive at once if both updates came last.
// CHECK-LABEL: func @main
// CHECK: call @grad(%arg0, %arg2)
// CHECK-NEXT: call @update(%arg0
// CHECK-NEXT: call @grad(%arg1, %arg2)
// CHECK-NEXT: call @update(%arg1
// PLAN: etch.arena_bytes = 4096 : i64
// TOGETHER: call @update(%arg0
// TOGETHER-NEXT: call @update(%arg1
func.func private @grad(%w: tensor<32x32xf32>, %x: tensor<32x32xf32>) -> tensor<32x32xf32> attributes {etch.kernel} {
  %0 = etch.matmul %w, %x : (tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x32xf32>
  func.return %0 : tensor<32x32xf32>
}
func.func private @update(%w: tensor<32x32xf32>, %g: tensor<32x32xf32>) -> tensor<32x32xf32> attributes {etch.kernel} {
  %0 = etch.sub %w, %g : (tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x32xf32>
  func.return %0 : tensor<32x32xf32>
}
func.func @main(%v: tensor<32x32xf32> {etch.state}, %w: tensor<32x32xf32> {etch.state}, %x: tensor<32x32xf32>)
    -> (tensor<32x32xf32> {etch.update = 0 : i64}, tensor<32x32xf32> {etch.update = 1 : i64}) {
  %0 = func.call @grad(%v, %x) : (tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x32xf32>
  %1 = func.call @grad(%w, %x) : (tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x32xf32>
  %2 = func.call @update(%v, %0) : (tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x32xf32>
  %3 = func.call @update(%w, %1) : (tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x32xf32>
  func.return %2, %3 : tensor<32x32xf32>, tensor<32x32xf32>
}

// -----

// The second product reads the old value of the first argument: its update
// stays behind.
// CHECK-LABEL: func @main
// CHECK: call @grad(%arg0, %arg1)
// CHECK: call @grad(%arg0, %
// CHECK: call @update(%arg0
func.func private @grad(%w: tensor<32x32xf32>, %x: tensor<32x32xf32>) -> tensor<32x32xf32> attributes {etch.kernel} {
  %0 = etch.matmul %w, %x : (tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x32xf32>
  func.return %0 : tensor<32x32xf32>
}
func.func private @update(%w: tensor<32x32xf32>, %g: tensor<32x32xf32>) -> tensor<32x32xf32> attributes {etch.kernel} {
  %0 = etch.sub %w, %g : (tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x32xf32>
  func.return %0 : tensor<32x32xf32>
}
func.func @main(%v: tensor<32x32xf32> {etch.state}, %x: tensor<32x32xf32>)
    -> (tensor<32x32xf32> {etch.update = 0 : i64}, tensor<32x32xf32>) {
  %0 = func.call @grad(%v, %x) : (tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x32xf32>
  %1 = func.call @grad(%v, %0) : (tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x32xf32>
  %2 = func.call @update(%v, %0) : (tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x32xf32>
  func.return %2, %1 : tensor<32x32xf32>, tensor<32x32xf32>
}

// -----

// A few numbers do not hold up the updates that read them.
// CHECK-LABEL: func @main
// CHECK: call @grad(%arg0, %arg2)
// CHECK-NEXT: call @rate
// CHECK-NEXT: call @update(%arg0
// CHECK-NEXT: call @grad(%arg1, %arg2)
// CHECK-NEXT: call @update(%arg1
// PLAN: etch.arena_bytes = 4160 : i64
func.func private @rate(%t: tensor<f32>) -> tensor<f32> attributes {etch.kernel} {
  %0 = etch.sqrt %t : (tensor<f32>) -> tensor<f32>
  func.return %0 : tensor<f32>
}
func.func private @grad(%w: tensor<32x32xf32>, %x: tensor<32x32xf32>) -> tensor<32x32xf32> attributes {etch.kernel} {
  %0 = etch.matmul %w, %x : (tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x32xf32>
  func.return %0 : tensor<32x32xf32>
}
func.func private @update(%w: tensor<32x32xf32>, %g: tensor<32x32xf32>, %r: tensor<f32>) -> tensor<32x32xf32> attributes {etch.kernel} {
  %0 = etch.broadcast_to %r {shape = array<i64: 32, 32>} : (tensor<f32>) -> tensor<32x32xf32>
  %1 = etch.mul %g, %0 : (tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x32xf32>
  %2 = etch.sub %w, %1 : (tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x32xf32>
  func.return %2 : tensor<32x32xf32>
}
func.func @main(%v: tensor<32x32xf32> {etch.state}, %w: tensor<32x32xf32> {etch.state}, %x: tensor<32x32xf32>, %t: tensor<f32>)
    -> (tensor<32x32xf32> {etch.update = 0 : i64}, tensor<32x32xf32> {etch.update = 1 : i64}) {
  %0 = func.call @grad(%v, %x) : (tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x32xf32>
  %1 = func.call @grad(%w, %x) : (tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x32xf32>
  %r = func.call @rate(%t) : (tensor<f32>) -> tensor<f32>
  %2 = func.call @update(%v, %0, %r) : (tensor<32x32xf32>, tensor<32x32xf32>, tensor<f32>) -> tensor<32x32xf32>
  %3 = func.call @update(%w, %1, %r) : (tensor<32x32xf32>, tensor<32x32xf32>, tensor<f32>) -> tensor<32x32xf32>
  func.return %2, %3 : tensor<32x32xf32>, tensor<32x32xf32>
}

// Kernels that work row by row become one: what is between them is no buffer.
//
// RUN: etch-opt %s -split-input-file -etch-fuse -etch-stage | FileCheck %s
// RUN: etch-opt %s -split-input-file -etch-fuse -etch-stage -etch-bufferize | FileCheck %s --check-prefix=MEMORY

// A softmax: the rows' maxima, exponentials and sums, the quotients.
// MEMORY: module attributes {etch.arena_bytes = 0 : i64
// CHECK-LABEL: func private @r0(
// CHECK-SAME: -> tensor<32x8xf32> attributes {etch.kernel, etch.rows}
// CHECK: etch.max {{.*}}etch.stage = 0 : i64
// CHECK: etch.exp {{.*}}etch.stage = 1 : i64
// CHECK: etch.sum {{.*}}etch.stage = 1 : i64
// CHECK: etch.div {{.*}}etch.stage = 2 : i64
// CHECK-NOT: func private
// CHECK-LABEL: func @main
// CHECK: call @r0
// CHECK-NOT: call
func.func @main(%x: tensor<32x8xf32>) -> tensor<32x8xf32> {
  %x3 = etch.reshape %x {shape = array<i64: 32, 8, 1>} : (tensor<32x8xf32>) -> tensor<32x8x1xf32>
  %0 = etch.max %x3 {axes = array<i64: 1>, keepdims = false} : (tensor<32x8x1xf32>) -> tensor<32x1xf32>
  %1 = etch.broadcast_to %0 {shape = array<i64: 32, 8>} : (tensor<32x1xf32>) -> tensor<32x8xf32>
  %2 = etch.sub %x, %1 : (tensor<32x8xf32>, tensor<32x8xf32>) -> tensor<32x8xf32>
  %3 = etch.exp %2 : (tensor<32x8xf32>) -> tensor<32x8xf32>
  %4 = etch.reshape %3 {shape = array<i64: 32, 8, 1>} : (tensor<32x8xf32>) -> tensor<32x8x1xf32>
  %5 = etch.sum %4 {axes = array<i64: 1>, keepdims = false} : (tensor<32x8x1xf32>) -> tensor<32x1xf32>
  %6 = etch.broadcast_to %5 {shape = array<i64: 32, 8>} : (tensor<32x1xf32>) -> tensor<32x8xf32>
  %7 = etch.div %3, %6 : (tensor<32x8xf32>, tensor<32x8xf32>) -> tensor<32x8xf32>
  return %7 : tensor<32x8xf32>
}

// -----

// Few rows would leave other cores without work: two kernels.
// CHECK-NOT: etch.rows
// CHECK-LABEL: func @main
func.func @main(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %x3 = etch.reshape %x {shape = array<i64: 4, 8, 1>} : (tensor<4x8xf32>) -> tensor<4x8x1xf32>
  %0 = etch.max %x3 {axes = array<i64: 1>, keepdims = false} : (tensor<4x8x1xf32>) -> tensor<4x1xf32>
  %1 = etch.broadcast_to %0 {shape = array<i64: 4, 8>} : (tensor<4x1xf32>) -> tensor<4x8xf32>
  %2 = etch.sub %x, %1 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %2 : tensor<4x8xf32>
}

// -----

// Rows that a core's cache does not hold.
// CHECK-NOT: etch.rows
// CHECK-LABEL: func @main
func.func @main(%x: tensor<32x65536xf32>) -> tensor<32x65536xf32> {
  %x3 = etch.reshape %x {shape = array<i64: 32, 65536, 1>} : (tensor<32x65536xf32>) -> tensor<32x65536x1xf32>
  %0 = etch.max %x3 {axes = array<i64: 1>, keepdims = false} : (tensor<32x65536x1xf32>) -> tensor<32x1xf32>
  %1 = etch.broadcast_to %0 {shape = array<i64: 32, 65536>} : (tensor<32x1xf32>) -> tensor<32x65536xf32>
  %2 = etch.sub %x, %1 : (tensor<32x65536xf32>, tensor<32x65536xf32>) -> tensor<32x65536xf32>
  return %2 : tensor<32x65536xf32>
}

// -----

// The sums are over columns, the maxima over rows: what reads both kinds goes
// with the maxima, for sums of columns need all rows.
// CHECK: func private @k{{[0-9]+}}({{.*}} -> tensor<1x8xf32>
// CHECK: func private @r0({{.*}} -> tensor<32x8xf32>
// CHECK: etch.max {{.*}}etch.stage = 0
// CHECK: etch.sub {{.*}}etch.stage = 1
// CHECK: etch.add {{.*}}etch.stage = 1
// CHECK-LABEL: func @main
// CHECK-COUNT-2: call
// CHECK-NOT: call
func.func @main(%x: tensor<32x8xf32>) -> tensor<32x8xf32> {
  %x2 = etch.reshape %x {shape = array<i64: 1, 32, 8>} : (tensor<32x8xf32>) -> tensor<1x32x8xf32>
  %s = etch.sum %x2 {axes = array<i64: 1>, keepdims = false} : (tensor<1x32x8xf32>) -> tensor<1x8xf32>
  %x3 = etch.reshape %x {shape = array<i64: 32, 8, 1>} : (tensor<32x8xf32>) -> tensor<32x8x1xf32>
  %0 = etch.max %x3 {axes = array<i64: 1>, keepdims = false} : (tensor<32x8x1xf32>) -> tensor<32x1xf32>
  %1 = etch.broadcast_to %0 {shape = array<i64: 32, 8>} : (tensor<32x1xf32>) -> tensor<32x8xf32>
  %2 = etch.sub %x, %1 : (tensor<32x8xf32>, tensor<32x8xf32>) -> tensor<32x8xf32>
  %3 = etch.broadcast_to %s {shape = array<i64: 32, 8>} : (tensor<1x8xf32>) -> tensor<32x8xf32>
  %4 = etch.add %2, %3 : (tensor<32x8xf32>, tensor<32x8xf32>) -> tensor<32x8xf32>
  return %4 : tensor<32x8xf32>
}

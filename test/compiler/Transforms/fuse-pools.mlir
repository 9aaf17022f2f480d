// A pool whose places only its own values want is one kernel, and what is
// placed below everything behind the images is not written before.
//
// RUN: etch-opt %s --etch-fuse="updates=true" | FileCheck %s
// RUN: etch-opt %s --etch-fuse | FileCheck %s --check-prefix=APART

// CHECK: func.func private @[[PLACED:.*]](%arg0: tensor<?x8x12x12xf32>, %arg1: index, %arg2: index) -> tensor<?x36x1xf32> attributes {etch.kernel}
// CHECK-NEXT: etch.place
// CHECK-NEXT: etch.max_pool_index
// CHECK-NEXT: etch.reshape
// CHECK-NEXT: etch.reshape
// CHECK-NEXT: %[[Y:.*]] = etch.gather
// CHECK-NEXT: return %[[Y]]
// CHECK-LABEL: func.func @main(
// CHECK: call @[[PLACED]](
// CHECK-NOT: call
// CHECK: return

// Devices have libraries for the places.
// APART-LABEL: func.func @main(
// APART-COUNT-3: call @
func.func @main(%x: tensor<?x8x12x12xf32>) -> tensor<?x36x1xf32> {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %n = tensor.dim %x, %c0 : tensor<?x8x12x12xf32>
  %planes = arith.muli %n, %c8 : index
  %p = etch.place %x, %n {fill = 0xFFF0000000000000 : f64, shape = array<i64: -9223372036854775808, 8, 13, 13>, starts = array<i64: 0, 0, 0, 0>, steps = array<i64: 1, 1, 1, 1>} : (tensor<?x8x12x12xf32>, index) -> tensor<?x8x13x13xf32>
  %i = etch.max_pool_index %p, %n {kernel = array<i64: 3, 3>, pad = array<i64: 0, 0>, shape = array<i64: -9223372036854775808, 8, 6, 6>, stride = array<i64: 2, 2>} : (tensor<?x8x13x13xf32>, index) -> tensor<?x8x6x6xi64>
  %xs = etch.reshape %p, %planes {shape = array<i64: -9223372036854775808, 169, 1>} : (tensor<?x8x13x13xf32>, index) -> tensor<?x169x1xf32>
  %is = etch.reshape %i, %planes {shape = array<i64: -9223372036854775808, 36>} : (tensor<?x8x6x6xi64>, index) -> tensor<?x36xi64>
  %y = etch.gather %xs, %is : (tensor<?x169x1xf32>, tensor<?x36xi64>) -> tensor<?x36x1xf32>
  return %y : tensor<?x36x1xf32>
}


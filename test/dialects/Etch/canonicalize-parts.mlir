// Parts of parts are parts; all of something is that; what was placed comes out
// again.
//
// RUN: etch-opt %s -canonicalize | FileCheck %s

// CHECK-LABEL: func @whole
// CHECK-SAME: (%[[X:.*]]: tensor<4x5xf32>)
// CHECK: return %[[X]], %[[X]]
func.func @whole(%x: tensor<4x5xf32>) -> (tensor<4x5xf32>, tensor<4x5xf32>) {
  %0 = etch.slice %x {starts = array<i64: 0, 0>, steps = array<i64: 1, 1>, shape = array<i64: 4, 5>} : (tensor<4x5xf32>) -> tensor<4x5xf32>
  %1 = etch.place %x {starts = array<i64: 0, 0>, steps = array<i64: 1, 1>, fill = 1.0, shape = array<i64: 4, 5>} : (tensor<4x5xf32>) -> tensor<4x5xf32>
  return %0, %1 : tensor<4x5xf32>, tensor<4x5xf32>
}

// CHECK-LABEL: func @twice
// CHECK: etch.slice %{{.*}} {shape = array<i64: 2>, starts = array<i64: 7>, steps = array<i64: -4>} : (tensor<9xf32>) -> tensor<2xf32>
// CHECK-NOT: etch.slice
func.func @twice(%x: tensor<9xf32>) -> tensor<2xf32> {
  %0 = etch.slice %x {starts = array<i64: 1>, steps = array<i64: 2>, shape = array<i64: 4>} : (tensor<9xf32>) -> tensor<4xf32>
  %1 = etch.slice %0 {starts = array<i64: 3>, steps = array<i64: -2>, shape = array<i64: 2>} : (tensor<4xf32>) -> tensor<2xf32>
  return %1 : tensor<2xf32>
}

// CHECK-LABEL: func @there_and_back
// CHECK-SAME: (%[[X:.*]]: tensor<3xf32>)
// CHECK: return %[[X]]
func.func @there_and_back(%x: tensor<3xf32>) -> tensor<3xf32> {
  %0 = etch.place %x {starts = array<i64: 1>, steps = array<i64: 2>, fill = 0.0, shape = array<i64: 9>} : (tensor<3xf32>) -> tensor<9xf32>
  %1 = etch.slice %0 {starts = array<i64: 1>, steps = array<i64: 2>, shape = array<i64: 3>} : (tensor<9xf32>) -> tensor<3xf32>
  return %1 : tensor<3xf32>
}

// Another part than the one that was placed has the fill in it.
// CHECK-LABEL: func @elsewhere
// CHECK: etch.place
// CHECK: etch.slice
func.func @elsewhere(%x: tensor<3xf32>) -> tensor<3xf32> {
  %0 = etch.place %x {starts = array<i64: 1>, steps = array<i64: 2>, fill = 0.0, shape = array<i64: 9>} : (tensor<3xf32>) -> tensor<9xf32>
  %1 = etch.slice %0 {starts = array<i64: 1>, steps = array<i64: 1>, shape = array<i64: 3>} : (tensor<9xf32>) -> tensor<3xf32>
  return %1 : tensor<3xf32>
}

// CHECK-LABEL: func @of_a_constant
// CHECK: %[[C:.*]] = etch.constant dense<2.000000e+00> : tensor<3xf32>
// CHECK: return %[[C]]
func.func @of_a_constant() -> tensor<3xf32> {
  %0 = etch.constant dense<2.0> : tensor<9xf32>
  %1 = etch.slice %0 {starts = array<i64: 1>, steps = array<i64: 1>, shape = array<i64: 3>} : (tensor<9xf32>) -> tensor<3xf32>
  return %1 : tensor<3xf32>
}

// A start that is known after all, moved to where the part fits.
// CHECK-LABEL: func @starts
// CHECK-DAG: etch.slice %{{.*}} {shape = array<i64: 3, 2>, starts = array<i64: 6, 0>, steps = array<i64: 1, 1>}
// CHECK-DAG: etch.place %{{.*}} {fill = 0.000000e+00 : f64, shape = array<i64: 3, 9>, starts = array<i64: 0, 4>, steps = array<i64: 1, 1>}
func.func @starts(%x: tensor<9x2xf32>, %w: tensor<3x2xf32>) -> (tensor<3x2xf32>, tensor<3x9xf32>) {
  %far = etch.constant dense<100> : tensor<i64>
  %4 = etch.constant dense<4> : tensor<i64>
  %0 = etch.slice_at %x, %far {axis = 0 : i64, shape = array<i64: 3, 2>} : (tensor<9x2xf32>, tensor<i64>) -> tensor<3x2xf32>
  %1 = etch.place_at %w, %4 {axis = 1 : i64, shape = array<i64: 3, 9>} : (tensor<3x2xf32>, tensor<i64>) -> tensor<3x9xf32>
  return %0, %1 : tensor<3x2xf32>, tensor<3x9xf32>
}

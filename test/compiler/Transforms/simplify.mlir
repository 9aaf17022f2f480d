// Equal values are computed once, dead ones not at all; every bit stays.
//
// CAPABILITY: C139
// RUN: etch-opt %s -split-input-file -etch-simplify | FileCheck %s

// Operands of commutative ops stand in order of definition.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[A:.*]]: tensor<2xf32>, %[[B:.*]]: tensor<2xf32>)
// CHECK-NEXT: %[[S:.*]] = etch.add %[[A]], %[[B]]
// CHECK-NEXT: %[[D:.*]] = etch.sub %[[A]], %[[B]]
// CHECK-NEXT: %[[E:.*]] = etch.sub %[[B]], %[[A]]
// CHECK-NEXT: %[[P:.*]] = etch.mul %[[S]], %[[S]]
// CHECK-NEXT: return %[[P]], %[[D]], %[[E]]
func.func @main(%a: tensor<2xf32>, %b: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
  %0 = etch.add %b, %a : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %1 = etch.add %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %2 = etch.sub %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %3 = etch.sub %b, %a : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %4 = etch.mul %0, %1 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %dead = etch.tanh %4 : (tensor<2xf32>) -> tensor<2xf32>
  func.return %4, %2, %3 : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
}

// -----

// What only matters to differentiation goes.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<2xf32>)
// CHECK-NEXT: %[[E:.*]] = etch.exp %[[X]] :
// CHECK-NEXT: return %[[E]], %[[E]], %[[E]]
func.func @main(%x: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
  %0 = etch.exp %x {etch.nograd} : (tensor<2xf32>) -> tensor<2xf32>
  %1 = etch.stop_gradient %x : (tensor<2xf32>) -> tensor<2xf32>
  %2 = etch.exp %1 : (tensor<2xf32>) -> tensor<2xf32>
  %3 = etch.custom_vjp (%x) gives (%2) {
  ^bb0(%g: tensor<2xf32>):
    etch.yield %g : tensor<2xf32>
  } : (tensor<2xf32>) -> (tensor<2xf32>)
  func.return %0, %2, %3 : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
}

// -----

// Arithmetic on constants is done; functions stay for run time.
// CHECK-LABEL: func @main
// CHECK-DAG: %[[C:.*]] = etch.constant dense<6.0
// CHECK-DAG: %[[D:.*]] = etch.constant dense<2.0
// CHECK-DAG: %[[E:.*]] = etch.exp %[[D]]
// CHECK: return %[[C]], %[[E]]
func.func @main() -> (tensor<f32>, tensor<f32>) {
  %0 = etch.constant dense<2.0> : tensor<f32>
  %1 = etch.constant dense<3.0> : tensor<f32>
  %2 = etch.mul %0, %1 : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %3 = etch.exp %0 : (tensor<f32>) -> tensor<f32>
  func.return %2, %3 : tensor<f32>, tensor<f32>
}

// -----

// Extents come from arguments, so nothing lives on for its shape alone.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<?x3xf32>, %[[C:.*]]: tensor<f32>)
// CHECK-NOT: etch.tanh
// CHECK: %[[N:.*]] = tensor.dim %[[X]]
// CHECK: etch.broadcast_to %[[C]], %[[N]]
func.func @main(%x: tensor<?x3xf32>, %c: tensor<f32>) -> tensor<?xf32> {
  %0 = etch.tanh %x : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %1 = etch.transpose %0 {permutation = array<i64: 1, 0>} : (tensor<?x3xf32>) -> tensor<3x?xf32>
  %one = arith.constant 1 : index
  %n = tensor.dim %1, %one : tensor<3x?xf32>
  %y = etch.broadcast_to %c, %n {shape = array<i64: -9223372036854775808>} : (tensor<f32>, index) -> tensor<?xf32>
  func.return %y : tensor<?xf32>
}

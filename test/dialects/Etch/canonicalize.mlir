// Folds and rewrites keep every bit: signs move outwards, ones and identities
// go; what is wrong for a signed zero stays.
//
// RUN: etch-opt %s -canonicalize | FileCheck %s

// CHECK-LABEL: func @signs
// CHECK-SAME: (%[[A:.*]]: tensor<2xf32>, %[[B:.*]]: tensor<2xf32>)
// CHECK-DAG: %[[DIFF:.*]] = etch.sub %[[A]], %[[B]]
// CHECK-DAG: %[[SUM:.*]] = etch.add %[[A]], %[[B]]
// CHECK: return %[[DIFF]], %[[SUM]], %[[A]]
func.func @signs(%a: tensor<2xf32>, %b: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
  %n = etch.neg %b : (tensor<2xf32>) -> tensor<2xf32>
  %0 = etch.add %n, %a : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %1 = etch.sub %a, %n : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %m = etch.neg %a : (tensor<2xf32>) -> tensor<2xf32>
  %2 = etch.neg %m : (tensor<2xf32>) -> tensor<2xf32>
  return %0, %1, %2 : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
}

// CHECK-LABEL: func @sign_of_a_product
// CHECK-SAME: (%[[A:.*]]: tensor<?xf32>, %[[B:.*]]: tensor<?xf32>)
// CHECK: %[[P:.*]] = etch.mul %[[A]], %[[B]]
// CHECK: etch.neg %[[P]]
func.func @sign_of_a_product(%a: tensor<?xf32>, %b: tensor<?xf32>) -> tensor<?xf32> {
  %n = etch.neg %b : (tensor<?xf32>) -> tensor<?xf32>
  %0 = etch.mul %a, %n : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// CHECK-LABEL: func @ones
// CHECK-SAME: (%[[A:.*]]: tensor<2x3xf32>)
// CHECK-NEXT: return %[[A]], %[[A]], %[[A]]
func.func @ones(%a: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>) {
  %c = etch.constant dense<1.0> : tensor<f32>
  %one = etch.broadcast_to %c {shape = array<i64: 2, 3>} : (tensor<f32>) -> tensor<2x3xf32>
  %0 = etch.mul %one, %a : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %1 = etch.div %a, %one : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %2 = etch.pow %a {exponent = 1.0 : f64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0, %1, %2 : tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>
}

// -0 + 0 is +0: x + 0 is not x.
// CHECK-LABEL: func @zero_stays
// CHECK: etch.add
func.func @zero_stays(%a: tensor<2xf32>) -> tensor<2xf32> {
  %zero = etch.constant dense<0.0> : tensor<2xf32>
  %0 = etch.add %a, %zero : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// CHECK-LABEL: func @shapes
// CHECK-SAME: (%[[A:.*]]: tensor<2x3xf32>)
// CHECK: %[[R:.*]] = etch.reshape %[[A]]
// CHECK-NOT: etch.transpose
// CHECK: return %[[R]], %[[A]], %[[A]], %[[A]]
func.func @shapes(%a: tensor<2x3xf32>) -> (tensor<6x1xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>) {
  %0 = etch.reshape %a {shape = array<i64: 6>} : (tensor<2x3xf32>) -> tensor<6xf32>
  %1 = etch.reshape %0 {shape = array<i64: 6, 1>} : (tensor<6xf32>) -> tensor<6x1xf32>
  %2 = etch.transpose %a {permutation = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %3 = etch.transpose %2 {permutation = array<i64: 1, 0>} : (tensor<3x2xf32>) -> tensor<2x3xf32>
  %4 = etch.sum_to %a {shape = array<i64: 2, 3>} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %5 = etch.broadcast_to %a {shape = array<i64: 2, 3>} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %1, %3, %4, %5 : tensor<6x1xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>
}

// CHECK-LABEL: func @choice
// CHECK-SAME: (%{{.*}}: tensor<?xi1>, %[[A:.*]]: tensor<?xf32>)
// CHECK-NEXT: return %[[A]]
func.func @choice(%c: tensor<?xi1>, %a: tensor<?xf32>) -> tensor<?xf32> {
  %0 = etch.select %c, %a, %a : (tensor<?xi1>, tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// Integers are not read as floats.
// CHECK-LABEL: func.func @integers
// CHECK: etch.mul
// CHECK: etch.neg
func.func @integers() -> (tensor<2xi64>, tensor<2xi64>) {
  %a = etch.constant dense<3> : tensor<2xi64>
  %b = etch.constant dense<5> : tensor<2xi64>
  %0 = etch.mul %a, %b : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
  %1 = etch.neg %a : (tensor<2xi64>) -> tensor<2xi64>
  func.return %0, %1 : tensor<2xi64>, tensor<2xi64>
}

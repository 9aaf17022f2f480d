// Sums and products with fewer ops; strict keeps them as they stand.
//
// RUN: etch-opt %s -split-input-file -etch-relax | FileCheck %s
// RUN: etch-opt %s -split-input-file -etch-simplify | FileCheck %s --check-prefix=STRICT

// Like terms become one.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %[[Y:.*]]: tensor<4xf32>)
// CHECK-DAG: %[[K:.*]] = etch.constant dense<5.000000e+00>
// CHECK: %[[M:.*]] = etch.mul %[[X]], %[[K]]
// CHECK-NEXT: %[[R:.*]] = etch.add %[[Y]], %[[M]]
// CHECK-NEXT: return %[[R]]
// STRICT-LABEL: func @main
// STRICT-COUNT-4: etch.{{add|mul|sub}}
func.func @main(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %k = etch.constant dense<4.0> : tensor<4xf32>
  %z = etch.constant dense<0.0> : tensor<4xf32>
  %a = etch.mul %x, %k : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %b = etch.add %a, %y : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %c = etch.add %b, %z : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %d = etch.add %c, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %d : tensor<4xf32>
}

// -----

// A common factor is taken out: a * x + b * x - c * x = x * (a + b - c).
// CHECK-LABEL: func @main
// CHECK-COUNT-1: etch.mul
// CHECK-NOT: etch.mul
// STRICT-LABEL: func @main
// STRICT-COUNT-3: etch.mul
func.func @main(%x: tensor<?xf32>, %a: tensor<?xf32>, %b: tensor<?xf32>, %c: tensor<?xf32>) -> tensor<?xf32> {
  %p = etch.mul %a, %x : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  %q = etch.mul %b, %x : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  %r = etch.mul %x, %c : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  %s = etch.add %p, %q : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  %t = etch.sub %s, %r : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  return %t : tensor<?xf32>
}

// -----

// The numbers of a product are one, and a power takes few steps.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<f64>)
// CHECK: %[[S:.*]] = etch.mul %[[X]], %[[X]]
// CHECK-NEXT: %[[Q:.*]] = etch.mul %[[S]], %[[S]]
// CHECK-NEXT: %[[K:.*]] = etch.constant dense<6.000000e+00>
// CHECK-NEXT: %[[R:.*]] = etch.mul %[[Q]], %[[K]]
// CHECK-NEXT: return %[[R]]
// STRICT-LABEL: func @main
// STRICT-COUNT-5: etch.mul
func.func @main(%x: tensor<f64>) -> tensor<f64> {
  %two = etch.constant dense<2.0> : tensor<f64>
  %three = etch.constant dense<3.0> : tensor<f64>
  %a = etch.mul %x, %two : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %b = etch.mul %a, %x : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %c = etch.mul %b, %three : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %d = etch.mul %c, %x : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %e = etch.mul %d, %x : (tensor<f64>, tensor<f64>) -> tensor<f64>
  return %e : tensor<f64>
}

// -----

// What somebody else reads is not taken apart, integers are left alone, and so
// is what would not have fewer ops.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<f32>, %[[Y:.*]]: tensor<f32>, %[[I:.*]]: tensor<i64>)
// CHECK: %[[A:.*]] = etch.mul %[[X]], %[[Y]]
// CHECK: %[[B:.*]] = etch.add %[[A]], %[[X]]
// CHECK: %[[J:.*]] = etch.add %[[I]], %[[I]]
// CHECK: %[[K:.*]] = etch.add %[[J]], %[[I]]
// CHECK: return %[[A]], %[[B]], %[[K]]
func.func @main(%x: tensor<f32>, %y: tensor<f32>, %i: tensor<i64>) -> (tensor<f32>, tensor<f32>, tensor<i64>) {
  %a = etch.mul %x, %y : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %b = etch.add %a, %x : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %j = etch.add %i, %i : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %k = etch.add %j, %i : (tensor<i64>, tensor<i64>) -> tensor<i64>
  return %a, %b, %k : tensor<f32>, tensor<f32>, tensor<i64>
}

// -----

// A quotient of two values is itself.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<f32>, %[[Y:.*]]: tensor<f32>)
// CHECK: %[[A:.*]] = etch.div %[[X]], %[[Y]]
// CHECK: return %[[A]]
func.func @main(%x: tensor<f32>, %y: tensor<f32>) -> tensor<f32> {
  %a = etch.div %x, %y : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %a : tensor<f32>
}

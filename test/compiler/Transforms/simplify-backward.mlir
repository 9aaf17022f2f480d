// What the forward and the backward part have in common is computed once, and
// what is known is computed here.
//
// RUN: etch-opt %s -split-input-file -etch-differentiate -etch-simplify | FileCheck %s

// The gradient of erf is made of exp(-x * x), which the function has computed.
// CHECK-LABEL: func @main
// CHECK-COUNT-1: etch.exp
// CHECK-NOT: etch.exp
func.func @main(%x: tensor<?xf32>, %gy: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %m = etch.mul %x, %x : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  %n = etch.neg %m : (tensor<?xf32>) -> tensor<?xf32>
  %e = etch.exp %n : (tensor<?xf32>) -> tensor<?xf32>
  %f = etch.erf %x : (tensor<?xf32>) -> tensor<?xf32>
  %y = etch.add %e, %f : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  %g = etch.gradient %y by %gy wrt %x : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  return %y, %g : tensor<?xf32>, tensor<?xf32>
}

// -----

// What the user computes twice is one value once gradients are there, and the
// forward's result serves the gradient.
// CHECK-LABEL: func @main
// CHECK-COUNT-1: etch.tanh
// CHECK-NOT: etch.tanh
func.func @main(%x: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %t = etch.tanh %x : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %u = etch.tanh %x : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %y = etch.mul %t, %t : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %g = etch.gradient %y by %u wrt %x : (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  return %y, %g : tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

// Arithmetic of constants, spread or not.
// CHECK-LABEL: func @main
// CHECK-DAG: %[[A:.*]] = etch.constant dense<[4.000000e+00, 7.000000e+00]> : tensor<2xf32>
// CHECK-DAG: %[[B:.*]] = etch.constant dense<-5.000000e-01> : tensor<2xf32>
// CHECK-DAG: %[[C:.*]] = etch.add %{{.*}}, %[[A]]
// CHECK: %[[D:.*]] = etch.mul %[[C]], %[[B]]
// CHECK-NEXT: return %[[D]]
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %a = etch.constant dense<[1.0, 4.0]> : tensor<2xf32>
  %b = etch.constant dense<3.0> : tensor<2xf32>
  %c = etch.add %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %d = etch.add %x, %c : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %e = etch.constant dense<2.0> : tensor<f32>
  %f = etch.constant dense<2.5> : tensor<f32>
  %g = etch.sub %e, %f : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %h = etch.broadcast_to %g {shape = array<i64: 2>} : (tensor<f32>) -> tensor<2xf32>
  %i = etch.mul %d, %h : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return %i : tensor<2xf32>
}

// -----

// Not those whose value the host's functions would give, and not x + 0, which
// is not x where x is -0.
// CHECK-LABEL: func @main
// CHECK: etch.exp
// CHECK: etch.add
func.func @main(%x: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %a = etch.constant dense<0.0> : tensor<f32>
  %b = etch.exp %a : (tensor<f32>) -> tensor<f32>
  %c = etch.add %x, %a : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %b, %c : tensor<f32>, tensor<f32>
}

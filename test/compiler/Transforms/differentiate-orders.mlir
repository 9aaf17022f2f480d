// Derivatives of tanh up to the eighth stay small: equal values are merged
// between orders. Raw, the eighth has 2571 ops; it may have 407.
//
// CAPABILITY: C045
// RUN: etch-opt %s -etch-differentiate -etch-simplify -o %t
// RUN: grep -c "= etch" %t | FileCheck %s
// CHECK: {{^([1-9][0-9]|[1-3][0-9][0-9]|40[0-7])$}}

func.func @main(%x: tensor<f64>) -> tensor<f64> {
  %one = etch.constant dense<1.0> : tensor<f64>
  %0 = etch.tanh %x : (tensor<f64>) -> tensor<f64>
  %1 = etch.gradient %0 by %one wrt %x : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64>
  %2 = etch.gradient %1 by %one wrt %x : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64>
  %3 = etch.gradient %2 by %one wrt %x : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64>
  %4 = etch.gradient %3 by %one wrt %x : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64>
  %5 = etch.gradient %4 by %one wrt %x : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64>
  %6 = etch.gradient %5 by %one wrt %x : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64>
  %7 = etch.gradient %6 by %one wrt %x : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64>
  %8 = etch.gradient %7 by %one wrt %x : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64>
  func.return %8 : tensor<f64>
}

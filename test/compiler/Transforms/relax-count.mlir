// The eighth derivative of tanh: at most 407 ops in strict, 320 in fast.
//
// CAPABILITY: C139
// RUN: etch-opt %s -etch-differentiate -etch-simplify -o %t.strict
// RUN: grep "= etch" %t.strict | grep -vc etch.constant | FileCheck %s --check-prefix=STRICT
// RUN: etch-opt %t.strict -etch-relax -o %t.fast
// RUN: grep "= etch" %t.fast | grep -vc etch.constant | FileCheck %s --check-prefix=FAST
// RUN: etch-run %s --fill 0.5 --print | FileCheck %s --check-prefix=VALUE
// RUN: etch-run %s --fill 0.5 --print --fast | FileCheck %s --check-prefix=VALUE
// REQUIRES: etch-run
// STRICT: {{^([1-3]?[0-9]?[0-9]|40[0-7])$}}
// FAST: {{^([12]?[0-9]?[0-9]|3[01][0-9]|320)$}}
// VALUE: result_0: float64 () [322.859318123668
func.func @main(%x: tensor<f64>) -> tensor<f64> {
  %one = etch.constant dense<1.0> : tensor<f64>
  %y0 = etch.tanh %x : (tensor<f64>) -> tensor<f64>
  %y1 = etch.gradient %y0 by %one wrt %x : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64>
  %y2 = etch.gradient %y1 by %one wrt %x : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64>
  %y3 = etch.gradient %y2 by %one wrt %x : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64>
  %y4 = etch.gradient %y3 by %one wrt %x : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64>
  %y5 = etch.gradient %y4 by %one wrt %x : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64>
  %y6 = etch.gradient %y5 by %one wrt %x : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64>
  %y7 = etch.gradient %y6 by %one wrt %x : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64>
  %y8 = etch.gradient %y7 by %one wrt %x : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64>
  return %y8 : tensor<f64>
}

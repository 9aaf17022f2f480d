// The Goldstein-Price function has 38 ops as written; some of them are equal.
//
// CAPABILITY: C139
// RUN: etch-opt %s -etch-simplify -o %t
// RUN: grep "= etch" %t | grep -vc etch.constant | FileCheck %s
// RUN: etch-run %s --fill 1 --print | FileCheck %s --check-prefix=VALUE
// REQUIRES: etch-run
// CHECK: {{^([12][0-9]|3[0-7])$}}
// VALUE: 1876

func.func @main(%arg0: tensor<f64>, %arg1: tensor<f64>) -> tensor<f64> {
  %0 = etch.constant dense<1.000000e+00> : tensor<f64>
  %1 = etch.add %arg0, %arg1 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %2 = etch.constant dense<1.000000e+00> : tensor<f64>
  %3 = etch.add %1, %2 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %4 = etch.pow %3 {exponent = 2.000000e+00 : f64} : (tensor<f64>) -> tensor<f64>
  %5 = etch.constant dense<1.900000e+01> : tensor<f64>
  %6 = etch.constant dense<1.400000e+01> : tensor<f64>
  %7 = etch.mul %6, %arg0 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %8 = etch.sub %5, %7 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %9 = etch.constant dense<3.000000e+00> : tensor<f64>
  %10 = etch.pow %arg0 {exponent = 2.000000e+00 : f64} : (tensor<f64>) -> tensor<f64>
  %11 = etch.mul %9, %10 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %12 = etch.add %8, %11 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %13 = etch.constant dense<1.400000e+01> : tensor<f64>
  %14 = etch.mul %13, %arg1 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %15 = etch.sub %12, %14 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %16 = etch.constant dense<6.000000e+00> : tensor<f64>
  %17 = etch.mul %16, %arg0 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %18 = etch.mul %17, %arg1 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %19 = etch.add %15, %18 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %20 = etch.constant dense<3.000000e+00> : tensor<f64>
  %21 = etch.pow %arg1 {exponent = 2.000000e+00 : f64} : (tensor<f64>) -> tensor<f64>
  %22 = etch.mul %20, %21 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %23 = etch.add %19, %22 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %24 = etch.mul %4, %23 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %25 = etch.add %0, %24 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %26 = etch.constant dense<3.000000e+01> : tensor<f64>
  %27 = etch.constant dense<2.000000e+00> : tensor<f64>
  %28 = etch.mul %27, %arg0 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %29 = etch.constant dense<3.000000e+00> : tensor<f64>
  %30 = etch.mul %29, %arg1 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %31 = etch.sub %28, %30 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %32 = etch.pow %31 {exponent = 2.000000e+00 : f64} : (tensor<f64>) -> tensor<f64>
  %33 = etch.constant dense<1.800000e+01> : tensor<f64>
  %34 = etch.constant dense<3.200000e+01> : tensor<f64>
  %35 = etch.mul %34, %arg0 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %36 = etch.sub %33, %35 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %37 = etch.constant dense<1.200000e+01> : tensor<f64>
  %38 = etch.pow %arg0 {exponent = 2.000000e+00 : f64} : (tensor<f64>) -> tensor<f64>
  %39 = etch.mul %37, %38 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %40 = etch.add %36, %39 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %41 = etch.constant dense<4.800000e+01> : tensor<f64>
  %42 = etch.mul %41, %arg1 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %43 = etch.add %40, %42 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %44 = etch.constant dense<3.600000e+01> : tensor<f64>
  %45 = etch.mul %44, %arg0 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %46 = etch.mul %45, %arg1 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %47 = etch.sub %43, %46 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %48 = etch.constant dense<2.700000e+01> : tensor<f64>
  %49 = etch.pow %arg1 {exponent = 2.000000e+00 : f64} : (tensor<f64>) -> tensor<f64>
  %50 = etch.mul %48, %49 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %51 = etch.add %47, %50 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %52 = etch.mul %32, %51 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %53 = etch.add %26, %52 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  %54 = etch.mul %25, %53 : (tensor<f64>, tensor<f64>) -> tensor<f64>
  return %54 : tensor<f64>
}

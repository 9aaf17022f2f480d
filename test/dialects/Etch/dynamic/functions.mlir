// Every op takes extents that are known only when the program runs: functions.
//
// RUN: etch-opt %s | FileCheck %s

// CHECK-LABEL: func @exp
// CHECK: etch.exp %{{.*}} : (tensor<?x3xf32>) -> tensor<?x3xf32>
func.func @exp(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %y = etch.exp %x : (tensor<?x3xf32>) -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}

// CHECK-LABEL: func @log
// CHECK: etch.log %{{.*}} : (tensor<?x3xf64>) -> tensor<?x3xf64>
func.func @log(%x: tensor<?x3xf64>) -> tensor<?x3xf64> {
  %y = etch.log %x : (tensor<?x3xf64>) -> tensor<?x3xf64>
  return %y : tensor<?x3xf64>
}

// CHECK-LABEL: func @sqrt
// CHECK: etch.sqrt %{{.*}} : (tensor<?x3xf32>) -> tensor<?x3xf32>
func.func @sqrt(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %y = etch.sqrt %x : (tensor<?x3xf32>) -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}

// CHECK-LABEL: func @sin
// CHECK: etch.sin %{{.*}} : (tensor<?x3xf64>) -> tensor<?x3xf64>
func.func @sin(%x: tensor<?x3xf64>) -> tensor<?x3xf64> {
  %y = etch.sin %x : (tensor<?x3xf64>) -> tensor<?x3xf64>
  return %y : tensor<?x3xf64>
}

// CHECK-LABEL: func @cos
// CHECK: etch.cos %{{.*}} : (tensor<?x3xf32>) -> tensor<?x3xf32>
func.func @cos(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %y = etch.cos %x : (tensor<?x3xf32>) -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}

// CHECK-LABEL: func @tanh
// CHECK: etch.tanh %{{.*}} : (tensor<?x3xf64>) -> tensor<?x3xf64>
func.func @tanh(%x: tensor<?x3xf64>) -> tensor<?x3xf64> {
  %y = etch.tanh %x : (tensor<?x3xf64>) -> tensor<?x3xf64>
  return %y : tensor<?x3xf64>
}

// CHECK-LABEL: func @sigmoid
// CHECK: etch.sigmoid %{{.*}} : (tensor<?x3xf32>) -> tensor<?x3xf32>
func.func @sigmoid(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %y = etch.sigmoid %x : (tensor<?x3xf32>) -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}

// CHECK-LABEL: func @erf
// CHECK: etch.erf %{{.*}} : (tensor<?x3xf64>) -> tensor<?x3xf64>
func.func @erf(%x: tensor<?x3xf64>) -> tensor<?x3xf64> {
  %y = etch.erf %x : (tensor<?x3xf64>) -> tensor<?x3xf64>
  return %y : tensor<?x3xf64>
}

// CHECK-LABEL: func @relu
// CHECK: etch.relu %{{.*}} : (tensor<?x3xf32>) -> tensor<?x3xf32>
func.func @relu(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %y = etch.relu %x : (tensor<?x3xf32>) -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}

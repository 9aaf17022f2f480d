// Every op takes extents that are known only when the program runs: checks.
//
// RUN: etch-opt %s | FileCheck %s

// CHECK-LABEL: func @check
// CHECK: etch.check "log" %{{.*}} from %{{.*}} : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
func.func @check(%y: tensor<?x3xf32>, %x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %0 = etch.check "log" %y from %x : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  return %0 : tensor<?x3xf32>
}

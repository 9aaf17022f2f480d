// Programs with symbolic extents go all the way, gradients included.
//
// CAPABILITY: C133
// REQUIRES: etch-compile
// RUN: split-file %s %t
// RUN: etch-compile %t/pointwise.mlir --compile-to=codegen | FileCheck %s
// RUN: etch-compile %t/softmax.mlir --compile-to=codegen | FileCheck %s
// RUN: etch-compile %t/layer.mlir --compile-to=codegen | FileCheck %s
// RUN: etch-compile %t/lookup.mlir --compile-to=codegen | FileCheck %s
// CHECK: define {{.*}} @etch_query(

//--- pointwise.mlir
func.func @main(%x: tensor<?x?xf32>, %y: tensor<?x?xf32>, %g: tensor<?x?xf32>) -> (tensor<?x?xf32>, tensor<?x?xf32>) {
  %0 = etch.maximum %x, %y : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  %1 = etch.sigmoid %0 : (tensor<?x?xf32>) -> tensor<?x?xf32>
  %2 = etch.greater %1, %y : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xi1>
  %3 = etch.select %2, %1, %y : (tensor<?x?xi1>, tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  %4:2 = etch.gradient %3 by %g wrt %x, %y : (tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>) -> (tensor<?x?xf32>, tensor<?x?xf32>)
  func.return %4#0, %4#1 : tensor<?x?xf32>, tensor<?x?xf32>
}

//--- softmax.mlir
func.func @main(%x: tensor<?x?xf64>, %g: tensor<?x?xf64>) -> (tensor<?x?xf64>, tensor<?x?xf64>) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %n = tensor.dim %x, %zero : tensor<?x?xf64>
  %c = tensor.dim %x, %one : tensor<?x?xf64>
  %0 = etch.max %x {axes = array<i64: 1>, keepdims = true} : (tensor<?x?xf64>) -> tensor<?x1xf64>
  %1 = etch.broadcast_to %0, %n, %c {shape = array<i64: -9223372036854775808, -9223372036854775808>} : (tensor<?x1xf64>, index, index) -> tensor<?x?xf64>
  %2 = etch.sub %x, %1 : (tensor<?x?xf64>, tensor<?x?xf64>) -> tensor<?x?xf64>
  %3 = etch.exp %2 : (tensor<?x?xf64>) -> tensor<?x?xf64>
  %4 = etch.sum %3 {axes = array<i64: 1>, keepdims = true} : (tensor<?x?xf64>) -> tensor<?x1xf64>
  %5 = etch.broadcast_to %4, %n, %c {shape = array<i64: -9223372036854775808, -9223372036854775808>} : (tensor<?x1xf64>, index, index) -> tensor<?x?xf64>
  %6 = etch.div %3, %5 : (tensor<?x?xf64>, tensor<?x?xf64>) -> tensor<?x?xf64>
  %7 = etch.gradient %6 by %g wrt %x : (tensor<?x?xf64>, tensor<?x?xf64>, tensor<?x?xf64>) -> tensor<?x?xf64>
  func.return %6, %7 : tensor<?x?xf64>, tensor<?x?xf64>
}

//--- layer.mlir
func.func @main(%x: tensor<?x3xf32>, %w: tensor<3x?xf32>, %b: tensor<?xf32>) -> (tensor<f32>, tensor<3x?xf32>, tensor<?xf32>) {
  %zero = arith.constant 0 : index
  %n = tensor.dim %x, %zero : tensor<?x3xf32>
  %m = tensor.dim %b, %zero : tensor<?xf32>
  %0 = etch.matmul %x, %w : (tensor<?x3xf32>, tensor<3x?xf32>) -> tensor<?x?xf32>
  %1 = etch.broadcast_to %b, %n, %m {shape = array<i64: -9223372036854775808, -9223372036854775808>} : (tensor<?xf32>, index, index) -> tensor<?x?xf32>
  %2 = etch.add %0, %1 : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  %3 = etch.relu %2 : (tensor<?x?xf32>) -> tensor<?x?xf32>
  %4 = etch.mean %3 {axes = array<i64: 0, 1>, keepdims = false} : (tensor<?x?xf32>) -> tensor<f32>
  %s = etch.constant dense<1.0> : tensor<f32>
  %5:2 = etch.gradient %4 by %s wrt %w, %b : (tensor<f32>, tensor<f32>, tensor<3x?xf32>, tensor<?xf32>) -> (tensor<3x?xf32>, tensor<?xf32>)
  func.return %4, %5#0, %5#1 : tensor<f32>, tensor<3x?xf32>, tensor<?xf32>
}

//--- lookup.mlir
func.func @main(%x: tensor<?x?x?xf32>, %i: tensor<?x?xi64>, %g: tensor<?x?x?xf32>) -> (tensor<?x?x?xf32>, tensor<?x?x?xf32>) {
  %0 = etch.gather %x, %i : (tensor<?x?x?xf32>, tensor<?x?xi64>) -> tensor<?x?x?xf32>
  %1 = etch.gradient %0 by %g wrt %x : (tensor<?x?x?xf32>, tensor<?x?x?xf32>, tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  func.return %0, %1 : tensor<?x?x?xf32>, tensor<?x?x?xf32>
}

// Every op takes extents that are known only when the program runs: parts of
// arrays, arrays in larger ones, running sums, random numbers.
//
// RUN: etch-opt %s | FileCheck %s

// CHECK-LABEL: func @iota
// CHECK: etch.iota %{{.*}} : (index) -> tensor<?x4xi64>
func.func @iota(%n: index) -> tensor<?x4xi64> {
  %y = etch.iota %n {shape = array<i64: -9223372036854775808, 4>} : (index) -> tensor<?x4xi64>
  return %y : tensor<?x4xi64>
}

// The last element first, whatever the extent.
// CHECK-LABEL: func @slice
// CHECK: etch.slice %{{.*}}, %{{.*}} {{.*}} : (tensor<?x?xf32>, index) -> tensor<?x3xf32>
func.func @slice(%x: tensor<?x?xf32>, %n: index) -> tensor<?x3xf32> {
  %y = etch.slice %x, %n {starts = array<i64: -1, 2>, steps = array<i64: -1, 2>, shape = array<i64: -9223372036854775808, 3>} : (tensor<?x?xf32>, index) -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}

// CHECK-LABEL: func @place
// CHECK: etch.place %{{.*}}, %{{.*}} {{.*}} : (tensor<?x3xf64>, index) -> tensor<?x5xf64>
func.func @place(%x: tensor<?x3xf64>, %n: index) -> tensor<?x5xf64> {
  %y = etch.place %x, %n {starts = array<i64: 1, 1>, steps = array<i64: 2, 1>, fill = 0.0, shape = array<i64: -9223372036854775808, 5>} : (tensor<?x3xf64>, index) -> tensor<?x5xf64>
  return %y : tensor<?x5xf64>
}

// CHECK-LABEL: func @slice_at
// CHECK: etch.slice_at %{{.*}}, %{{.*}}, %{{.*}} {{.*}} : (tensor<?x3xf64>, tensor<i64>, index) -> tensor<?x3xf64>
func.func @slice_at(%x: tensor<?x3xf64>, %s: tensor<i64>, %n: index) -> tensor<?x3xf64> {
  %y = etch.slice_at %x, %s, %n {axis = 0 : i64, shape = array<i64: -9223372036854775808, 3>} : (tensor<?x3xf64>, tensor<i64>, index) -> tensor<?x3xf64>
  return %y : tensor<?x3xf64>
}

// CHECK-LABEL: func @place_at
// CHECK: etch.place_at %{{.*}}, %{{.*}}, %{{.*}} {{.*}} : (tensor<?x3xf64>, tensor<i64>, index) -> tensor<?x3xf64>
func.func @place_at(%x: tensor<?x3xf64>, %s: tensor<i64>, %n: index) -> tensor<?x3xf64> {
  %y = etch.place_at %x, %s, %n {axis = 0 : i64, shape = array<i64: -9223372036854775808, 3>} : (tensor<?x3xf64>, tensor<i64>, index) -> tensor<?x3xf64>
  return %y : tensor<?x3xf64>
}

// CHECK-LABEL: func @cumsum
// CHECK: etch.cumsum %{{.*}} {axis = 1 : i64, reverse = true} : (tensor<2x?x?xf32>) -> tensor<2x?x?xf32>
func.func @cumsum(%x: tensor<2x?x?xf32>) -> tensor<2x?x?xf32> {
  %y = etch.cumsum %x {axis = 1 : i64, reverse = true} : (tensor<2x?x?xf32>) -> tensor<2x?x?xf32>
  return %y : tensor<2x?x?xf32>
}

// CHECK-LABEL: func @philox
// CHECK: etch.philox %{{.*}}, %{{.*}} {to = "f32"} : (tensor<?xi64>, tensor<?xi64>) -> tensor<?xf32>
func.func @philox(%c: tensor<?xi64>, %k: tensor<?xi64>) -> tensor<?xf32> {
  %y = etch.philox %c, %k {to = "f32"} : (tensor<?xi64>, tensor<?xi64>) -> tensor<?xf32>
  return %y : tensor<?xf32>
}

// Loops and branches run: while, for, scan, backwards, nested, none at all.
//
// REQUIRES: etch-run
// RUN: split-file %s %t
// RUN: etch-run %t/while.mlir --print | FileCheck %t/while.mlir
// RUN: etch-run %t/for.mlir --print --fill 3 | FileCheck %t/for.mlir
// RUN: etch-run %t/for.mlir --print --fill 0 | FileCheck %t/for.mlir --check-prefix=NONE
// RUN: etch-run %t/for.mlir --print --fill -2 | FileCheck %t/for.mlir --check-prefix=NONE
// RUN: etch-run %t/scan.mlir --print | FileCheck %t/scan.mlir
// RUN: etch-run %t/swap.mlir --print | FileCheck %t/swap.mlir
// RUN: etch-run %t/nested.mlir --print | FileCheck %t/nested.mlir
// RUN: etch-run %t/cond.mlir --print --fill 1 | FileCheck %t/cond.mlir --check-prefix=THEN
// RUN: etch-run %t/cond.mlir --print --fill 0 | FileCheck %t/cond.mlir --check-prefix=ELSE

//--- while.mlir
// Doubles until it is no longer below the bound.
// CHECK: result_0: float32 () [128]
// CHECK: result_1: int64 () [7]
func.func @main() -> (tensor<f32>, tensor<i64>) {
  %x = etch.constant dense<1.0> : tensor<f32>
  %b = etch.constant dense<100.0> : tensor<f32>
  %count, %y = "etch.loop"(%x, %b) ({
  ^bb0(%s: tensor<f32>, %c: tensor<f32>):
    %p = etch.less %s, %c : (tensor<f32>, tensor<f32>) -> tensor<i1>
    etch.yield %p : tensor<i1>
  }, {
  ^bb0(%i: tensor<i64>, %s: tensor<f32>, %c: tensor<f32>):
    %n = etch.add %s, %s : (tensor<f32>, tensor<f32>) -> tensor<f32>
    etch.yield %n : tensor<f32>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 1, 0, 1>, resultSegmentSizes = array<i32: 1, 1, 0>} : (tensor<f32>, tensor<f32>) -> (tensor<i64>, tensor<f32>)
  return %y, %count : tensor<f32>, tensor<i64>
}

//--- for.mlir
// Sums i * x for i below n.
// CHECK: result_0: float32 (2,) [3 6]
// CHECK: result_1: int64 () [3]
// NONE: result_0: float32 (2,) [0 0]
// NONE: result_1: int64 () [0]
func.func @main(%n: tensor<i64>) -> (tensor<2xf32>, tensor<i64>) {
  %zero = etch.constant dense<0.0> : tensor<2xf32>
  %x = etch.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %count, %y = "etch.loop"(%n, %zero, %x) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<2xf32>, %c: tensor<2xf32>):
    %0 = etch.cast %i {to = "f32"} : (tensor<i64>) -> tensor<f32>
    %1 = etch.broadcast_to %0 {shape = array<i64: 2>} : (tensor<f32>) -> tensor<2xf32>
    %2 = etch.mul %1, %c : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    %3 = etch.add %s, %2 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    etch.yield %3 : tensor<2xf32>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 1, 1, 0, 1>, resultSegmentSizes = array<i32: 1, 1, 0>} : (tensor<i64>, tensor<2xf32>, tensor<2xf32>) -> (tensor<i64>, tensor<2xf32>)
  return %y, %count : tensor<2xf32>, tensor<i64>
}

//--- scan.mlir
// Running sums from the first row to the last, and from the last to the first.
// CHECK: result_0: float32 (2,) [9 12]
// CHECK: result_1: float32 (3, 2) [1 2 4 6 9 12]
// CHECK: result_2: float32 (3, 2) [9 12 8 10 5 6]
func.func @main() -> (tensor<2xf32>, tensor<3x2xf32>, tensor<3x2xf32>) {
  %zero = etch.constant dense<0.0> : tensor<2xf32>
  %x = etch.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %a:3 = "etch.loop"(%zero, %x) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<2xf32>, %c: tensor<2xf32>):
    %0 = etch.add %s, %c : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    etch.yield %0, %0 : tensor<2xf32>, tensor<2xf32>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 1, 1, 0>, resultSegmentSizes = array<i32: 1, 1, 1>} : (tensor<2xf32>, tensor<3x2xf32>) -> (tensor<i64>, tensor<2xf32>, tensor<3x2xf32>)
  %b:3 = "etch.loop"(%zero, %x) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<2xf32>, %c: tensor<2xf32>):
    %0 = etch.add %s, %c : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    etch.yield %0, %0 : tensor<2xf32>, tensor<2xf32>
  }) {reverse = true, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 1, 1, 0>, resultSegmentSizes = array<i32: 1, 1, 1>} : (tensor<2xf32>, tensor<3x2xf32>) -> (tensor<i64>, tensor<2xf32>, tensor<3x2xf32>)
  return %a#1, %a#2, %b#2 : tensor<2xf32>, tensor<3x2xf32>, tensor<3x2xf32>
}

//--- swap.mlir
// States that change places; the one that comes first is read by both. (a, b, c)
// becomes (b, a + b, c): Fibonacci's numbers.
// CHECK: result_0: float32 (2,) [21 21]
// CHECK: result_1: float32 (2,) [34 34]
// CHECK: result_2: float32 (3,) [3 1 2]
// CHECK: result_3: float32 (3,) [2 3 1]
func.func @main() -> (tensor<2xf32>, tensor<2xf32>, tensor<3xf32>, tensor<3xf32>) {
  %n = etch.constant dense<8> : tensor<i64>
  %zero = etch.constant dense<0.0> : tensor<2xf32>
  %one = etch.constant dense<1.0> : tensor<2xf32>
  %x = etch.constant dense<[3.0, 1.0, 2.0]> : tensor<3xf32>
  %y = etch.constant dense<[2.0, 3.0, 1.0]> : tensor<3xf32>
  %r:5 = "etch.loop"(%n, %zero, %one, %x, %y) ({}, {
  ^bb0(%i: tensor<i64>, %a: tensor<2xf32>, %b: tensor<2xf32>, %c: tensor<3xf32>, %d: tensor<3xf32>):
    %0 = etch.add %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    etch.yield %b, %0, %d, %c : tensor<2xf32>, tensor<2xf32>, tensor<3xf32>, tensor<3xf32>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 1, 4, 0, 0>, resultSegmentSizes = array<i32: 1, 4, 0>} : (tensor<i64>, tensor<2xf32>, tensor<2xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<i64>, tensor<2xf32>, tensor<2xf32>, tensor<3xf32>, tensor<3xf32>)
  return %r#1, %r#2, %r#3, %r#4 : tensor<2xf32>, tensor<2xf32>, tensor<3xf32>, tensor<3xf32>
}

//--- nested.mlir
// For each row a loop over its elements; a while inside of a for.
// CHECK: result_0: float32 (2,) [6 15]
// CHECK: result_1: int64 () [8]
func.func @main() -> (tensor<2xf32>, tensor<i64>) {
  %zero = etch.constant dense<0.0> : tensor<f32>
  %none = etch.constant dense<0> : tensor<i64>
  %ten = etch.constant dense<10.0> : tensor<f32>
  %x = etch.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %r:3 = "etch.loop"(%none, %x, %zero, %ten) ({}, {
  ^bb0(%i: tensor<i64>, %total: tensor<i64>, %row: tensor<3xf32>, %z: tensor<f32>, %t: tensor<f32>):
    %sum:2 = "etch.loop"(%z, %row) ({}, {
    ^bb0(%j: tensor<i64>, %s: tensor<f32>, %e: tensor<f32>):
      %0 = etch.add %s, %e : (tensor<f32>, tensor<f32>) -> tensor<f32>
      etch.yield %0 : tensor<f32>
    }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 1, 1, 0>, resultSegmentSizes = array<i32: 1, 1, 0>} : (tensor<f32>, tensor<3xf32>) -> (tensor<i64>, tensor<f32>)
    %w:2 = "etch.loop"(%sum#1, %t) ({
    ^bb0(%s1: tensor<f32>, %t1: tensor<f32>):
      %p = etch.less %s1, %t1 : (tensor<f32>, tensor<f32>) -> tensor<i1>
      etch.yield %p : tensor<i1>
    }, {
    ^bb0(%j: tensor<i64>, %s1: tensor<f32>, %t1: tensor<f32>):
      %1 = etch.add %s1, %s1 : (tensor<f32>, tensor<f32>) -> tensor<f32>
      etch.yield %1 : tensor<f32>
    }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 1, 0, 1>, resultSegmentSizes = array<i32: 1, 1, 0>} : (tensor<f32>, tensor<f32>) -> (tensor<i64>, tensor<f32>)
    %2 = etch.add %total, %w#0 : (tensor<i64>, tensor<i64>) -> tensor<i64>
    %3 = etch.add %2, %sum#0 : (tensor<i64>, tensor<i64>) -> tensor<i64>
    %4 = etch.add %3, %i : (tensor<i64>, tensor<i64>) -> tensor<i64>
    etch.yield %4, %sum#1 : tensor<i64>, tensor<f32>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 1, 1, 2>, resultSegmentSizes = array<i32: 1, 1, 1>} : (tensor<i64>, tensor<2x3xf32>, tensor<f32>, tensor<f32>) -> (tensor<i64>, tensor<i64>, tensor<2xf32>)
  return %r#2, %r#1 : tensor<2xf32>, tensor<i64>
}

//--- cond.mlir
// THEN: result_0: float32 (2,) [4 6]
// THEN: result_1: float32 (2,) [1 2]
// ELSE: result_0: float32 (2,) [3 4]
// ELSE: result_1: float32 (2,) [3 8]
func.func @main(%p: tensor<i1>) -> (tensor<2xf32>, tensor<2xf32>) {
  %x = etch.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %y = etch.constant dense<[3.0, 4.0]> : tensor<2xf32>
  %r:2 = "etch.cond"(%p, %x, %y) ({
  ^bb0(%a: tensor<2xf32>, %b: tensor<2xf32>):
    %0 = etch.add %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    etch.yield %0, %a : tensor<2xf32>, tensor<2xf32>
  }, {
  ^bb0(%a: tensor<2xf32>, %b: tensor<2xf32>):
    %0 = etch.mul %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    etch.yield %b, %0 : tensor<2xf32>, tensor<2xf32>
  }) : (tensor<i1>, tensor<2xf32>, tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>)
  return %r#0, %r#1 : tensor<2xf32>, tensor<2xf32>
}

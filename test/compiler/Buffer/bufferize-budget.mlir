// A program that does not fit its budget says so, with both numbers.
//
// RUN: not etch-opt %s -etch-fuse -etch-bufferize=budget=64 2>&1 | FileCheck %s
// RUN: etch-opt %s -etch-fuse -etch-bufferize=budget=128
// CHECK: error: matmul: the program needs 128 bytes of memory, the budget is 64 (128 bytes are alive at once)

func.func @main(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = etch.exp %x : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = etch.matmul %0, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = etch.matmul %1, %0 : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  func.return %2 : tensor<4x4xf32>
}

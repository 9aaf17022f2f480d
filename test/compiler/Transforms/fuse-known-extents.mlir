// RUN: etch-opt %s --etch-fuse | FileCheck %s

// A type may leave open an extent that is known: the reshape behind the kernel
// has an operand for it (found by random programs).

// CHECK: func.func private @k0
// CHECK: etch.log
// CHECK: etch.neg
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<?x3x0xf64>) -> tensor<18x1x?xf64> {
  // CHECK: %[[Y:.*]] = call @k0
  // CHECK: etch.reshape %[[Y]], %{{.*}} {{.*}} -> tensor<18x1x?xf64>
  %c0 = arith.constant 0 : index
  %0 = etch.log %x : (tensor<?x3x0xf64>) -> tensor<?x3x0xf64>
  %1 = etch.reshape %0, %c0 {shape = array<i64: 18, 1, -9223372036854775808>} : (tensor<?x3x0xf64>, index) -> tensor<18x1x?xf64>
  %2 = etch.neg %1 : (tensor<18x1x?xf64>) -> tensor<18x1x?xf64>
  func.return %2 : tensor<18x1x?xf64>
}

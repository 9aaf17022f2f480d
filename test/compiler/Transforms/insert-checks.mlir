// Looks at what ops compute, not at what they move; nothing is fused across it.
// RUN: etch-opt --etch-insert-checks %s | FileCheck %s
// RUN: etch-opt --etch-insert-checks=bounds=false %s | FileCheck %s --check-prefix=VALUES
// RUN: etch-opt --etch-insert-checks %s | etch-opt | FileCheck %s
// RUN: etch-compile %s --check all --compile-to bufferize | FileCheck %s --check-prefix=PLAN

// CHECK-LABEL: func.func @main
// CHECK: %[[DIV:.*]] = etch.div %arg0, %arg1
// CHECK: %[[A:.*]] = etch.check "div" %[[DIV]] from %arg0, %arg1 :
// CHECK: %[[T:.*]] = etch.transpose %[[A]]
// CHECK-NOT: etch.check
// CHECK: %[[P:.*]] = etch.matmul %[[A]], %[[T]]
// CHECK: %[[C:.*]] = etch.check "matmul" %[[P]] from %[[A]], %[[T]] backward
// CHECK-NEXT: %[[L:.*]] = etch.less
// CHECK-NEXT: %[[S:.*]] = etch.check "slice" %arg2 most 2 :
// CHECK-NEXT: etch.slice_at %arg1, %[[S]]
// CHECK-NEXT: return %[[C]], %[[L]]
// VALUES-NOT: most

// What a check looks at it gives: no copy. The state is written at the end.
// PLAN-LABEL: func.func @main
// PLAN: device.launch @k0 ins(%arg0, %arg1 {{.*}} outs(%[[Q:.*]] :
// PLAN-NEXT: device.launch @k1 ins(%[[Q]], %arg0, %arg1 {{.*}} outs(%[[Q]] :
func.func @main(%x: tensor<2x3xf64>, %y: tensor<2x3xf64>, %i: tensor<i64>)
    -> (tensor<2x2xf64>, tensor<2x2xi1>, tensor<2x1xf64>) {
  %0 = "etch.div"(%x, %y) : (tensor<2x3xf64>, tensor<2x3xf64>) -> tensor<2x3xf64>
  %1 = "etch.transpose"(%0) <{permutation = array<i64: 1, 0>}> : (tensor<2x3xf64>) -> tensor<3x2xf64>
  %2 = "etch.matmul"(%0, %1) {etch.backward} : (tensor<2x3xf64>, tensor<3x2xf64>) -> tensor<2x2xf64>
  %3 = "etch.less"(%2, %2) : (tensor<2x2xf64>, tensor<2x2xf64>) -> tensor<2x2xi1>
  %4 = "etch.slice_at"(%y, %i) <{axis = 1 : i64, shape = array<i64: 2, 1>}> : (tensor<2x3xf64>, tensor<i64>) -> tensor<2x1xf64>
  func.return %2, %3, %4 : tensor<2x2xf64>, tensor<2x2xi1>, tensor<2x1xf64>
}

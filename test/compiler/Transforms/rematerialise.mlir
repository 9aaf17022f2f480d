// Values of the forward part are computed again where backward first reads
// them; what goes from one segment into the next is kept.
//
// RUN: etch-opt %s -split-input-file -etch-rematerialise=segments=2 | FileCheck %s
// RUN: etch-opt %s -split-input-file -etch-rematerialise=segments=0 | FileCheck %s --check-prefix=NONE
// RUN: etch-opt %s -split-input-file -etch-rematerialise="segments=1 products=true" | FileCheck %s --check-prefix=ALL

// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<8xf32>
// CHECK: %[[A:.*]] = etch.tanh %[[X]] :
// CHECK: %[[B:.*]] = etch.tanh %[[A]] :
// CHECK: %[[C:.*]] = etch.tanh %[[B]] :
// CHECK: %[[D:.*]] = etch.tanh %[[C]] :
// CHECK: %[[C2:.*]] = etch.tanh %[[B]] {etch.backward}
// CHECK-NEXT: etch.mul %[[D]], %[[C2]]
// CHECK-NEXT: etch.mul %{{.*}}, %[[B]]
// CHECK-NEXT: %[[A2:.*]] = etch.tanh %[[X]] {etch.backward}
// CHECK-NEXT: etch.mul %{{.*}}, %[[A2]]
// NONE-LABEL: func @main
// NONE-COUNT-4: etch.tanh
// NONE-NOT: etch.tanh
// NONE: return
func.func @main(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %a = etch.tanh %x : (tensor<8xf32>) -> tensor<8xf32>
  %b = etch.tanh %a : (tensor<8xf32>) -> tensor<8xf32>
  %c = etch.tanh %b : (tensor<8xf32>) -> tensor<8xf32>
  %d = etch.tanh %c : (tensor<8xf32>) -> tensor<8xf32>
  %0 = etch.mul %d, %c {etch.backward} : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %1 = etch.mul %0, %b {etch.backward} : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %2 = etch.mul %1, %a {etch.backward} : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  func.return %d, %2 : tensor<8xf32>, tensor<8xf32>
}

// -----

// Products are kept unless nothing else is enough.
// CHECK-LABEL: func @main
// CHECK-COUNT-1: etch.matmul
// CHECK-NOT: etch.matmul
// CHECK: return
// ALL: etch.matmul
// ALL: etch.matmul {{.*}} {etch.backward}
func.func @main(%x: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %a = etch.matmul %x, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %b = etch.tanh %a : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %0 = etch.mul %b, %a {etch.backward} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  func.return %b, %0 : tensor<4x4xf32>, tensor<4x4xf32>
}

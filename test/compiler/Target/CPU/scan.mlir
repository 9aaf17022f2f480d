// Sums along an axis: an element waits for the one before it.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// Columns side by side, in lanes; the last vector of them is masked.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (vector<16xf32>)
// CHECK: llvm.intr.masked.load
// CHECK: arith.addf {{.*}} : vector<16xf32>
// CHECK: llvm.intr.masked.store
// CHECK: llvm.return
func.func private @k0(%x: tensor<3x100x40xf32>) -> tensor<3x100x40xf32> attributes {etch.kernel} {
  %0 = etch.cumsum %x {axis = 1 : i64, reverse = false} : (tensor<3x100x40xf32>) -> tensor<3x100x40xf32>
  return %0 : tensor<3x100x40xf32>
}

// One column is a chain of numbers; from the end the first one is the last.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK: scf.for %[[I:.*]] = {{.*}} iter_args({{.*}}) -> (i64)
// CHECK-NEXT: arith.subi %c99_i64, %[[I]]
// CHECK-NOT: vector
// CHECK: arith.addi
// CHECK-NOT: vector
// CHECK: llvm.return
func.func private @k1(%x: tensor<3x100x1xi64>) -> tensor<3x100x1xi64> attributes {etch.kernel} {
  %0 = etch.cumsum %x {axis = 1 : i64, reverse = true} : (tensor<3x100x1xi64>) -> tensor<3x100x1xi64>
  return %0 : tensor<3x100x1xi64>
}

func.func @main(%a0: memref<3x100x40xf32>, %a1: memref<3x100x1xi64>,
    %y0: memref<3x100x40xf32> {etch.result = 0 : i64}, %y1: memref<3x100x1xi64> {etch.result = 1 : i64},
    %arena: memref<?xi8> {etch.arena}) {
  device.launch @k0 ins(%a0 : memref<3x100x40xf32>) outs(%y0 : memref<3x100x40xf32>)
  device.launch @k1 ins(%a1 : memref<3x100x1xi64>) outs(%y1 : memref<3x100x1xi64>)
  return
}

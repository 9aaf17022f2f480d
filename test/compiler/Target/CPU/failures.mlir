// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

func.func private @gather(%x: tensor<1x5x32xf32>, %i: tensor<1x3xi64>) -> tensor<1x3x32xf32>
    attributes {etch.kernel} {
  %0 = etch.gather %x, %i : (tensor<1x5x32xf32>, tensor<1x3xi64>) -> tensor<1x3x32xf32>
  return %0 : tensor<1x3x32xf32>
}
func.func private @update(%w: tensor<1x3x32xf32>, %g: tensor<1x3x32xf32>) -> tensor<1x3x32xf32>
    attributes {etch.kernel} {
  %0 = etch.sub %w, %g : (tensor<1x3x32xf32>, tensor<1x3x32xf32>) -> tensor<1x3x32xf32>
  return %0 : tensor<1x3x32xf32>
}

// States keep their contents when an operation has failed: what stands behind
// the first update after it does not run. Results and states that were updated
// before need no such question, a second update asks none again.
// CHECK-LABEL: llvm.func internal @etch.run
// CHECK: llvm.call @update
// CHECK-NOT: scf.if
// CHECK: llvm.call @gather
// CHECK-NOT: scf.if
// CHECK: llvm.call @update
// CHECK: %[[CODE:.*]] = arith.extsi {{.*}} : i32 to i64
// CHECK: %[[OK:.*]] = arith.cmpi eq, %[[CODE]]
// CHECK: scf.if %[[OK]] {
// CHECK: llvm.call @update
// CHECK-NOT: scf.if
// CHECK: llvm.call @update
// CHECK: llvm.return
func.func @main(%x: memref<1x5x32xf32>, %i: memref<1x3xi64>, %w: memref<1x3x32xf32>,
    %v: memref<1x3x32xf32>, %y: memref<1x3x32xf32> {etch.result = 0 : i64},
    %z: memref<1x3x32xf32> {etch.result = 1 : i64}, %arena: memref<?xi8> {etch.arena}) {
  device.launch @update ins(%w, %v : memref<1x3x32xf32>, memref<1x3x32xf32>) outs(%v : memref<1x3x32xf32>)
  device.launch @gather ins(%x, %i : memref<1x5x32xf32>, memref<1x3xi64>) outs(%y : memref<1x3x32xf32>)
  device.launch @update ins(%w, %y : memref<1x3x32xf32>, memref<1x3x32xf32>) outs(%z : memref<1x3x32xf32>)
  device.launch @update ins(%w, %y : memref<1x3x32xf32>, memref<1x3x32xf32>) outs(%w : memref<1x3x32xf32>)
  device.launch @update ins(%v, %y : memref<1x3x32xf32>, memref<1x3x32xf32>) outs(%v : memref<1x3x32xf32>)
  return
}

// A program that times its launches counts them from zero, whatever the arena
// holds, and logs no more than there is room for.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops profile-bytes=4096 profile-capacity=2" | FileCheck %s

// CHECK-LABEL: llvm.func internal @etch.run(
// CHECK: %[[BUFFERS:.*]] = llvm.getelementptr %[[LOG:.*]][%c4096_i64]
// CHECK-NEXT: llvm.store %c0_i64, %[[LOG]]
// CHECK-NEXT: %{{.*}} = llvm.call_intrinsic "llvm.readcyclecounter"
// CHECK: %[[BEGIN:.*]] = llvm.call_intrinsic "llvm.readcyclecounter"
// CHECK-NEXT: llvm.call @k0
// CHECK-NEXT: %[[END:.*]] = llvm.call_intrinsic "llvm.readcyclecounter"
// CHECK-NEXT: %[[COUNT:.*]] = llvm.load %[[LOG]]
// CHECK-NEXT: %[[ROOM:.*]] = arith.cmpi slt, %[[COUNT]], %c2_i64
// CHECK-NEXT: scf.if %[[ROOM]]
// CHECK: llvm.store %[[BEGIN]]
// CHECK: llvm.store %[[END]]
// CHECK: %[[NEXT:.*]] = arith.addi %[[COUNT]], %c1_i64
// CHECK-NEXT: llvm.store %[[NEXT]], %[[LOG]]
func.func private @k0(%x: tensor<8xf32>) -> tensor<8xf32> attributes {etch.kernel} {
  %0 = etch.tanh %x : (tensor<8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

func.func @main(%a0: memref<8xf32>, %y0: memref<8xf32> {etch.result = 0 : i64},
    %arena: memref<?xi8> {etch.arena}) {
  device.launch @k0 ins(%a0 : memref<8xf32>) outs(%y0 : memref<8xf32>)
  return
}

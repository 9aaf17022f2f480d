// Sums of blocks of K wait in the result: scratch memory holds panels of w, 64
// columns of 256 steps, and nothing else.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// CHECK-LABEL: llvm.func internal @k0(
// CHECK-COUNT-16: math.fma
// CHECK: scf.if
// CHECK-COUNT-16: llvm.store {{.*}} : vector<16xf32>
// CHECK: } else {
// CHECK-COUNT-16: llvm.store {{.*}} : vector<16xf32>
// CHECK-LABEL: llvm.func internal @etch.arena_bytes
// CHECK: arith.constant 65600 : i64
func.func private @k0(%x: tensor<64x512xf32>, %w: tensor<512x64xf32>)
    -> tensor<64x64xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<64x512xf32>, tensor<512x64xf32>) -> tensor<64x64xf32>
  return %0 : tensor<64x64xf32>
}

func.func @main(%x: memref<64x512xf32>, %w: memref<512x64xf32>,
    %y: memref<64x64xf32> {etch.result = 0 : i64}, %arena: memref<?xi8> {etch.arena}) {
  device.launch @k0 ins(%x, %w : memref<64x512xf32>, memref<512x64xf32>) outs(%y : memref<64x64xf32>)
  return
}

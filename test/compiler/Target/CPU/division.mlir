// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=256 stop=loops" | FileCheck %s --check-prefix=AVX2

// Vectors by one number of a row: its inverse and two corrections, which round
// as a division does, unless exponents are near the ends of the range.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK: arith.cmpi ule
// CHECK: scf.if {{.*}} -> (vector<16xf32>)
// CHECK: arith.mulf
// CHECK-COUNT-4: math.fma
// CHECK: } else {
// CHECK: arith.divf
// AVX2-LABEL: llvm.func internal @k0(
// AVX2-NOT: math.fma
// AVX2: arith.divf {{.*}} : vector<8xf32>
func.func private @k0(%x: tensor<64x64xf32>, %d: tensor<64x1xf32>)
    -> tensor<64x64xf32> attributes {etch.kernel} {
  %0 = etch.broadcast_to %d {shape = array<i64: 64, 64>} : (tensor<64x1xf32>) -> tensor<64x64xf32>
  %1 = etch.div %x, %0 : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %1 : tensor<64x64xf32>
}

// By another number for each lane, or by a power of two: as it is.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK-NOT: math.fma
// CHECK: arith.divf
// CHECK-NOT: math.fma
// CHECK: arith.divf
// CHECK-NOT: math.fma
// CHECK: llvm.return
func.func private @k1(%x: tensor<64x64xf32>, %d: tensor<64x64xf32>)
    -> tensor<64x64xf32> attributes {etch.kernel} {
  %0 = etch.div %x, %d : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %1 = etch.constant dense<4.0> : tensor<64x64xf32>
  %2 = etch.div %0, %1 : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %2 : tensor<64x64xf32>
}

func.func @main(%x: memref<64x64xf32>, %d: memref<64x1xf32>,
    %y: memref<64x64xf32> {etch.result = 0 : i64}, %z: memref<64x64xf32> {etch.result = 1 : i64}) {
  device.launch @k0 ins(%x, %d : memref<64x64xf32>, memref<64x1xf32>) outs(%y : memref<64x64xf32>)
  device.launch @k1 ins(%x, %y : memref<64x64xf32>, memref<64x64xf32>) outs(%z : memref<64x64xf32>)
  return
}

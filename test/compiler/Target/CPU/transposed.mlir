// Transposed operands of small bodies are read along their own rows, in squares
// that are turned in registers.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// Blocks of 32 rows: two squares use 128 bytes of each row of x. 16 loads, four
// times 16 shuffles, 16 stores; nothing is gathered where all is whole but in
// the rows that are left.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK: scf.for {{.*}} step %c32_i64
// CHECK: scf.for {{.*}} step %c16_i64
// CHECK: scf.for {{.*}} step %c16_i64
// CHECK-COUNT-16: llvm.load {{.*}} -> vector<16xf32>
// CHECK-COUNT-64: llvm.shufflevector {{.*}} : vector<16xf32>
// CHECK-COUNT-16: llvm.store {{.*}} : vector<16xf32>
// CHECK: llvm.intr.masked.gather
func.func private @k0(%x: tensor<2048x2048xf32>) -> tensor<2048x2048xf32> attributes {etch.kernel} {
  %0 = etch.transpose %x {permutation = array<i64: 1, 0>} : (tensor<2048x2048xf32>) -> tensor<2048x2048xf32>
  %1 = etch.neg %0 : (tensor<2048x2048xf32>) -> tensor<2048x2048xf32>
  return %1 : tensor<2048x2048xf32>
}

// Elements of eight bytes are gathered.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK-NOT: llvm.shufflevector
// CHECK: llvm.intr.masked.gather
func.func private @k1(%x: tensor<64x64xf64>) -> tensor<64x64xf64> attributes {etch.kernel} {
  %0 = etch.transpose %x {permutation = array<i64: 1, 0>} : (tensor<64x64xf64>) -> tensor<64x64xf64>
  %1 = etch.neg %0 : (tensor<64x64xf64>) -> tensor<64x64xf64>
  return %1 : tensor<64x64xf64>
}

func.func @main(%x: memref<2048x2048xf32>, %z: memref<64x64xf64>,
    %y: memref<2048x2048xf32> {etch.result = 0 : i64}, %v: memref<64x64xf64> {etch.result = 1 : i64}) {
  device.launch @k0 ins(%x : memref<2048x2048xf32>) outs(%y : memref<2048x2048xf32>)
  device.launch @k1 ins(%z : memref<64x64xf64>) outs(%v : memref<64x64xf64>)
  return
}

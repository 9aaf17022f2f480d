// Kernels of windows that are no convolutions.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=256 stop=loops" | FileCheck %s --check-prefix=AVX2

// A row of places of one tap at a time; what lies beside the image is not read.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK-COUNT-3: scf.for
// CHECK: llvm.intr.masked.load
// CHECK: llvm.intr.masked.store
// CHECK-NOT: scf.for
// CHECK: llvm.return
func.func private @k0(%x: tensor<2x3x40x40xf32>)
    -> tensor<2x3x3x3x40x40xf32> attributes {etch.kernel} {
  %0 = etch.im2col %x {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>,
      shape = array<i64: 2, 3, 3, 3, 40, 40>} : (tensor<2x3x40x40xf32>) -> tensor<2x3x3x3x40x40xf32>
  return %0 : tensor<2x3x3x3x40x40xf32>
}

// An image is zeroed, then one tap after another is added to it, in their order.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK: llvm.intr.masked.store
// CHECK: scf.if
// CHECK: scf.for
// CHECK-COUNT-2: llvm.intr.masked.load
// CHECK-NEXT: arith.addf
// CHECK: llvm.intr.masked.store
// CHECK: llvm.return
func.func private @k1(%x: tensor<2x3x3x3x40x40xf32>)
    -> tensor<2x3x40x40xf32> attributes {etch.kernel} {
  %0 = etch.col2im %x {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>,
      shape = array<i64: 2, 3, 40, 40>} : (tensor<2x3x3x3x40x40xf32>) -> tensor<2x3x40x40xf32>
  return %0 : tensor<2x3x40x40xf32>
}

// Places of a pool: numbers as wide as the elements. Every other element is
// picked from two vectors where masks cost nothing, else gathered. The taps of a
// row are written out.
// CHECK-LABEL: llvm.func internal @k2(
// CHECK: scf.for {{.*}} -> (vector<16xf32>, vector<16xi32>)
// CHECK-NOT: gather
// CHECK-COUNT-3: llvm.shufflevector {{.*}} [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30]
// CHECK: llvm.intr.masked.store {{.*}} : vector<16xi64>
// CHECK: llvm.return
// AVX2-LABEL: llvm.func internal @k2(
// AVX2: scf.for {{.*}} -> (vector<8xf32>, vector<8xi32>)
// AVX2-NOT: shufflevector
// AVX2-COUNT-3: llvm.intr.masked.gather
// AVX2: llvm.return
func.func private @k2(%x: tensor<2x8x48x48xf32>) -> tensor<2x8x24x24xi64> attributes {etch.kernel} {
  %0 = etch.max_pool_index %x {kernel = array<i64: 3, 3>, pad = array<i64: 1, 1>, shape = array<i64: 2, 8, 24, 24>, stride = array<i64: 2, 2>} : (tensor<2x8x48x48xf32>) -> tensor<2x8x24x24xi64>
  return %0 : tensor<2x8x24x24xi64>
}

// Those of wide windows are a loop.
// CHECK-LABEL: llvm.func internal @k3(
// CHECK: scf.for {{.*}} -> (vector<16xf32>, vector<16xi32>)
// CHECK: scf.for {{.*}} -> (vector<16xf32>, vector<16xi32>)
// CHECK: arith.cmpf ugt
// CHECK-NOT: arith.cmpf ugt
// CHECK: llvm.return
func.func private @k3(%x: tensor<2x8x48x48xf32>) -> tensor<2x8x48x48xi64> attributes {etch.kernel} {
  %0 = etch.max_pool_index %x {kernel = array<i64: 5, 5>, pad = array<i64: 2, 2>, shape = array<i64: 2, 8, 48, 48>, stride = array<i64: 1, 1>} : (tensor<2x8x48x48xf32>) -> tensor<2x8x48x48xi64>
  return %0 : tensor<2x8x48x48xi64>
}

func.func @main(%a0: memref<2x3x40x40xf32>, %a1: memref<2x3x3x3x40x40xf32>, %a2: memref<2x8x48x48xf32>,
    %a3: memref<2x8x48x48xf32>, %y0: memref<2x3x3x3x40x40xf32> {etch.result = 0 : i64},
    %y1: memref<2x3x40x40xf32> {etch.result = 1 : i64}, %y2: memref<2x8x24x24xi64> {etch.result = 2 : i64},
    %y3: memref<2x8x48x48xi64> {etch.result = 3 : i64}, %arena: memref<?xi8> {etch.arena}) {
  device.launch @k0 ins(%a0 : memref<2x3x40x40xf32>) outs(%y0 : memref<2x3x3x3x40x40xf32>)
  device.launch @k1 ins(%a1 : memref<2x3x3x3x40x40xf32>) outs(%y1 : memref<2x3x40x40xf32>)
  device.launch @k2 ins(%a2 : memref<2x8x48x48xf32>) outs(%y2 : memref<2x8x24x24xi64>)
  device.launch @k3 ins(%a3 : memref<2x8x48x48xf32>) outs(%y3 : memref<2x8x48x48xi64>)
  return
}

// The values of a pool without their places: the largest so far is all that is
// carried. Vectors whose windows lie inside have no masks; others do not look
// at what is placed behind the images.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// CHECK: llvm.func internal @k0(
// Rows of the image: three, or two at its end.
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}) -> (vector<16xf32>)
// CHECK-NOT: masked
// CHECK: arith.cmpf ugt
// CHECK: arith.select
// CHECK: llvm.store %{{.*}} : vector<16xf32>
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}) -> (vector<16xf32>)
// CHECK: llvm.intr.masked.load
// CHECK: arith.cmpf ugt
// CHECK: llvm.intr.masked.store
// CHECK-NOT: gather
// CHECK: llvm.func internal @etch.run(
module attributes {etch.arena_bytes = 0 : i64} {
  func.func private @k0(%x: tensor<2x8x48x48xf32>) -> tensor<16x576x1xf32> attributes {etch.kernel} {
    %0 = etch.place %x {fill = 0xFFF0000000000000 : f64, shape = array<i64: 2, 8, 49, 49>, starts = array<i64: 0, 0, 0, 0>, steps = array<i64: 1, 1, 1, 1>} : (tensor<2x8x48x48xf32>) -> tensor<2x8x49x49xf32>
    %1 = etch.max_pool_index %0 {kernel = array<i64: 3, 3>, pad = array<i64: 0, 0>, shape = array<i64: 2, 8, 24, 24>, stride = array<i64: 2, 2>} : (tensor<2x8x49x49xf32>) -> tensor<2x8x24x24xi64>
    %2 = etch.reshape %0 {shape = array<i64: 16, 2401, 1>} : (tensor<2x8x49x49xf32>) -> tensor<16x2401x1xf32>
    %3 = etch.reshape %1 {shape = array<i64: 16, 576>} : (tensor<2x8x24x24xi64>) -> tensor<16x576xi64>
    %4 = etch.gather %2, %3 : (tensor<16x2401x1xf32>, tensor<16x576xi64>) -> tensor<16x576x1xf32>
    return %4 : tensor<16x576x1xf32>
  }
  func.func @main(%x: memref<2x8x48x48xf32>, %y: memref<16x576x1xf32> {etch.result = 0 : i64}, %a: memref<?xi8> {etch.arena}) {
    device.launch @k0 ins(%x : memref<2x8x48x48xf32>) outs(%y : memref<16x576x1xf32>)
    return
  }
}

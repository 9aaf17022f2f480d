// A convolution that ends in a pool: what follows the sums goes to scratch
// memory, a panel's channels and the rows of a window, and from there, when the
// last of these rows is complete, the largest values to the result. Rows that
// no window reads are not computed.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// CHECK: llvm.func internal @k0(
// CHECK-DAG: %[[ROWS:.*]] = arith.constant 28 : i64
// CHECK-DAG: %[[CHANNELS:.*]] = arith.constant 32 : i64
// CHECK-DAG: %[[WINDOW:.*]] = arith.constant 2 : i64
// CHECK-DAG: %[[LAST:.*]] = arith.constant 1 : i64
// CHECK: scf.for %[[ROW:.*]] = %{{.*}} to %[[ROWS]]
// CHECK: fma
// CHECK: llvm.intr.masked.store
// CHECK: %[[OF:.*]] = arith.remui %[[ROW]], %[[WINDOW]]
// CHECK-NEXT: %[[ENDS:.*]] = arith.cmpi eq, %[[OF]], %[[LAST]]
// CHECK: scf.if
// CHECK: scf.for %{{.*}} = %{{.*}} to %[[CHANNELS]]
// CHECK: scf.for %{{.*}} = %{{.*}} to %[[WINDOW]] {{.*}} -> (vector<16xf32>)
// CHECK: arith.cmpf ugt
// CHECK: llvm.intr.masked.store
// CHECK: llvm.func internal @etch.run(
module attributes {etch.arena_bytes = 0 : i64} {
  func.func private @k0(%x: tensor<2x32x29x28xf32>, %w: tensor<32x32x3x3xf32>, %b: tensor<1x32x1x1xf32>) -> tensor<64x196x1xf32> attributes {etch.kernel} {
    %0 = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 2, 32, 29, 28>} : (tensor<2x32x29x28xf32>, tensor<32x32x3x3xf32>) -> tensor<2x32x29x28xf32>
    %1 = etch.broadcast_to %b {shape = array<i64: 2, 32, 29, 28>} : (tensor<1x32x1x1xf32>) -> tensor<2x32x29x28xf32>
    %2 = etch.add %0, %1 : (tensor<2x32x29x28xf32>, tensor<2x32x29x28xf32>) -> tensor<2x32x29x28xf32>
    %3 = etch.max_pool_index %2 {kernel = array<i64: 2, 2>, pad = array<i64: 0, 0>, shape = array<i64: 2, 32, 14, 14>, stride = array<i64: 2, 2>} : (tensor<2x32x29x28xf32>) -> tensor<2x32x14x14xi64>
    %4 = etch.reshape %2 {shape = array<i64: 64, 812, 1>} : (tensor<2x32x29x28xf32>) -> tensor<64x812x1xf32>
    %5 = etch.reshape %3 {shape = array<i64: 64, 196>} : (tensor<2x32x14x14xi64>) -> tensor<64x196xi64>
    %6 = etch.gather %4, %5 : (tensor<64x812x1xf32>, tensor<64x196xi64>) -> tensor<64x196x1xf32>
    return %6 : tensor<64x196x1xf32>
  }
  func.func @main(%x: memref<2x32x29x28xf32>, %w: memref<32x32x3x3xf32>, %b: memref<1x32x1x1xf32>, %y: memref<64x196x1xf32> {etch.result = 0 : i64}, %a: memref<?xi8> {etch.arena}) {
    device.launch @k0 ins(%x, %w, %b : memref<2x32x29x28xf32>, memref<32x32x3x3xf32>, memref<1x32x1x1xf32>) outs(%y : memref<64x196x1xf32>)
    return
  }
}

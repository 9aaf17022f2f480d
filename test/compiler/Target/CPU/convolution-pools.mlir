// A convolution that ends in a pool. Rows that no window reads are not computed.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// All channels of a place at once: the largest so far of each window, from which
// nothing or the row before leads on, waits for the next row; behind the last
// row, half as many places as ever are turned.
// CHECK: llvm.func internal @k0(
// CHECK-DAG: %[[ROWS:.*]] = arith.constant 28 : i64
// CHECK-DAG: %[[LEAST:.*]] = arith.constant dense<0xFF800000> : vector<16xf32>
// CHECK-DAG: %[[CHANNELS:.*]] = arith.constant 32 : i64
// CHECK-DAG: %[[WINDOW:.*]] = arith.constant 2 : i64
// Rows of the source are copied without masks, but for their ends.
// CHECK: scf.if
// CHECK-NEXT: llvm.store %[[ZEROS:.*]], %[[TO:[^ ]*]] {
// CHECK-NEXT: llvm.load
// CHECK-NEXT: llvm.getelementptr %[[TO]][
// CHECK-NEXT: llvm.store
// CHECK: llvm.intr.masked.load
// CHECK: else
// CHECK: scf.for %[[ROW:.*]] = %{{.*}} to %[[ROWS]]
// CHECK: fma
// CHECK: %[[OF:.*]] = arith.remui %[[ROW]], %[[WINDOW]]
// CHECK: %[[SOFAR:.*]] = arith.select %{{.*}}, %[[LEAST]], %{{.*}} : vector<16xf32>
// CHECK: arith.cmpf ugt, %{{.*}}, %[[SOFAR]]
// CHECK: llvm.store
// CHECK: llvm.shufflevector
// CHECK: scf.for %{{.*}} = %{{.*}} to %[[CHANNELS]]
// CHECK: llvm.intr.masked.store %{{.*}} : vector<8xf32>
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

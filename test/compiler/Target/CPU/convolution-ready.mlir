// Convolutions whose filters are packed when the program is prepared.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// A unit takes all filters, a quarter of them where threads share the work. For
// each block of the chain it copies what the block meets, once for all panels of
// filters: at most thirty channels, from the first one of the block on.
// CHECK-LABEL: llvm.func internal @k0.packed.1(
// CHECK: arith.select %{{.*}}, %c64_i64, %c256_i64
// CHECK: scf.for %[[FROM:.*]] = %c0_i64 to %c2304_i64 step %c256_i64
// CHECK: %[[FIRST:.*]] = arith.divui %[[FROM]], %c9_i64
// CHECK: scf.for %{{.*}} = %[[FIRST]] to
// CHECK: llvm.intr.masked.load
// CHECK: iter_args
// CHECK-COUNT-112: math.fma
// CHECK-NOT: math.fma
// CHECK: scf.yield
// CHECK: llvm.return
module attributes {etch.arena_bytes = 0 : i64, etch.prepared_bytes = 64 : i64} {
  func.func private @k0(%x: tensor<1x256x28x28xf32>, %w: tensor<256x256x3x3xf32>)
      -> tensor<1x256x28x28xf32> attributes {etch.kernel} {
    %0 = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 1, 256, 28, 28>} : (tensor<1x256x28x28xf32>, tensor<256x256x3x3xf32>) -> tensor<1x256x28x28xf32>
    return %0 : tensor<1x256x28x28xf32>
  }
  func.func private @prepare(%a: memref<?xi8> {etch.arena}) attributes {etch.program} {
    return
  }
  func.func @main(%x: memref<1x256x28x28xf32>, %v: memref<256x256x3x3xf32> {etch.state},
      %y: memref<1x256x28x28xf32> {etch.result = 0 : i64},
      %p: memref<?xi8> {etch.prepared}, %a: memref<?xi8> {etch.arena}) {
    device.prepare @prepare captures() ys() arena(%a : memref<?xi8>)
    device.launch @k0 ins(%x, %v : memref<1x256x28x28xf32>, memref<256x256x3x3xf32>) outs(%y : memref<1x256x28x28xf32>)
    return
  }
}

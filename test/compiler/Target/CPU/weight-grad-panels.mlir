// A convolution's gradient in its filters: how these are cut into tiles, which
// stage the images anew each.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// A few more than 128 are one tile: units are tiles of channels only. The last
// three take one vector, which all rows of taps pass.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK: arith.remui %{{.*}}, %c4_i64 : i64
// CHECK: arith.divui %{{.*}}, %c4_i64 : i64
// CHECK: scf.for {{.*}} = %c0_i64 to %c6975_i64 step %c256_i64
// CHECK: scf.for {{.*}} = %c0_i64 to %c128_i64 step %c32_i64
// CHECK: scf.for {{.*}} step %c9_i64
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-18: math.fma {{.*}} : vector<16xf32>
// CHECK-NOT: math.fma
// CHECK: scf.for {{.*}} step %c9_i64
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-9: math.fma {{.*}} : vector<16xf32>
// CHECK-NOT: math.fma
// CHECK: llvm.return
func.func private @k0(%x: tensor<31x127x29x29xf32>, %w: tensor<31x131x15x15xf32>)
    -> tensor<131x127x3x3xf32> attributes {etch.kernel} {
  %0 = etch.conv2d_weight_grad %x, %w {stride = array<i64: 2, 2>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 131, 127, 3, 3>} : (tensor<31x127x29x29xf32>, tensor<31x131x15x15xf32>) -> tensor<131x127x3x3xf32>
  return %0 : tensor<131x127x3x3xf32>
}

// Panels that are whole, in tiles of the same size: one kind of register tile.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-18: math.fma {{.*}} : vector<16xf32>
// CHECK-NOT: math.fma
// CHECK: llvm.return
func.func private @k1(%x: tensor<8x16x14x14xf32>, %w: tensor<8x192x14x14xf32>)
    -> tensor<192x16x3x3xf32> attributes {etch.kernel} {
  %0 = etch.conv2d_weight_grad %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 192, 16, 3, 3>} : (tensor<8x16x14x14xf32>, tensor<8x192x14x14xf32>) -> tensor<192x16x3x3xf32>
  return %0 : tensor<192x16x3x3xf32>
}

func.func @main(%a0: memref<31x127x29x29xf32>, %a1: memref<31x131x15x15xf32>,
    %a2: memref<8x16x14x14xf32>, %a3: memref<8x192x14x14xf32>,
    %y0: memref<131x127x3x3xf32> {etch.result = 0 : i64},
    %y1: memref<192x16x3x3xf32> {etch.result = 1 : i64},
    %arena: memref<?xi8> {etch.arena}) {
  device.launch @k0 ins(%a0, %a1 : memref<31x127x29x29xf32>, memref<31x131x15x15xf32>) outs(%y0 : memref<131x127x3x3xf32>)
  device.launch @k1 ins(%a2, %a3 : memref<8x16x14x14xf32>, memref<8x192x14x14xf32>) outs(%y1 : memref<192x16x3x3xf32>)
  return
}

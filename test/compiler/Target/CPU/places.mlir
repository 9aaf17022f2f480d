// Convolutions whose windows see one place each are matrix products.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// Filters by images: the filters' rows are read where they are, panels of the
// images pass by.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK: scf.for {{.*}} step %c8_i64
// CHECK: scf.for {{.*}} step %c32_i64
// CHECK-COUNT-16: math.fma
// CHECK: scf.yield
func.func private @k0(%x: tensor<8x256x1x3136xf32>, %w: tensor<64x256x1x1xf32>)
    -> tensor<8x64x1x3136xf32> attributes {etch.kernel} {
  %0 = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 8, 64, 1, 3136>} : (tensor<8x256x1x3136xf32>, tensor<64x256x1x1xf32>) -> tensor<8x64x1x3136xf32>
  return %0 : tensor<8x64x1x3136xf32>
}

// The places of all images are one chain; blocks of it are packed from parts of
// images, through a transpose in registers.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK: arith.divui
// CHECK: llvm.shufflevector
// CHECK: scf.for {{.*}} step %c8_i64
// CHECK-COUNT-16: math.fma
// CHECK: scf.yield
func.func private @k1(%x: tensor<8x256x1x3136xf32>, %g: tensor<8x64x1x3136xf32>)
    -> tensor<64x256x1x1xf32> attributes {etch.kernel} {
  %0 = etch.conv2d_weight_grad %x, %g {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 64, 256, 1, 1>} : (tensor<8x256x1x3136xf32>, tensor<8x64x1x3136xf32>) -> tensor<64x256x1x1xf32>
  return %0 : tensor<64x256x1x1xf32>
}

// Images of one place are the rows of one matrix: ten of them.
// CHECK-LABEL: llvm.func internal @k2(
// CHECK: scf.for {{.*}} step %c10_i64
// CHECK-COUNT-20: math.fma
// CHECK: scf.yield
func.func private @k2(%x: tensor<40x256x1x1xf32>, %w: tensor<64x256x1x1xf32>)
    -> tensor<40x64x1x1xf32> attributes {etch.kernel} {
  %0 = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 40, 64, 1, 1>} : (tensor<40x256x1x1xf32>, tensor<64x256x1x1xf32>) -> tensor<40x64x1x1xf32>
  return %0 : tensor<40x64x1x1xf32>
}

func.func @main(%x: memref<8x256x1x3136xf32>, %w: memref<64x256x1x1xf32>,
    %a: memref<40x256x1x1xf32>,
    %y: memref<8x64x1x3136xf32> {etch.result = 0 : i64}, %v: memref<64x256x1x1xf32> {etch.result = 1 : i64},
    %z: memref<40x64x1x1xf32> {etch.result = 2 : i64}, %arena: memref<?xi8> {etch.arena}) {
  device.launch @k0 ins(%x, %w : memref<8x256x1x3136xf32>, memref<64x256x1x1xf32>) outs(%y : memref<8x64x1x3136xf32>)
  device.launch @k1 ins(%x, %y : memref<8x256x1x3136xf32>, memref<8x64x1x3136xf32>) outs(%v : memref<64x256x1x1xf32>)
  device.launch @k2 ins(%a, %w : memref<40x256x1x1xf32>, memref<64x256x1x1xf32>) outs(%z : memref<40x64x1x1xf32>)
  return
}

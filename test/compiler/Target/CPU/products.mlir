// Convolutions whose windows see one place each are matrix products.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// Images of one place are rows of a matrix, filters its columns: they lie along
// K and are transposed.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK: llvm.shufflevector
// CHECK: scf.for {{.*}} iter_args
// CHECK: math.fma
// CHECK: llvm.return
func.func private @k0(%x: tensor<64x256x1x1xf32>, %w: tensor<128x256x1x1xf32>)
    -> tensor<64x128x1x1xf32> attributes {etch.kernel} {
  %0 = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 64, 128, 1, 1>} : (tensor<64x256x1x1xf32>, tensor<128x256x1x1xf32>) -> tensor<64x128x1x1xf32>
  return %0 : tensor<64x128x1x1xf32>
}

// For the gradient in the images the filters' channels are columns, side by side.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK-NOT: llvm.shufflevector
// CHECK: scf.for {{.*}} iter_args
// CHECK: math.fma
// CHECK: llvm.return
func.func private @k1(%x: tensor<64x128x1x1xf32>, %w: tensor<128x256x1x1xf32>)
    -> tensor<64x256x1x1xf32> attributes {etch.kernel} {
  %0 = etch.conv2d_input_grad %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 64, 256, 1, 1>} : (tensor<64x128x1x1xf32>, tensor<128x256x1x1xf32>) -> tensor<64x256x1x1xf32>
  return %0 : tensor<64x256x1x1xf32>
}

// For that in the filters K runs through the images.
// CHECK-LABEL: llvm.func internal @k2(
// CHECK-NOT: llvm.shufflevector
// CHECK: scf.for {{.*}} iter_args
// CHECK: math.fma
// CHECK: llvm.return
func.func private @k2(%x: tensor<64x256x1x1xf32>, %w: tensor<64x128x1x1xf32>)
    -> tensor<128x256x1x1xf32> attributes {etch.kernel} {
  %0 = etch.conv2d_weight_grad %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 128, 256, 1, 1>} : (tensor<64x256x1x1xf32>, tensor<64x128x1x1xf32>) -> tensor<128x256x1x1xf32>
  return %0 : tensor<128x256x1x1xf32>
}

// Places of several images are parts of K: blocks of 256 go on from one to the
// next, and both operands, which lie along K, are transposed as they are packed.
// CHECK-LABEL: llvm.func internal @k3(
// CHECK: scf.for {{.*}} to %c1568_i64 step %c256_i64
// CHECK: arith.divui %{{.*}}, %c196_i64
// CHECK: llvm.shufflevector
// CHECK: scf.for {{.*}} iter_args
// CHECK: math.fma
// CHECK: llvm.return
func.func private @k3(%x: tensor<8x256x1x196xf32>, %w: tensor<8x128x1x196xf32>)
    -> tensor<128x256x1x1xf32> attributes {etch.kernel} {
  %0 = etch.conv2d_weight_grad %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 128, 256, 1, 1>} : (tensor<8x256x1x196xf32>, tensor<8x128x1x196xf32>) -> tensor<128x256x1x1xf32>
  return %0 : tensor<128x256x1x1xf32>
}

// Those of one image are K as it is.
// CHECK-LABEL: llvm.func internal @k4(
// CHECK-NOT: arith.divui %{{.*}}, %c196_i64
// CHECK: scf.for {{.*}} iter_args
// CHECK: math.fma
// CHECK: llvm.return
func.func private @k4(%x: tensor<1x256x1x196xf32>, %w: tensor<1x128x1x196xf32>)
    -> tensor<128x256x1x1xf32> attributes {etch.kernel} {
  %0 = etch.conv2d_weight_grad %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 128, 256, 1, 1>} : (tensor<1x256x1x196xf32>, tensor<1x128x1x196xf32>) -> tensor<128x256x1x1xf32>
  return %0 : tensor<128x256x1x1xf32>
}

func.func @main(%a0: memref<64x256x1x1xf32>, %a1: memref<128x256x1x1xf32>, %a2: memref<64x128x1x1xf32>,
    %a3: memref<128x256x1x1xf32>, %a4: memref<64x256x1x1xf32>, %a5: memref<64x128x1x1xf32>,
    %a6: memref<8x256x1x196xf32>, %a7: memref<8x128x1x196xf32>, %a8: memref<1x256x1x196xf32>,
    %a9: memref<1x128x1x196xf32>, %y0: memref<64x128x1x1xf32> {etch.result = 0 : i64},
    %y1: memref<64x256x1x1xf32> {etch.result = 1 : i64},
    %y2: memref<128x256x1x1xf32> {etch.result = 2 : i64},
    %y3: memref<128x256x1x1xf32> {etch.result = 3 : i64},
    %y4: memref<128x256x1x1xf32> {etch.result = 4 : i64}, %arena: memref<?xi8> {etch.arena}) {
  device.launch @k0 ins(%a0, %a1 : memref<64x256x1x1xf32>, memref<128x256x1x1xf32>) outs(%y0 : memref<64x128x1x1xf32>)
  device.launch @k1 ins(%a2, %a3 : memref<64x128x1x1xf32>, memref<128x256x1x1xf32>) outs(%y1 : memref<64x256x1x1xf32>)
  device.launch @k2 ins(%a4, %a5 : memref<64x256x1x1xf32>, memref<64x128x1x1xf32>) outs(%y2 : memref<128x256x1x1xf32>)
  device.launch @k3 ins(%a6, %a7 : memref<8x256x1x196xf32>, memref<8x128x1x196xf32>) outs(%y3 : memref<128x256x1x1xf32>)
  device.launch @k4 ins(%a8, %a9 : memref<1x256x1x196xf32>, memref<1x128x1x196xf32>) outs(%y4 : memref<128x256x1x1xf32>)
  return
}

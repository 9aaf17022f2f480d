// When 3x3 convolutions are computed by fewer products: where their rounding is
// free and that pays.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// Tiles of 4 x 4 outputs: 36 numbers of filters, of tiles, products over the
// channels, 14 tiles by two vectors of filters at a time, and back.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK: scf.for {{.*}} to %c36_i64 step %c1_i64
// CHECK: :28 = scf.for {{.*}} to %c4_i64 step %c1_i64
// CHECK: :28 = scf.for {{.*}} to %c16_i64 step %c1_i64
// CHECK-COUNT-28: math.fma
// CHECK-NEXT: scf.yield
// CHECK: llvm.return
func.func private @k0(%x: tensor<8x64x56x56xf32>, %w: tensor<64x64x3x3xf32>)
    -> tensor<8x64x56x56xf32> attributes {etch.kernel} {
  %0 = etch.conv2d %x, %w {etch.relaxed, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 8, 64, 56, 56>} : (tensor<8x64x56x56xf32>, tensor<64x64x3x3xf32>) -> tensor<8x64x56x56xf32>
  return %0 : tensor<8x64x56x56xf32>
}

// Tiles of 4 x 4 outputs would stand over: 2 x 2, 16 products.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK: scf.for {{.*}} to %c16_i64 step %c1_i64
// CHECK: = scf.for {{.*}} to %c16_i64 step %c1_i64
// CHECK: = scf.for {{.*}} to %c16_i64 step %c1_i64
// CHECK: llvm.return
func.func private @k1(%x: tensor<32x256x6x6xf32>, %w: tensor<256x256x3x3xf32>)
    -> tensor<32x256x6x6xf32> attributes {etch.kernel} {
  %0 = etch.conv2d_input_grad %x, %w {etch.relaxed, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 32, 256, 6, 6>} : (tensor<32x256x6x6xf32>, tensor<256x256x3x3xf32>) -> tensor<32x256x6x6xf32>
  return %0 : tensor<32x256x6x6xf32>
}

// Of three channels more would be moved than saved; so with a stride; and mode
// strict keeps the definition.
// CHECK-LABEL: llvm.func internal @k2(
// CHECK-NOT: arith.subf
// CHECK: llvm.return
func.func private @k2(%x: tensor<8x3x32x32xf32>, %w: tensor<16x3x3x3xf32>)
    -> tensor<8x16x32x32xf32> attributes {etch.kernel} {
  %0 = etch.conv2d %x, %w {etch.relaxed, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 8, 16, 32, 32>} : (tensor<8x3x32x32xf32>, tensor<16x3x3x3xf32>) -> tensor<8x16x32x32xf32>
  return %0 : tensor<8x16x32x32xf32>
}

// CHECK-LABEL: llvm.func internal @k3(
// CHECK-NOT: arith.subf
// CHECK: llvm.return
func.func private @k3(%x: tensor<8x64x56x56xf32>, %w: tensor<64x64x3x3xf32>)
    -> tensor<8x64x28x28xf32> attributes {etch.kernel} {
  %0 = etch.conv2d %x, %w {etch.relaxed, stride = array<i64: 2, 2>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 8, 64, 28, 28>} : (tensor<8x64x56x56xf32>, tensor<64x64x3x3xf32>) -> tensor<8x64x28x28xf32>
  return %0 : tensor<8x64x28x28xf32>
}

// CHECK-LABEL: llvm.func internal @k4(
// CHECK-NOT: arith.subf
// CHECK: llvm.return
func.func private @k4(%x: tensor<8x64x56x56xf32>, %w: tensor<64x64x3x3xf32>)
    -> tensor<8x64x56x56xf32> attributes {etch.kernel} {
  %0 = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 8, 64, 56, 56>} : (tensor<8x64x56x56xf32>, tensor<64x64x3x3xf32>) -> tensor<8x64x56x56xf32>
  return %0 : tensor<8x64x56x56xf32>
}

// It is open how many images there are: a kernel for few of them, one for many.
// CHECK-LABEL: llvm.func internal @k5(
// CHECK: arith.cmpi sge
// CHECK-NEXT: scf.if
// CHECK: arith.subf
// CHECK: } else {
// CHECK: scf.for {{.*}} step %c256_i64
// CHECK: llvm.return
func.func private @k5(%x: tensor<?x512x4x4xf32>, %w: tensor<512x512x3x3xf32>, %n: index)
    -> tensor<?x512x4x4xf32> attributes {etch.kernel} {
  %0 = etch.conv2d %x, %w, %n {etch.relaxed, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: -9223372036854775808, 512, 4, 4>} : (tensor<?x512x4x4xf32>, tensor<512x512x3x3xf32>, index) -> tensor<?x512x4x4xf32>
  return %0 : tensor<?x512x4x4xf32>
}

func.func @main(%x: memref<8x64x56x56xf32>, %w: memref<64x64x3x3xf32>,
    %x1: memref<32x256x6x6xf32>, %w1: memref<256x256x3x3xf32>,
    %x2: memref<8x3x32x32xf32>, %w2: memref<16x3x3x3xf32>,
    %y: memref<8x64x56x56xf32> {etch.result = 0 : i64}, %y1: memref<32x256x6x6xf32> {etch.result = 1 : i64},
    %y2: memref<8x16x32x32xf32> {etch.result = 2 : i64}, %y3: memref<8x64x28x28xf32> {etch.result = 3 : i64},
    %x5: memref<?x512x4x4xf32>, %w5: memref<512x512x3x3xf32>, %y5: memref<?x512x4x4xf32> {etch.result = 4 : i64},
    %arena: memref<?xi8> {etch.arena}) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x5, %c0 : memref<?x512x4x4xf32>
  device.launch @k0 ins(%x, %w : memref<8x64x56x56xf32>, memref<64x64x3x3xf32>) outs(%y : memref<8x64x56x56xf32>)
  device.launch @k1 ins(%x1, %w1 : memref<32x256x6x6xf32>, memref<256x256x3x3xf32>) outs(%y1 : memref<32x256x6x6xf32>)
  device.launch @k2 ins(%x2, %w2 : memref<8x3x32x32xf32>, memref<16x3x3x3xf32>) outs(%y2 : memref<8x16x32x32xf32>)
  device.launch @k3 ins(%x, %w : memref<8x64x56x56xf32>, memref<64x64x3x3xf32>) outs(%y3 : memref<8x64x28x28xf32>)
  device.launch @k4 ins(%x, %w : memref<8x64x56x56xf32>, memref<64x64x3x3xf32>) outs(%y : memref<8x64x56x56xf32>)
  device.launch @k5 ins(%x5, %w5, %n : memref<?x512x4x4xf32>, memref<512x512x3x3xf32>, index) outs(%y5 : memref<?x512x4x4xf32>)
  return
}

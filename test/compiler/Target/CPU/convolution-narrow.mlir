// Convolutions on a machine of sixteen registers of eight lanes.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=256 stop=loops" | FileCheck %s

// Places are lanes. Twelve sums fill the registers; their vectors are read from
// staged rows.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-12: math.fma {{.*}} : vector<8xf32>
// CHECK-NOT: math.fma
// CHECK: scf.yield
// CHECK: llvm.intr.masked.store
// CHECK: llvm.return
func.func private @k0(%x: tensor<8x64x28x28xf32>, %w: tensor<64x64x3x3xf32>)
    -> tensor<8x64x28x28xf32> attributes {etch.kernel} {
  %0 = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 8, 64, 28, 28>} : (tensor<8x64x28x28xf32>, tensor<64x64x3x3xf32>) -> tensor<8x64x28x28xf32>
  return %0 : tensor<8x64x28x28xf32>
}

// Strides: the same, of panels.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK: arith.remui
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-12: math.fma {{.*}} : vector<8xf32>
// CHECK-NOT: math.fma
// CHECK: llvm.return
func.func private @k1(%x: tensor<8x64x28x28xf32>, %w: tensor<128x64x3x3xf32>)
    -> tensor<8x128x14x14xf32> attributes {etch.kernel} {
  %0 = etch.conv2d %x, %w {stride = array<i64: 2, 2>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 8, 128, 14, 14>} : (tensor<8x64x28x28xf32>, tensor<128x64x3x3xf32>) -> tensor<8x128x14x14xf32>
  return %0 : tensor<8x128x14x14xf32>
}

// The gradient in images of strides has several kinds of places, each with taps
// of its own; one without any would get zeros.
// CHECK-LABEL: llvm.func internal @k2(
// CHECK: scf.if
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-12: math.fma {{.*}} : vector<8xf32>
// CHECK-NOT: math.fma
// CHECK: } else {
// CHECK: llvm.return
func.func private @k2(%x: tensor<8x128x14x14xf32>, %w: tensor<128x64x3x3xf32>)
    -> tensor<8x64x28x28xf32> attributes {etch.kernel} {
  %0 = etch.conv2d_input_grad %x, %w {stride = array<i64: 2, 2>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 8, 64, 28, 28>} : (tensor<8x128x14x14xf32>, tensor<128x64x3x3xf32>) -> tensor<8x64x28x28xf32>
  return %0 : tensor<8x64x28x28xf32>
}

// That in filters has filters as lanes: their sums are turned when they are done.
// CHECK-LABEL: llvm.func internal @k3(
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-12: math.fma {{.*}} : vector<8xf32>
// CHECK-NOT: math.fma
// CHECK: scf.yield
// CHECK: llvm.intr.masked.gather
// CHECK: llvm.return
func.func private @k3(%x: tensor<8x64x28x28xf32>, %w: tensor<8x64x28x28xf32>)
    -> tensor<64x64x3x3xf32> attributes {etch.kernel} {
  %0 = etch.conv2d_weight_grad %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 64, 64, 3, 3>} : (tensor<8x64x28x28xf32>, tensor<8x64x28x28xf32>) -> tensor<64x64x3x3xf32>
  return %0 : tensor<64x64x3x3xf32>
}

func.func @main(%a0: memref<8x64x28x28xf32>, %a1: memref<64x64x3x3xf32>, %a2: memref<8x64x28x28xf32>,
    %a3: memref<128x64x3x3xf32>, %a4: memref<8x128x14x14xf32>, %a5: memref<128x64x3x3xf32>,
    %a6: memref<8x64x28x28xf32>, %a7: memref<8x64x28x28xf32>,
    %y0: memref<8x64x28x28xf32> {etch.result = 0 : i64},
    %y1: memref<8x128x14x14xf32> {etch.result = 1 : i64},
    %y2: memref<8x64x28x28xf32> {etch.result = 2 : i64}, %y3: memref<64x64x3x3xf32> {etch.result = 3 : i64},
    %arena: memref<?xi8> {etch.arena}) {
  device.launch @k0 ins(%a0, %a1 : memref<8x64x28x28xf32>, memref<64x64x3x3xf32>) outs(%y0 : memref<8x64x28x28xf32>)
  device.launch @k1 ins(%a2, %a3 : memref<8x64x28x28xf32>, memref<128x64x3x3xf32>) outs(%y1 : memref<8x128x14x14xf32>)
  device.launch @k2 ins(%a4, %a5 : memref<8x128x14x14xf32>, memref<128x64x3x3xf32>) outs(%y2 : memref<8x64x28x28xf32>)
  device.launch @k3 ins(%a6, %a7 : memref<8x64x28x28xf32>, memref<8x64x28x28xf32>) outs(%y3 : memref<64x64x3x3xf32>)
  return
}

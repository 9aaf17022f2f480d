// When filters of many groups lie side by side in the lanes.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// Each channel is a group: vectors of sixteen groups, turned in registers (four
// stages of sixteen shuffles, for images and for gradients), and one chain in a
// register for each tap.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK-COUNT-64: llvm.shufflevector
// CHECK: :9 = scf.for
// CHECK-COUNT-9: math.fma {{.*}} : vector<16xf32>
// CHECK-NEXT: scf.yield
// CHECK: llvm.return
func.func private @k0(%x: tensor<8x64x56x56xf32>, %gy: tensor<8x64x56x56xf32>)
    -> tensor<64x1x3x3xf32> attributes {etch.kernel} {
  %0 = etch.conv2d_weight_grad %x, %gy {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 64 : i64, shape = array<i64: 64, 1, 3, 3>} : (tensor<8x64x56x56xf32>, tensor<8x64x56x56xf32>) -> tensor<64x1x3x3xf32>
  return %0 : tensor<64x1x3x3xf32>
}

// Two large groups: a product for each.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK-COUNT-18: math.fma
// CHECK: llvm.return
func.func private @k1(%x: tensor<8x64x56x56xf32>, %gy: tensor<8x64x56x56xf32>)
    -> tensor<64x32x3x3xf32> attributes {etch.kernel} {
  %0 = etch.conv2d_weight_grad %x, %gy {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 2 : i64, shape = array<i64: 64, 32, 3, 3>} : (tensor<8x64x56x56xf32>, tensor<8x64x56x56xf32>) -> tensor<64x32x3x3xf32>
  return %0 : tensor<64x32x3x3xf32>
}

// A window of more taps than registers: two parts, twenty-five and twenty-four.
// CHECK-LABEL: llvm.func internal @k2(
// CHECK-COUNT-25: math.fma
// CHECK-NEXT: scf.yield
// CHECK-COUNT-24: math.fma
// CHECK-NEXT: scf.yield
func.func private @k2(%x: tensor<2x32x28x28xf32>, %gy: tensor<2x32x28x28xf32>)
    -> tensor<32x1x7x7xf32> attributes {etch.kernel} {
  %0 = etch.conv2d_weight_grad %x, %gy {stride = array<i64: 1, 1>, pad = array<i64: 3, 3>, dilation = array<i64: 1, 1>, groups = 32 : i64, shape = array<i64: 32, 1, 7, 7>} : (tensor<2x32x28x28xf32>, tensor<2x32x28x28xf32>) -> tensor<32x1x7x7xf32>
  return %0 : tensor<32x1x7x7xf32>
}

func.func @main(%x: memref<8x64x56x56xf32>, %gy: memref<8x64x56x56xf32>,
    %x2: memref<2x32x28x28xf32>, %gy2: memref<2x32x28x28xf32>,
    %y: memref<64x1x3x3xf32> {etch.result = 0 : i64}, %y1: memref<64x32x3x3xf32> {etch.result = 1 : i64},
    %y2: memref<32x1x7x7xf32> {etch.result = 2 : i64}, %arena: memref<?xi8> {etch.arena}) {
  device.launch @k0 ins(%x, %gy : memref<8x64x56x56xf32>, memref<8x64x56x56xf32>) outs(%y : memref<64x1x3x3xf32>)
  device.launch @k1 ins(%x, %gy : memref<8x64x56x56xf32>, memref<8x64x56x56xf32>) outs(%y1 : memref<64x32x3x3xf32>)
  device.launch @k2 ins(%x2, %gy2 : memref<2x32x28x28xf32>, memref<2x32x28x28xf32>) outs(%y2 : memref<32x1x7x7xf32>)
  return
}

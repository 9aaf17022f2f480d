// Reductions of few elements, of long bodies, of places.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// One block of rows: its sums are the totals, no other memory is needed.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK: llvm.alloca
// CHECK-NOT: llvm.alloca
// CHECK-NOT: arith.select
// CHECK: llvm.return
func.func private @k0(%x: tensor<4x30x256xf32>) -> tensor<4x256xf32> attributes {etch.kernel} {
  %0 = etch.sum %x {axes = array<i64: 1>, keepdims = false} : (tensor<4x30x256xf32>) -> tensor<4x256xf32>
  return %0 : tensor<4x256xf32>
}

// A long body: two vectors side by side, which are added one after the other.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (vector<16xf32>)
// CHECK: math.fma {{.*}} : vector<32xf32>
// CHECK: arith.addf {{.*}} : vector<16xf32>
// CHECK: arith.addf {{.*}} : vector<16xf32>
// CHECK: scf.yield
// CHECK: llvm.return
func.func private @k1(%x: tensor<64x4096x1xf32>) -> tensor<64x1xf32> attributes {etch.kernel} {
  %0 = etch.exp %x : (tensor<64x4096x1xf32>) -> tensor<64x4096x1xf32>
  %1 = etch.sum %0 {axes = array<i64: 1>, keepdims = false} : (tensor<64x4096x1xf32>) -> tensor<64x1xf32>
  return %1 : tensor<64x1xf32>
}

// Places of columns: as many lanes as numbers of 64 bits have.
// CHECK-LABEL: llvm.func internal @k2(
// CHECK: scf.for {{.*}} -> (vector<8xf32>, vector<8xi64>)
// CHECK: llvm.intr.masked.store {{.*}} : vector<8xi64>
// CHECK: llvm.return
func.func private @k2(%x: tensor<5x7x40xf32>) -> tensor<5x40xi64> attributes {etch.kernel} {
  %0 = etch.argmax %x {axis = 1 : i64} : (tensor<5x7x40xf32>) -> tensor<5x40xi64>
  return %0 : tensor<5x40xi64>
}

// Rows shorter than a vector: of as many lanes as they fill.
// CHECK-LABEL: llvm.func internal @k3(
// CHECK: llvm.intr.masked.load {{.*}} vector<8xf32>
// CHECK-NOT: vector<16xf32>
// CHECK: llvm.return
func.func private @k3(%x: tensor<64x5x1xf32>) -> tensor<64x1xf32> attributes {etch.kernel} {
  %0 = etch.sum %x {axes = array<i64: 1>, keepdims = false} : (tensor<64x5x1xf32>) -> tensor<64x1xf32>
  return %0 : tensor<64x1xf32>
}

// A NaN wins, whatever it is compared with.
// CHECK-LABEL: llvm.func internal @k4(
// CHECK: arith.cmpf olt, {{.*}} : vector<16xf32>
// CHECK: arith.cmpf une, {{.*}} : vector<16xf32>
// CHECK-NEXT: arith.select
// CHECK: llvm.return
func.func private @k4(%x: tensor<4x30x100xf32>) -> tensor<4x100xf32> attributes {etch.kernel} {
  %0 = etch.max %x {axes = array<i64: 1>, keepdims = false} : (tensor<4x30x100xf32>) -> tensor<4x100xf32>
  return %0 : tensor<4x100xf32>
}

func.func @main(%a0: memref<4x30x256xf32>, %a1: memref<64x4096x1xf32>, %a2: memref<5x7x40xf32>,
    %a3: memref<64x5x1xf32>, %a4: memref<4x30x100xf32>, %y0: memref<4x256xf32> {etch.result = 0 : i64},
    %y1: memref<64x1xf32> {etch.result = 1 : i64}, %y2: memref<5x40xi64> {etch.result = 2 : i64},
    %y3: memref<64x1xf32> {etch.result = 3 : i64}, %y4: memref<4x100xf32> {etch.result = 4 : i64},
    %arena: memref<?xi8> {etch.arena}) {
  device.launch @k0 ins(%a0 : memref<4x30x256xf32>) outs(%y0 : memref<4x256xf32>)
  device.launch @k1 ins(%a1 : memref<64x4096x1xf32>) outs(%y1 : memref<64x1xf32>)
  device.launch @k2 ins(%a2 : memref<5x7x40xf32>) outs(%y2 : memref<5x40xi64>)
  device.launch @k3 ins(%a3 : memref<64x5x1xf32>) outs(%y3 : memref<64x1xf32>)
  device.launch @k4 ins(%a4 : memref<4x30x100xf32>) outs(%y4 : memref<4x100xf32>)
  return
}

// What is left behind whole vectors and squares.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// Squares that are turned in registers, then columns and rows behind them, which
// are gathered.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK-COUNT-64: llvm.shufflevector
// CHECK: llvm.intr.masked.gather
// CHECK: llvm.intr.masked.gather
// CHECK-NOT: llvm.intr.masked.gather
// CHECK: llvm.return
func.func private @k0(%x: tensor<1000x100xf32>, %w: tensor<100x1000xf32>)
    -> tensor<100x1000xf32> attributes {etch.kernel} {
  %0 = etch.transpose %x {permutation = array<i64: 1, 0>} : (tensor<1000x100xf32>) -> tensor<100x1000xf32>
  %1 = etch.add %0, %w : (tensor<100x1000xf32>, tensor<100x1000xf32>) -> tensor<100x1000xf32>
  return %1 : tensor<100x1000xf32>
}

// Squares are of numbers of 32 bits; wider ones are gathered.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK-NOT: llvm.shufflevector
// CHECK: llvm.intr.masked.gather {{.*}} vector<8xf64>
// CHECK: llvm.return
func.func private @k1(%x: tensor<1024x1024xf64>) -> tensor<1024x1024xf64> attributes {etch.kernel} {
  %0 = etch.transpose %x {permutation = array<i64: 1, 0>} : (tensor<1024x1024xf64>) -> tensor<1024x1024xf64>
  %1 = etch.neg %0 : (tensor<1024x1024xf64>) -> tensor<1024x1024xf64>
  return %1 : tensor<1024x1024xf64>
}

// An open extent: whether results go past the caches is asked when it is known.
// CHECK-LABEL: llvm.func internal @k2(
// CHECK: arith.cmpi sge
// CHECK: scf.if
// CHECK: nontemporal
// CHECK: llvm.x86.sse.sfence
// CHECK: } else {
// CHECK-NOT: nontemporal
// CHECK: llvm.return
func.func private @k2(%x: tensor<?xf32>) -> tensor<?xf32> attributes {etch.kernel} {
  %0 = etch.neg %x : (tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// Less than a vector: one of as many lanes as are needed, and no loop.
// CHECK-LABEL: llvm.func internal @k3(
// CHECK-NOT: scf.for
// CHECK: llvm.intr.masked.load {{.*}} vector<8xf32>
// CHECK: llvm.return
func.func private @k3(%x: tensor<5xf32>) -> tensor<5xf32> attributes {etch.kernel} {
  %0 = etch.neg %x : (tensor<5xf32>) -> tensor<5xf32>
  return %0 : tensor<5xf32>
}

// CHECK-LABEL: llvm.func internal @k4(
// CHECK-NOT: vector<
// CHECK: arith.negf {{.*}} : f32
// CHECK: llvm.return
func.func private @k4(%x: tensor<f32>) -> tensor<f32> attributes {etch.kernel} {
  %0 = etch.neg %x : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}

func.func @main(%a0: memref<1000x100xf32>, %a1: memref<100x1000xf32>, %a2: memref<1024x1024xf64>,
    %a3: memref<?xf32>, %a4: memref<5xf32>, %a5: memref<f32>,
    %y0: memref<100x1000xf32> {etch.result = 0 : i64}, %y1: memref<1024x1024xf64> {etch.result = 1 : i64},
    %y2: memref<?xf32> {etch.result = 2 : i64}, %y3: memref<5xf32> {etch.result = 3 : i64},
    %y4: memref<f32> {etch.result = 4 : i64}, %arena: memref<?xi8> {etch.arena}) {
  device.launch @k0 ins(%a0, %a1 : memref<1000x100xf32>, memref<100x1000xf32>) outs(%y0 : memref<100x1000xf32>)
  device.launch @k1 ins(%a2 : memref<1024x1024xf64>) outs(%y1 : memref<1024x1024xf64>)
  device.launch @k2 ins(%a3 : memref<?xf32>) outs(%y2 : memref<?xf32>)
  device.launch @k3 ins(%a4 : memref<5xf32>) outs(%y3 : memref<5xf32>)
  device.launch @k4 ins(%a5 : memref<f32>) outs(%y4 : memref<f32>)
  return
}

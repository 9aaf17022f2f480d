// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// Along the axis: 16 lanes, blocks of 4096, then halves. The producer is fused
// and its value stored, the epilogue is scalar.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK: scf.for
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (vector<16xf32>)
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (vector<16xf32>)
// CHECK: arith.mulf {{.*}} : vector<16xf32>
// CHECK: llvm.store
// CHECK: arith.addf {{.*}} : vector<16xf32>
// CHECK: llvm.shufflevector {{.*}} : vector<16xf32>
// CHECK: llvm.extractelement
// CHECK: arith.negf {{.*}} : f32
func.func private @k0(%x: tensor<5x10000x1xf32>) -> (tensor<5x1xf32>, tensor<5x10000x1xf32>)
    attributes {etch.kernel} {
  %0 = etch.mul %x, %x : (tensor<5x10000x1xf32>, tensor<5x10000x1xf32>) -> tensor<5x10000x1xf32>
  %1 = etch.sum %0 {axes = array<i64: 1>, keepdims = false} : (tensor<5x10000x1xf32>) -> tensor<5x1xf32>
  %2 = etch.neg %1 : (tensor<5x1xf32>) -> tensor<5x1xf32>
  return %2, %0 : tensor<5x1xf32>, tensor<5x10000x1xf32>
}

// Across the axis: sixteen rows of accumulators in memory, one for each lane.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK: llvm.alloca %{{.*}} x f64
// CHECK: scf.for
// CHECK: arith.remui
// CHECK: arith.cmpf olt, {{.*}} : vector<8xf64>
// CHECK: llvm.store
func.func private @k1(%x: tensor<?x?x?xf64>) -> tensor<?x?xf64> attributes {etch.kernel} {
  %0 = etch.max %x {axes = array<i64: 1>, keepdims = false} : (tensor<?x?x?xf64>) -> tensor<?x?xf64>
  return %0 : tensor<?x?xf64>
}

// Where rows are known to be long the next ones are fetched ahead. The first
// block is the total so far: only later ones are added to it.
// CHECK-LABEL: llvm.func internal @k3(
// CHECK: arith.cmpi ne
// CHECK: arith.select {{.*}} : !llvm.ptr
// CHECK: llvm.intr.prefetch
// CHECK: scf.if
func.func private @k3(%x: tensor<1x?x1024xf32>) -> tensor<1x1024xf32> attributes {etch.kernel} {
  %0 = etch.sum %x {axes = array<i64: 1>, keepdims = false} : (tensor<1x?x1024xf32>) -> tensor<1x1024xf32>
  return %0 : tensor<1x1024xf32>
}

// CHECK-LABEL: llvm.func internal @k2(
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (f32, i64)
// CHECK: arith.cmpf ugt
// CHECK: llvm.store {{.*}} : i64
func.func private @k2(%x: tensor<5x7x1xf32>) -> tensor<5x1xi64> attributes {etch.kernel} {
  %0 = etch.argmax %x {axis = 1 : i64} : (tensor<5x7x1xf32>) -> tensor<5x1xi64>
  return %0 : tensor<5x1xi64>
}

func.func @main(%x: memref<5x10000x1xf32>, %d: memref<?x?x?xf64>, %a: memref<5x7x1xf32>,
    %y: memref<5x1xf32> {etch.result = 0 : i64}, %p: memref<5x10000x1xf32> {etch.result = 1 : i64},
    %m: memref<?x?xf64> {etch.result = 2 : i64}, %i: memref<5x1xi64> {etch.result = 3 : i64},
    %c: memref<1x?x1024xf32>, %s: memref<1x1024xf32> {etch.result = 4 : i64},
    %arena: memref<?xi8> {etch.arena}) {
  device.launch @k0 ins(%x : memref<5x10000x1xf32>) outs(%y, %p : memref<5x1xf32>, memref<5x10000x1xf32>)
  device.launch @k1 ins(%d : memref<?x?x?xf64>) outs(%m : memref<?x?xf64>)
  device.launch @k3 ins(%c : memref<1x?x1024xf32>) outs(%s : memref<1x1024xf32>)
  device.launch @k2 ins(%a : memref<5x7x1xf32>) outs(%i : memref<5x1xi64>)
  return
}

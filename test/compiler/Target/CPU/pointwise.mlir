// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=256 stop=loops" | FileCheck %s --check-prefix=AVX2
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 name=net query=net_query hash=7" | FileCheck %s --check-prefix=LLVM

// One loop over all elements, a unit of work is a vector; 1000 is 62 of them and
// a half, which a small body peels off.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK: scf.for
// CHECK: llvm.load {{.*}} -> vector<16xf32>
// CHECK: arith.addf {{.*}} : vector<16xf32>
// CHECK: llvm.store {{.*}} : vector<16xf32>
// CHECK: llvm.intr.masked.load
// CHECK: llvm.intr.masked.store
// AVX2-LABEL: llvm.func internal @k0(
// AVX2: arith.addf {{.*}} : vector<8xf32>
func.func private @k0(%x: tensor<10x100xf32>, %w: tensor<10x100xf32>)
    -> tensor<10x100xf32> attributes {etch.kernel} {
  %0 = etch.add %x, %w : (tensor<10x100xf32>, tensor<10x100xf32>) -> tensor<10x100xf32>
  return %0 : tensor<10x100xf32>
}

// A row is repeated: two loops. The scalar is loaded once for each row.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK: scf.for
// CHECK: llvm.load {{.*}} -> f32
// CHECK: scf.for
// CHECK: llvm.load {{.*}} -> vector<16xf32>
// CHECK: arith.mulf {{.*}} : vector<16xf32>
// CHECK-NOT: masked
// CHECK: llvm.store
func.func private @k1(%row: tensor<32xf32>, %s: tensor<f32>)
    -> tensor<8x32xf32> attributes {etch.kernel} {
  %0 = etch.broadcast_to %row {shape = array<i64: 8, 32>} : (tensor<32xf32>) -> tensor<8x32xf32>
  %1 = etch.broadcast_to %s {shape = array<i64: 8, 32>} : (tensor<f32>) -> tensor<8x32xf32>
  %2 = etch.mul %0, %1 : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  return %2 : tensor<8x32xf32>
}

// Symbolic extents and strides: both are slots of the closure.
// CHECK-LABEL: llvm.func internal @k2(
// CHECK: llvm.intr.masked.gather
// CHECK: arith.cmpf olt, {{.*}} : vector<16xf32>
// CHECK: arith.extui {{.*}} : vector<16xi1> to vector<16xi8>
func.func private @k2(%x: tensor<?xf32> {etch.strided}, %w: tensor<?xf32>)
    -> tensor<?xi1> attributes {etch.kernel} {
  %0 = etch.less %x, %w : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xi1>
  return %0 : tensor<?xi1>
}

func.func private @arena_bytes(%x: memref<10x100xf32>, %row: memref<32xf32>, %s: memref<f32>,
    %v: memref<?xf32, strided<[?]>>, %d: memref<?xf32>,
    %y: memref<10x100xf32>, %z: memref<8x32xf32>, %b: memref<?xi1>, %arena: memref<?xi8>) -> i64 {
  %c0 = arith.constant 0 : index
  %n = memref.dim %d, %c0 : memref<?xf32>
  %four = arith.constant 4 : index
  %bytes = arith.muli %n, %four : index
  %r = arith.index_cast %bytes : index to i64
  return %r : i64
}

// Small launches are calls; the one of unknown size may go to the host's threads,
// which one function decides for all launches.
// CHECK-LABEL: llvm.func internal @etch.task
// CHECK-LABEL: llvm.func internal @etch.launch
// CHECK: scf.if
// CHECK: llvm.mlir.addressof @etch.task
// CHECK: else
// CHECK: llvm.call %arg2
// CHECK-LABEL: llvm.func internal @etch.sizes
// CHECK-LABEL: llvm.func internal @etch.arena_bytes
// CHECK: llvm.call @etch.sizes
// CHECK-LABEL: llvm.func internal @etch.run
// CHECK: llvm.call @etch.sizes
// CHECK: llvm.call_intrinsic "llvm.x86.sse.stmxcsr"
// CHECK: llvm.call_intrinsic "llvm.x86.sse.ldmxcsr"
// CHECK: llvm.call @k0
// CHECK: llvm.call @k1
// CHECK: llvm.intr.memcpy
// CHECK-NOT: scf.if
// CHECK: %[[K2:.*]] = llvm.mlir.addressof @k2
// CHECK: llvm.call @etch.launch(%{{.*}}, %{{.*}}, %[[K2]]
// CHECK: llvm.call_intrinsic "llvm.x86.sse.ldmxcsr"
// CHECK: llvm.func @etch_query

// LLVM: llvm.mlir.global internal constant @etch.strings
// LLVM: llvm.mlir.global internal constant @etch.args
// LLVM: llvm.func @net_query(%{{.*}}: i32) -> !llvm.ptr
// LLVM-NOT: scf.
// LLVM-NOT: arith.
// LLVM-NOT: func.func
func.func @main(%x: memref<10x100xf32> {etch.name = "x", etch.state, etch.update = 0 : i64},
    %row: memref<32xf32>, %s: memref<f32> {etch.literal},
    %v: memref<?xf32, strided<[?]>> {etch.strided}, %d: memref<?xf32>,
    %y: memref<10x100xf32> {etch.result = 1 : i64}, %z: memref<8x32xf32> {etch.result = 2 : i64},
    %b: memref<?xi1> {etch.result = 3 : i64}, %arena: memref<?xi8> {etch.arena}) {
  device.launch @k0 ins(%x, %x : memref<10x100xf32>, memref<10x100xf32>) outs(%y : memref<10x100xf32>) loc("site":3:0)
  device.launch @k1 ins(%row, %s : memref<32xf32>, memref<f32>) outs(%z : memref<8x32xf32>) loc("site":4:0)
  memref.copy %y, %x : memref<10x100xf32> to memref<10x100xf32>
  device.launch @k2 ins(%v, %d : memref<?xf32, strided<[?]>>, memref<?xf32>) outs(%b : memref<?xi1>) loc("site":5:0)
  return
}

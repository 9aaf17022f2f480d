// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=256 stop=loops" | FileCheck %s --check-prefix=AVX2

// Eight rows by two vectors of accumulators. The rows of x lie along K and are
// read where they are; panels of w pass by, fetched ahead. Bias and relu of a
// whole tile follow its registers: no loop, one store of each vector.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK-NOT: llvm.shufflevector
// The lines of the result are fetched before, to be written.
// CHECK: scf.for {{.*}} = %c0_i64 to %c512_i64 step %c8_i64
// CHECK: scf.for {{.*}} step %c32_i64
// CHECK-COUNT-16: rw = 1
// The first eight rows read w where it is, and pack it; what follows the sums is
// written once.
// CHECK: scf.if
// CHECK: scf.for {{.*}} -> ({{.*vector<16xf32>, vector<16xf32>}})
// CHECK-COUNT-2: llvm.store {{.*}} vector<16xf32>
// CHECK-COUNT-16: math.fma
// CHECK: scf.yield
// CHECK: } else {
// CHECK: scf.for {{.*}} -> ({{.*vector<16xf32>, vector<16xf32>}})
// CHECK-COUNT-2: rw = 0
// CHECK-NOT: llvm.intr.prefetch
// CHECK-COUNT-16: math.fma
// CHECK: scf.yield
// CHECK: scf.if
// CHECK-NOT: scf.for
// CHECK-COUNT-16: arith.cmpf
// CHECK-NOT: arith.cmpf
// CHECK: } else {
// AVX2-LABEL: llvm.func internal @k0(
// AVX2: scf.for {{.*}} -> ({{.*vector<8xf32>, vector<8xf32>}})
func.func private @k0(%x: tensor<512x512xf32>, %w: tensor<512x512xf32>, %b: tensor<512xf32>)
    -> tensor<512x512xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<512x512xf32>, tensor<512x512xf32>) -> tensor<512x512xf32>
  %1 = etch.broadcast_to %b {shape = array<i64: 512, 512>} : (tensor<512xf32>) -> tensor<512x512xf32>
  %2 = etch.add %0, %1 : (tensor<512x512xf32>, tensor<512x512xf32>) -> tensor<512x512xf32>
  %3 = etch.relu %2 : (tensor<512x512xf32>) -> tensor<512x512xf32>
  return %3 : tensor<512x512xf32>
}

// A transposed operand is other strides: x is read along its rows, no shuffles.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK-NOT: llvm.shufflevector
// CHECK: math.fma
// CHECK: llvm.return
func.func private @k1(%x: tensor<512x512xf32>, %w: tensor<512x512xf32>)
    -> tensor<512x512xf32> attributes {etch.kernel} {
  %0 = etch.transpose %x {permutation = array<i64: 1, 0>} : (tensor<512x512xf32>) -> tensor<512x512xf32>
  %1 = etch.matmul %0, %w : (tensor<512x512xf32>, tensor<512x512xf32>) -> tensor<512x512xf32>
  return %1 : tensor<512x512xf32>
}

// Small: x is not packed, ten rows of one vector; nothing to fetch ahead.
// CHECK-LABEL: llvm.func internal @k2(
// CHECK-NOT: rw = 0
// CHECK: scf.for {{.*}} -> ({{.*vector<16xf32>, vector<16xf32>}})
// CHECK-COUNT-10: math.fma
// CHECK: scf.yield
func.func private @k2(%x: tensor<100x784xf32>, %w: tensor<784x10xf32>)
    -> tensor<100x10xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<100x784xf32>, tensor<784x10xf32>) -> tensor<100x10xf32>
  return %0 : tensor<100x10xf32>
}

// Symbolic extents: one row by one column is decided at run time.
// CHECK-LABEL: llvm.func internal @k3(
// CHECK: scf.if
// CHECK: arith.mulf {{.*}} : vector<16xf64>
// CHECK: } else {
// CHECK: math.fma {{.*}} : vector<8xf64>
func.func private @k3(%x: tensor<?x?xf64> {etch.strided = [1]}, %w: tensor<?x?xf64> {etch.strided})
    -> tensor<?x?xf64> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<?x?xf64>, tensor<?x?xf64>) -> tensor<?x?xf64>
  return %0 : tensor<?x?xf64>
}

// Rows of x that are 4 kB apart would meet in the same lines of the caches: they
// are packed through a transpose in registers. Three rows: those of w are read
// where they are, in vectors as many as there are registers for.
// CHECK-LABEL: llvm.func internal @k4(
// CHECK: llvm.shufflevector
// CHECK-LABEL: llvm.func internal @k5(
// CHECK-NOT: llvm.shufflevector
// CHECK-COUNT-24: math.fma
// CHECK: scf.yield
// Three vectors of nine rows: 63 rows and 48 columns without a remainder. All
// of w is small enough to be read where it is.
// CHECK-LABEL: llvm.func internal @k6(
// CHECK-NOT: llvm.intr.prefetch{{.*}} rw = 0
// CHECK: scf.for {{.*}} step %c9_i64
// CHECK-COUNT-27: math.fma
// CHECK: scf.yield
func.func private @k4(%x: tensor<512x1024xf32>, %w: tensor<1024x512xf32>)
    -> tensor<512x512xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<512x1024xf32>, tensor<1024x512xf32>) -> tensor<512x512xf32>
  return %0 : tensor<512x512xf32>
}
func.func private @k5(%x: tensor<3x256xf32>, %w: tensor<256x512xf32>)
    -> tensor<3x512xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<3x256xf32>, tensor<256x512xf32>) -> tensor<3x512xf32>
  return %0 : tensor<3x512xf32>
}
func.func private @k6(%x: tensor<63x48xf32>, %w: tensor<48x48xf32>)
    -> tensor<63x48xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<63x48xf32>, tensor<48x48xf32>) -> tensor<63x48xf32>
  return %0 : tensor<63x48xf32>
}

// The arena holds the scratch memory of all workers.
// CHECK-LABEL: llvm.func internal @etch.arena_bytes
// CHECK: arith.muli
func.func @main(%x: memref<512x512xf32>, %w: memref<512x512xf32>, %b: memref<512xf32>,
    %s: memref<100x784xf32>, %t: memref<784x10xf32>,
    %p: memref<?x?xf64, strided<[?, ?]>>, %q: memref<?x?xf64, strided<[?, ?]>>,
    %y: memref<512x512xf32> {etch.result = 0 : i64}, %z: memref<100x10xf32> {etch.result = 1 : i64},
    %v: memref<?x?xf64> {etch.result = 2 : i64}, %arena: memref<?xi8> {etch.arena})
    {
  device.launch @k0 ins(%x, %w, %b : memref<512x512xf32>, memref<512x512xf32>, memref<512xf32>) outs(%y : memref<512x512xf32>)
  device.launch @k1 ins(%x, %w : memref<512x512xf32>, memref<512x512xf32>) outs(%y : memref<512x512xf32>)
  device.launch @k2 ins(%s, %t : memref<100x784xf32>, memref<784x10xf32>) outs(%z : memref<100x10xf32>)
  device.launch @k3 ins(%p, %q : memref<?x?xf64, strided<[?, ?]>>, memref<?x?xf64, strided<[?, ?]>>) outs(%v : memref<?x?xf64>)
  return
}

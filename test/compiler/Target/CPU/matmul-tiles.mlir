// How the result is cut into tiles, units of work.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// Tiles are about as large as each other: 2100 rows are two tiles of 1056, not
// one of 2048 and one of 52. Here are enough of them whoever runs it: nobody is asked
// how many workers there are (slot 6 of the closure).
// CHECK-LABEL: llvm.func internal @k0(
// CHECK-NOT: llvm.getelementptr %arg0[%c48_i64]
// CHECK: arith.remui %{{.*}}, %c2_i64
// CHECK: arith.muli %{{.*}}, %c1056_i64
func.func private @k0(%x: tensor<2100x512xf32>, %w: tensor<512x2048xf32>)
    -> tensor<2100x2048xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<2100x512xf32>, tensor<512x2048xf32>) -> tensor<2100x2048xf32>
  return %0 : tensor<2100x2048xf32>
}

// Rows that meet in the nearest cache are packed one panel at a time, just
// before all columns pass by.
// CHECK-LABEL: llvm.func internal @k4(
// CHECK: scf.for {{.*}} step %c256_i64
// CHECK: scf.for {{.*}} step %c8_i64
// CHECK: llvm.shufflevector
// CHECK: scf.for {{.*}} step %c32_i64
// CHECK: math.fma
func.func private @k4(%x: tensor<512x1024xf32>, %w: tensor<1024x512xf32>)
    -> tensor<512x512xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<512x1024xf32>, tensor<1024x512xf32>) -> tensor<512x512xf32>
  return %0 : tensor<512x512xf32>
}

// One tile for one worker, which packs everything once; quarters for several.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK: llvm.getelementptr %arg0[%c48_i64]
// CHECK: arith.cmpi ne
// CHECK: arith.select %{{.*}}, %c256_i64, %c512_i64
func.func private @k1(%x: tensor<512x512xf32>, %w: tensor<512x512xf32>)
    -> tensor<512x512xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<512x512xf32>, tensor<512x512xf32>) -> tensor<512x512xf32>
  return %0 : tensor<512x512xf32>
}

// Few rows: while they pass by, the next block of columns comes into the second
// cache, a line every few steps, one after the other along a tile's rows, 16
// lines of 256 columns. The multiplication's loop has no other branch.
// Rows of x are nearly 4 kB apart, but their blocks of K overlap in the nearest
// cache by less than it holds: they are read where they are.
// CHECK-LABEL: llvm.func internal @k2(
// CHECK-NOT: llvm.shufflevector
// CHECK: scf.for {{.*}} iter_args
// CHECK: scf.if
// CHECK: scf.if
// CHECK: %[[NUMBER:.*]] = arith.divui %{{.*}}, %c4294967296_i64
// CHECK: arith.muli %[[NUMBER]], %c16_i64
// CHECK: arith.muli %[[NUMBER]], %c1000_i64
// CHECK: "llvm.intr.prefetch"(%{{.*}}) <{cache = 1 : i32, hint = 2 : i32, rw = 0 : i32}>
// CHECK-NEXT: }
// CHECK-NEXT: }
// CHECK-COUNT-20: math.fma
// CHECK: scf.yield
func.func private @k2(%x: tensor<100x1000xf32>, %w: tensor<1000x1000xf32>)
    -> tensor<100x1000xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<100x1000xf32>, tensor<1000x1000xf32>) -> tensor<100x1000xf32>
  return %0 : tensor<100x1000xf32>
}

// Of an open number of rows, sums of the last register tile, a partial one,
// wait in scratch memory: the result has no room for rows behind the last.
// CHECK-LABEL: llvm.func internal @k3(
// CHECK: arith.cmpi eq
// CHECK: arith.select {{.*}} : !llvm.ptr
// CHECK-LABEL: llvm.func internal @k5(
func.func private @k3(%x: tensor<?x512xf32>, %w: tensor<512x64xf32>)
    -> tensor<?x64xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<?x512xf32>, tensor<512x64xf32>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// 97 rows are seven panels of eleven and two of ten: none is partial. The first
// one packs the columns, the others take two steps at a time.
// CHECK: scf.for {{.*}} = %c0_i64 to %c7_i64 step
// CHECK: :22 = scf.if
// CHECK-COUNT-22: math.fma
// CHECK: } else {
// CHECK-COUNT-44: math.fma
// CHECK: scf.for {{.*}} = %c7_i64 to %c9_i64 step
// CHECK-COUNT-40: math.fma
// CHECK-NOT: math.fma
// CHECK-LABEL: llvm.func internal @k6(
func.func private @k5(%x: tensor<97x1024xf32>, %w: tensor<1024x512xf32>)
    -> tensor<97x512xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<97x1024xf32>, tensor<1024x512xf32>) -> tensor<97x512xf32>
  return %0 : tensor<97x512xf32>
}

// Few columns: rows that lie side by side are packed while the first of those
// use them. The first tile packs both.
// CHECK: scf.for {{.*}} -> ({{.*vector<16xf32>}})
// CHECK: llvm.store {{.*}} vector<8xf32>
// CHECK-COUNT-16: math.fma
// CHECK: scf.yield
// CHECK: scf.for {{.*}} -> ({{.*vector<16xf32>}})
// CHECK-NOT: llvm.store {{.*}} vector<8xf32>
// CHECK-COUNT-16: math.fma
// CHECK: scf.yield
// CHECK: scf.for {{.*}} -> ({{.*vector<16xf32>}})
// CHECK: llvm.store {{.*}} vector<8xf32>
// CHECK-COUNT-16: math.fma
// CHECK: scf.yield
// CHECK-COUNT-32: math.fma
// CHECK-NOT: math.fma
// CHECK-LABEL: llvm.func internal @k7(
func.func private @k6(%x: tensor<4096x64xf32>, %w: tensor<4096x64xf32>)
    -> tensor<64x64xf32> attributes {etch.kernel} {
  %0 = etch.transpose %x {permutation = array<i64: 1, 0>} : (tensor<4096x64xf32>) -> tensor<64x4096xf32>
  %1 = etch.matmul %0, %w : (tensor<64x4096xf32>, tensor<4096x64xf32>) -> tensor<64x64xf32>
  return %1 : tensor<64x64xf32>
}

// So are they where there are many columns: a panel of them stays near, which all
// rows at once would not. Operands like the result are not what its sums meet:
// only its own lines are fetched ahead of a tile.
// CHECK: scf.for {{.*}} step %c256_i64
// CHECK: scf.for {{.*}} step %c8_i64
// CHECK-COUNT-16: "llvm.intr.prefetch"(%{{.*}}) <{{{.*}}rw = 1 : i32}>
// CHECK-NOT: llvm.intr.prefetch
// CHECK: scf.if
// CHECK: scf.for {{.*}} -> ({{.*vector<16xf32>}})
// CHECK: llvm.store {{.*}} vector<8xf32>
// CHECK: "llvm.intr.prefetch"(%{{.*}}) <{{{.*}}rw = 0 : i32}>
// CHECK-COUNT-16: math.fma
// CHECK: } else {
// CHECK-COUNT-32: math.fma
// CHECK-NOT: math.fma
// CHECK-LABEL: llvm.func internal @etch.task
func.func private @k7(%x: tensor<2048x2048xf32>, %w: tensor<2048x2048xf32>)
    -> tensor<2048x2048xf32> attributes {etch.kernel} {
  %0 = etch.transpose %x {permutation = array<i64: 1, 0>} : (tensor<2048x2048xf32>) -> tensor<2048x2048xf32>
  %1 = etch.matmul %0, %w : (tensor<2048x2048xf32>, tensor<2048x2048xf32>) -> tensor<2048x2048xf32>
  return %1 : tensor<2048x2048xf32>
}

func.func @main(%arena: memref<?xi8> {etch.arena}) {
  return
}

// How many columns a tile has where one thread has all of them: packed, they
// fill half of the core's second cache.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops cache-bytes=2097152" | FileCheck %s --check-prefixes=LARGE,CHECK
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s --check-prefixes=SMALL,CHECK

// Several threads share the work in tiles of 512 columns, or halves of those,
// whatever the cache.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK: llvm.getelementptr %arg0[%c48_i64]
// CHECK: arith.select %{{.*}}, %c256_i64, %c512_i64
// LARGE-NEXT: arith.select %{{.*}}, %{{.*}}, %c1024_i64
// SMALL-NEXT: arith.select %{{.*}}, %{{.*}}, %c512_i64
func.func private @k0(%x: tensor<1024x1024xf32>, %w: tensor<1024x1024xf32>)
    -> tensor<1024x1024xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<1024x1024xf32>, tensor<1024x1024xf32>) -> tensor<1024x1024xf32>
  return %0 : tensor<1024x1024xf32>
}

// Few rows that are read where they lie: 256 columns, however many threads.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK-NOT: c512_i64
// CHECK: arith.muli %{{.*}}, %c256_i64
// CHECK-NOT: c512_i64
// CHECK: math.fma
func.func private @k1(%x: tensor<100x1000xf32>, %w: tensor<1000x1000xf32>)
    -> tensor<100x1000xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<100x1000xf32>, tensor<1000x1000xf32>) -> tensor<100x1000xf32>
  return %0 : tensor<100x1000xf32>
}

// Sums that meet others behind the product wait in scratch memory, which stays
// as small as it was.
// CHECK-LABEL: llvm.func internal @k2(
// CHECK: arith.select %{{.*}}, %c256_i64, %c512_i64
// CHECK-NEXT: arith.select %{{.*}}, %{{.*}}, %c512_i64
func.func private @k2(%x: tensor<1024x1024xf32>, %w: tensor<1024x1024xf32>)
    -> (tensor<1024x1024xf32>, tensor<1024x1024xf32>) attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<1024x1024xf32>, tensor<1024x1024xf32>) -> tensor<1024x1024xf32>
  %1 = etch.exp %0 : (tensor<1024x1024xf32>) -> tensor<1024x1024xf32>
  return %0, %1 : tensor<1024x1024xf32>, tensor<1024x1024xf32>
}

// Rows that lie side by side are packed in panels of whole lines: eight rows by
// three vectors rather than ten, which are padded to sixteen, by two.
// CHECK-LABEL: llvm.func internal @k3(
// CHECK: scf.for {{.*}} = %c0_i64 to %c1000_i64 step %c8_i64
// CHECK: scf.for {{.*}} = %c0_i64 to {{.*}} step %c48_i64
// CHECK: iter_args
// CHECK-COUNT-24: math.fma
// CHECK-NOT: math.fma
// CHECK: scf.yield
func.func private @k3(%x: tensor<100x1000xf32>, %w: tensor<100x1000xf32>)
    -> tensor<1000x1000xf32> attributes {etch.kernel} {
  %0 = etch.transpose %x {permutation = array<i64: 1, 0>} : (tensor<100x1000xf32>) -> tensor<1000x100xf32>
  %1 = etch.matmul %0, %w : (tensor<1000x100xf32>, tensor<100x1000xf32>) -> tensor<1000x1000xf32>
  return %1 : tensor<1000x1000xf32>
}

// Rows that lie side by side and fill more than that cache: two panels are
// packed from whole lines, for which the next line is on its way.
// CHECK-LABEL: llvm.func internal @k4(
// SMALL: arith.remui %{{.*}}, %c2_i64
// SMALL: llvm.shufflevector %[[LINE:[0-9]+]], %{{[0-9]+}} [0, 1, 2, 3, 4, 5, 6, 7]
// SMALL: llvm.store {{.*}} : vector<8xf32>
// SMALL: llvm.shufflevector %[[LINE]], %[[LINE]] [8, 9, 10, 11, 12, 13, 14, 15]
// SMALL: llvm.store {{.*}} : vector<8xf32>
// SMALL: "llvm.intr.prefetch"({{.*}}) <{cache = 1 : i32, hint = 3 : i32, rw = 0 : i32}>
// SMALL: "llvm.intr.prefetch"({{.*}}) <{cache = 1 : i32, hint = 2 : i32, rw = 0 : i32}>
// LARGE-NOT: llvm.shufflevector
func.func private @k4(%x: tensor<1024x512xf32>, %w: tensor<1024x512xf32>)
    -> tensor<512x512xf32> attributes {etch.kernel} {
  %0 = etch.transpose %x {permutation = array<i64: 1, 0>} : (tensor<1024x512xf32>) -> tensor<512x1024xf32>
  %1 = etch.matmul %0, %w : (tensor<512x1024xf32>, tensor<1024x512xf32>) -> tensor<512x512xf32>
  return %1 : tensor<512x512xf32>
}

// As many as come: whether there are few is asked at run time. Eight rows, which
// need not be packed, by two vectors.
// CHECK-LABEL: llvm.func internal @k5(
// CHECK: %[[FEW:.*]] = arith.cmpi sle, %{{.*}}, %c256_i64
// CHECK-NEXT: arith.select %[[FEW]], %c256_i64, %{{.*}}
// CHECK: scf.for {{.*}} step %c8_i64
// CHECK: scf.for {{.*}} step %c32_i64
// CHECK: iter_args
// CHECK-COUNT-32: math.fma
// CHECK-NOT: math.fma
// CHECK: scf.yield
func.func private @k5(%x: tensor<?x784xf32>, %w: tensor<784x1000xf32>)
    -> tensor<?x1000xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<?x784xf32>, tensor<784x1000xf32>) -> tensor<?x1000xf32>
  return %0 : tensor<?x1000xf32>
}

func.func @main(%arena: memref<?xi8> {etch.arena}) {
  return
}

// One row by a matrix that comes from memory: four of its rows are read side by
// side from end to end, and the next four fetched, while sums wait in scratch
// memory.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// CHECK-LABEL: llvm.func internal @k0(
// CHECK: scf.for {{.*}} step %c4096_i64 : i64 {
// CHECK: scf.for {{.*}} step %c256_i64 : i64 {
// CHECK: scf.for {{.*}} step %c16_i64 : i64 {
// CHECK: llvm.store
// CHECK: scf.for {{.*}} step %c4_i64 : i64 {
// CHECK-COUNT-4: vector.broadcast
// CHECK: scf.for {{.*}} step %c16_i64 : i64 {
// CHECK-COUNT-4: llvm.intr.prefetch
// CHECK-COUNT-4: math.fma
// CHECK-NEXT: llvm.store {{.*}} vector<16xf32>
// CHECK-NEXT: }
func.func private @k0(%x: tensor<1x25088xf32>, %w: tensor<25088x4096xf32>)
    -> tensor<1x4096xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<1x25088xf32>, tensor<25088x4096xf32>) -> tensor<1x4096xf32>
  return %0 : tensor<1x4096xf32>
}

// An open number of rows: one, up to eight, or panels. Of more than four rows
// sums stay in registers for sixteen rows of the matrix, a few columns at a time.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK: arith.cmpi ult, {{.*}}, %c8_i64
// CHECK: scf.if
// CHECK: scf.if
// CHECK: scf.for {{.*}} step %c4_i64 : i64 {
// CHECK-COUNT-4: math.fma
// CHECK: } else {
// CHECK: scf.for {{.*}} step %c16_i64 : i64 {
// CHECK-COUNT-16: math.fma
// CHECK: } else {
// CHECK: llvm.intr.prefetch
func.func private @k1(%x: tensor<?x1024xf32>, %w: tensor<1024x1024xf32>)
    -> tensor<?x1024xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<?x1024xf32>, tensor<1024x1024xf32>) -> tensor<?x1024xf32>
  return %0 : tensor<?x1024xf32>
}

// What the caches hold anyway is no such matrix.
// CHECK-LABEL: llvm.func internal @k2(
// CHECK-NOT: step %c4_i64
// CHECK: llvm.return
func.func private @k2(%x: tensor<1x256xf32>, %w: tensor<256x512xf32>)
    -> tensor<1x512xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<1x256xf32>, tensor<256x512xf32>) -> tensor<1x512xf32>
  return %0 : tensor<1x512xf32>
}

func.func @main(%arena: memref<?xi8> {etch.arena}) {
  return
}

// 257 columns: eight panels of two vectors, and for the last column a register
// tile of one. Only the last one's columns are masked.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// CHECK-LABEL: llvm.func internal @k0(
// CHECK: scf.for {{.*}} step %c8_i64
// CHECK: scf.for {{.*}} step %c32_i64
// CHECK: scf.for {{.*}} -> ({{.*vector<16xf32>, vector<16xf32>}})
// CHECK-COUNT-16: math.fma
// CHECK-NEXT: scf.yield
// CHECK: } else {
// CHECK-COUNT-32: math.fma
// CHECK-NEXT: scf.yield
// CHECK-COUNT-16: llvm.store
// CHECK: scf.for {{.*}} step %c32_i64
// CHECK: scf.for {{.*}} -> ({{.*vector<16xf32>, vector<16xf32>}})
// CHECK-COUNT-8: math.fma
// CHECK-NEXT: scf.yield
// CHECK: } else {
// CHECK-COUNT-16: math.fma
// CHECK-NEXT: scf.yield
// CHECK-COUNT-8: llvm.intr.masked.store
// CHECK-LABEL: llvm.func internal @k1(
func.func private @k0(%x: tensor<256x256xf32>, %w: tensor<256x257xf32>)
    -> tensor<256x257xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<256x256xf32>, tensor<256x257xf32>) -> tensor<256x257xf32>
  return %0 : tensor<256x257xf32>
}

// Of many columns a few too many are not worth more code: there is one tile for
// the rows that pack the columns, one for the others, which takes two steps at a
// time.
// CHECK-COUNT-60: math.fma
// CHECK-NOT: math.fma
// CHECK: llvm.return
func.func private @k1(%x: tensor<100x256xf32>, %w: tensor<256x1000xf32>)
    -> tensor<100x1000xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<100x256xf32>, tensor<256x1000xf32>) -> tensor<100x1000xf32>
  return %0 : tensor<100x1000xf32>
}

// Of few steps tiles of eight rows by three vectors are as good as those of
// fourteen by two, and leave fewer of these columns unused.
// CHECK-LABEL: llvm.func internal @k2(
// CHECK: scf.for {{.*}} step %c8_i64
// CHECK: scf.for {{.*}} step %c48_i64
// CHECK: :24 = scf.if
// CHECK-COUNT-24: math.fma
func.func private @k2(%x: tensor<100x784xf32>, %w: tensor<100x1000xf32>)
    -> tensor<784x1000xf32> attributes {etch.kernel} {
  %0 = etch.transpose %x {permutation = array<i64: 1, 0>} : (tensor<100x784xf32>) -> tensor<784x100xf32>
  %1 = etch.matmul %0, %w : (tensor<784x100xf32>, tensor<100x1000xf32>) -> tensor<784x1000xf32>
  return %1 : tensor<784x1000xf32>
}

func.func @main(%arena: memref<?xi8> {etch.arena}) {
  return
}

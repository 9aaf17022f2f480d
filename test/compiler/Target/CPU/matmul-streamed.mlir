// Few rows by a matrix that no near cache holds: it is read where it lies,
// thirty-two of its rows side by side from end to end, while sums wait in scratch
// memory.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// One tile of rows fetches the next columns meanwhile.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK: scf.for {{.*}} to %c25088_i64 step %c256_i64
// CHECK: scf.for {{.*}} step %c32_i64
// CHECK: scf.for {{.*}} to %c32_i64 step %c1_i64
// CHECK: arith.addi {{.*}}, %c32_i64
// CHECK: llvm.intr.prefetch
// CHECK: arith.addi {{.*}}, %c48_i64
// CHECK: llvm.intr.prefetch
// CHECK-COUNT-2: math.fma
// CHECK-NEXT: scf.yield
// CHECK-COUNT-2: llvm.store {{.*}} : vector<16xf32>
func.func private @k0(%x: tensor<1x25088xf32>, %w: tensor<25088x4096xf32>)
    -> tensor<1x4096xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<1x25088xf32>, tensor<25088x4096xf32>) -> tensor<1x4096xf32>
  return %0 : tensor<1x4096xf32>
}

// As many rows as there are registers for.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK: scf.for {{.*}} step %c32_i64
// CHECK: scf.for {{.*}} to %c32_i64 step %c1_i64
// CHECK-NOT: llvm.store
// CHECK-COUNT-2: llvm.intr.prefetch
// CHECK-COUNT-28: math.fma
// CHECK-NEXT: scf.yield
func.func private @k1(%x: tensor<14x1024xf32>, %w: tensor<1024x1024xf32>)
    -> tensor<14x1024xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<14x1024xf32>, tensor<1024x1024xf32>) -> tensor<14x1024xf32>
  return %0 : tensor<14x1024xf32>
}

// More: tiles of eleven and ten rows, the first of which copies what it reads for
// the others. Each fetches one of the two vectors of the next rows.
// CHECK-LABEL: llvm.func internal @k2(
// CHECK: scf.for {{.*}} to %c22_i64 step %c11_i64
// CHECK: arith.select {{.*}} : !llvm.ptr
// CHECK: scf.for {{.*}} to %c32_i64 step %c1_i64
// CHECK-COUNT-2: llvm.store {{.*}} : vector<16xf32>
// CHECK: llvm.intr.prefetch
// CHECK-NOT: llvm.intr.prefetch
// CHECK-COUNT-22: math.fma
// CHECK-NEXT: scf.yield
// CHECK: llvm.intr.prefetch
// CHECK-COUNT-20: math.fma
// CHECK-NEXT: scf.yield
func.func private @k2(%x: tensor<32x1024xf32>, %w: tensor<1024x1024xf32>)
    -> tensor<32x1024xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<32x1024xf32>, tensor<1024x1024xf32>) -> tensor<32x1024xf32>
  return %0 : tensor<32x1024xf32>
}

// An open number of rows: one, tiles of eight and four, or panels.
// CHECK-LABEL: llvm.func internal @k3(
// CHECK: arith.cmpi ult, {{.*}}, %c48_i64
// CHECK: scf.if
// CHECK: scf.if
// CHECK: scf.for {{.*}} to %c32_i64 step %c1_i64
// CHECK-COUNT-2: math.fma
// CHECK: } else {
// CHECK: scf.for {{.*}} step %c8_i64
// CHECK-COUNT-16: math.fma
// CHECK: scf.for {{.*}} step %c4_i64
// CHECK-COUNT-8: math.fma
// CHECK-NEXT: scf.yield
// CHECK: } else {
// CHECK: llvm.intr.prefetch
func.func private @k3(%x: tensor<?x1024xf32>, %w: tensor<1024x1024xf32>)
    -> tensor<?x1024xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<?x1024xf32>, tensor<1024x1024xf32>) -> tensor<?x1024xf32>
  return %0 : tensor<?x1024xf32>
}

// What the second cache holds is read so by an open number of rows alone, as
// panels for all of them suit few rows badly; up to sixteen.
// CHECK-LABEL: llvm.func internal @k4(
// CHECK: arith.cmpi ult, {{.*}}, %c16_i64
// CHECK-LABEL: llvm.func internal @k5(
// CHECK-NOT: to %c32_i64 step %c1_i64
// CHECK: llvm.return
func.func private @k4(%x: tensor<?x256xf32>, %w: tensor<256x512xf32>)
    -> tensor<?x512xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<?x256xf32>, tensor<256x512xf32>) -> tensor<?x512xf32>
  return %0 : tensor<?x512xf32>
}
func.func private @k5(%x: tensor<1x256xf32>, %w: tensor<256x512xf32>)
    -> tensor<1x512xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<1x256xf32>, tensor<256x512xf32>) -> tensor<1x512xf32>
  return %0 : tensor<1x512xf32>
}

// Sixteen registers have room for fewer rows.
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=256 stop=loops" | FileCheck --check-prefix=HALF %s
// HALF-LABEL: llvm.func internal @k1(
// HALF: scf.for {{.*}} to %c10_i64 step %c5_i64
// HALF-COUNT-10: math.fma
// HALF-NEXT: scf.yield

func.func @main(%arena: memref<?xi8> {etch.arena}) {
  return
}

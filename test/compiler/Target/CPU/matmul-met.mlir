// When what a register tile meets at its end is fetched.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// A tile of few steps, which would wait for so many lines at once: a row at a
// time, of the result and of what is added to it.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK: scf.for %[[ROW:.*]] = %c0_i64 to %c8_i64 step %c1_i64 {{.*}}iter_args
// CHECK-COUNT-2: "llvm.intr.prefetch"{{.*}}hint = 3 : i32, rw = 1
// CHECK-COUNT-2: "llvm.intr.prefetch"{{.*}}hint = 3 : i32, rw = 0
// CHECK: arith.cmpi eq, %[[ROW]], %c7_i64
// CHECK: scf.for
// CHECK-NOT: hint = 3 : i32, rw = 1
// CHECK: math.fma
func.func private @k0(%x: tensor<256x64xf32>, %w: tensor<64x3136xf32>, %r: tensor<256x3136xf32>)
    -> tensor<256x3136xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<256x64xf32>, tensor<64x3136xf32>) -> tensor<256x3136xf32>
  %1 = etch.add %0, %r : (tensor<256x3136xf32>, tensor<256x3136xf32>) -> tensor<256x3136xf32>
  return %1 : tensor<256x3136xf32>
}

// More steps hide them, and a small result is near: all at once.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK-COUNT-16: hint = 3 : i32, rw = 1
// CHECK-LABEL: llvm.func internal @k2(
// CHECK-COUNT-16: hint = 3 : i32, rw = 1
// CHECK: llvm.return
func.func private @k1(%x: tensor<256x256xf32>, %w: tensor<256x3136xf32>)
    -> tensor<256x3136xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<256x256xf32>, tensor<256x3136xf32>) -> tensor<256x3136xf32>
  return %0 : tensor<256x3136xf32>
}
func.func private @k2(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>)
    -> tensor<64x64xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %0 : tensor<64x64xf32>
}

func.func @main(%arena: memref<?xi8> {etch.arena}) {
  return
}

// Operands rounded to bfloat16, by tile registers where the machine lets them
// be used: blocks of 32 by 32, two tiles of rows by two of columns. Of a plain
// product whole blocks go from registers to the result.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 bf16 amx stop=loops" | FileCheck %s
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 bf16 stop=loops" | FileCheck %s --check-prefix=NONE

// CHECK-LABEL: llvm.func internal @k0(
// CHECK: scf.if
// CHECK: "llvm.x86.ldtilecfg"
// Columns: steps are pairs already, then rows, transposed in registers.
// CHECK: "llvm.x86.avx512bf16.cvtne2ps2bf16.512"
// CHECK: llvm.shufflevector
// CHECK: llvm.bitcast {{.*}} to vector<16xi32>
// CHECK: llvm.store {{.*}} : vector<16xi32>
// CHECK: "llvm.x86.avx512bf16.cvtne2ps2bf16.512"
// CHECK-COUNT-4: "llvm.x86.tilezero"
// CHECK: scf.for
// CHECK-COUNT-4: "llvm.x86.tdpbf16ps"
// CHECK: }
// CHECK-COUNT-4: "llvm.x86.tilestored64"
// CHECK-NOT: masked.store
// CHECK: "llvm.x86.tilerelease"
// CHECK: } else {
// CHECK-COUNT-16: math.fma
//
// NONE-LABEL: llvm.func internal @k0(
// NONE-NOT: llvm.x86
// NONE: arith.cmpf ord
// NONE: math.fma
// NONE-LABEL: llvm.func internal @k1(
func.func private @k0(%x: tensor<64x512xf32>, %w: tensor<512x64xf32>)
    -> tensor<64x64xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<64x512xf32>, tensor<512x64xf32>) -> tensor<64x64xf32>
  return %0 : tensor<64x64xf32>
}

// Of K = 2000 a block has a half: sums wait in between. What follows the last
// one reads them, row by row.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK: "llvm.x86.ldtilecfg"
// CHECK: scf.for
// CHECK: scf.if
// CHECK-COUNT-4: "llvm.x86.tilezero"
// CHECK: } else {
// CHECK-COUNT-4: "llvm.x86.tileloadd64"
// CHECK: "llvm.x86.tdpbf16ps"
// CHECK-COUNT-4: "llvm.x86.tilestored64"
// CHECK: scf.if
// CHECK: llvm.intr.masked.store
func.func private @k1(%x: tensor<40x2000xf32>, %w: tensor<2000x40xf32>, %b: tensor<40xf32>)
    -> tensor<40x40xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<40x2000xf32>, tensor<2000x40xf32>) -> tensor<40x40xf32>
  %1 = etch.broadcast_to %b {shape = array<i64: 40, 40>} : (tensor<40xf32>) -> tensor<40x40xf32>
  %2 = etch.add %0, %1 : (tensor<40x40xf32>, tensor<40x40xf32>) -> tensor<40x40xf32>
  return %2 : tensor<40x40xf32>
}

// Columns that are packed when the program is prepared are read as they are:
// only rows are rounded. They are more than the near caches hold and the rows
// few: what comes is fetched ahead.
// CHECK-LABEL: llvm.func internal @k3(
// CHECK: "llvm.x86.ldtilecfg"
// CHECK-COUNT-16: cvtne2ps2bf16
// CHECK-NOT: llvm.shufflevector
// CHECK: scf.for
// CHECK-COUNT-32: "llvm.intr.prefetch"(%{{.*}}) <{cache = 1 : i32, hint = 2 : i32, rw = 0 : i32}>
// CHECK-NOT: llvm.intr.prefetch
// CHECK-COUNT-4: "llvm.x86.tdpbf16ps"
// CHECK: "llvm.x86.tilerelease"
func.func private @k3(%x: tensor<32x4096xf32>, %w: tensor<4096x1024xf32>,
    %p: tensor<2097152xf32> {etch.packed = "1"}) -> tensor<32x1024xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<32x4096xf32>, tensor<4096x1024xf32>) -> tensor<32x1024xf32>
  return %0 : tensor<32x1024xf32>
}

// One row is multiplied as it is.
// CHECK-LABEL: llvm.func internal @k2(
// CHECK-NOT: llvm.x86
// CHECK-NOT: bf16
// CHECK: llvm.return
func.func private @k2(%x: tensor<1x512xf32>, %w: tensor<512x64xf32>)
    -> tensor<1x64xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<1x512xf32>, tensor<512x64xf32>) -> tensor<1x64xf32>
  return %0 : tensor<1x64xf32>
}

// Without tile registers sums wait in tiles of eight rows, as many as there is
// room for.
// CHECK-LABEL: llvm.func internal @k4(
// CHECK: "llvm.x86.tilerelease"
// CHECK: } else {
// CHECK: %[[COLUMNS:.*]] = arith.addi %{{.*}}, %c31_i64
// CHECK-NEXT: %[[EACH:.*]] = arith.divui %[[COLUMNS]], %c32_i64
// CHECK-NEXT: arith.muli %{{.*}}, %[[EACH]]
// CHECK-NEXT: arith.divui %{{.*}}, %c32_i64
// CHECK-NEXT: %[[TILE:.*]] = arith.addi
// CHECK-NEXT: %[[PLACE:.*]] = arith.muli %[[TILE]], %c256_i64
// CHECK-NEXT: llvm.getelementptr %{{.*}}[%[[PLACE]]] : (!llvm.ptr, i64) -> !llvm.ptr, f32
func.func private @k4(%x: tensor<1024x1024xf32>, %w: tensor<1024x1024xf32>)
    -> (tensor<1024x1024xf32>, tensor<1024x1024xf32>) attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<1024x1024xf32>, tensor<1024x1024xf32>) -> tensor<1024x1024xf32>
  %1 = etch.exp %0 : (tensor<1024x1024xf32>) -> tensor<1024x1024xf32>
  return %0, %1 : tensor<1024x1024xf32>, tensor<1024x1024xf32>
}

// Linux is asked once for each run.
// CHECK-LABEL: llvm.func internal @etch.run(
// CHECK: llvm.inline_asm has_side_effects "syscall"
// CHECK: llvm.return
func.func @main(%x: memref<64x512xf32>, %w: memref<512x64xf32>,
    %u: memref<1024x1024xf32>, %v: memref<1024x1024xf32>,
    %y: memref<64x64xf32> {etch.result = 0 : i64}, %z: memref<1024x1024xf32> {etch.result = 1 : i64},
    %q: memref<1024x1024xf32> {etch.result = 2 : i64}, %arena: memref<?xi8> {etch.arena}) {
  device.launch @k0 ins(%x, %w : memref<64x512xf32>, memref<512x64xf32>) outs(%y : memref<64x64xf32>)
  device.launch @k4 ins(%u, %v : memref<1024x1024xf32>, memref<1024x1024xf32>) outs(%z, %q : memref<1024x1024xf32>, memref<1024x1024xf32>)
  return
}

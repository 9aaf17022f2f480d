// How much code a product becomes.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=256 stop=loops" | FileCheck %s --check-prefix=AVX2

// A register tile of a narrower machine is smaller: twelve sums and what they
// are made of fill its sixteen registers. Sums wait in the result. Kernels keep
// a frame pointer: what registers lack room for is aligned behind it.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK-SAME: frame_pointer = #llvm.framePointerKind<all>
// AVX2-LABEL: llvm.func internal @k0(
// AVX2: scf.for {{.*}} -> (vector<8xf32>{{(, vector<8xf32>){11}[)]}} : i64
// AVX2: math.fma
// AVX2: llvm.return
func.func private @k0(%x: tensor<504x512xf32>, %w: tensor<512x512xf32>)
    -> tensor<504x512xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<504x512xf32>, tensor<512x512xf32>) -> tensor<504x512xf32>
  return %0 : tensor<504x512xf32>
}

// What follows the sums is written out for a whole register tile while it is
// short; six operations are a loop over its rows and vectors: the code of each is
// there once, for all panels and all ways to pack them.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK: math.fma
// CHECK: scf.if
// CHECK: scf.for
// CHECK: scf.for
// CHECK-COUNT-6: arith.negf {{.*}} : vector<16xf32>
// CHECK-NOT: arith.negf
// CHECK: llvm.return
func.func private @k1(%x: tensor<504x512xf32>, %w: tensor<512x512xf32>)
    -> tensor<504x512xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<504x512xf32>, tensor<512x512xf32>) -> tensor<504x512xf32>
  %1 = etch.neg %0 : (tensor<504x512xf32>) -> tensor<504x512xf32>
  %2 = etch.neg %1 : (tensor<504x512xf32>) -> tensor<504x512xf32>
  %3 = etch.neg %2 : (tensor<504x512xf32>) -> tensor<504x512xf32>
  %4 = etch.neg %3 : (tensor<504x512xf32>) -> tensor<504x512xf32>
  %5 = etch.neg %4 : (tensor<504x512xf32>) -> tensor<504x512xf32>
  %6 = etch.neg %5 : (tensor<504x512xf32>) -> tensor<504x512xf32>
  return %6 : tensor<504x512xf32>
}

// One operation is written out for each vector of the tile.
// CHECK-LABEL: llvm.func internal @k2(
// CHECK: math.fma
// CHECK: scf.if
// CHECK-NOT: scf.for
// CHECK-COUNT-16: arith.negf {{.*}} : vector<16xf32>
// CHECK: llvm.return
func.func private @k2(%x: tensor<504x512xf32>, %w: tensor<512x512xf32>)
    -> tensor<504x512xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<504x512xf32>, tensor<512x512xf32>) -> tensor<504x512xf32>
  %1 = etch.neg %0 : (tensor<504x512xf32>) -> tensor<504x512xf32>
  return %1 : tensor<504x512xf32>
}

// Columns that are packed already are neither packed nor copied.
// CHECK-LABEL: llvm.func internal @k3(
// CHECK-NOT: llvm.shufflevector
// CHECK: scf.for {{.*}} iter_args
// CHECK-NOT: llvm.store
// CHECK: math.fma
// CHECK: llvm.return
func.func private @k3(%x: tensor<256x512xf32>, %w: tensor<512x512xf32>, %p: tensor<262144xf32> {etch.packed = "1"})
    -> tensor<256x512xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<256x512xf32>, tensor<512x512xf32>) -> tensor<256x512xf32>
  return %0 : tensor<256x512xf32>
}

// A tile is of one product of a batch, which its number says.
// CHECK-LABEL: llvm.func internal @k4(
// CHECK: scf.for
// CHECK: arith.muli %{{.*}}, %c3072_i64
// CHECK: scf.for {{.*}} iter_args
// CHECK: llvm.return
func.func private @k4(%x: tensor<6x48x64xf32>, %w: tensor<6x64x96xf32>)
    -> tensor<6x48x96xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<6x48x64xf32>, tensor<6x64x96xf32>) -> tensor<6x48x96xf32>
  return %0 : tensor<6x48x96xf32>
}

func.func @main(%a0: memref<504x512xf32>, %a1: memref<512x512xf32>, %a2: memref<504x512xf32>,
    %a3: memref<512x512xf32>, %a4: memref<504x512xf32>, %a5: memref<512x512xf32>, %a6: memref<256x512xf32>,
    %a7: memref<512x512xf32>, %a8: memref<262144xf32>, %a9: memref<6x48x64xf32>, %a10: memref<6x64x96xf32>,
    %y0: memref<504x512xf32> {etch.result = 0 : i64}, %y1: memref<504x512xf32> {etch.result = 1 : i64},
    %y2: memref<504x512xf32> {etch.result = 2 : i64}, %y3: memref<256x512xf32> {etch.result = 3 : i64},
    %y4: memref<6x48x96xf32> {etch.result = 4 : i64}, %arena: memref<?xi8> {etch.arena}) {
  device.launch @k0 ins(%a0, %a1 : memref<504x512xf32>, memref<512x512xf32>) outs(%y0 : memref<504x512xf32>)
  device.launch @k1 ins(%a2, %a3 : memref<504x512xf32>, memref<512x512xf32>) outs(%y1 : memref<504x512xf32>)
  device.launch @k2 ins(%a4, %a5 : memref<504x512xf32>, memref<512x512xf32>) outs(%y2 : memref<504x512xf32>)
  device.launch @k3 ins(%a6, %a7, %a8 : memref<256x512xf32>, memref<512x512xf32>, memref<262144xf32>) outs(%y3 : memref<256x512xf32>)
  device.launch @k4 ins(%a9, %a10 : memref<6x48x64xf32>, memref<6x64x96xf32>) outs(%y4 : memref<6x48x96xf32>)
  return
}

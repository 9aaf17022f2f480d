// When the lanes of a convolution are filters.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// Tiles are fourteen places of a row by two vectors of filters: no lane is
// empty. Images are copied with their padding, filters are packed by the first
// unit of a range, sums are turned and then written a row of each channel. A
// turn of the innermost loop has four steps; one condition guards all sums of
// the blocks before; each tile fetches its own ones and a share of what is
// copied for the next block.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK: arith.ori
// CHECK: llvm.intr.masked.load
// CHECK: scf.if
// CHECK: llvm.shufflevector
// CHECK: scf.for {{.*}} step %c4_i64{{.*}} iter_args
// CHECK: "llvm.intr.prefetch"{{.*}}hint = 2
// CHECK: "llvm.intr.prefetch"{{.*}}hint = 2
// CHECK-COUNT-112: math.fma
// CHECK-NOT: math.fma
// CHECK: scf.yield
// CHECK: scf.if
// CHECK-NOT: arith.select
// CHECK-COUNT-28: arith.addf
// CHECK-NEXT: scf.yield
// CHECK: llvm.shufflevector
// CHECK: llvm.intr.masked.store
// CHECK: llvm.return
func.func private @k0(%x: tensor<?x256x14x14xf32>, %w: tensor<256x256x3x3xf32>, %n: index)
    -> tensor<?x256x14x14xf32> attributes {etch.kernel} {
  %0 = etch.conv2d %x, %w, %n {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: -9223372036854775808, 256, 14, 14>} : (tensor<?x256x14x14xf32>, tensor<256x256x3x3xf32>, index) -> tensor<?x256x14x14xf32>
  return %0 : tensor<?x256x14x14xf32>
}

// Images of few places are read where they lie, in pieces of a register tile:
// nine of fourteen places, one of what is left.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK: scf.for {{.*}} step %c4_i64{{.*}} iter_args
// CHECK-COUNT-112: math.fma
// CHECK-NOT: math.fma
// CHECK: scf.yield
// CHECK: scf.for {{.*}} step %c4_i64{{.*}} iter_args
// CHECK-COUNT-40: math.fma
// CHECK-NOT: math.fma
// CHECK: llvm.return
func.func private @k1(%x: tensor<?x512x1x131xf32>, %w: tensor<2048x512x1x1xf32>, %n: index)
    -> tensor<?x2048x1x131xf32> attributes {etch.kernel} {
  %0 = etch.conv2d %x, %w, %n {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: -9223372036854775808, 2048, 1, 131>} : (tensor<?x512x1x131xf32>, tensor<2048x512x1x1xf32>, index) -> tensor<?x2048x1x131xf32>
  return %0 : tensor<?x2048x1x131xf32>
}

// The smallest, only if their filters are packed already: places along the
// lanes, panels of several images.
// CHECK-LABEL: llvm.func internal @k5(
// CHECK: scf.for {{.*}} step %c48_i64
// CHECK: llvm.return
func.func private @k5(%x: tensor<?x512x7x7xf32>, %w: tensor<512x512x3x3xf32>, %n: index)
    -> tensor<?x512x7x7xf32> attributes {etch.kernel} {
  %0 = etch.conv2d %x, %w, %n {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: -9223372036854775808, 512, 7, 7>} : (tensor<?x512x7x7xf32>, tensor<512x512x3x3xf32>, index) -> tensor<?x512x7x7xf32>
  return %0 : tensor<?x512x7x7xf32>
}

// Strides of windows of one place: those places alone are copied, picked from
// two vectors, not gathered.
// CHECK-LABEL: llvm.func internal @k2(
// CHECK-NOT: llvm.intr.masked.gather
// CHECK: llvm.shufflevector
// CHECK-COUNT-112: math.fma
// CHECK: llvm.return
func.func private @k2(%x: tensor<?x256x56x56xf32>, %w: tensor<128x256x1x1xf32>, %n: index)
    -> tensor<?x128x28x28xf32> attributes {etch.kernel} {
  %0 = etch.conv2d %x, %w, %n {stride = array<i64: 2, 2>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: -9223372036854775808, 128, 28, 28>} : (tensor<?x256x56x56xf32>, tensor<128x256x1x1xf32>, index) -> tensor<?x128x28x28xf32>
  return %0 : tensor<?x128x28x28xf32>
}

// An odd chain: what four steps a turn leave has a loop of its own.
// CHECK-LABEL: llvm.func internal @k6(
// CHECK: scf.for {{.*}} step %c4_i64{{.*}} iter_args
// CHECK-COUNT-112: math.fma
// CHECK-NOT: math.fma
// CHECK: scf.for {{.*}} step %c1_i64{{.*}} iter_args
// CHECK-COUNT-28: math.fma
// CHECK-NOT: math.fma
// CHECK: llvm.return
func.func private @k6(%x: tensor<?x33x28x28xf32>, %w: tensor<64x33x3x3xf32>, %n: index)
    -> tensor<?x64x28x28xf32> attributes {etch.kernel} {
  %0 = etch.conv2d %x, %w, %n {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: -9223372036854775808, 64, 28, 28>} : (tensor<?x33x28x28xf32>, tensor<64x33x3x3xf32>, index) -> tensor<?x64x28x28xf32>
  return %0 : tensor<?x64x28x28xf32>
}

// Three vectors of filters by eight places, though lanes stay empty: 131 filters
// of 144. The sums of a place are settled before the numbers of the next one
// are loaded, or LLVM would load all of them first and lack registers.
// CHECK-LABEL: llvm.func internal @k7(
// CHECK: scf.for {{.*}} step %c4_i64{{.*}} iter_args
// CHECK-COUNT-3: math.fma
// CHECK-NOT: math.fma
// CHECK: llvm.inline_asm has_side_effects "", "=v,=v,=v,0,1,2"
// CHECK-COUNT-3: math.fma
// CHECK-NOT: math.fma
// CHECK: llvm.inline_asm has_side_effects "", "=v,=v,=v,0,1,2"
// CHECK: llvm.return
func.func private @k7(%x: tensor<31x127x29x29xf32>, %w: tensor<131x127x3x3xf32>)
    -> tensor<31x131x15x15xf32> attributes {etch.kernel} {
  %0 = etch.conv2d %x, %w {stride = array<i64: 2, 2>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 31, 131, 15, 15>} : (tensor<31x127x29x29xf32>, tensor<131x127x3x3xf32>) -> tensor<31x131x15x15xf32>
  return %0 : tensor<31x131x15x15xf32>
}

// The last block of the chain has 16 steps, its sums 24 lines: they are fetched
// before it, not within.
// CHECK-LABEL: llvm.func internal @k8(
// CHECK: scf.for {{.*}} to %c2_i64
// CHECK: scf.if
// CHECK-NEXT: "llvm.intr.prefetch"{{.*}}hint = 3 : i32, rw = 1
// CHECK-COUNT-23: "llvm.intr.prefetch"{{.*}}hint = 3 : i32, rw = 1
// CHECK-NEXT: {{^ +[}]}}
// CHECK: scf.for {{.*}} step %c4_i64{{.*}} iter_args
// CHECK: llvm.return
func.func private @k8(%x: tensor<16x144x16x16xf32>, %w: tensor<144x144x3x3xf32>)
    -> tensor<16x144x16x16xf32> attributes {etch.kernel} {
  %0 = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 16, 144, 16, 16>} : (tensor<16x144x16x16xf32>, tensor<144x144x3x3xf32>) -> tensor<16x144x16x16xf32>
  return %0 : tensor<16x144x16x16xf32>
}

// Short chains are not worth turning their sums, and few filters leave lanes
// empty: places along the lanes.
// CHECK-LABEL: llvm.func internal @k3(
// CHECK-NOT: llvm.shufflevector
// CHECK: llvm.return
func.func private @k3(%x: tensor<64x8x28x28xf32>, %w: tensor<64x8x3x3xf32>)
    -> tensor<64x64x28x28xf32> attributes {etch.kernel} {
  %0 = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 64, 64, 28, 28>} : (tensor<64x8x28x28xf32>, tensor<64x8x3x3xf32>) -> tensor<64x64x28x28xf32>
  return %0 : tensor<64x64x28x28xf32>
}
// CHECK-LABEL: llvm.func internal @k4(
// CHECK-NOT: llvm.shufflevector
// CHECK: llvm.return
func.func private @k4(%x: tensor<8x64x28x28xf32>, %w: tensor<10x64x3x3xf32>)
    -> tensor<8x10x28x28xf32> attributes {etch.kernel} {
  %0 = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 8, 10, 28, 28>} : (tensor<8x64x28x28xf32>, tensor<10x64x3x3xf32>) -> tensor<8x10x28x28xf32>
  return %0 : tensor<8x10x28x28xf32>
}

func.func @main(%x: memref<64x8x28x28xf32>, %w: memref<64x8x3x3xf32>,
    %y: memref<64x64x28x28xf32> {etch.result = 0 : i64}, %arena: memref<?xi8> {etch.arena}) {
  device.launch @k3 ins(%x, %w : memref<64x8x28x28xf32>, memref<64x8x3x3xf32>) outs(%y : memref<64x64x28x28xf32>)
  return
}

// When a convolution whose lanes are places packs panels of those that its
// outputs need; gradients in images are always such.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// Large images: taps find their vectors in staged rows, through a table. Three
// vectors to a tile: they cover a little more than two, in fewer steps.
// CHECK-LABEL: llvm.func internal @k0(
// CHECK-NOT: llvm.intr.prefetch
// CHECK: scf.for {{.*}} step %c8_i64
// CHECK-NOT: llvm.intr.prefetch
// CHECK-COUNT-24: math.fma
// CHECK: scf.yield
// CHECK: llvm.return
func.func private @k0(%x: tensor<32x64x56x56xf32>, %w: tensor<64x64x3x3xf32>)
    -> tensor<32x64x56x56xf32> attributes {etch.kernel} {
  %0 = etch.conv2d_input_grad %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 32, 64, 56, 56>} : (tensor<32x64x56x56xf32>, tensor<64x64x3x3xf32>) -> tensor<32x64x56x56xf32>
  return %0 : tensor<32x64x56x56xf32>
}

// Small ones would leave half of each vector to what nobody wants, and filters
// would be read for each image: panels, while the next filters are fetched.
// Three vectors by eight filters, and what does not fill three is cut in twos.
// CHECK-LABEL: llvm.func internal @k1(
// CHECK: scf.for {{.*}} step %c48_i64
// CHECK: llvm.intr.masked.store
// CHECK: scf.for {{.*}} step %c8_i64
// CHECK: llvm.intr.prefetch
// CHECK-COUNT-24: math.fma
// CHECK: scf.yield
// CHECK: scf.for {{.*}} step %c32_i64
// CHECK: scf.for {{.*}} step %c8_i64
// CHECK-COUNT-16: math.fma
// CHECK: scf.yield
// CHECK: llvm.return
func.func private @k1(%x: tensor<32x512x4x4xf32>, %w: tensor<512x512x3x3xf32>)
    -> tensor<32x512x4x4xf32> attributes {etch.kernel} {
  %0 = etch.conv2d_input_grad %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 32, 512, 4, 4>} : (tensor<32x512x4x4xf32>, tensor<512x512x3x3xf32>) -> tensor<32x512x4x4xf32>
  return %0 : tensor<32x512x4x4xf32>
}

// Filters that no tile divides: nine at a time leave the fewest behind the last.
// CHECK-LABEL: llvm.func internal @k2(
// CHECK: scf.for {{.*}} step %c9_i64
func.func private @k2(%x: tensor<31x67x53x53xf32>, %w: tensor<67x61x3x3xf32>)
    -> tensor<31x61x53x53xf32> attributes {etch.kernel} {
  %0 = etch.conv2d_input_grad %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 31, 61, 53, 53>} : (tensor<31x67x53x53xf32>, tensor<67x61x3x3xf32>) -> tensor<31x61x53x53xf32>
  return %0 : tensor<31x61x53x53xf32>
}

// A product of filters by images of few places is one of panels, too: those of
// ten images, and filters are read once for all of them.
// CHECK-LABEL: llvm.func internal @k3(
// CHECK: scf.for {{.*}} step %c48_i64
// CHECK: llvm.intr.masked.store
// CHECK-COUNT-24: math.fma
func.func private @k3(%x: tensor<?x512x1x49xf32>, %w: tensor<512x2048x1x1xf32>, %n: index)
    -> tensor<?x2048x1x49xf32> attributes {etch.kernel} {
  %0 = etch.conv2d_input_grad %x, %w, %n {stride = array<i64: 1, 1>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: -9223372036854775808, 2048, 1, 49>} : (tensor<?x512x1x49xf32>, tensor<512x2048x1x1xf32>, index) -> tensor<?x2048x1x49xf32>
  return %0 : tensor<?x2048x1x49xf32>
}

// Strides of two: the places are picked from two vectors, not gathered. Few
// windows of one place each are worth only two parts for threads, since all
// that they read is staged for each part. Filters would leave lanes empty. They
// would find each vector in lines
// that no other tap reads: panels, which are read in order.
// CHECK-LABEL: llvm.func internal @k4(
// CHECK-NOT: llvm.intr.masked.gather
// CHECK: llvm.shufflevector
// CHECK-NOT: llvm.intr.masked.gather
// CHECK: scf.for {{.*}} step %c48_i64
// CHECK: llvm.intr.prefetch
// CHECK: math.fma
// CHECK: llvm.return
func.func private @k4(%x: tensor<1x256x56x56xf32>, %w: tensor<72x256x1x1xf32>)
    -> tensor<1x72x28x28xf32> attributes {etch.kernel} {
  %0 = etch.conv2d %x, %w {stride = array<i64: 2, 2>, pad = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 1, 72, 28, 28>} : (tensor<1x256x56x56xf32>, tensor<72x256x1x1xf32>) -> tensor<1x72x28x28xf32>
  return %0 : tensor<1x72x28x28xf32>
}

// A network's first layer: so few steps for each line of a large result that
// tiles fetch its lines to be written. A small result is near.
// CHECK-LABEL: llvm.func internal @k5(
// CHECK: scf.for {{.*}} step %c48_i64
// CHECK: iter_args
// CHECK-COUNT-3: "llvm.intr.prefetch"{{.*}}rw = 1
// CHECK-NOT: llvm.intr.prefetch
// CHECK-COUNT-24: math.fma
// CHECK-LABEL: llvm.func internal @k6(
// CHECK-NOT: llvm.intr.prefetch
// CHECK: llvm.return
func.func private @k5(%x: tensor<1x3x224x224xf32>, %w: tensor<64x3x3x3xf32>)
    -> tensor<1x64x224x224xf32> attributes {etch.kernel} {
  %0 = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 1, 64, 224, 224>} : (tensor<1x3x224x224xf32>, tensor<64x3x3x3xf32>) -> tensor<1x64x224x224xf32>
  return %0 : tensor<1x64x224x224xf32>
}
func.func private @k6(%x: tensor<64x3x32x32xf32>, %w: tensor<64x3x3x3xf32>)
    -> tensor<64x64x32x32xf32> attributes {etch.kernel} {
  %0 = etch.conv2d %x, %w {stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 64, 64, 32, 32>} : (tensor<64x3x32x32xf32>, tensor<64x3x3x3xf32>) -> tensor<64x64x32x32xf32>
  return %0 : tensor<64x64x32x32xf32>
}

func.func @main(%x: memref<32x64x56x56xf32>, %w: memref<64x64x3x3xf32>,
    %x1: memref<32x512x4x4xf32>, %w1: memref<512x512x3x3xf32>,
    %x2: memref<31x67x53x53xf32>, %w2: memref<67x61x3x3xf32>,
    %y: memref<32x64x56x56xf32> {etch.result = 0 : i64}, %y1: memref<32x512x4x4xf32> {etch.result = 1 : i64},
    %y2: memref<31x61x53x53xf32> {etch.result = 2 : i64}, %arena: memref<?xi8> {etch.arena}) {
  device.launch @k0 ins(%x, %w : memref<32x64x56x56xf32>, memref<64x64x3x3xf32>) outs(%y : memref<32x64x56x56xf32>)
  device.launch @k1 ins(%x1, %w1 : memref<32x512x4x4xf32>, memref<512x512x3x3xf32>) outs(%y1 : memref<32x512x4x4xf32>)
  device.launch @k2 ins(%x2, %w2 : memref<31x67x53x53xf32>, memref<67x61x3x3xf32>) outs(%y2 : memref<31x61x53x53xf32>)
  return
}

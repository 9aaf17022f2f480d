// Large arrays that pass between kernels become bfloat16.
//
// RUN: etch-opt %s -split-input-file -etch-expand -etch-fuse -etch-narrow | FileCheck %s
// RUN: etch-opt %s -split-input-file -etch-expand -etch-fuse -etch-narrow -etch-order -etch-bufferize | FileCheck %s --check-prefix=MEMORY
// RUN: etch-compile %s --fast --precision bf16 --compile-to=bufferize -o - | FileCheck %s --check-prefix=HOST
// REQUIRES: etch-compile

// Programs for the host keep what they have.
// HOST-NOT: bf16

// h is one, with what its products read besides; the result is none, nor what
// is made for a state, nor sums.
// CHECK: func.func private @[[FIRST:k0.*]](%{{.*}}: tensor<64x256xbf16>, %{{.*}}: tensor<256x128xbf16>, %{{.*}}: tensor<128xbf16>) -> tensor<64x128xbf16>
// CHECK: arith.extf
// CHECK: etch.matmul
// CHECK: arith.truncf
// CHECK: func.func private @[[COPY:.*copy.*]](%{{.*}}: tensor<{{.*}}xf32>) -> tensor<{{.*}}xbf16>
// CHECK: func.func @main
// CHECK: %[[H:.*]] = call @[[FIRST]]({{.*}} -> tensor<64x128xbf16>
// CHECK: call {{.*}}(%[[H]], {{.*}}) : (tensor<64x128xbf16>, tensor<128x512xbf16>) -> tensor<64x512xf32>
// CHECK: call {{.*}} : (tensor<1x64x512xf32>) -> (tensor<1x64x512xbf16>, tensor<1x512xf32>)
// CHECK: etch.reshape {{.*}} : (tensor<1x64x512xbf16>) -> tensor<64x512xbf16>
// CHECK: call {{.*}} : (tensor<64x128xbf16>, tensor<64x512xbf16>) -> tensor<128x512xf32>

// Copies, h, tanh: two bytes for each element.
// MEMORY: etch.arena_bytes
// MEMORY: memref<64x128xbf16>
func.func @main(%x: tensor<64x256xf32>, %w: tensor<256x128xf32> {etch.state}, %v: tensor<128x512xf32> {etch.state}, %b: tensor<128xf32>) -> (tensor<64x512xf32>, tensor<128x512xf32> {etch.update = 2 : i64}, tensor<512xf32>) {
  %m = etch.matmul %x, %w : (tensor<64x256xf32>, tensor<256x128xf32>) -> tensor<64x128xf32>
  %bb = etch.broadcast_to %b {shape = array<i64: 64, 128>} : (tensor<128xf32>) -> tensor<64x128xf32>
  %s = etch.add %m, %bb : (tensor<64x128xf32>, tensor<64x128xf32>) -> tensor<64x128xf32>
  %h = etch.relu %s : (tensor<64x128xf32>) -> tensor<64x128xf32>
  %y = etch.matmul %h, %v : (tensor<64x128xf32>, tensor<128x512xf32>) -> tensor<64x512xf32>
  %t = etch.tanh %y : (tensor<64x512xf32>) -> tensor<64x512xf32>
  %ht = etch.transpose %h {permutation = array<i64: 1, 0>} : (tensor<64x128xf32>) -> tensor<128x64xf32>
  %g = etch.matmul %ht, %t : (tensor<128x64xf32>, tensor<64x512xf32>) -> tensor<128x512xf32>
  %n = etch.sub %v, %g : (tensor<128x512xf32>, tensor<128x512xf32>) -> tensor<128x512xf32>
  %e = etch.reshape %t {shape = array<i64: 1, 64, 512>} : (tensor<64x512xf32>) -> tensor<1x64x512xf32>
  %q = etch.sum %e {axes = array<i64: 1>, keepdims = false} : (tensor<1x64x512xf32>) -> tensor<1x512xf32>
  %r = etch.exp %q : (tensor<1x512xf32>) -> tensor<1x512xf32>
  %z = etch.reshape %r {shape = array<i64: 512>} : (tensor<1x512xf32>) -> tensor<512xf32>
  return %y, %n, %z : tensor<64x512xf32>, tensor<128x512xf32>, tensor<512xf32>
}

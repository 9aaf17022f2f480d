//===- stored.mlir - Arrays that are bfloat16 between kernels -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Products behind one another, a bias, whole vectors; rows of a softmax.
func.func @main(%x: tensor<64x96xf32>, %w: tensor<96x128xf32>, %b: tensor<128xf32>, %v: tensor<128x80xf32>, %u: tensor<80x24xf32>) -> tensor<64x24xf32> {
  %m = etch.matmul %x, %w : (tensor<64x96xf32>, tensor<96x128xf32>) -> tensor<64x128xf32>
  %bb = etch.broadcast_to %b {shape = array<i64: 64, 128>} : (tensor<128xf32>) -> tensor<64x128xf32>
  %s = etch.add %m, %bb : (tensor<64x128xf32>, tensor<64x128xf32>) -> tensor<64x128xf32>
  %h = etch.relu %s : (tensor<64x128xf32>) -> tensor<64x128xf32>
  %l = etch.matmul %h, %v : (tensor<64x128xf32>, tensor<128x80xf32>) -> tensor<64x80xf32>
  %cy = etch.constant dense<0.015625> : tensor<64x80xf32>
  %y = etch.mul %l, %cy : (tensor<64x80xf32>, tensor<64x80xf32>) -> tensor<64x80xf32>
  %y3 = etch.reshape %y {shape = array<i64: 64, 80, 1>} : (tensor<64x80xf32>) -> tensor<64x80x1xf32>
  %max = etch.max %y3 {axes = array<i64: 1>, keepdims = false} : (tensor<64x80x1xf32>) -> tensor<64x1xf32>
  %maxes = etch.broadcast_to %max {shape = array<i64: 64, 80>} : (tensor<64x1xf32>) -> tensor<64x80xf32>
  %d = etch.sub %y, %maxes : (tensor<64x80xf32>, tensor<64x80xf32>) -> tensor<64x80xf32>
  %e = etch.exp %d : (tensor<64x80xf32>) -> tensor<64x80xf32>
  %e3 = etch.reshape %e {shape = array<i64: 64, 80, 1>} : (tensor<64x80xf32>) -> tensor<64x80x1xf32>
  %sum = etch.sum %e3 {axes = array<i64: 1>, keepdims = false} : (tensor<64x80x1xf32>) -> tensor<64x1xf32>
  %sums = etch.broadcast_to %sum {shape = array<i64: 64, 80>} : (tensor<64x1xf32>) -> tensor<64x80xf32>
  %p = etch.div %e, %sums : (tensor<64x80xf32>, tensor<64x80xf32>) -> tensor<64x80xf32>
  %o = etch.matmul %p, %u : (tensor<64x80xf32>, tensor<80x24xf32>) -> tensor<64x24xf32>
  return %o : tensor<64x24xf32>
}

// -----
// Odd extents; both operands transposed; few steps of K.
func.func @main(%x: tensor<67x9xf32>, %w: tensor<9x71xf32>, %v: tensor<33x67xf32>) -> (tensor<71x33xf32>, tensor<67x67xf32>) {
  %m = etch.matmul %x, %w : (tensor<67x9xf32>, tensor<9x71xf32>) -> tensor<67x71xf32>
  %h = etch.tanh %m : (tensor<67x71xf32>) -> tensor<67x71xf32>
  %ht = etch.transpose %h {permutation = array<i64: 1, 0>} : (tensor<67x71xf32>) -> tensor<71x67xf32>
  %vt = etch.transpose %v {permutation = array<i64: 1, 0>} : (tensor<33x67xf32>) -> tensor<67x33xf32>
  %y = etch.matmul %ht, %vt : (tensor<71x67xf32>, tensor<67x33xf32>) -> tensor<71x33xf32>
  %z = etch.matmul %h, %ht : (tensor<67x71xf32>, tensor<71x67xf32>) -> tensor<67x67xf32>
  return %y, %z : tensor<71x33xf32>, tensor<67x67xf32>
}

// -----
// Read transposed, in part, backwards, with a fill around.
func.func @main(%x: tensor<72x24xf32>, %w: tensor<24x72xf32>, %v: tensor<76x16xf32>) -> tensor<74x16xf32> {
  %h = etch.matmul %x, %w : (tensor<72x24xf32>, tensor<24x72xf32>) -> tensor<72x72xf32>
  %t = etch.transpose %h {permutation = array<i64: 1, 0>} : (tensor<72x72xf32>) -> tensor<72x72xf32>
  %a = etch.add %h, %t : (tensor<72x72xf32>, tensor<72x72xf32>) -> tensor<72x72xf32>
  %r = etch.slice %h {shape = array<i64: 72, 72>, starts = array<i64: 0, -1>, steps = array<i64: 1, -1>} : (tensor<72x72xf32>) -> tensor<72x72xf32>
  %ar = etch.mul %a, %r : (tensor<72x72xf32>, tensor<72x72xf32>) -> tensor<72x72xf32>
  %cs = etch.constant dense<0.0009765625> : tensor<72x72xf32>
  %s = etch.mul %ar, %cs : (tensor<72x72xf32>, tensor<72x72xf32>) -> tensor<72x72xf32>
  %z = etch.matmul %s, %h : (tensor<72x72xf32>, tensor<72x72xf32>) -> tensor<72x72xf32>
  %p = etch.place %z {shape = array<i64: 74, 76>, starts = array<i64: 1, 2>, steps = array<i64: 1, 1>, fill = 0.5 : f64} : (tensor<72x72xf32>) -> tensor<74x76xf32>
  %q = etch.tanh %p : (tensor<74x76xf32>) -> tensor<74x76xf32>
  %o = etch.matmul %q, %v : (tensor<74x76xf32>, tensor<76x16xf32>) -> tensor<74x16xf32>
  return %o : tensor<74x16xf32>
}

// -----
// Sums over rows and columns of what is stored so, long ones too.
func.func @main(%x: tensor<1024x32xf32>, %w: tensor<32x64xf32>, %v: tensor<64x32xf32>) -> tensor<1024x32xf32> {
  %h = etch.matmul %x, %w : (tensor<1024x32xf32>, tensor<32x64xf32>) -> tensor<1024x64xf32>
  %c3 = etch.reshape %h {shape = array<i64: 1, 1024, 64>} : (tensor<1024x64xf32>) -> tensor<1x1024x64xf32>
  %c = etch.sum %c3 {axes = array<i64: 1>, keepdims = false} : (tensor<1x1024x64xf32>) -> tensor<1x64xf32>
  %cs = etch.broadcast_to %c {shape = array<i64: 1024, 64>} : (tensor<1x64xf32>) -> tensor<1024x64xf32>
  %a3 = etch.reshape %h {shape = array<i64: 1, 65536, 1>} : (tensor<1024x64xf32>) -> tensor<1x65536x1xf32>
  %a = etch.max %a3 {axes = array<i64: 1>, keepdims = false} : (tensor<1x65536x1xf32>) -> tensor<1x1xf32>
  %as = etch.broadcast_to %a {shape = array<i64: 1024, 64>} : (tensor<1x1xf32>) -> tensor<1024x64xf32>
  %d = etch.div %h, %as : (tensor<1024x64xf32>, tensor<1024x64xf32>) -> tensor<1024x64xf32>
  %n = etch.constant dense<1.0e-3> : tensor<1024x64xf32>
  %e = etch.mul %cs, %n : (tensor<1024x64xf32>, tensor<1024x64xf32>) -> tensor<1024x64xf32>
  %s = etch.sub %d, %e : (tensor<1024x64xf32>, tensor<1024x64xf32>) -> tensor<1024x64xf32>
  %o = etch.matmul %s, %v : (tensor<1024x64xf32>, tensor<64x32xf32>) -> tensor<1024x32xf32>
  return %o : tensor<1024x32xf32>
}

// -----
// Rows of a table, with indices; scalar products.
func.func @main(%x: tensor<80x20xf32>, %w: tensor<20x64xf32>, %i: tensor<1x90xi64>, %v: tensor<64x16xf32>) -> (tensor<90x16xf32>, tensor<80x1x1xf32>) {
  %h = etch.matmul %x, %w : (tensor<80x20xf32>, tensor<20x64xf32>) -> tensor<80x64xf32>
  %t = etch.tanh %h : (tensor<80x64xf32>) -> tensor<80x64xf32>
  %t3 = etch.reshape %t {shape = array<i64: 1, 80, 64>} : (tensor<80x64xf32>) -> tensor<1x80x64xf32>
  %g = etch.gather %t3, %i : (tensor<1x80x64xf32>, tensor<1x90xi64>) -> tensor<1x90x64xf32>
  %g2 = etch.reshape %g {shape = array<i64: 90, 64>} : (tensor<1x90x64xf32>) -> tensor<90x64xf32>
  %o = etch.matmul %g2, %v : (tensor<90x64xf32>, tensor<64x16xf32>) -> tensor<90x16xf32>
  %a = etch.reshape %t {shape = array<i64: 80, 1, 64>} : (tensor<80x64xf32>) -> tensor<80x1x64xf32>
  %b = etch.reshape %t {shape = array<i64: 80, 64, 1>} : (tensor<80x64xf32>) -> tensor<80x64x1xf32>
  %d = etch.matmul %a, %b : (tensor<80x1x64xf32>, tensor<80x64x1xf32>) -> tensor<80x1x1xf32>
  return %o, %d : tensor<90x16xf32>, tensor<80x1x1xf32>
}

// -----
// Convolutions and their gradients, by tiles and otherwise.
func.func @main(%x: tensor<2x5x12x12xf32>, %w: tensor<40x5x3x3xf32>, %v: tensor<32x40x3x3xf32>) -> (tensor<32x40x3x3xf32>, tensor<2x5x12x12xf32>, tensor<40x5x3x3xf32>) {
  %yy = etch.conv2d %x, %w {shape = array<i64: 2, 40, 12, 12>, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<2x5x12x12xf32>, tensor<40x5x3x3xf32>) -> tensor<2x40x12x12xf32>
  %cy = etch.constant dense<0.0625> : tensor<2x40x12x12xf32>
  %y = etch.mul %yy, %cy : (tensor<2x40x12x12xf32>, tensor<2x40x12x12xf32>) -> tensor<2x40x12x12xf32>
  %h = etch.tanh %y : (tensor<2x40x12x12xf32>) -> tensor<2x40x12x12xf32>
  %zz = etch.conv2d %h, %v {shape = array<i64: 2, 32, 12, 12>, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<2x40x12x12xf32>, tensor<32x40x3x3xf32>) -> tensor<2x32x12x12xf32>
  %cz = etch.constant dense<0.0625> : tensor<2x32x12x12xf32>
  %z = etch.mul %zz, %cz : (tensor<2x32x12x12xf32>, tensor<2x32x12x12xf32>) -> tensor<2x32x12x12xf32>
  %g = etch.tanh %z : (tensor<2x32x12x12xf32>) -> tensor<2x32x12x12xf32>
  %gv = etch.conv2d_weight_grad %h, %g {shape = array<i64: 32, 40, 3, 3>, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<2x40x12x12xf32>, tensor<2x32x12x12xf32>) -> tensor<32x40x3x3xf32>
  %gh = etch.conv2d_input_grad %g, %v {shape = array<i64: 2, 40, 12, 12>, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<2x32x12x12xf32>, tensor<32x40x3x3xf32>) -> tensor<2x40x12x12xf32>
  %gy = etch.mul %gh, %h : (tensor<2x40x12x12xf32>, tensor<2x40x12x12xf32>) -> tensor<2x40x12x12xf32>
  %gx = etch.conv2d_input_grad %gy, %w {shape = array<i64: 2, 5, 12, 12>, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<2x40x12x12xf32>, tensor<40x5x3x3xf32>) -> tensor<2x5x12x12xf32>
  %gw = etch.conv2d_weight_grad %x, %gy {shape = array<i64: 40, 5, 3, 3>, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<2x5x12x12xf32>, tensor<2x40x12x12xf32>) -> tensor<40x5x3x3xf32>
  return %gv, %gx, %gw : tensor<32x40x3x3xf32>, tensor<2x5x12x12xf32>, tensor<40x5x3x3xf32>
}

// -----
// Images of windows and their sums.
func.func @main(%x: tensor<2x24x8x10xf32>, %w: tensor<32x24x3x3xf32>, %v: tensor<24x32x3x3xf32>) -> tensor<2x24x8x10xf32> {
  %y = etch.conv2d %x, %w {shape = array<i64: 2, 32, 8, 10>, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<2x24x8x10xf32>, tensor<32x24x3x3xf32>) -> tensor<2x32x8x10xf32>
  %c = etch.im2col %y {shape = array<i64: 2, 32, 3, 3, 8, 10>, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>} : (tensor<2x32x8x10xf32>) -> tensor<2x32x3x3x8x10xf32>
  %ccc = etch.constant dense<0.0625> : tensor<2x32x3x3x8x10xf32>
  %cc = etch.mul %c, %ccc : (tensor<2x32x3x3x8x10xf32>, tensor<2x32x3x3x8x10xf32>) -> tensor<2x32x3x3x8x10xf32>
  %t = etch.tanh %cc : (tensor<2x32x3x3x8x10xf32>) -> tensor<2x32x3x3x8x10xf32>
  %i = etch.col2im %t {shape = array<i64: 2, 32, 8, 10>, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>} : (tensor<2x32x3x3x8x10xf32>) -> tensor<2x32x8x10xf32>
  %z = etch.conv2d %i, %v {shape = array<i64: 2, 24, 8, 10>, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<2x32x8x10xf32>, tensor<24x32x3x3xf32>) -> tensor<2x24x8x10xf32>
  return %z : tensor<2x24x8x10xf32>
}

// -----
// Open extents.
func.func @main(%x: tensor<?x80xf32>, %w: tensor<80x96xf32>, %v: tensor<96x24xf32>) -> tensor<?x24xf32> {
  %m = etch.matmul %x, %w : (tensor<?x80xf32>, tensor<80x96xf32>) -> tensor<?x96xf32>
  %h = etch.relu %m : (tensor<?x96xf32>) -> tensor<?x96xf32>
  %y = etch.matmul %h, %v : (tensor<?x96xf32>, tensor<96x24xf32>) -> tensor<?x24xf32>
  return %y : tensor<?x24xf32>
}

//===- rows.mlir - Kernels of several stages, row by row ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A softmax of short rows: several are a block.
func.func @main(%x: tensor<37x12xf32>) -> tensor<37x12xf32> {
  %m = etch.max %x {axes = array<i64: 1>, keepdims = true} : (tensor<37x12xf32>) -> tensor<37x1xf32>
  %mb = etch.broadcast_to %m {shape = array<i64: 37, 12>} : (tensor<37x1xf32>) -> tensor<37x12xf32>
  %d = etch.sub %x, %mb : (tensor<37x12xf32>, tensor<37x12xf32>) -> tensor<37x12xf32>
  %e = etch.exp %d : (tensor<37x12xf32>) -> tensor<37x12xf32>
  %s = etch.sum %e {axes = array<i64: 1>, keepdims = true} : (tensor<37x12xf32>) -> tensor<37x1xf32>
  %sb = etch.broadcast_to %s {shape = array<i64: 37, 12>} : (tensor<37x1xf32>) -> tensor<37x12xf32>
  %y = etch.div %e, %sb : (tensor<37x12xf32>, tensor<37x12xf32>) -> tensor<37x12xf32>
  return %y : tensor<37x12xf32>
}

// -----
// Open rows, two sums in a stage, an index in each row, what else is returned.
func.func @main(%x: tensor<?x200xf32>, %g: tensor<200xf32>, %t: tensor<?x1xi64>)
    -> (tensor<?x200xf32>, tensor<?x1xf32>, tensor<?x1x1xf32>) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x200xf32>
  %s = etch.sum %x {axes = array<i64: 1>, keepdims = true} : (tensor<?x200xf32>) -> tensor<?x1xf32>
  %sb = etch.broadcast_to %s, %n {shape = array<i64: -9223372036854775808, 200>} : (tensor<?x1xf32>, index) -> tensor<?x200xf32>
  %d = etch.sub %x, %sb : (tensor<?x200xf32>, tensor<?x200xf32>) -> tensor<?x200xf32>
  %q = etch.mul %d, %d : (tensor<?x200xf32>, tensor<?x200xf32>) -> tensor<?x200xf32>
  %a = etch.sum %q {axes = array<i64: 1>, keepdims = true} : (tensor<?x200xf32>) -> tensor<?x1xf32>
  %b = etch.max %d {axes = array<i64: 1>, keepdims = true} : (tensor<?x200xf32>) -> tensor<?x1xf32>
  %c = etch.add %a, %b : (tensor<?x1xf32>, tensor<?x1xf32>) -> tensor<?x1xf32>
  %cb = etch.broadcast_to %c, %n {shape = array<i64: -9223372036854775808, 200>} : (tensor<?x1xf32>, index) -> tensor<?x200xf32>
  %z = etch.div %d, %cb : (tensor<?x200xf32>, tensor<?x200xf32>) -> tensor<?x200xf32>
  %gb = etch.broadcast_to %g, %n {shape = array<i64: -9223372036854775808, 200>} : (tensor<200xf32>, index) -> tensor<?x200xf32>
  %y = etch.mul %z, %gb : (tensor<?x200xf32>, tensor<?x200xf32>) -> tensor<?x200xf32>
  %z3 = etch.reshape %z, %n {shape = array<i64: -9223372036854775808, 200, 1>} : (tensor<?x200xf32>, index) -> tensor<?x200x1xf32>
  %p = etch.gather %z3, %t : (tensor<?x200x1xf32>, tensor<?x1xi64>) -> tensor<?x1x1xf32>
  return %y, %c, %p : tensor<?x200xf32>, tensor<?x1xf32>, tensor<?x1x1xf32>
}

// -----
// A row is a block of its own; sums of several blocks of 4096.
func.func @main(%x: tensor<17x5003xf32>) -> tensor<17x5003xf32> {
  %m = etch.min %x {axes = array<i64: 1>, keepdims = true} : (tensor<17x5003xf32>) -> tensor<17x1xf32>
  %mb = etch.broadcast_to %m {shape = array<i64: 17, 5003>} : (tensor<17x1xf32>) -> tensor<17x5003xf32>
  %d = etch.sub %x, %mb : (tensor<17x5003xf32>, tensor<17x5003xf32>) -> tensor<17x5003xf32>
  %s = etch.sum %d {axes = array<i64: 1>, keepdims = true} : (tensor<17x5003xf32>) -> tensor<17x1xf32>
  %sb = etch.broadcast_to %s {shape = array<i64: 17, 5003>} : (tensor<17x1xf32>) -> tensor<17x5003xf32>
  %y = etch.mul %d, %sb : (tensor<17x5003xf32>, tensor<17x5003xf32>) -> tensor<17x5003xf32>
  return %y : tensor<17x5003xf32>
}

// -----
// Rows that a block's memory does not hold, of double precision.
func.func @main(%x: tensor<19x4100xf64>) -> (tensor<19x4100xf64>, tensor<19x4100xf64>) {
  %m = etch.max %x {axes = array<i64: 1>, keepdims = true} : (tensor<19x4100xf64>) -> tensor<19x1xf64>
  %mb = etch.broadcast_to %m {shape = array<i64: 19, 4100>} : (tensor<19x1xf64>) -> tensor<19x4100xf64>
  %d = etch.sub %x, %mb : (tensor<19x4100xf64>, tensor<19x4100xf64>) -> tensor<19x4100xf64>
  %e = etch.exp %d : (tensor<19x4100xf64>) -> tensor<19x4100xf64>
  %s = etch.sum %e {axes = array<i64: 1>, keepdims = true} : (tensor<19x4100xf64>) -> tensor<19x1xf64>
  %sb = etch.broadcast_to %s {shape = array<i64: 19, 4100>} : (tensor<19x1xf64>) -> tensor<19x4100xf64>
  %y = etch.div %e, %sb : (tensor<19x4100xf64>, tensor<19x4100xf64>) -> tensor<19x4100xf64>
  return %y, %d : tensor<19x4100xf64>, tensor<19x4100xf64>
}

// -----
// Columns within a row, several axes; integers beside.
func.func @main(%x: tensor<18x10x6xf32>, %k: tensor<18x10x6xi64>) -> (tensor<18x10x6xf32>, tensor<18x10x6xi64>) {
  %m = etch.max %x {axes = array<i64: 1>, keepdims = true} : (tensor<18x10x6xf32>) -> tensor<18x1x6xf32>
  %mb = etch.broadcast_to %m {shape = array<i64: 18, 10, 6>} : (tensor<18x1x6xf32>) -> tensor<18x10x6xf32>
  %d = etch.sub %x, %mb : (tensor<18x10x6xf32>, tensor<18x10x6xf32>) -> tensor<18x10x6xf32>
  %e = etch.exp %d : (tensor<18x10x6xf32>) -> tensor<18x10x6xf32>
  %s = etch.sum %e {axes = array<i64: 1>, keepdims = true} : (tensor<18x10x6xf32>) -> tensor<18x1x6xf32>
  %sb = etch.broadcast_to %s {shape = array<i64: 18, 10, 6>} : (tensor<18x1x6xf32>) -> tensor<18x10x6xf32>
  %y = etch.div %e, %sb : (tensor<18x10x6xf32>, tensor<18x10x6xf32>) -> tensor<18x10x6xf32>
  %ks = etch.sum %k {axes = array<i64: 1>, keepdims = true} : (tensor<18x10x6xi64>) -> tensor<18x1x6xi64>
  %kb = etch.broadcast_to %ks {shape = array<i64: 18, 10, 6>} : (tensor<18x1x6xi64>) -> tensor<18x10x6xi64>
  %kd = etch.sub %k, %kb : (tensor<18x10x6xi64>, tensor<18x10x6xi64>) -> tensor<18x10x6xi64>
  return %y, %kd : tensor<18x10x6xf32>, tensor<18x10x6xi64>
}

// -----
// What an index adds to, in a row: a gradient of a choice behind a softmax.
func.func @main(%x: tensor<33x100xf32>, %t: tensor<33x1xi64>, %v: tensor<33x1x1xf32>) -> tensor<33x100xf32> {
  %z = etch.scatter_add %v, %t {shape = array<i64: 33, 100, 1>} : (tensor<33x1x1xf32>, tensor<33x1xi64>) -> tensor<33x100x1xf32>
  %z2 = etch.reshape %z {shape = array<i64: 33, 100>} : (tensor<33x100x1xf32>) -> tensor<33x100xf32>
  %d = etch.mul %z2, %x : (tensor<33x100xf32>, tensor<33x100xf32>) -> tensor<33x100xf32>
  %s = etch.sum %d {axes = array<i64: 1>, keepdims = true} : (tensor<33x100xf32>) -> tensor<33x1xf32>
  %sb = etch.broadcast_to %s {shape = array<i64: 33, 100>} : (tensor<33x1xf32>) -> tensor<33x100xf32>
  %y = etch.add %d, %sb : (tensor<33x100xf32>, tensor<33x100xf32>) -> tensor<33x100xf32>
  return %y : tensor<33x100xf32>
}

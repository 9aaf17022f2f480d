//===- pointwise.mlir - Kernels of pointwise operations ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Two results, a scalar and a row that repeat; vectors of four.
func.func @main(%x: tensor<37x64xf32>,
                %r: tensor<64xf32>,
                %s: tensor<f32>)
    -> (tensor<37x64xf32>, tensor<37x64xf32>) {
  %a = etch.broadcast_to %r {shape = array<i64: 37, 64>} : (tensor<64xf32>) -> tensor<37x64xf32>
  %b = etch.broadcast_to %s {shape = array<i64: 37, 64>} : (tensor<f32>) -> tensor<37x64xf32>
  %c = etch.mul %x, %a : (tensor<37x64xf32>, tensor<37x64xf32>) -> tensor<37x64xf32>
  %d = etch.add %c, %b : (tensor<37x64xf32>, tensor<37x64xf32>) -> tensor<37x64xf32>
  %e = etch.relu %d : (tensor<37x64xf32>) -> tensor<37x64xf32>
  return %e, %d : tensor<37x64xf32>, tensor<37x64xf32>
}

// -----
// An end that is no whole vector.
func.func @main(%x: tensor<5x7xf32>,
                %w: tensor<5x7xf32>)
    -> tensor<5x7xf32> {
  %a = etch.div %x, %w : (tensor<5x7xf32>, tensor<5x7xf32>) -> tensor<5x7xf32>
  return %a : tensor<5x7xf32>
}

// -----
// exp in f32.
func.func @main(%x: tensor<3x103xf32>)
    -> tensor<3x103xf32> {
  %u0 = etch.exp %x : (tensor<3x103xf32>) -> tensor<3x103xf32>
  return %u0 : tensor<3x103xf32>
}

// -----
// exp in f64.
func.func @main(%x: tensor<3x103xf64>)
    -> tensor<3x103xf64> {
  %u0 = etch.exp %x : (tensor<3x103xf64>) -> tensor<3x103xf64>
  return %u0 : tensor<3x103xf64>
}

// -----
// log in f32.
func.func @main(%x: tensor<3x103xf32>)
    -> tensor<3x103xf32> {
  %u0 = etch.log %x : (tensor<3x103xf32>) -> tensor<3x103xf32>
  return %u0 : tensor<3x103xf32>
}

// -----
// log in f64.
func.func @main(%x: tensor<3x103xf64>)
    -> tensor<3x103xf64> {
  %u0 = etch.log %x : (tensor<3x103xf64>) -> tensor<3x103xf64>
  return %u0 : tensor<3x103xf64>
}

// -----
// sin in f32.
func.func @main(%x: tensor<3x103xf32>)
    -> tensor<3x103xf32> {
  %u0 = etch.sin %x : (tensor<3x103xf32>) -> tensor<3x103xf32>
  return %u0 : tensor<3x103xf32>
}

// -----
// sin in f64.
func.func @main(%x: tensor<3x103xf64>)
    -> tensor<3x103xf64> {
  %u0 = etch.sin %x : (tensor<3x103xf64>) -> tensor<3x103xf64>
  return %u0 : tensor<3x103xf64>
}

// -----
// cos in f32.
func.func @main(%x: tensor<3x103xf32>)
    -> tensor<3x103xf32> {
  %u0 = etch.cos %x : (tensor<3x103xf32>) -> tensor<3x103xf32>
  return %u0 : tensor<3x103xf32>
}

// -----
// cos in f64.
func.func @main(%x: tensor<3x103xf64>)
    -> tensor<3x103xf64> {
  %u0 = etch.cos %x : (tensor<3x103xf64>) -> tensor<3x103xf64>
  return %u0 : tensor<3x103xf64>
}

// -----
// tanh in f32.
func.func @main(%x: tensor<3x103xf32>)
    -> tensor<3x103xf32> {
  %u0 = etch.tanh %x : (tensor<3x103xf32>) -> tensor<3x103xf32>
  return %u0 : tensor<3x103xf32>
}

// -----
// tanh in f64.
func.func @main(%x: tensor<3x103xf64>)
    -> tensor<3x103xf64> {
  %u0 = etch.tanh %x : (tensor<3x103xf64>) -> tensor<3x103xf64>
  return %u0 : tensor<3x103xf64>
}

// -----
// sigmoid in f32.
func.func @main(%x: tensor<3x103xf32>)
    -> tensor<3x103xf32> {
  %u0 = etch.sigmoid %x : (tensor<3x103xf32>) -> tensor<3x103xf32>
  return %u0 : tensor<3x103xf32>
}

// -----
// sigmoid in f64.
func.func @main(%x: tensor<3x103xf64>)
    -> tensor<3x103xf64> {
  %u0 = etch.sigmoid %x : (tensor<3x103xf64>) -> tensor<3x103xf64>
  return %u0 : tensor<3x103xf64>
}

// -----
// erf in f32.
func.func @main(%x: tensor<3x103xf32>)
    -> tensor<3x103xf32> {
  %u0 = etch.erf %x : (tensor<3x103xf32>) -> tensor<3x103xf32>
  return %u0 : tensor<3x103xf32>
}

// -----
// erf in f64.
func.func @main(%x: tensor<3x103xf64>)
    -> tensor<3x103xf64> {
  %u0 = etch.erf %x : (tensor<3x103xf64>) -> tensor<3x103xf64>
  return %u0 : tensor<3x103xf64>
}

// -----
// sqrt in f32.
func.func @main(%x: tensor<3x103xf32>)
    -> tensor<3x103xf32> {
  %u0 = etch.sqrt %x : (tensor<3x103xf32>) -> tensor<3x103xf32>
  return %u0 : tensor<3x103xf32>
}

// -----
// sqrt in f64.
func.func @main(%x: tensor<3x103xf64>)
    -> tensor<3x103xf64> {
  %u0 = etch.sqrt %x : (tensor<3x103xf64>) -> tensor<3x103xf64>
  return %u0 : tensor<3x103xf64>
}

// -----
// Powers: a product, a root, a general one.
func.func @main(%x: tensor<4x33xf64>)
    -> (tensor<4x33xf64>, tensor<4x33xf64>, tensor<4x33xf64>) {
  %a = etch.pow %x {exponent = 3.0 : f64} : (tensor<4x33xf64>) -> tensor<4x33xf64>
  %p = etch.abs %x : (tensor<4x33xf64>) -> tensor<4x33xf64>
  %b = etch.pow %p {exponent = 0.5 : f64} : (tensor<4x33xf64>) -> tensor<4x33xf64>
  %c = etch.pow %p {exponent = -1.7 : f64} : (tensor<4x33xf64>) -> tensor<4x33xf64>
  return %a, %b, %c : tensor<4x33xf64>, tensor<4x33xf64>, tensor<4x33xf64>
}

// -----
// Comparison, selection and conversions between all types.
func.func @main(%x: tensor<4x37xf32>,
                %w: tensor<4x37xf32>,
                %n: tensor<4x37xi32>)
    -> (tensor<4x37xf32>, tensor<4x37xi32>, tensor<4x37xf64>, tensor<4x37xi1>, tensor<4x37xf32>) {
  %a = etch.less %x, %w : (tensor<4x37xf32>, tensor<4x37xf32>) -> tensor<4x37xi1>
  %s = etch.select %a, %x, %w : (tensor<4x37xi1>, tensor<4x37xf32>, tensor<4x37xf32>) -> tensor<4x37xf32>
  %i = etch.cast %x {to = "i32"} : (tensor<4x37xf32>) -> tensor<4x37xi32>
  %j = etch.cast %n {to = "i64"} : (tensor<4x37xi32>) -> tensor<4x37xi64>
  %k = etch.cast %j {to = "f64"} : (tensor<4x37xi64>) -> tensor<4x37xf64>
  %m = etch.mul %i, %n : (tensor<4x37xi32>, tensor<4x37xi32>) -> tensor<4x37xi32>
  %q = etch.cast %m {to = "i1"} : (tensor<4x37xi32>) -> tensor<4x37xi1>
  %g = etch.sign %x : (tensor<4x37xf32>) -> tensor<4x37xf32>
  %mx = etch.maximum %x, %g : (tensor<4x37xf32>, tensor<4x37xf32>) -> tensor<4x37xf32>
  %mn = etch.minimum %mx, %w : (tensor<4x37xf32>, tensor<4x37xf32>) -> tensor<4x37xf32>
  return %s, %i, %k, %q, %mn : tensor<4x37xf32>, tensor<4x37xi32>, tensor<4x37xf64>, tensor<4x37xi1>, tensor<4x37xf32>
}

// -----
// Random numbers.
func.func @main(%c: tensor<4x37xi64>,
                %key: tensor<4x37xi64>)
    -> (tensor<4x37xf32>, tensor<4x37xf64>) {
  %u = etch.philox %c, %key {to = "f32"} : (tensor<4x37xi64>, tensor<4x37xi64>) -> tensor<4x37xf32>
  %v = etch.philox %c, %key {to = "f64"} : (tensor<4x37xi64>, tensor<4x37xi64>) -> tensor<4x37xf64>
  return %u, %v : tensor<4x37xf32>, tensor<4x37xf64>
}

// -----
// A transposed operand.
func.func @main(%x: tensor<40x24xf32>,
                %w: tensor<24x40xf32>)
    -> tensor<24x40xf32> {
  %a = etch.transpose %x {permutation = array<i64: 1, 0>} : (tensor<40x24xf32>) -> tensor<24x40xf32>
  %b = etch.add %a, %w : (tensor<24x40xf32>, tensor<24x40xf32>) -> tensor<24x40xf32>
  return %b : tensor<24x40xf32>
}

// -----
// Three axes in another order.
func.func @main(%x: tensor<3x5x4xf32>)
    -> tensor<4x3x5xf32> {
  %a = etch.transpose %x {permutation = array<i64: 2, 0, 1>} : (tensor<3x5x4xf32>) -> tensor<4x3x5xf32>
  %b = etch.neg %a : (tensor<4x3x5xf32>) -> tensor<4x3x5xf32>
  return %b : tensor<4x3x5xf32>
}

// -----
// A part backwards, placed in a frame; numbers counted.
func.func @main(%x: tensor<6x9xf32>)
    -> tensor<5x8xf32> {
  %a = etch.slice %x {starts = array<i64: 5, 1>, steps = array<i64: -2, 2>, shape = array<i64: 3, 4>} : (tensor<6x9xf32>) -> tensor<3x4xf32>
  %b = etch.place %a {starts = array<i64: 1, 2>, steps = array<i64: 1, 1>, fill = -0.5, shape = array<i64: 5, 8>} : (tensor<3x4xf32>) -> tensor<5x8xf32>
  %i = etch.iota {shape = array<i64: 5, 8>} : () -> tensor<5x8xi64>
  %f = etch.cast %i {to = "f32"} : (tensor<5x8xi64>) -> tensor<5x8xf32>
  %c = etch.add %b, %f : (tensor<5x8xf32>, tensor<5x8xf32>) -> tensor<5x8xf32>
  return %c : tensor<5x8xf32>
}

// -----
// A part that begins where a value says.
func.func @main(%x: tensor<9x6xf32>,
                %s: tensor<i64>)
    -> tensor<9x6xf32> {
  %a = etch.slice_at %x, %s {axis = 0 : i64, shape = array<i64: 4, 6>} : (tensor<9x6xf32>, tensor<i64>) -> tensor<4x6xf32>
  %n = etch.neg %a : (tensor<4x6xf32>) -> tensor<4x6xf32>
  %b = etch.place_at %n, %s {axis = 0 : i64, shape = array<i64: 9, 6>} : (tensor<4x6xf32>, tensor<i64>) -> tensor<9x6xf32>
  return %b : tensor<9x6xf32>
}

// -----
// Extents and strides that are known at run time only.
func.func @main(%x: tensor<?x?xf32> {etch.strided},
                %w: tensor<?x?xf32> {etch.strided = [0]})
    -> tensor<?x?xf32> {
  %a = etch.mul %x, %w : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  return %a : tensor<?x?xf32>
}

// -----
// Two transposed operands and one that is not: tiles in shared memory.
func.func @main(%x: tensor<70x45xf32>, %w: tensor<45x70xf32>, %v: tensor<70x45xf32>) -> tensor<45x70xf32> {
  %a = etch.transpose %x {permutation = array<i64: 1, 0>} : (tensor<70x45xf32>) -> tensor<45x70xf32>
  %c = etch.transpose %v {permutation = array<i64: 1, 0>} : (tensor<70x45xf32>) -> tensor<45x70xf32>
  %b = etch.add %a, %w : (tensor<45x70xf32>, tensor<45x70xf32>) -> tensor<45x70xf32>
  %d = etch.mul %b, %c : (tensor<45x70xf32>, tensor<45x70xf32>) -> tensor<45x70xf32>
  return %d : tensor<45x70xf32>
}

// -----
// Booleans, axes in another order, ends of tiles.
func.func @main(%x: tensor<5x33x40x9xi1>) -> tensor<40x5x9x33xi1> {
  %a = etch.transpose %x {permutation = array<i64: 2, 0, 3, 1>} : (tensor<5x33x40x9xi1>) -> tensor<40x5x9x33xi1>
  %b = etch.select %a, %a, %a : (tensor<40x5x9x33xi1>, tensor<40x5x9x33xi1>, tensor<40x5x9x33xi1>) -> tensor<40x5x9x33xi1>
  return %b : tensor<40x5x9x33xi1>
}

// -----
// Tiles of extents that are known at run time only.
func.func @main(%x: tensor<?x?xf64>) -> tensor<?x?xf64> {
  %a = etch.transpose %x {permutation = array<i64: 1, 0>} : (tensor<?x?xf64>) -> tensor<?x?xf64>
  %b = etch.neg %a : (tensor<?x?xf64>) -> tensor<?x?xf64>
  return %b : tensor<?x?xf64>
}

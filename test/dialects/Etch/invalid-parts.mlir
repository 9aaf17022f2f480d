// What the verifier says of parts: the op, what is wrong, the values.
//
// RUN: etch-opt %s -split-input-file -verify-diagnostics

func.func @beyond(%x: tensor<2x5xf32>) {
  // expected-error @+2 {{slice: element 5 along axis 1 is outside of (2, 5)}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.slice %x {starts = array<i64: 0, 1>, steps = array<i64: 1, 2>, shape = array<i64: 2, 3>} : (tensor<2x5xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @before(%x: tensor<5xf32>) {
  // expected-error @+2 {{slice: element -1 along axis 0 is outside of (5,)}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.slice %x {starts = array<i64: 1>, steps = array<i64: -1>, shape = array<i64: 3>} : (tensor<5xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @step(%x: tensor<5xf32>) {
  // expected-error @+2 {{slice: the step along axis 0 is 0}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.slice %x {starts = array<i64: 1>, steps = array<i64: 0>, shape = array<i64: 3>} : (tensor<5xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @ranks(%x: tensor<5xf32>) {
  // expected-error @+2 {{place: a start, a step and an extent for each axis of (2, 5) are needed}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.place %x {starts = array<i64: 0, 0>, steps = array<i64: 1, 1>, fill = 0.0, shape = array<i64: 2, 5>} : (tensor<5xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @place_beyond(%x: tensor<5xf32>) {
  // expected-error @+2 {{place: element 7 along axis 0 is outside of (7,)}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.place %x {starts = array<i64: 3>, steps = array<i64: 1>, fill = 0.0, shape = array<i64: 7>} : (tensor<5xf32>) -> tensor<7xf32>
  return
}

// -----

func.func @cumsum_axis(%x: tensor<5x2xf32>) {
  // expected-error @+2 {{cumsum: axis 2 is out of range for (5, 2)}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.cumsum %x {axis = 2 : i64, reverse = false} : (tensor<5x2xf32>) -> tensor<5x2xf32>
  return
}

// -----

func.func @cumsum_bool(%x: tensor<5xi1>) {
  // expected-error @+2 {{cumsum: not defined for bool}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.cumsum %x {axis = 0 : i64, reverse = false} : (tensor<5xi1>) -> tensor<5xi1>
  return
}

// -----

func.func @philox_counter(%c: tensor<5xi32>, %k: tensor<5xi32>) {
  // expected-error @+2 {{philox: not defined for int32}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.philox %c, %k {to = "f32"} : (tensor<5xi32>, tensor<5xi32>) -> tensor<5xf32>
  return
}

// -----

func.func @philox_result(%c: tensor<5xi64>, %k: tensor<5xi64>) {
  // expected-error @+2 {{philox: does not give int64}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.philox %c, %k {to = "i64"} : (tensor<5xi64>, tensor<5xi64>) -> tensor<5xi64>
  return
}

// -----

func.func @start(%x: tensor<5xf32>, %s: tensor<1xi64>) {
  // expected-error @+2 {{slice_at: the start is int64 (1,), not int64 ()}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.slice_at %x, %s {axis = 0 : i64, shape = array<i64: 2>} : (tensor<5xf32>, tensor<1xi64>) -> tensor<2xf32>
  return
}

// -----

func.func @no_part(%x: tensor<5x3xf32>, %s: tensor<i64>) {
  // expected-error @+2 {{place_at: (5, 3) is no part of (7, 2) along axis 0}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = etch.place_at %x, %s {axis = 0 : i64, shape = array<i64: 7, 2>} : (tensor<5x3xf32>, tensor<i64>) -> tensor<7x2xf32>
  return
}

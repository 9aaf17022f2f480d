// What the verifier says of loops and branches.
//
// RUN: etch-opt %s -split-input-file -verify-diagnostics

func.func @endless(%x: tensor<f32>) {
  // expected-error @+1 {{'etch.loop' op never ends: it has no condition, limit, inputs or max_iterations}}
  %r:2 = "etch.loop"(%x) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<f32>):
    etch.yield %s : tensor<f32>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 1, 0, 0>, resultSegmentSizes = array<i32: 1, 1, 0>} : (tensor<f32>) -> (tensor<i64>, tensor<f32>)
  return
}

// -----

func.func @limit(%n: tensor<i32>, %x: tensor<f32>) {
  // expected-error @+1 {{'etch.loop' op the limit is 'tensor<i32>', not 'tensor<i64>'}}
  %r:2 = "etch.loop"(%n, %x) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<f32>):
    etch.yield %s : tensor<f32>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 1, 1, 0, 0>, resultSegmentSizes = array<i32: 1, 1, 0>} : (tensor<i32>, tensor<f32>) -> (tensor<i64>, tensor<f32>)
  return
}

// -----

func.func @states(%n: tensor<i64>, %x: tensor<f32>) {
  // expected-error @+1 {{'etch.loop' op the final states: value 0 is 'tensor<f64>', not 'tensor<f32>'}}
  %r:2 = "etch.loop"(%n, %x) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<f32>):
    etch.yield %s : tensor<f32>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 1, 1, 0, 0>, resultSegmentSizes = array<i32: 1, 1, 0>} : (tensor<i64>, tensor<f32>) -> (tensor<i64>, tensor<f64>)
  return
}

// -----

func.func @slices(%a: tensor<3xf32>, %b: tensor<4xf32>) {
  // expected-error @+1 {{'etch.loop' op inputs have 3 and 4 slices}}
  %r = "etch.loop"(%a, %b) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<f32>, %t: tensor<f32>):
    etch.yield
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 0, 2, 0>, resultSegmentSizes = array<i32: 1, 0, 0>} : (tensor<3xf32>, tensor<4xf32>) -> tensor<i64>
  return
}

// -----

func.func @outputs(%n: tensor<i64>, %x: tensor<f32>) {
  // expected-error @+1 {{'etch.loop' op has outputs of every iteration, but neither inputs nor max_iterations bound their number}}
  %r:2 = "etch.loop"(%n, %x) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<f32>):
    etch.yield %s : tensor<f32>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 1, 0, 0, 1>, resultSegmentSizes = array<i32: 1, 0, 1>} : (tensor<i64>, tensor<f32>) -> (tensor<i64>, tensor<5xf32>)
  return
}

// -----

func.func @outputs_differ(%x: tensor<3xf32>) {
  // expected-error @+1 {{'etch.loop' op output 0 is 'tensor<5xf32>', but there are 3 slices}}
  %r:2 = "etch.loop"(%x) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<f32>):
    etch.yield %s : tensor<f32>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 0, 1, 0>, resultSegmentSizes = array<i32: 1, 0, 1>} : (tensor<3xf32>) -> (tensor<i64>, tensor<5xf32>)
  return
}

// -----

func.func @body(%x: tensor<3xf32>) {
  // expected-error @+1 {{'etch.loop' op the arguments of the body: 1 values, not 2}}
  %r = "etch.loop"(%x) ({}, {
  ^bb0(%i: tensor<i64>):
    etch.yield
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 0, 1, 0>, resultSegmentSizes = array<i32: 1, 0, 0>} : (tensor<3xf32>) -> tensor<i64>
  return
}

// -----

func.func @yield(%x: tensor<3xf32>) {
  // expected-error @+1 {{'etch.loop' op the body yields: value 0 is 'tensor<i64>', not 'tensor<f32>'}}
  %r:2 = "etch.loop"(%x) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<f32>):
    etch.yield %i : tensor<i64>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 0, 1, 0>, resultSegmentSizes = array<i32: 1, 0, 1>} : (tensor<3xf32>) -> (tensor<i64>, tensor<3xf32>)
  return
}

// -----

func.func @condition(%x: tensor<f32>) {
  // expected-error @+1 {{'etch.loop' op the condition yields: value 0 is 'tensor<f32>', not 'tensor<i1>'}}
  %r:2 = "etch.loop"(%x) ({
  ^bb0(%s: tensor<f32>):
    etch.yield %s : tensor<f32>
  }, {
  ^bb0(%i: tensor<i64>, %s: tensor<f32>):
    etch.yield %s : tensor<f32>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 1, 0, 0>, resultSegmentSizes = array<i32: 1, 1, 0>} : (tensor<f32>) -> (tensor<i64>, tensor<f32>)
  return
}

// -----

func.func @backwards(%p: tensor<i1>, %x: tensor<3xf32>) {
  // expected-error @+1 {{'etch.loop' op runs backwards and has a condition}}
  %r = "etch.loop"(%x, %p) ({
  ^bb0(%c: tensor<i1>):
    etch.yield %c : tensor<i1>
  }, {
  ^bb0(%i: tensor<i64>, %s: tensor<f32>, %c: tensor<i1>):
    etch.yield
  }) {reverse = true, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 0, 0, 1, 1>, resultSegmentSizes = array<i32: 1, 0, 0>} : (tensor<3xf32>, tensor<i1>) -> tensor<i64>
  return
}

// -----

// What a region reads comes as a capture.
func.func @isolated(%n: tensor<i64>, %x: tensor<f32>) {
  // expected-note @+1 {{required by region isolation constraints}}
  %r:2 = "etch.loop"(%n, %x) ({}, {
  ^bb0(%i: tensor<i64>, %s: tensor<f32>):
    // expected-error @+1 {{using value defined outside the region}}
    etch.yield %x : tensor<f32>
  }) {reverse = false, max_iterations = -1 : i64, operandSegmentSizes = array<i32: 1, 1, 0, 0>, resultSegmentSizes = array<i32: 1, 1, 0>} : (tensor<i64>, tensor<f32>) -> (tensor<i64>, tensor<f32>)
  return
}

// -----

func.func @predicate(%p: tensor<2xi1>, %x: tensor<2xf32>) {
  // expected-error @+1 {{'etch.cond' op the predicate is 'tensor<2xi1>', not 'tensor<i1>'}}
  %r = "etch.cond"(%p, %x) ({
  ^bb0(%a: tensor<2xf32>):
    etch.yield %a : tensor<2xf32>
  }, {
  ^bb0(%a: tensor<2xf32>):
    etch.yield %a : tensor<2xf32>
  }) : (tensor<2xi1>, tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @branches(%p: tensor<i1>, %x: tensor<2xf32>) {
  // expected-error @+1 {{'etch.cond' op the second branch yields: 0 values, not 1}}
  %r = "etch.cond"(%p, %x) ({
  ^bb0(%a: tensor<2xf32>):
    etch.yield %a : tensor<2xf32>
  }, {
  ^bb0(%a: tensor<2xf32>):
    etch.yield
  }) : (tensor<i1>, tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @prepared(%x: tensor<?xf32>) {
  // expected-error @+1 {{'etch.prepare' op reads 'tensor<?xf32>': its extents are those of a call}}
  %r = "etch.prepare"(%x) ({
  ^bb0(%a: tensor<?xf32>):
    etch.yield %a : tensor<?xf32>
  }) : (tensor<?xf32>) -> tensor<?xf32>
  return
}

// -----

func.func @kept(%x: tensor<2xf32>) {
  // expected-error @+1 {{'etch.prepare' op the body yields: 0 values, not 1}}
  %r = "etch.prepare"(%x) ({
  ^bb0(%a: tensor<2xf32>):
    etch.yield
  }) : (tensor<2xf32>) -> tensor<2xf32>
  return
}

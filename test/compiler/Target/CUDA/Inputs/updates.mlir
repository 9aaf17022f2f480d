//===- updates.mlir - The same done to arrays of several shapes -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A step with momentum of three parameters; two of them have one shape.
func.func @main(%g0: tensor<300x7xf32>, %g1: tensor<5xf32>, %g2: tensor<300x7xf32>,
                %lr: tensor<f32>,
                %p0: tensor<300x7xf32> {etch.state}, %p1: tensor<5xf32> {etch.state}, %p2: tensor<300x7xf32> {etch.state},
                %v0: tensor<300x7xf32> {etch.state}, %v1: tensor<5xf32> {etch.state}, %v2: tensor<300x7xf32> {etch.state})
    -> (tensor<300x7xf32> {etch.update = 4 : i64}, tensor<300x7xf32> {etch.update = 7 : i64},
        tensor<5xf32> {etch.update = 5 : i64}, tensor<5xf32> {etch.update = 8 : i64},
        tensor<300x7xf32> {etch.update = 6 : i64}, tensor<300x7xf32> {etch.update = 9 : i64}) {
  %m = etch.constant dense<0.9> : tensor<f32>
  %l0 = etch.broadcast_to %lr {shape = array<i64: 300, 7>} : (tensor<f32>) -> tensor<300x7xf32>
  %m0 = etch.broadcast_to %m {shape = array<i64: 300, 7>} : (tensor<f32>) -> tensor<300x7xf32>
  %a0 = etch.mul %v0, %m0 : (tensor<300x7xf32>, tensor<300x7xf32>) -> tensor<300x7xf32>
  %b0 = etch.mul %g0, %l0 : (tensor<300x7xf32>, tensor<300x7xf32>) -> tensor<300x7xf32>
  %w0 = etch.sub %a0, %b0 : (tensor<300x7xf32>, tensor<300x7xf32>) -> tensor<300x7xf32>
  %q0 = etch.add %p0, %w0 : (tensor<300x7xf32>, tensor<300x7xf32>) -> tensor<300x7xf32>
  %l1 = etch.broadcast_to %lr {shape = array<i64: 5>} : (tensor<f32>) -> tensor<5xf32>
  %m1 = etch.broadcast_to %m {shape = array<i64: 5>} : (tensor<f32>) -> tensor<5xf32>
  %a1 = etch.mul %v1, %m1 : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
  %b1 = etch.mul %g1, %l1 : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
  %w1 = etch.sub %a1, %b1 : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
  %q1 = etch.add %p1, %w1 : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
  %a2 = etch.mul %v2, %m0 : (tensor<300x7xf32>, tensor<300x7xf32>) -> tensor<300x7xf32>
  %b2 = etch.mul %g2, %l0 : (tensor<300x7xf32>, tensor<300x7xf32>) -> tensor<300x7xf32>
  %w2 = etch.sub %a2, %b2 : (tensor<300x7xf32>, tensor<300x7xf32>) -> tensor<300x7xf32>
  %q2 = etch.add %p2, %w2 : (tensor<300x7xf32>, tensor<300x7xf32>) -> tensor<300x7xf32>
  return %q0, %w0, %q1, %w1, %q2, %w2 : tensor<300x7xf32>, tensor<300x7xf32>, tensor<5xf32>, tensor<5xf32>, tensor<300x7xf32>, tensor<300x7xf32>
}

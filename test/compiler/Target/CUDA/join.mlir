//===- join.mlir - Launches of one body over other arrays -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// RUN: split-file %s %t
// RUN: etch-cuda-check --join --show %t/updates.mlir | FileCheck %s --check-prefix=UPDATES
// RUN: etch-cuda-check --join --show %t/chain.mlir | FileCheck %s --check-prefix=CHAIN
// RUN: etch-cuda-check --join --show %t/bodies.mlir | FileCheck %s --check-prefix=BODIES

// Blocks of the first array, then those of the second; the number is one operand.
// UPDATES-LABEL: ETCH_KERNEL(256) g0({{.*}}u8 *a6, u8 *a7, const u64 a8, u8 *a9)
// UPDATES: [[BLOCK:v[0-9]+]] = etch_block();
// UPDATES: [[BLOCK]] < 3;
// UPDATES: 2100ull;
// UPDATES: } else {
// UPDATES: 5ull;
// UPDATES: etch_store_vec(
// UPDATES-NOT: ETCH_KERNEL
// UPDATES-LABEL: static u64 g0_blocks0(
// UPDATES: return 4ull;

// The second one reads what the first one makes.
// CHAIN-NOT: g0
// CHAIN: ETCH_KERNEL({{.*}}k0
// CHAIN-NOT: g0

// They do different things.
// BODIES-NOT: g0
// BODIES: ETCH_KERNEL({{.*}}k0
// BODIES: ETCH_KERNEL({{.*}}k1
// BODIES-NOT: g0

//--- updates.mlir
func.func @main(%g0: tensor<300x7xf32>, %g1: tensor<5xf32>, %lr: tensor<f32>,
                %p0: tensor<300x7xf32> {etch.state}, %p1: tensor<5xf32> {etch.state})
    -> (tensor<300x7xf32> {etch.update = 3 : i64}, tensor<5xf32> {etch.update = 4 : i64}) {
  %l0 = etch.broadcast_to %lr {shape = array<i64: 300, 7>} : (tensor<f32>) -> tensor<300x7xf32>
  %b0 = etch.mul %g0, %l0 : (tensor<300x7xf32>, tensor<300x7xf32>) -> tensor<300x7xf32>
  %q0 = etch.sub %p0, %b0 : (tensor<300x7xf32>, tensor<300x7xf32>) -> tensor<300x7xf32>
  %l1 = etch.broadcast_to %lr {shape = array<i64: 5>} : (tensor<f32>) -> tensor<5xf32>
  %b1 = etch.mul %g1, %l1 : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
  %q1 = etch.sub %p1, %b1 : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
  return %q0, %q1 : tensor<300x7xf32>, tensor<5xf32>
}

//--- chain.mlir
func.func @main(%x: tensor<3x40xf32>, %i: tensor<1xi64>) -> (tensor<120xf32>, tensor<3x40xf32>) {
  %a = etch.exp %x : (tensor<3x40xf32>) -> tensor<3x40xf32>
  %b = etch.reshape %a {shape = array<i64: 120>} : (tensor<3x40xf32>) -> tensor<120xf32>
  %c = etch.exp %b : (tensor<120xf32>) -> tensor<120xf32>
  return %c, %a : tensor<120xf32>, tensor<3x40xf32>
}

//--- bodies.mlir
func.func @main(%x: tensor<3x40xf32>, %y: tensor<7xf32>) -> (tensor<3x40xf32>, tensor<7xf32>) {
  %a = etch.exp %x : (tensor<3x40xf32>) -> tensor<3x40xf32>
  %b = etch.neg %y : (tensor<7xf32>) -> tensor<7xf32>
  return %a, %b : tensor<3x40xf32>, tensor<7xf32>
}

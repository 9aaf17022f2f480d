// Operands that depend on states alone are packed when the program is prepared.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// Both weights are packed by one kernel, each once, behind what is prepared
// otherwise; filters that are a call's are transformed there. No launch needs
// the kernel that could do both.
// CHECK-DAG: llvm.func internal @k0.packed.winograd1.fromwinograd1(
// CHECK-DAG: llvm.func internal @k0.packed.winograd1(
// CHECK-NOT: llvm.func internal @k0(
// CHECK: llvm.func internal @k1(
// CHECK-NOT: packed
// CHECK: llvm.func internal @etch.run(
// CHECK: %[[AT:.*]] = llvm.getelementptr %arg0[%c216_i64]
// CHECK-NEXT: %[[DONE:.*]] = llvm.load %[[AT]]
// CHECK-NEXT: %[[NOT:.*]] = llvm.icmp "eq" %[[DONE]]
// CHECK-NEXT: scf.if %[[NOT]]
// CHECK-COUNT-2: llvm.call @k0.packed.winograd1.fromwinograd1
// CHECK-NOT: fromwinograd
// CHECK-COUNT-3: addressof @k0.packed.winograd1
// CHECK: addressof @k1
// The module says how much that is: 64 bytes and twice 36 planes.
// CHECK: llvm.mlir.constant(1184320 : i64)
// CHECK: llvm.func @etch_query
module attributes {etch.arena_bytes = 0 : i64, etch.prepared_bytes = 64 : i64} {
  func.func private @k0(%x: tensor<8x64x56x56xf32>, %w: tensor<64x64x3x3xf32>)
      -> tensor<8x64x56x56xf32> attributes {etch.kernel} {
    %0 = etch.conv2d %x, %w {etch.relaxed, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 8, 64, 56, 56>} : (tensor<8x64x56x56xf32>, tensor<64x64x3x3xf32>) -> tensor<8x64x56x56xf32>
    return %0 : tensor<8x64x56x56xf32>
  }
  func.func private @k1(%x: tensor<8x64x28x28xf32>, %w: tensor<64x64x3x3xf32>)
      -> tensor<8x64x28x28xf32> attributes {etch.kernel} {
    %0 = etch.conv2d %x, %w {etch.relaxed, stride = array<i64: 1, 1>, pad = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, shape = array<i64: 8, 64, 28, 28>} : (tensor<8x64x28x28xf32>, tensor<64x64x3x3xf32>) -> tensor<8x64x28x28xf32>
    return %0 : tensor<8x64x28x28xf32>
  }
  func.func private @prepare(%a: memref<?xi8> {etch.arena}) attributes {etch.program} {
    return
  }
  func.func @main(%x: memref<8x64x56x56xf32>, %v: memref<64x64x3x3xf32> {etch.state}, %w: memref<64x64x3x3xf32> {etch.state},
      %z: memref<8x64x28x28xf32>, %u: memref<64x64x3x3xf32>,
      %y: memref<8x64x56x56xf32> {etch.result = 0 : i64}, %q: memref<8x64x28x28xf32> {etch.result = 1 : i64},
      %p: memref<?xi8> {etch.prepared}, %a: memref<?xi8> {etch.arena}) {
    device.prepare @prepare captures() ys() arena(%a : memref<?xi8>)
    device.launch @k0 ins(%x, %v : memref<8x64x56x56xf32>, memref<64x64x3x3xf32>) outs(%y : memref<8x64x56x56xf32>)
    device.launch @k0 ins(%x, %w : memref<8x64x56x56xf32>, memref<64x64x3x3xf32>) outs(%y : memref<8x64x56x56xf32>)
    device.launch @k0 ins(%x, %v : memref<8x64x56x56xf32>, memref<64x64x3x3xf32>) outs(%y : memref<8x64x56x56xf32>)
    device.launch @k1 ins(%z, %u : memref<8x64x28x28xf32>, memref<64x64x3x3xf32>) outs(%q : memref<8x64x28x28xf32>)
    return
  }
}

// Results that no cache holds are stored past the caches, where they lie at
// multiples of a vector and not in the place of an argument.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// CHECK-LABEL: llvm.func internal @k0(
// CHECK: llvm.ptrtoint
// CHECK: scf.if
// CHECK: llvm.store {{.*}} {alignment = 64 : i64, nontemporal} : vector<16xf32>
// CHECK: llvm.x86.sse.sfence
// CHECK: } else {
// CHECK-NOT: nontemporal
// CHECK: llvm.store {{.*}} {alignment = 4 : i64} : vector<16xf32>
func.func private @k0(%x: tensor<16777216xf32>) -> tensor<16777216xf32> attributes {etch.kernel} {
  %0 = etch.neg %x : (tensor<16777216xf32>) -> tensor<16777216xf32>
  return %0 : tensor<16777216xf32>
}

// CHECK-LABEL: llvm.func internal @k1(
// CHECK-NOT: nontemporal
// CHECK: llvm.return
func.func private @k1(%x: tensor<65536xf32>) -> tensor<65536xf32> attributes {etch.kernel} {
  %0 = etch.neg %x : (tensor<65536xf32>) -> tensor<65536xf32>
  return %0 : tensor<65536xf32>
}

func.func @main(%x: memref<16777216xf32>, %z: memref<65536xf32>,
    %y: memref<16777216xf32> {etch.result = 0 : i64}, %v: memref<65536xf32> {etch.result = 1 : i64}) {
  device.launch @k0 ins(%x : memref<16777216xf32>) outs(%y : memref<16777216xf32>)
  device.launch @k1 ins(%z : memref<65536xf32>) outs(%v : memref<65536xf32>)
  return
}

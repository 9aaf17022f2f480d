// Results that no cache holds are stored past the caches, where they lie at
// multiples of a vector and not in the place of an argument.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s

// CHECK-LABEL: llvm.func internal @k0(
// CHECK: llvm.ptrtoint
// CHECK: scf.if
// Four places at a time, all of them read before the first is written; then the
// rest.
// CHECK: scf.for
// CHECK-COUNT-4: llvm.load {{.*}} -> vector<16xf32>
// CHECK-NOT: llvm.load
// CHECK-COUNT-4: llvm.store {{.*}} {alignment = 64 : i64, nontemporal} : vector<16xf32>
// CHECK: scf.for
// CHECK: llvm.store {{.*}} {alignment = 64 : i64, nontemporal} : vector<16xf32>
// CHECK-NOT: llvm.store
// CHECK: llvm.x86.sse.sfence
// CHECK: } else {
// CHECK-NOT: nontemporal
// CHECK-COUNT-5: llvm.store {{.*}} {alignment = 4 : i64} : vector<16xf32>
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

// Rows of whole vectors, one number for each: every row begins where the first
// does.
// CHECK-LABEL: llvm.func internal @k2(
// CHECK: scf.if
// CHECK: nontemporal} : vector<16xf32>
// CHECK: llvm.x86.sse.sfence
func.func private @k2(%x: tensor<4096x1024xf32>, %s: tensor<4096x1xf32>) -> tensor<4096x1024xf32> attributes {etch.kernel} {
  %0 = etch.broadcast_to %s {shape = array<i64: 4096, 1024>} : (tensor<4096x1xf32>) -> tensor<4096x1024xf32>
  %1 = etch.mul %x, %0 : (tensor<4096x1024xf32>, tensor<4096x1024xf32>) -> tensor<4096x1024xf32>
  return %1 : tensor<4096x1024xf32>
}

// Rows that begin within a line: vectors do at lines, those at the ends of a row
// are stored as usual, into lines that are fetched before.
// CHECK-LABEL: llvm.func internal @k3(
// CHECK: scf.if
// CHECK: llvm.intr.prefetch{{.*}}rw = 1
// CHECK: %[[AT:.*]] = llvm.ptrtoint
// CHECK: %[[BYTES:.*]] = arith.remui %[[AT]], %c64
// CHECK: %[[BEHIND:.*]] = arith.divui %[[BYTES]], %c4
// CHECK: %[[FIRST:.*]] = arith.subi %c0{{.*}}, %[[BEHIND]]
// CHECK: scf.for %{{.*}} = %[[FIRST]] to %c1001
// CHECK: scf.if
// CHECK: llvm.store {{.*}} {alignment = 64 : i64, nontemporal} : vector<16xf32>
// CHECK: } else {
// CHECK: llvm.intr.masked.store
// CHECK: llvm.x86.sse.sfence
// CHECK-NOT: nontemporal
// CHECK: llvm.return
func.func private @k3(%x: tensor<4096x1001xf32>, %s: tensor<4096x1xf32>) -> tensor<4096x1001xf32> attributes {etch.kernel} {
  %0 = etch.broadcast_to %s {shape = array<i64: 4096, 1001>} : (tensor<4096x1xf32>) -> tensor<4096x1001xf32>
  %1 = etch.mul %x, %0 : (tensor<4096x1001xf32>, tensor<4096x1001xf32>) -> tensor<4096x1001xf32>
  return %1 : tensor<4096x1001xf32>
}

// What a reduction takes in and stores, as well.
// CHECK-LABEL: llvm.func internal @k4(
// CHECK: scf.if
// CHECK: nontemporal} : vector<16xf32>
// CHECK: llvm.x86.sse.sfence
func.func private @k4(%x: tensor<4096x1024x1xf32>) -> (tensor<4096x1024x1xf32>, tensor<4096x1xf32>) attributes {etch.kernel} {
  %0 = etch.neg %x : (tensor<4096x1024x1xf32>) -> tensor<4096x1024x1xf32>
  %1 = etch.sum %0 {axes = array<i64: 1>, keepdims = false} : (tensor<4096x1024x1xf32>) -> tensor<4096x1xf32>
  return %0, %1 : tensor<4096x1024x1xf32>, tensor<4096x1xf32>
}

// Of rows that begin within a line the lanes of the sums are behind their own by
// as many, and are turned back.
// CHECK-LABEL: llvm.func internal @k7(
// CHECK: scf.if
// CHECK: %[[BEHIND:.*]] = arith.divui {{.*}}, %c4
// CHECK: %[[SUMS:.*]] = scf.for {{.*}} iter_args
// CHECK: scf.if {{.*}} -> (vector<16xf32>)
// CHECK: nontemporal} : vector<16xf32>
// CHECK: } else {
// CHECK: llvm.intr.masked.store
// CHECK: arith.divui %[[BEHIND]], %c8
// CHECK: llvm.shufflevector %[[SUMS]], %[[SUMS]] [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7]
// CHECK: arith.select
// CHECK: llvm.shufflevector {{.*}} [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0]
// CHECK: llvm.x86.sse.sfence
// CHECK-NOT: nontemporal
// CHECK: llvm.return
func.func private @k7(%x: tensor<4096x1001x1xf32>) -> (tensor<4096x1001x1xf32>, tensor<4096x1xf32>) attributes {etch.kernel} {
  %0 = etch.neg %x : (tensor<4096x1001x1xf32>) -> tensor<4096x1001x1xf32>
  %1 = etch.sum %0 {axes = array<i64: 1>, keepdims = false} : (tensor<4096x1001x1xf32>) -> tensor<4096x1xf32>
  return %0, %1 : tensor<4096x1001x1xf32>, tensor<4096x1xf32>
}

// Short rows have few whole lines: they are stored as usual.
// CHECK-LABEL: llvm.func internal @k8(
// CHECK-NOT: nontemporal
// CHECK: llvm.return
func.func private @k8(%x: tensor<262144x63xf32>, %s: tensor<262144x1xf32>) -> tensor<262144x63xf32> attributes {etch.kernel} {
  %0 = etch.broadcast_to %s {shape = array<i64: 262144, 63>} : (tensor<262144x1xf32>) -> tensor<262144x63xf32>
  %1 = etch.mul %x, %0 : (tensor<262144x63xf32>, tensor<262144x63xf32>) -> tensor<262144x63xf32>
  return %1 : tensor<262144x63xf32>
}

// While it is stored so, memory is fetched ahead; the two chains of a long body
// are two places.
// CHECK-LABEL: llvm.func internal @k5(
// CHECK: scf.if
// CHECK: llvm.intr.prefetch
// CHECK: llvm.load {{.*}} -> vector<16xf32>
// CHECK: llvm.load {{.*}} -> vector<16xf32>
// CHECK-NOT: llvm.load
// CHECK-COUNT-2: nontemporal} : vector<16xf32>
// CHECK: } else {
// CHECK: llvm.intr.prefetch
// CHECK-COUNT-2: llvm.load {{.*}} -> vector<16xf32>
// CHECK-NOT: llvm.load
// CHECK: llvm.return
func.func private @k5(%x: tensor<16777216xf32>) -> tensor<16777216xf32> attributes {etch.kernel} {
  %0 = etch.exp %x : (tensor<16777216xf32>) -> tensor<16777216xf32>
  return %0 : tensor<16777216xf32>
}

// Three arrays at two places are as many streams as pay.
// CHECK-LABEL: llvm.func internal @k6(
// CHECK: scf.if
// CHECK: scf.for
// CHECK-COUNT-6: llvm.load {{.*}} -> vector<16xf32>
// CHECK-NOT: llvm.load
// CHECK: nontemporal
func.func private @k6(%x: tensor<16777216xf32>, %y: tensor<16777216xf32>, %z: tensor<16777216xf32>) -> tensor<16777216xf32> attributes {etch.kernel} {
  %0 = etch.add %x, %y : (tensor<16777216xf32>, tensor<16777216xf32>) -> tensor<16777216xf32>
  %1 = etch.add %0, %z : (tensor<16777216xf32>, tensor<16777216xf32>) -> tensor<16777216xf32>
  return %1 : tensor<16777216xf32>
}

func.func @main(%x: memref<16777216xf32>, %z: memref<65536xf32>, %a: memref<4096x1024xf32>, %s: memref<4096x1xf32>, %b: memref<4096x1001xf32>,
    %c: memref<4096x1024x1xf32>, %y: memref<16777216xf32> {etch.result = 0 : i64}, %v: memref<65536xf32> {etch.result = 1 : i64},
    %ya: memref<4096x1024xf32> {etch.result = 2 : i64}, %yb: memref<4096x1001xf32> {etch.result = 3 : i64},
    %yc: memref<4096x1024x1xf32> {etch.result = 4 : i64}, %yd: memref<4096x1xf32> {etch.result = 5 : i64}, %ye: memref<16777216xf32> {etch.result = 6 : i64},
    %yf: memref<16777216xf32> {etch.result = 7 : i64}, %d: memref<4096x1001x1xf32>, %f: memref<262144x63xf32>, %sf: memref<262144x1xf32>,
    %yg: memref<4096x1001x1xf32> {etch.result = 8 : i64}, %yh: memref<4096x1xf32> {etch.result = 9 : i64}, %yi: memref<262144x63xf32> {etch.result = 10 : i64}) {
  device.launch @k2 ins(%a, %s : memref<4096x1024xf32>, memref<4096x1xf32>) outs(%ya : memref<4096x1024xf32>)
  device.launch @k3 ins(%b, %s : memref<4096x1001xf32>, memref<4096x1xf32>) outs(%yb : memref<4096x1001xf32>)
  device.launch @k4 ins(%c : memref<4096x1024x1xf32>) outs(%yc, %yd : memref<4096x1024x1xf32>, memref<4096x1xf32>)
  device.launch @k5 ins(%x : memref<16777216xf32>) outs(%ye : memref<16777216xf32>)
  device.launch @k6 ins(%x, %x, %x : memref<16777216xf32>, memref<16777216xf32>, memref<16777216xf32>) outs(%yf : memref<16777216xf32>)
  device.launch @k7 ins(%d : memref<4096x1001x1xf32>) outs(%yg, %yh : memref<4096x1001x1xf32>, memref<4096x1xf32>)
  device.launch @k8 ins(%f, %sf : memref<262144x63xf32>, memref<262144x1xf32>) outs(%yi : memref<262144x63xf32>)
  device.launch @k0 ins(%x : memref<16777216xf32>) outs(%y : memref<16777216xf32>)
  device.launch @k1 ins(%z : memref<65536xf32>) outs(%v : memref<65536xf32>)
  return
}

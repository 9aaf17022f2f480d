// Each operation of a long body waits for the one before: vectors of several
// registers are several such chains side by side. What shall compile quickly has
// one.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops quick=true" | FileCheck %s --check-prefix=QUICK

// CHECK-LABEL: llvm.func internal @short(
// CHECK: llvm.load {{.*}} -> vector<16xf32>
func.func private @short(%x: tensor<4096xf32>) -> tensor<4096xf32> attributes {etch.kernel} {
  %0 = etch.neg %x : (tensor<4096xf32>) -> tensor<4096xf32>
  return %0 : tensor<4096xf32>
}

// CHECK-LABEL: llvm.func internal @two(
// CHECK: llvm.load {{.*}} -> vector<32xf32>
// QUICK-LABEL: llvm.func internal @two(
// QUICK: llvm.load {{.*}} -> vector<16xf32>
func.func private @two(%x: tensor<4096xf32>) -> tensor<4096xf32> attributes {etch.kernel} {
  %0 = etch.exp %x : (tensor<4096xf32>) -> tensor<4096xf32>
  return %0 : tensor<4096xf32>
}

// CHECK-LABEL: llvm.func internal @four(
// CHECK: llvm.load {{.*}} -> vector<32xf64>
// QUICK-LABEL: llvm.func internal @four(
// QUICK: llvm.load {{.*}} -> vector<8xf64>
func.func private @four(%x: tensor<4096xf64>) -> tensor<4096xf64> attributes {etch.kernel} {
  %0 = etch.erf %x : (tensor<4096xf64>) -> tensor<4096xf64>
  return %0 : tensor<4096xf64>
}

// What is read and written decides, not what is computed in between.
// CHECK-LABEL: llvm.func internal @wide(
// CHECK: llvm.load {{.*}} -> vector<16xf32>
// CHECK: arith.mulf {{.*}} : vector<16xf64>
// CHECK: llvm.store {{.*}} : vector<16xf32>
// QUICK-LABEL: llvm.func internal @wide(
// QUICK: arith.mulf {{.*}} : vector<8xf64>
func.func private @wide(%x: tensor<4096xf32>) -> tensor<4096xf32> attributes {etch.kernel} {
  %0 = etch.cast %x {to = "f64"} : (tensor<4096xf32>) -> tensor<4096xf64>
  %1 = etch.mul %0, %0 : (tensor<4096xf64>, tensor<4096xf64>) -> tensor<4096xf64>
  %2 = etch.cast %1 {to = "f32"} : (tensor<4096xf64>) -> tensor<4096xf32>
  return %2 : tensor<4096xf32>
}

// A long operation whose integers take two registers for one of what is read and
// written: two chains, not four.
// CHECK-LABEL: llvm.func internal @random(
// CHECK: arith.muli {{.*}} : vector<32xi64>
// CHECK: llvm.store {{.*}} : vector<32xf32>
// QUICK-LABEL: llvm.func internal @random(
// QUICK: arith.muli {{.*}} : vector<8xi64>
func.func private @random(%k: tensor<i64>, %x: tensor<4096xf32>) -> tensor<4096xf32> attributes {etch.kernel} {
  %0 = etch.iota {shape = array<i64: 4096>} : () -> tensor<4096xi64>
  %1 = etch.broadcast_to %k {shape = array<i64: 4096>} : (tensor<i64>) -> tensor<4096xi64>
  %2 = etch.philox %0, %1 {to = "f32"} : (tensor<4096xi64>, tensor<4096xi64>) -> tensor<4096xf32>
  %3 = etch.mul %2, %x : (tensor<4096xf32>, tensor<4096xf32>) -> tensor<4096xf32>
  return %3 : tensor<4096xf32>
}

// Where the last vector may be a part, a loop of so many instructions has masks
// throughout instead of being written twice.
// CHECK-LABEL: llvm.func internal @parts(
// CHECK-COUNT-20: arith.muli {{.*}} : vector<32xi64>
// CHECK-NOT: arith.muli {{.*}} : vector<32xi64>
// CHECK-LABEL: llvm.func internal @rows(
func.func private @parts(%k: tensor<i64>, %x: tensor<4099xf32>) -> tensor<4099xf32> attributes {etch.kernel} {
  %0 = etch.iota {shape = array<i64: 4099>} : () -> tensor<4099xi64>
  %1 = etch.broadcast_to %k {shape = array<i64: 4099>} : (tensor<i64>) -> tensor<4099xi64>
  %2 = etch.philox %0, %1 {to = "f32"} : (tensor<4099xi64>, tensor<4099xi64>) -> tensor<4099xf32>
  %3 = etch.mul %2, %x : (tensor<4099xf32>, tensor<4099xf32>) -> tensor<4099xf32>
  return %3 : tensor<4099xf32>
}

// Rows of 72: three vectors of 32 lanes would leave a quarter of them empty, two
// of 64 more.
// CHECK: vector<32xf32>
func.func private @rows(%x: tensor<512x72xf32>, %r: tensor<72xf32>) -> tensor<512x72xf32> attributes {etch.kernel} {
  %0 = etch.broadcast_to %r {shape = array<i64: 512, 72>} : (tensor<72xf32>) -> tensor<512x72xf32>
  %1 = etch.add %x, %0 : (tensor<512x72xf32>, tensor<512x72xf32>) -> tensor<512x72xf32>
  %2 = etch.erf %1 : (tensor<512x72xf32>) -> tensor<512x72xf32>
  return %2 : tensor<512x72xf32>
}

// Of more than 16 operations no second loop is written for results that go past
// the caches.
// CHECK-LABEL: llvm.func internal @many(
// CHECK-NOT: nontemporal
// CHECK: llvm.return
func.func private @many(%x: tensor<16777216xf32>) -> tensor<16777216xf32> attributes {etch.kernel} {
  %0 = etch.neg %x : (tensor<16777216xf32>) -> tensor<16777216xf32>
  %1 = etch.neg %0 : (tensor<16777216xf32>) -> tensor<16777216xf32>
  %2 = etch.neg %1 : (tensor<16777216xf32>) -> tensor<16777216xf32>
  %3 = etch.neg %2 : (tensor<16777216xf32>) -> tensor<16777216xf32>
  %4 = etch.neg %3 : (tensor<16777216xf32>) -> tensor<16777216xf32>
  %5 = etch.neg %4 : (tensor<16777216xf32>) -> tensor<16777216xf32>
  %6 = etch.neg %5 : (tensor<16777216xf32>) -> tensor<16777216xf32>
  %7 = etch.neg %6 : (tensor<16777216xf32>) -> tensor<16777216xf32>
  %8 = etch.neg %7 : (tensor<16777216xf32>) -> tensor<16777216xf32>
  %9 = etch.neg %8 : (tensor<16777216xf32>) -> tensor<16777216xf32>
  %10 = etch.neg %9 : (tensor<16777216xf32>) -> tensor<16777216xf32>
  %11 = etch.neg %10 : (tensor<16777216xf32>) -> tensor<16777216xf32>
  %12 = etch.neg %11 : (tensor<16777216xf32>) -> tensor<16777216xf32>
  %13 = etch.neg %12 : (tensor<16777216xf32>) -> tensor<16777216xf32>
  %14 = etch.neg %13 : (tensor<16777216xf32>) -> tensor<16777216xf32>
  %15 = etch.neg %14 : (tensor<16777216xf32>) -> tensor<16777216xf32>
  %16 = etch.neg %15 : (tensor<16777216xf32>) -> tensor<16777216xf32>
  return %16 : tensor<16777216xf32>
}

func.func @main(%x: memref<4096xf32>, %d: memref<4096xf64>, %r: memref<512x72xf32>, %row: memref<72xf32>, %b: memref<16777216xf32>,
    %y0: memref<4096xf32> {etch.result = 0 : i64}, %y1: memref<4096xf32> {etch.result = 1 : i64}, %y2: memref<4096xf64> {etch.result = 2 : i64},
    %y3: memref<4096xf32> {etch.result = 3 : i64}, %y4: memref<512x72xf32> {etch.result = 4 : i64}, %y5: memref<16777216xf32> {etch.result = 5 : i64}) {
  device.launch @short ins(%x : memref<4096xf32>) outs(%y0 : memref<4096xf32>)
  device.launch @two ins(%x : memref<4096xf32>) outs(%y1 : memref<4096xf32>)
  device.launch @four ins(%d : memref<4096xf64>) outs(%y2 : memref<4096xf64>)
  device.launch @wide ins(%x : memref<4096xf32>) outs(%y3 : memref<4096xf32>)
  device.launch @rows ins(%r, %row : memref<512x72xf32>, memref<72xf32>) outs(%y4 : memref<512x72xf32>)
  device.launch @many ins(%b : memref<16777216xf32>) outs(%y5 : memref<16777216xf32>)
  return
}

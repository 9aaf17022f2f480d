// Eager products ask at run time whether there are so few numbers that nothing
// is packed; one row has a loop of its own. Where columns are not neighbours in
// memory, or what is compiled may take longer, there is one way.
//
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops quick=true" | FileCheck %s
// RUN: etch-opt %s --etch-codegen-cpu="vector-bits=512 stop=loops" | FileCheck %s --check-prefix=FULL

// CHECK-LABEL: llvm.func internal @k0(
// CHECK: %[[ROW:.*]] = arith.cmpi eq, {{.*}}, %c1_i64 : i64
// CHECK: scf.if %[[ROW]] {
// CHECK: llvm.intr.masked.load
// CHECK: math.fma
// CHECK-NOT: math.fma
// CHECK: llvm.intr.masked.store
// CHECK: } else {
// CHECK: llvm.intr.masked.load
// CHECK-COUNT-8: math.fma
// CHECK-NOT: math.fma
// CHECK-COUNT-8: llvm.intr.masked.store
// FULL-LABEL: llvm.func internal @k0(
// FULL-NOT: %c32768_i64
// FULL: llvm.return
func.func private @k0(%x: tensor<?x?xf32> {etch.strided = [-1]}, %w: tensor<?x?xf32> {etch.strided = [1]})
    -> tensor<?x?xf32> attributes {etch.kernel} {
  %0 = etch.matmul %x, %w : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
func.func @main(%x: memref<?x?xf32, strided<[?, ?]>>, %w: memref<?x?xf32, strided<[?, 1]>>,
    %y: memref<?x?xf32> {etch.result = 0 : i64}) {
  device.launch @k0 ins(%x, %w : memref<?x?xf32, strided<[?, ?]>>, memref<?x?xf32, strided<[?, 1]>>) outs(%y : memref<?x?xf32>)
  return
}

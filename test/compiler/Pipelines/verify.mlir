// The walls between phases: what a phase left undone is an error that names it.
//
// RUN: not etch-opt %s -etch-verify-differentiate 2>&1 | FileCheck %s --check-prefix=DIFFERENTIATE
// RUN: not etch-opt %s -etch-differentiate -etch-verify-simplify 2>&1 | FileCheck %s --check-prefix=SIMPLIFY
// RUN: not etch-opt %s -etch-differentiate -etch-simplify -etch-verify-fuse 2>&1 | FileCheck %s --check-prefix=FUSE
// RUN: not etch-opt %s -etch-differentiate -etch-simplify -etch-fuse -etch-verify-bufferize 2>&1 | FileCheck %s --check-prefix=BUFFERIZE
// RUN: etch-opt %s -etch-differentiate-pipeline -etch-simplify-pipeline -etch-fuse-pipeline -etch-bufferize-pipeline | FileCheck %s

// DIFFERENTIATE: 'etch.gradient' op is left by the phase differentiate
// SIMPLIFY: 'etch.stop_gradient' op is left by the phase simplify
// FUSE: 'etch.exp' op is left by the phase fuse
// BUFFERIZE: 'func.call' op is left by the phase bufferize
// CHECK: device.launch

func.func @main(%x: tensor<2xf64>, %gy: tensor<2xf64>) -> tensor<2xf64> {
  %0 = etch.stop_gradient %x : (tensor<2xf64>) -> tensor<2xf64>
  %1 = etch.exp %0 : (tensor<2xf64>) -> tensor<2xf64>
  %2 = etch.mul %1, %x : (tensor<2xf64>, tensor<2xf64>) -> tensor<2xf64>
  %3 = etch.gradient %2 by %gy wrt %x : (tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<2xf64>
  func.return %3 : tensor<2xf64>
}

// A program on files and on constants.
// REQUIRES: etch-run
// RUN: rm -rf %t && mkdir %t
// RUN: etch-run %s --fill 3 --print --output-dir %t | FileCheck %s --check-prefix=FILL
// RUN: etch-run %s --input %t/result_0.npy --input %t/result_1.npy --print --times | FileCheck %s --check-prefix=FILES
// RUN: etch-run %s --input=%t/result_0.npy --fill=1 --print --threads 1 --quick | FileCheck %s --check-prefix=MIXED
// RUN: not etch-run %s 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not etch-run %s --input %s 2>&1 | FileCheck %s --check-prefix=FOREIGN
// RUN: not etch-run %s --nonsense 2>&1 | FileCheck %s --check-prefix=OPTION
// RUN: not etch-run %t/no.mlir 2>&1 | FileCheck %s --check-prefix=MISSING

// FILL: result_0: float64 (2, 1) [9 9]
// FILL: result_1: float64 (2, 1) [6 6]
// FILES: loaded from disk
// FILES: result_0: float64 (2, 1) [54 54]
// FILES: result_1: float64 (2, 1) [15 15]
// MIXED: result_0: float64 (2, 1) [9 9]
// MIXED: result_1: float64 (2, 1) [10 10]
// NONE: expected 2 arguments, got 0
// FOREIGN: not a .npy file
// OPTION: unknown option '--nonsense'
// MISSING: cannot read

func.func @main(%x: tensor<2x1xf64>, %w: tensor<2x1xf64> {etch.state})
    -> (tensor<2x1xf64>, tensor<2x1xf64> {etch.update = 1 : i64}) {
  %0 = "etch.mul"(%w, %x) : (tensor<2x1xf64>, tensor<2x1xf64>) -> tensor<2x1xf64>
  %1 = "etch.add"(%w, %x) : (tensor<2x1xf64>, tensor<2x1xf64>) -> tensor<2x1xf64>
  func.return %0, %1 : tensor<2x1xf64>, tensor<2x1xf64>
}

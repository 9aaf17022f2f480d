// Programs with checks, and the search for a pass that changes a result.
// REQUIRES: etch-run
// RUN: etch-run %s --fill 2 --check nan --print | FileCheck %s --check-prefix=GOOD
// RUN: not etch-run %s --fill 0 --check nan 2>&1 | FileCheck %s --check-prefix=BAD
// RUN: etch-run %s --fill 0 --print | FileCheck %s --check-prefix=OFF
// RUN: etch-run %s --fill 3 --bisect | FileCheck %s --check-prefix=SAME
// RUN: etch-run %s --fill 3 --without etch-fuse,etch-bufferize --print | FileCheck %s --check-prefix=PLAIN
// RUN: not etch-run %s --fill 3 --without etch-nonsense 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not etch-run %s --check 7 2>&1 | FileCheck %s --check-prefix=WORD

// GOOD: result_0: float64 (2,) [1 1]
// BAD: op 4: div gives NaN for element 0 of 2
// OFF: result_0: float64 (2,) [{{.*}}nan {{.*}}nan]
// SAME: no optional pass changes the results
// PLAIN: result_0: float64 (2,) [1 1]
// NONE: 'etch-nonsense' is no optional pass; there are etch-reroll
// WORD: unknown check '7'
func.func @main(%x: tensor<2xf64>, %y: tensor<2xf64>) -> tensor<2xf64> {
  %0 = "etch.mul"(%x, %x) : (tensor<2xf64>, tensor<2xf64>) -> tensor<2xf64> loc("site":3:0)
  %1 = "etch.mul"(%x, %y) : (tensor<2xf64>, tensor<2xf64>) -> tensor<2xf64> loc("site":3:0)
  %2 = "etch.div"(%0, %1) : (tensor<2xf64>, tensor<2xf64>) -> tensor<2xf64> loc("site":4:0)
  func.return %2 : tensor<2xf64>
}

// The phases by name, and an exported library used from plain C.
// REQUIRES: etch-compile
// RUN: etch-compile %s --compile-to=trace | FileCheck %s --check-prefix=TRACE
// RUN: etch-compile %s --compile-to=fuse | FileCheck %s --check-prefix=FUSE
// RUN: etch-compile %s --compile-to=codegen | FileCheck %s --check-prefix=LLVM
// RUN: etch-compile %s --compile-to=object -o %t.o && llvm-nm %t.o | FileCheck %s --check-prefix=OBJECT
// RUN: not etch-compile %s --compile-to=nothing 2>&1 | FileCheck %s --check-prefix=PHASE
// RUN: not etch-compile %s --mcpu=z80 --name x -o %t.so 2>&1 | FileCheck %s --check-prefix=CPU
// RUN: not etch-compile %s -o %t/no/libx.so 2>&1 | FileCheck %s --check-prefix=PATH
// RUN: not etch-compile %s --device sm_90 --precision tf32 -o %t.so 2>&1 | FileCheck %s --check-prefix=STRICT
// RUN: env LD_LIBRARY_PATH=%build_root/test/fake-cuda/Whole etch-compile %s --fast --device sm_80,compute_90 --libraries --precision tf32 --name step -o %t.so
// RUN: grep -c sm_80 %t.so && grep -c compute_90 %t.so
// RUN: rm -rf %t && mkdir %t && cp %S/Inputs/step.c %t
// RUN: etch-compile %s -o %t/libstep.so --header %t/step.h --mcpu x86-64-v3
// RUN: llvm-readelf -d %t/libstep.so | FileCheck %s --check-prefix=NEEDED
// RUN: %cc -std=c11 -Wall -Wextra -Werror %t/step.c -I%t -L%t -lstep -Wl,-rpath,%t -o %t/step
// RUN: cd %t && ./step | FileCheck %s --check-prefix=HOST

// TRACE: etch.add
// FUSE: func.func private @k0
// FUSE: call @k0
// LLVM: define {{.*}} @etch_query(
// OBJECT: T etch_query
// PHASE: unknown phase 'nothing'
// CPU: unknown processor 'z80'
// PATH: cannot write {{.*}}libx.so
// STRICT: --libraries and --precision are for --fast
// NEEDED: (NEEDED) Shared library: [libc.so.6]
// NEEDED-NOT: (NEEDED)
// HOST: y 1 4 9 16
// HOST: error argument 0 'x': expected float32, got float64
// HOST: loaded 1 2 3 4

func.func @main(%x: tensor<4xf32> {etch.name = "x"},
                %w: tensor<4xf32> {etch.state, etch.name = "l0/W"})
    -> (tensor<4xf32> {etch.name = "y"}, tensor<4xf32> {etch.update = 1 : i64}) {
  %0 = "etch.add"(%w, %x) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = "etch.mul"(%0, %x) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  func.return %1, %0 : tensor<4xf32>, tensor<4xf32>
}

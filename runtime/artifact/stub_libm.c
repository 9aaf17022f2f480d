/*===- stub_libm.c - Names of the mathematical library
---------------------===*\
|*
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* Only what is exact by definition: a processor without fused multiply-add
calls
|* these. No other function of libm may compute a value.
\*===----------------------------------------------------------------------===*/
void fma(void) {}
void fmaf(void) {}

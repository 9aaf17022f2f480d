/*===- step.c - A plain C host of an exported library
----------------------===*\
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
\*===----------------------------------------------------------------------===*/
#include "step.h"

#include <stdio.h>

int main(void) {
  step_t *step, *other;
  float x[4] = {1, 2, 3, 4}, y[4];
  if (step_init(&step) || step_init(&other))
    return 1;
  if (step_call(step, x, y))
    return 2;
  printf("y %g %g %g %g\n", y[0], y[1], y[2], y[3]);

  const int64_t four = 4, one = 1;
  double wrong[4];
  etch_tensor_t in = {wrong, &four, &one, ETCH_F64, 1};
  etch_tensor_t out = {y, &four, &one, ETCH_F32, 1};
  if (step_run(step, &in, 1, &out, 1) != ETCH_ERROR_ARGUMENT)
    return 3;
  printf("error %s\n", step_error(step));

  if (step_save(step, "w.state") || step_load(other, "w.state"))
    return 4;
  etch_tensor_t state;
  if (step_state(other, "l0/W", &state))
    return 5;
  const float *w = (const float *)state.data;
  printf("loaded %g %g %g %g\n", w[0], w[1], w[2], w[3]);
  step_free(step);
  step_free(other);
  return 0;
}

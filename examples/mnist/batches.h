/*===- batches.h - The file of batches that the demo wrote ----------------===*\
|*
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* An int64 count, then for each batch its images (float32) and labels (int64).
\*===----------------------------------------------------------------------===*/
#ifndef ETCH_EXAMPLES_MNIST_BATCHES_H
#define ETCH_EXAMPLES_MNIST_BATCHES_H

#include "library.h"

#include <time.h>

static inline double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static inline int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static inline double median(double *values, long count) {
  qsort(values, (size_t)count, sizeof(double), by_size);
  return values[count / 2];
}

/* Fills the inputs with the next batch of the file; a predictor takes no
   labels. */
static inline void next_batch(FILE *file, library_t *to, size_t label_bytes,
                              int64_t *labels) {
  size_t bytes = bytes_of(&to->inputs[0]);
  if (fread(to->inputs[0].data, 1, bytes, file) != bytes ||
      fread(labels, 1, label_bytes, file) != label_bytes)
    fail("the file of batches ends too early", "");
  if (to->num_inputs > 1)
    memcpy(to->inputs[1].data, labels, label_bytes);
}

static inline FILE *open_batches(const char *folder, const char *name,
                                 int64_t *count) {
  FILE *file = fopen(path_in(folder, name), "rb");
  if (file && fread(count, sizeof *count, 1, file) != 1)
    fail("cannot read", name);
  return file;
}

#endif /* ETCH_EXAMPLES_MNIST_BATCHES_H */

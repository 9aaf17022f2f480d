/*===- continue.c - A program without Etch goes on with the training ------===*\
|*
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* usage: etch-demo-continue FOLDER STEPS
|* Loads libmnist_step.so with its state, makes STEPS steps on the batches of
|* train.bin, saves the state; then, if it is there, loads libmnist_predict.so
|* with the same state and counts what it gets right in test.bin.
\*===----------------------------------------------------------------------===*/
#include "library.h"

#include <time.h>

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* Fills the first `count` inputs with the next batch of the file; data without
   an input are read over. */
static void next_batch(FILE *file, library_t *to, size_t label_bytes,
                       int64_t *labels) {
  size_t bytes = bytes_of(&to->inputs[0]);
  if (fread(to->inputs[0].data, 1, bytes, file) != bytes ||
      fread(labels, 1, label_bytes, file) != label_bytes)
    fail("the file of batches ends too early", "");
  if (to->num_inputs > 1)
    memcpy(to->inputs[1].data, labels, label_bytes);
}

static FILE *open_batches(const char *folder, const char *name,
                          int64_t *count) {
  FILE *file = fopen(path_in(folder, name), "rb");
  if (file && fread(count, sizeof *count, 1, file) != 1)
    fail("cannot read", name);
  return file;
}

static void train(const char *folder, long steps) {
  library_t step;
  load_library(&step, folder, "mnist_step");
  load_state(&step, path_in(folder, "mnist_step.state"));
  int64_t batches, batch = step.inputs[1].extents[0];
  int64_t *labels = malloc((size_t)batch * sizeof(int64_t));
  FILE *data = open_batches(folder, "train.bin", &batches);
  FILE *losses = fopen(path_in(folder, "losses.bin"), "wb");
  if (!data || !losses || !labels || batches < steps)
    fail("cannot read or write in", folder);
  double spent = 0;
  for (long i = 0; i < steps; ++i) {
    next_batch(data, &step, (size_t)batch * sizeof(int64_t), labels);
    double start = now_ms();
    run_library(&step);
    if (i > 0) /* the first one touches all memory */
      spent += now_ms() - start;
    fwrite(step.results[0].data, sizeof(float), 1, losses);
  }
  fclose(data);
  fclose(losses);
  free(labels);
  printf("C: %ld steps, loss %.4f, ms per step %.4f\n", steps,
         *(float *)step.results[0].data, spent / (double)(steps - 1));
  save_state(&step, path_in(folder, "continued.state"));
  free_library(&step);
}

static void predict(const char *folder) {
  int64_t batches, right = 0, all = 0;
  FILE *data = open_batches(folder, "test.bin", &batches);
  if (!data)
    return;
  library_t net;
  load_library(&net, folder, "mnist_predict");
  load_state(&net, path_in(folder, "continued.state"));
  int64_t batch = net.inputs[0].extents[0];
  int64_t *labels = malloc((size_t)batch * sizeof(int64_t));
  for (int64_t i = 0; labels && i < batches; ++i) {
    next_batch(data, &net, (size_t)batch * sizeof(int64_t), labels);
    run_library(&net);
    const int64_t *guess = net.results[0].data;
    for (int64_t k = 0; k < batch; ++k, ++all)
      right += guess[k] == labels[k];
  }
  printf("C: predicted %ld digits, accuracy %.4f\n", (long)all,
         (double)right / (double)all);
  fclose(data);
  free(labels);
  free_library(&net);
}

int main(int argc, char **argv) {
  if (argc != 3 || atol(argv[2]) < 2)
    fail("usage: etch-demo-continue FOLDER STEPS (two or more)", "");
  train(argv[1], atol(argv[2]));
  predict(argv[1]);
  return 0;
}

/*===- continue.c - A program without Etch goes on with the training ------===*\
|*
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* usage: etch-demo-continue FOLDER STEPS [STATE]
|* Loads libmnist_step.so with its state (or STATE, once that is there), makes
|* STEPS steps on the batches of train.bin, saves the state to continued.state
|* (or STATE); then loads libmnist_predict.so, if there is test.bin, with the
|* same state and counts what it gets right.
\*===----------------------------------------------------------------------===*/
#include "batches.h"
#include "library.h"

#include <unistd.h>

static void train(const char *folder, long steps, const char *state) {
  library_t step;
  load_library(&step, folder, "mnist_step");
  load_state(&step, access(state, R_OK) == 0
                        ? state
                        : path_in(folder, "mnist_step.state"));
  int64_t batches, batch = step.inputs[1].extents[0];
  int64_t *labels = malloc((size_t)batch * sizeof(int64_t));
  FILE *data = open_batches(folder, "train.bin", &batches);
  FILE *losses = fopen(path_in(folder, "losses.bin"), "wb");
  double *times = malloc((size_t)steps * sizeof(double));
  if (!data || !losses || !labels || !times || batches < 1)
    fail("cannot read or write in", folder);
  for (long i = 0; i < steps; ++i) {
    if (i % batches == 0)
      fseek(data, sizeof batches, SEEK_SET);
    next_batch(data, &step, (size_t)batch * sizeof(int64_t), labels);
    double start = now_ms();
    run_library(&step);
    times[i] = now_ms() - start;
    fwrite(step.results[0].data, sizeof(float), 1, losses);
  }
  fclose(data);
  fclose(losses);
  free(labels);
  float loss = *(float *)step.results[0].data;
  printf("C: %ld steps, loss %.4f (%a), ms per step %.4f\n", steps, loss, loss,
         median(times, steps));
  free(times);
  save_state(&step, state);
  free_library(&step);
}

static void predict(const char *folder, const char *state) {
  int64_t batches, right = 0, all = 0;
  FILE *data = open_batches(folder, "test.bin", &batches);
  if (!data)
    return;
  library_t net;
  load_library(&net, folder, "mnist_predict");
  load_state(&net, state);
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
  if (argc < 3 || argc > 4 || atol(argv[2]) < 1)
    fail("usage: etch-demo-continue FOLDER STEPS [STATE], STEPS > 0", "");
  char state[4096];
  snprintf(state, sizeof state, "%s",
           argc > 3 ? argv[3] : path_in(argv[1], "continued.state"));
  if (argc == 3)
    remove(state);
  train(argv[1], atol(argv[2]), state);
  predict(argv[1], state);
  return 0;
}

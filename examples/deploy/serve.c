/*===- serve.c - The exported programs without Etch -----------------------===*\
|*
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* usage: serve THREADS
|* Goes on with the training that train.cpp has exported, with threads of its
|* own; keeps the state in a file; predicts with weights that are part of the
|* library.
\*===----------------------------------------------------------------------===*/
#include "sine_predict.h"
#include "sine_step.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* A host of the plainest kind: threads that are made anew for each loop. */
typedef struct {
  etch_task_t task;
  void *closure;
  int64_t begin, end;
  int32_t worker;
} piece_t;

static void *run_piece(void *argument) {
  piece_t *p = argument;
  p->task(p->closure, p->begin, p->end, p->worker);
  return NULL;
}
static void parallel_for(void *self, etch_task_t task, void *closure,
                         int64_t count, int64_t grain) {
  pthread_t threads[64];
  piece_t pieces[64];
  int32_t workers = *(int32_t *)self, used = 0;
  int64_t share = (count + workers - 1) / workers;
  share = (share + grain - 1) / grain * grain; /* pieces begin at multiples */
  for (int64_t at = 0; at < count; at += share, ++used) {
    int64_t end = at + share < count ? at + share : count;
    pieces[used] = (piece_t){task, closure, at, end, used};
    if (pthread_create(&threads[used], NULL, run_piece, &pieces[used]))
      abort();
  }
  for (int32_t i = 0; i < used; ++i)
    pthread_join(threads[i], NULL);
}

int main(int argc, char **argv) {
  int32_t workers = argc > 1 ? atoi(argv[1]) : 1;
  if (workers < 1 || workers > 64)
    return 2;
  /* Built for another version of the interface: no module. */
  if (!sine_step_query(ETCH_ABI_VERSION) ||
      sine_step_query(ETCH_ABI_VERSION + 1))
    return 3;
  printf("%s, program %016llx\n", sine_step_query(ETCH_ABI_VERSION)->name,
         (unsigned long long)sine_step_query(ETCH_ABI_VERSION)->program_hash);
  static float x[1000], t[1000], y[1000];
  float loss = 0;
  FILE *data = fopen("data.bin", "rb");
  if (!data || fread(x, sizeof x, 1, data) != 1 ||
      fread(t, sizeof t, 1, data) != 1)
    return 4;
  fclose(data);

  sine_step_t *step = NULL;
  etch_host_t host = {
      .self = &workers, .parallel_for = parallel_for, .workers = workers};
  if (sine_step_init(&step) || sine_step_load(step, "sine_step.state") ||
      sine_step_set_host(step, &host))
    return fprintf(stderr, "%s\n", sine_step_error(step)), 5;
  for (int i = 0; i < 100; ++i)
    if (sine_step_call(step, x, t, &loss))
      return fprintf(stderr, "%s\n", sine_step_error(step)), 6;
  printf("loss after 100 steps more: %a\n", loss);
  if (sine_step_save(step, "later.state"))
    return 7;
  /* The file of another program is refused, and the states stay. */
  if (sine_step_load(step, "sine_predict.state") != ETCH_ERROR_FORMAT)
    return 8;
  printf("refused: %s\n", sine_step_error(step));
  sine_step_free(step);

  sine_predict_t *predict = NULL;
  if (sine_predict_init(&predict) || sine_predict_call(predict, x, y))
    return 9;
  printf("prediction: %a\n", y[0]);
  sine_predict_free(predict);
  return 0;
}

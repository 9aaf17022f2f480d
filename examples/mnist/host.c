/*===- host.c - A plain C program that trains and predicts ----------------===*\
|*
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*   etch-demo-host FOLDER BATCHES.bin STEPS [SAVED.state]
|*
|* Loads FOLDER/libmnist_step.so and libmnist_predict.so, which the demo has
|* exported, continues the training from mnist_step.state (or SAVED.state, if it
|* is there already), saves to SAVED.state, hands the weights over to the
|* predictor and classifies the first batch. Prints each loss as %a, so that
|* nothing is rounded. No part of Etch is linked; only the header with the types
|* is used. BATCHES.bin: per step 100 x 784 float32, then 100 int64.
\*===----------------------------------------------------------------------===*/
#include <etch/runtime.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 100, PIXELS = 784, CLASSES = 10 };

/* The part of an exported library's interface that is used here; the library's
   own header declares it by name. */
typedef struct library {
  void *self;
  const etch_module_t *(*query)(uint32_t);
  etch_status_t (*init)(void **);
  etch_status_t (*run)(void *, const etch_tensor_t *, int32_t,
                       const etch_tensor_t *, int32_t);
  etch_status_t (*save)(void *, const char *);
  etch_status_t (*load)(void *, const char *);
  etch_status_t (*state)(void *, const char *, etch_tensor_t *);
  const char *(*error)(const void *);
  void (*free)(void *);
} library;

static void fail(const char *what, const char *why) {
  fprintf(stderr, "etch-demo-host: %s: %s\n", what, why);
  exit(1);
}

static void *symbol(void *handle, const char *name, const char *suffix) {
  char full[128];
  snprintf(full, sizeof full, "%s_%s", name, suffix);
  void *address = dlsym(handle, full);
  if (!address)
    fail("no symbol", full);
  return address;
}

static library open_library(const char *folder, const char *name) {
  char path[1024];
  snprintf(path, sizeof path, "%s/lib%s.so", folder, name);
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    fail("cannot load", dlerror());
  library l = {0};
  *(void **)&l.query = symbol(handle, name, "query");
  *(void **)&l.init = symbol(handle, name, "init");
  *(void **)&l.run = symbol(handle, name, "run");
  *(void **)&l.save = symbol(handle, name, "save");
  *(void **)&l.load = symbol(handle, name, "load");
  *(void **)&l.state = symbol(handle, name, "state");
  *(void **)&l.error = symbol(handle, name, "error");
  *(void **)&l.free = symbol(handle, name, "free");
  if (!l.query(ETCH_ABI_VERSION))
    fail(path, "is built for another version of the interface");
  if (l.init(&l.self) != ETCH_OK)
    fail(path, "cannot be initialised");
  return l;
}

static etch_tensor_t tensor(void *data, int32_t dtype, int32_t rank,
                            const int64_t *extents, const int64_t *strides) {
  etch_tensor_t t = {data, extents, strides, dtype, rank};
  return t;
}

/* Copies every state of the predictor from the training step's. */
static void hand_over(library *from, library *to) {
  const etch_module_t *m = to->query(ETCH_ABI_VERSION);
  for (int32_t i = 0; i < m->num_args; ++i) {
    etch_tensor_t a, b;
    if (m->args[i].role != ETCH_STATE)
      continue;
    if (from->state(from->self, m->args[i].name, &a) != ETCH_OK ||
        to->state(to->self, m->args[i].name, &b) != ETCH_OK)
      fail(m->args[i].name, "is no state of both libraries");
    size_t n = a.dtype == ETCH_F32 || a.dtype == ETCH_I32 ? 4 : 8;
    for (int32_t d = 0; d < a.rank; ++d)
      n *= (size_t)a.extents[d];
    memcpy(b.data, a.data, n);
  }
}

int main(int argc, char **argv) {
  if (argc != 4 && argc != 5)
    fail("usage", "etch-demo-host FOLDER BATCHES.bin STEPS [SAVED.state]");
  const char *saved = argc == 5 ? argv[4] : NULL;
  char path[1024];
  library step = open_library(argv[1], "mnist_step");
  library predict = open_library(argv[1], "mnist_predict");
  snprintf(path, sizeof path, "%s/mnist_step.state", argv[1]);
  FILE *earlier = saved ? fopen(saved, "rb") : NULL;
  if (earlier)
    fclose(earlier);
  if (step.load(step.self, earlier ? saved : path) != ETCH_OK)
    fail("cannot load the state", step.error(step.self));

  static float x[BATCH * PIXELS], y[BATCH * CLASSES];
  static int64_t t[BATCH];
  float loss;
  const int64_t xe[] = {BATCH, PIXELS}, xs[] = {PIXELS, 1};
  const int64_t te[] = {BATCH}, ts[] = {1};
  const int64_t ye[] = {BATCH, CLASSES}, ys[] = {CLASSES, 1};
  etch_tensor_t inputs[] = {tensor(x, ETCH_F32, 2, xe, xs),
                            tensor(t, ETCH_I64, 1, te, ts)};
  etch_tensor_t result = tensor(&loss, ETCH_F32, 0, NULL, NULL);

  FILE *batches = fopen(argv[2], "rb");
  if (!batches)
    fail(argv[2], "cannot be read");
  for (int i = 0, n = atoi(argv[3]); i < n; ++i) {
    if (fread(x, sizeof x, 1, batches) != 1 ||
        fread(t, sizeof t, 1, batches) != 1) {
      rewind(batches); /* another epoch */
      if (fread(x, sizeof x, 1, batches) != 1 ||
          fread(t, sizeof t, 1, batches) != 1)
        fail(argv[2], "holds no batch");
    }
    if (step.run(step.self, inputs, 2, &result, 1) != ETCH_OK)
      fail("the step failed", step.error(step.self));
    printf("loss %a\n", (double)loss);
  }
  if (saved && step.save(step.self, saved) != ETCH_OK)
    fail("cannot save", step.error(step.self));

  hand_over(&step, &predict);
  rewind(batches);
  if (fread(x, sizeof x, 1, batches) != 1 ||
      fread(t, sizeof t, 1, batches) != 1)
    fail(argv[2], "holds no batch");
  fclose(batches);
  etch_tensor_t scores = tensor(y, ETCH_F32, 2, ye, ys);
  if (predict.run(predict.self, inputs, 1, &scores, 1) != ETCH_OK)
    fail("the prediction failed", predict.error(predict.self));
  int right = 0;
  for (int i = 0; i < BATCH; ++i) {
    int best = 0;
    for (int k = 1; k < CLASSES; ++k)
      if (y[i * CLASSES + k] > y[i * CLASSES + best])
        best = k;
    right += best == t[i];
  }
  printf("predicted %d of %d digits of the first batch\n", right, BATCH);
  step.free(step.self);
  predict.free(predict.self);
  return 0;
}

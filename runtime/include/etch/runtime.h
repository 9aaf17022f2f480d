/*===- runtime.h - The contract between compiled programs and their host
---===*\
|*
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* The versioned C ABI: the only thing that the compiler and the runtime share.
|* C11, standalone. A compiled module exports one query function; through it the
|* host learns the signature, the sizes of state and arena, and how to run it.
|*
|* Promises. A module never allocates while it runs, keeps no global state, uses
|* no thread-local storage, and touches only the memory that the call names.
|* One call at a time per (arena, state); different calls may run concurrently.
\*===----------------------------------------------------------------------===*/
#ifndef ETCH_RUNTIME_H
#define ETCH_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#define ETCH_STATIC_ASSERT static_assert
#else
#define ETCH_STATIC_ASSERT _Static_assert
#endif

/* Changes when a struct below changes meaning or layout. A host asks a module
   for the version that it was built with; the module answers NULL to others. */
#define ETCH_ABI_VERSION 6u

/* Element types. The numbers are stored in files: never reuse one. */
typedef enum etch_dtype {
  ETCH_BOOL = 1, /* one byte, 0 or 1 */
  ETCH_I32 = 2,
  ETCH_I64 = 3,
  ETCH_F32 = 4,
  ETCH_F64 = 5
} etch_dtype_t;

typedef enum etch_status {
  ETCH_OK = 0,
  ETCH_ERROR_ABI = 1,      /* built for another ABI version */
  ETCH_ERROR_ARGUMENT = 2, /* count, dtype, rank, extents or strides differ */
  ETCH_ERROR_MEMORY = 3,   /* arena or state is missing or too small */
  ETCH_ERROR_INDEX = 4,    /* an index is out of range: see etch_error_t */
  ETCH_ERROR_BUSY = 5,     /* another run uses the same state */
  ETCH_ERROR_IO = 6,       /* a file cannot be read or written */
  ETCH_ERROR_FORMAT = 7,   /* a state file is corrupt or of another program */
  ETCH_ERROR_VALUE = 8,    /* NaN or infinity: of modules with checks */
  ETCH_ERROR_DEVICE = 9    /* a device is missing, or its driver failed */
} etch_status_t;

/* A strided array. Strides count elements, not bytes; both arrays have `rank`
   entries and belong to the caller. Alignment of data: that of the element; the
   host's own allocations are 64-byte aligned. */
typedef struct etch_tensor {
  void *data;
  const int64_t *extents;
  const int64_t *strides;
  int32_t dtype; /* etch_dtype_t */
  int32_t rank;
} etch_tensor_t;

/* A task covers [begin, end) of a loop whose iterations are independent.
   `worker` is in [0, workers) and no two running tasks of one loop share it. */
typedef void (*etch_task_t)(void *closure, int64_t begin, int64_t end,
                            int32_t worker);

/* What the host lends to a call. `parallel_for` runs task over [0, count) in
   pieces of at least `grain`, in any order, and returns when all are done. */
typedef struct etch_host {
  void *self;
  void (*parallel_for)(void *self, etch_task_t task, void *closure,
                       int64_t count, int64_t grain);
  int32_t workers;
  int32_t reserved;
} etch_host_t;

#define ETCH_ERROR_MAX_RANK 8
#define ETCH_ERROR_MAX_VALUES 4

/* What went wrong first. `site` numbers the operation in the program's text;
   value and extent are the index and the bound that it broke. The rest is
   written for ETCH_ERROR_VALUE only: there, value is the number of the first
   element that is not finite, extent how many elements there are. */
typedef struct etch_error {
  int32_t code; /* etch_status_t */
  int32_t site;
  int64_t value;
  int64_t extent;
  const char *op;   /* what computed it ("log"): lives as long as the module */
  int32_t backward; /* 1: in the gradient of the operation `site` */
  int32_t rank;
  int64_t index[ETCH_ERROR_MAX_RANK]; /* the element, axis by axis */
  /* The element, then those of the operands if they are as many. */
  double values[ETCH_ERROR_MAX_VALUES];
  int32_t num_values;
  int32_t reserved;
} etch_error_t;

/* Work that a library may do: see etch/operations.h. */
typedef struct etch_product etch_product_t;
typedef struct etch_convolution etch_convolution_t;

/* What a device lends to a call of a module for it. All memory of the call is
   then the device's; what is asked for is done in the order of the calls. After
   a failure nothing is done any more, and what is read is 0: whoever runs the
   module learns of the failure from the device. */
typedef struct etch_queue {
  void *self;
  /* Grid number `grid` of the module; arguments are 8 bytes each, copied by the
     call. A grid of no blocks does nothing. */
  void (*launch)(void *self, int32_t grid, int64_t blocks,
                 const uint64_t *arguments, int32_t num_arguments,
                 int32_t site);
  void (*copy)(void *self, void *to, const void *from, uint64_t bytes);
  void (*clear)(void *self, void *to, uint64_t bytes);
  /* A few bytes, to the host and from it. Reading waits. */
  void (*read)(void *self, void *to, const void *from, uint64_t bytes);
  void (*write)(void *self, void *to, const void *from, uint64_t bytes);
  /* Where on the device a constant of the module is. */
  void *(*constant)(void *self, const void *data, uint64_t bytes);
  void *error; /* an etch_error_t on the device, for kernels that can fail */
  /* A library's work, where there is a library that does it: 0, or ETCH_DONE
     with what else has been done. Nothing has been touched where it is 0. */
  int32_t (*product)(void *self, const etch_product_t *product);
  int32_t (*convolution)(void *self, const etch_convolution_t *convolution);
} etch_queue_t;

/* One run. Arguments come in the module's order (states among them); results
   are written into storage that the caller provides. A result that updates an
   argument in place (see etch_param_t.update) takes no slot in `results`. */
typedef struct etch_call {
  const etch_tensor_t *args;
  const etch_tensor_t *results;
  void *arena;          /* at least arena_bytes(), 64-byte aligned */
  uint64_t arena_bytes; /* what the caller provides */
  const etch_host_t *host;
  etch_error_t error; /* written by the run */
  int32_t num_args;
  int32_t num_results;
  const etch_queue_t *queue; /* of modules for a device; else NULL */
  /* Of modules with prepared_bytes: memory that the caller keeps from call to
     call, 64-byte aligned. A run for which is_prepared is 0 first computes
     into it what depends on states (and on literals with ETCH_PREPARES) alone.
     After a run that returned ETCH_OK the caller may set is_prepared, as long
     as those, their addresses aside, stay what they were. */
  void *prepared;
  uint64_t prepared_bytes;
  int32_t is_prepared; /* 0 or 1 */
  int32_t reserved;
} etch_call_t;

/* An extent known only at run time. ETCH_DYNAMIC + k, 0 < k <= 2^20: that of
   symbol k; all extents of one symbol are equal in a call. */
#define ETCH_DYNAMIC INT64_MIN
#define ETCH_NO_UPDATE (-1)
#define ETCH_PREPARES (-2)

typedef enum etch_role {
  ETCH_INPUT = 0,
  ETCH_LITERAL = 1, /* a host literal, refilled at each call */
  ETCH_STATE = 2,   /* a parameter or other storage that outlives the call */
  ETCH_RESULT = 3
} etch_role_t;

/* One argument or result of a module. */
typedef struct etch_param {
  const char *name;       /* never NULL; "" when unnamed */
  const int64_t *extents; /* ETCH_DYNAMIC where unknown */
  int32_t dtype;
  int32_t rank;
  int32_t role;
  int32_t update; /* of a state: index of the result that replaces it, or
                     ETCH_NO_UPDATE. Of a literal: ETCH_PREPARES if what is
                     prepared was computed from it */
} etch_param_t;

/* Code of a module's kernels for one architecture of a device ("sm_90"), or for
   those from it on ("compute_90": the driver compiles it). */
typedef struct etch_image {
  const char *architecture;
  const void *code;
  uint64_t bytes;
} etch_image_t;

/* What a launch names. */
typedef struct etch_grid {
  const char *function; /* in the code */
  int32_t threads;      /* of a block */
  int32_t num_arguments;
} etch_grid_t;

/* Of a module for a device. */
#define ETCH_MODULE_READS 1u    /* a run reads memory of the device */
#define ETCH_MODULE_CAN_FAIL 2u /* kernels write to etch_queue_t.error */

typedef struct etch_module etch_module_t;
struct etch_module {
  uint32_t abi_version;
  uint32_t struct_size; /* sizeof(etch_module_t) of the builder */
  const char *name;
  const char *target;    /* triple, CPU and features it was compiled for */
  uint64_t program_hash; /* of the program's text and options */
  const etch_param_t *args;
  const etch_param_t *results; /* without those that update arguments */
  int32_t num_args;
  int32_t num_results;
  int32_t num_kernels;  /* distinct kernels */
  int32_t num_launches; /* kernel launches per run */
  uint64_t saved_bytes; /* arena bytes that forward keeps for backward */
  /* Bytes of arena that this call needs: a function of its extents and of
     call->host->workers alone; nothing else of the call is read. */
  uint64_t (*arena_bytes)(const etch_call_t *call);
  etch_status_t (*run)(etch_call_t *call);
  /* Of modules for a device; else 0. */
  const etch_image_t *images;
  const etch_grid_t *grids;
  int32_t num_images;
  int32_t num_grids;
  uint32_t flags;
  uint32_t reserved;
  uint64_t prepared_bytes; /* that calls bring: see etch_call_t; 0: none */
};

/* The one symbol that every module exports: `etch_query` in modules that the
   compiler loads itself, `<name>_query` in exported libraries. NULL when the
   version is not the module's. */
typedef const etch_module_t *(*etch_query_fn)(uint32_t abi_version);

/* Layout is part of the contract. */
ETCH_STATIC_ASSERT(sizeof(void *) == 8, "a 64-bit host");
ETCH_STATIC_ASSERT(sizeof(etch_tensor_t) == 32, "etch_tensor_t");
ETCH_STATIC_ASSERT(sizeof(etch_host_t) == 24, "etch_host_t");
ETCH_STATIC_ASSERT(sizeof(etch_error_t) == 144, "etch_error_t");
ETCH_STATIC_ASSERT(sizeof(etch_queue_t) == 80, "etch_queue_t");
ETCH_STATIC_ASSERT(sizeof(etch_image_t) == 24, "etch_image_t");
ETCH_STATIC_ASSERT(sizeof(etch_grid_t) == 16, "etch_grid_t");
ETCH_STATIC_ASSERT(sizeof(etch_call_t) == 224, "etch_call_t");
ETCH_STATIC_ASSERT(sizeof(etch_param_t) == 32, "etch_param_t");
ETCH_STATIC_ASSERT(sizeof(etch_module_t) == 128, "etch_module_t");

#ifdef __cplusplus
}
#endif

#endif /* ETCH_RUNTIME_H */

/*===- device.h - Memory and kernels of a graphics processor --------------===*\
|*
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* The driver's library is looked for when it is first needed; without one, all
|* functions fail with a text that says why. Work of a device goes to one
stream,
|* in the order of the calls; functions that say so wait for it. Functions that
|* fail return a status and leave a text for etch_last_error(). A device may be
|* used from several threads, one at a time.
\*===----------------------------------------------------------------------===*/
#ifndef ETCH_DEVICE_H
#define ETCH_DEVICE_H

#include "etch/operations.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct etch_device etch_device_t;
typedef struct etch_device_module etch_device_module_t;
typedef struct etch_device_graph etch_device_graph_t;
/* One kernel of a module: lives as long as the module. */
typedef struct etch_device_function etch_device_function_t;

/* The number of devices; 0 where there is no driver, or one that is too old. */
int32_t etch_device_count(void);
/* Why there is none; "" where there is one. Valid for ever. */
const char *etch_device_unavailable(void);

/* Device number `ordinal`, with its own stream and memory. */
etch_status_t etch_device_open(int32_t ordinal, etch_device_t **out);
/* Waits, and gives back all memory. NULL is allowed. */
void etch_device_close(etch_device_t *device);

typedef struct etch_device_info {
  char name[64];
  char architecture[16]; /* "sm_90" */
  uint64_t total, free;  /* bytes of memory; free: what nobody has */
  uint64_t used, cached; /* of this etch_device_t: handed out, kept */
  uint64_t copies_in, copies_out, bytes_in, bytes_out; /* since it was opened */
  uint64_t launches, graph_launches, allocations;      /* asked of the driver */
  uint64_t library_calls; /* products and convolutions that libraries do */
  uint64_t staged_bytes;  /* of the copies, those through pinned memory */
  uint64_t sent_bytes;    /* of the copies, those by etch_device_send() */
} etch_device_info_t;
etch_status_t etch_device_describe(etch_device_t *device,
                                   etch_device_info_t *out);

/* Memory, aligned to 256 bytes. Freed memory is kept for requests of its size;
   it may be freed while work that uses it still waits in the stream.
   ETCH_ERROR_MEMORY says how much was asked for, and how much there is. */
etch_status_t etch_device_alloc(etch_device_t *device, uint64_t bytes,
                                void **out);
etch_status_t etch_device_free(etch_device_t *device, void *memory);
/* Memory of which only parts may be touched; they lie in order. Where there are
   pages of the driver between all of them, nothing else is there, and whoever
   goes there fails; what is left has a pattern. For tests. */
typedef struct etch_device_part {
  uint64_t offset, bytes;
} etch_device_part_t;
etch_status_t etch_device_alloc_guarded(etch_device_t *device, uint64_t bytes,
                                        const etch_device_part_t *parts,
                                        int32_t num_parts, void **out);
/* Waits; ETCH_ERROR_DEVICE if the pattern is no longer as it was: where. */
etch_status_t etch_device_check_guarded(etch_device_t *device,
                                        const void *memory);
/* Waits. */
etch_status_t etch_device_free_guarded(etch_device_t *device, void *memory);
/* Gives what is kept back to the driver. Waits. */
etch_status_t etch_device_trim(etch_device_t *device);

/* From the host; the source may change as soon as it returns. Up to some MiB
   go through pinned memory, so that nobody waits for what is in the stream. */
etch_status_t etch_device_copy_in(etch_device_t *device, void *to,
                                  const void *from, uint64_t bytes);
/* To the host. Waits. */
etch_status_t etch_device_copy_out(etch_device_t *device, void *to,
                                   const void *from, uint64_t bytes);
/* Pinned memory of the host for etch_device_send(), filled by the caller; *out
   is NULL where there is none. Waits until what was sent from it has left. */
etch_status_t etch_device_pinned(etch_device_t *device, uint64_t bytes,
                                 void **out);
/* From such memory, beside the work of the stream: all of `to`, which
   etch_device_alloc() has given, is the copy's until etch_device_receive(). */
etch_status_t etch_device_send(etch_device_t *device, void *to,
                               const void *from, uint64_t bytes);
/* Work of the stream from here on finds what was sent to `memory`; others need
   no such call. */
etch_status_t etch_device_receive(etch_device_t *device, void *memory);
etch_status_t etch_device_copy(etch_device_t *device, void *to,
                               const void *from, uint64_t bytes);
/* `rows` times `width` bytes on the device; the pitches, at least as large, lie
   between where they begin. */
etch_status_t etch_device_copy_rows(etch_device_t *device, void *to,
                                    uint64_t to_pitch, const void *from,
                                    uint64_t from_pitch, uint64_t width,
                                    uint64_t rows);
etch_status_t etch_device_clear(etch_device_t *device, void *to,
                                uint64_t bytes);
/* Waits for all work. Failures of launches appear here at the latest. */
etch_status_t etch_device_wait(etch_device_t *device);

/* Loads machine code (a cubin), which may go away afterwards. */
etch_status_t etch_device_load(etch_device_t *device, const void *image,
                               uint64_t bytes, etch_device_module_t **out);
/* Waits. */
void etch_device_unload(etch_device_module_t *module);
etch_status_t etch_device_find(etch_device_module_t *module, const char *name,
                               etch_device_function_t **out);

/* One grid: `arguments` are 8 bytes each, copied by the call. `site` numbers
   the operation for the text of a failure; -1: none. A grid of no blocks does
   nothing. */
etch_status_t etch_device_launch(etch_device_t *device,
                                 etch_device_function_t *function,
                                 int64_t blocks, int32_t threads,
                                 const uint64_t *arguments,
                                 int32_t num_arguments, int32_t site);

/* A module's kernels on a device, with what its runs need. The module and the
   device must live longer. ETCH_ERROR_DEVICE: it has no code for this device.
 */
typedef struct etch_device_program etch_device_program_t;
etch_status_t etch_device_program_load(etch_device_t *device,
                                       const etch_module_t *module,
                                       etch_device_program_t **out);
void etch_device_program_unload(etch_device_program_t *program);
/* Runs the module: all arrays and the arena of the call lie in the device's
   memory. What the host does between launches apart, a run that has the memory
   of one before it is that one's graph again, and waits for nothing. Kernels
   that fail show in call->error where the module can fail (that waits), other
   failures when somebody waits. */
etch_status_t etch_device_program_run(etch_device_program_t *program,
                                      etch_call_t *call);

/* When a launch of a run began and ended, in seconds from the run's begin. */
typedef struct etch_device_span {
  int64_t launch;
  double begin, end;
} etch_device_span_t;
/* Of the last run of a program that was compiled to be profiled: its runs are
   no graphs. Waits for it; *out lives until the next call. A long run's first
   launches only; *seconds: what all of it took. */
etch_status_t etch_device_program_spans(etch_device_program_t *program,
                                        const etch_device_span_t **out,
                                        int64_t *count, double *seconds);

/* A product or a convolution by the vendor's libraries, cuBLASLt and cuDNN,
   which are looked for when they are first needed. *done: what has been done
   (ETCH_DONE…); 0 where there is no library, or none of its ways fits, and then
   nothing has been touched. A failure names the operation. */
etch_status_t etch_device_product(etch_device_t *device,
                                  const etch_product_t *product, int32_t *done);
etch_status_t etch_device_convolution(etch_device_t *device,
                                      const etch_convolution_t *convolution,
                                      int32_t *done);
/* Why there is no library for them; "" where there is one. Valid for ever. */
const char *etch_products_unavailable(void);
const char *etch_convolutions_unavailable(void);

/* What is launched and copied between the two becomes a graph instead of being
   done. Nothing may be allocated, copied from or to the host, or waited for. */
etch_status_t etch_device_capture_begin(etch_device_t *device);
etch_status_t etch_device_capture_end(etch_device_t *device,
                                      etch_device_graph_t **out);
etch_status_t etch_device_graph_launch(etch_device_t *device,
                                       etch_device_graph_t *graph);
void etch_device_graph_destroy(etch_device_graph_t *graph);

#ifdef __cplusplus
}
#endif

#endif /* ETCH_DEVICE_H */

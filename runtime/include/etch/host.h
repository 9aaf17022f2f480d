/*===- host.h - What a process needs to run compiled programs -------------===*\
|*
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* The runtime library's C API: the thread pool, the module loader, the check of
|* a call, and state files. Functions that fail return a status and leave a text
|* for etch_last_error(). All are safe to call from several threads.
\*===----------------------------------------------------------------------===*/
#ifndef ETCH_HOST_H
#define ETCH_HOST_H

#include "etch/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The text of this thread's last failure, "" before any. It stays valid until
   the thread's next failure. */
const char *etch_last_error(void);

/* A short name of a status, such as "out of range"; never NULL. */
const char *etch_status_name(etch_status_t status);

/* NumPy's name of an element type, such as "float32"; "unknown" for others. */
const char *etch_dtype_name(int32_t dtype);

/* Bytes of one element; 0 for an unknown type. */
size_t etch_dtype_size(int32_t dtype);

/*--- Threads --------------------------------------------------------------*/

#define ETCH_MAX_THREADS 64

/* The process's pool with the number of workers set last (see below). Made on
   first use, made again in the child after a fork, never destroyed. The caller
   of parallel_for is worker 0 and finishes everything alone when no other core
   is free; a call from inside a task, or while another thread has the pool,
   runs inline. Pieces start at multiples of `grain`. Tasks run with MXCSR
   0x1f80. A host stays valid for ever, also after the number of workers
   changes. */
const etch_host_t *etch_default_host(void);

/* The same pool limited to `workers` in [1, ETCH_MAX_THREADS]; other values are
   brought into that range. */
const etch_host_t *etch_pool_host(int32_t workers);

/* One worker: the calling thread. */
const etch_host_t *etch_serial_host(void);

/* Sets the default host's number of workers, 1 to ETCH_MAX_THREADS. 0 restores
   the default: the processors that the process may run on. */
etch_status_t etch_set_num_threads(int32_t count);

/* The default host's number of workers. */
int32_t etch_num_threads(void);

/*--- Modules --------------------------------------------------------------*/

/* A loaded shared object with its module; counted references. */
typedef struct etch_library etch_library_t;

/* Loads the shared object at `path` (never searched for) and asks the function
   `query_symbol` for its module. ETCH_ERROR_IO: the file cannot be loaded;
   ETCH_ERROR_FORMAT: it has no such function; ETCH_ERROR_ABI: it was built for
   another ABI version; ETCH_ERROR_DEVICE: it was compiled for what this
   processor lacks. *out is NULL on failure. */
etch_status_t etch_module_load(const char *path, const char *query_symbol,
                               etch_library_t **out);

/* The same for what the module says of itself, also of one for another
   processor: its functions are not to be called. */
etch_status_t etch_module_read(const char *path, const char *query_symbol,
                               etch_library_t **out);

/* One more, one less reference. The last one unloads; NULL is allowed. */
etch_library_t *etch_library_retain(etch_library_t *library);
void etch_library_release(etch_library_t *library);

/* The module, valid while the library is. */
const etch_module_t *etch_library_module(const etch_library_t *library);

/* Compares a call with the module's signature: counts, dtypes, ranks, extents
   (equal where static, not negative where dynamic), row-major density, null
   data, and the arena's size and alignment. ETCH_ERROR_ARGUMENT or
   ETCH_ERROR_MEMORY with a text that names the argument, what it is and what it
   should be. A program whose arguments are strided by design (an eager kernel)
   does not pass; its caller knows what it does. */
etch_status_t etch_check_call(const etch_module_t *module,
                              const etch_call_t *call);

/*--- State files ----------------------------------------------------------*/

/* Writes the module's states (one dense tensor per argument of role ETCH_STATE,
   in their order) to `path`: all of it or nothing, an older file survives a
   failure. ETCH_ERROR_IO. */
etch_status_t etch_state_save(const etch_module_t *module,
                              const etch_tensor_t *states, int32_t num_states,
                              const char *path);

/* Reads such a file into the tensors; entries are matched by name, entries that
   the module lacks are ignored. ETCH_ERROR_IO: not readable; ETCH_ERROR_FORMAT:
   not a state file, corrupt, or without a state of this name, type and shape.
   The tensors are untouched on failure. */
etch_status_t etch_state_load(const etch_module_t *module,
                              const etch_tensor_t *states, int32_t num_states,
                              const char *path);

#ifdef __cplusplus
}
#endif

#endif /* ETCH_HOST_H */

/*===- message.h - Where a failing function puts its text -----------------===*\
|*
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* The buffer belongs to the caller: an exported library keeps it in its state
|* object, the runtime in a thread-local. C11 and C++, static functions only.
\*===----------------------------------------------------------------------===*/
#ifndef ETCH_RUNTIME_CORE_MESSAGE_H
#define ETCH_RUNTIME_CORE_MESSAGE_H

#include "etch/runtime.h"

#include <stdarg.h>
#include <stdio.h>

typedef struct etch_message {
  char *text;
  size_t size;
} etch_message_t;

/* Writes the text and returns `status`. */
__attribute__((format(printf, 3, 4))) static inline etch_status_t
etch_message_set(etch_message_t message, etch_status_t status,
                 const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(message.text, message.size, format, args);
  va_end(args);
  return status;
}

static inline const char *etch_message_dtype(int32_t dtype) {
  return dtype == ETCH_BOOL  ? "bool"
         : dtype == ETCH_I32 ? "int32"
         : dtype == ETCH_I64 ? "int64"
         : dtype == ETCH_F32 ? "float32"
         : dtype == ETCH_F64 ? "float64"
                             : "unknown";
}

static inline size_t etch_message_dtype_size(int32_t dtype) {
  return dtype == ETCH_BOOL                       ? 1
         : dtype == ETCH_I32 || dtype == ETCH_F32 ? 4
         : dtype == ETCH_I64 || dtype == ETCH_F64 ? 8
                                                  : 0;
}

#endif /* ETCH_RUNTIME_CORE_MESSAGE_H */

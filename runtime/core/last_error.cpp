//===- last_error.cpp - Texts of failures and names of numbers ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/core/last_error.h"
#include "runtime/core/message.h"

#include <cstdarg>
#include <cstdio>

static thread_local char lastError[1024];

etch_status_t etch::runtime::fail(etch_status_t status, const char *format,
                                  ...) {
  va_list args;
  va_start(args, format);
  // Two steps: an argument may point into the buffer itself.
  char text[sizeof(lastError)];
  vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  __builtin_memcpy(lastError, text, sizeof(text));
  return status;
}

const char *etch_last_error(void) { return lastError; }

const char *etch_status_name(etch_status_t status) {
  switch (status) {
  case ETCH_OK:
    return "ok";
  case ETCH_ERROR_ABI:
    return "built for another version";
  case ETCH_ERROR_ARGUMENT:
    return "wrong argument";
  case ETCH_ERROR_MEMORY:
    return "not enough memory";
  case ETCH_ERROR_INDEX:
    return "index out of range";
  case ETCH_ERROR_BUSY:
    return "state in use";
  case ETCH_ERROR_IO:
    return "input or output failed";
  case ETCH_ERROR_FORMAT:
    return "malformed file";
  case ETCH_ERROR_VALUE:
    return "NaN or infinity";
  case ETCH_ERROR_DEVICE:
    return "device failed";
  }
  return "unknown status";
}

const char *etch_dtype_name(int32_t dtype) { return etch_message_dtype(dtype); }

size_t etch_dtype_size(int32_t dtype) { return etch_message_dtype_size(dtype); }

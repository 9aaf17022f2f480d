//===- last_error.h - This thread's last failure, as text -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_RUNTIME_CORE_LAST_ERROR_H
#define ETCH_RUNTIME_CORE_LAST_ERROR_H

#include "etch/host.h"

namespace etch::runtime {

/// Keeps the formatted text for etch_last_error() and returns `status`, so that
/// a failing function ends with `return fail(...)`.
etch_status_t fail(etch_status_t status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

} // namespace etch::runtime

#endif // ETCH_RUNTIME_CORE_LAST_ERROR_H

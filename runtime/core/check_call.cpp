//===- check_call.cpp - Does a call fit its module? -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/core/check_tensor.h"
#include "runtime/core/last_error.h"

using etch::runtime::fail;

etch_status_t etch_check_call(const etch_module_t *module,
                              const etch_call_t *call) {
  char text[640];
  if (etch_status_t status =
          etch_check_signature(module, call, {text, sizeof(text)}))
    return fail(status, "%s", text);
  if (!call->host || !call->host->parallel_for || call->host->workers < 1)
    return fail(ETCH_ERROR_ARGUMENT, "the call has no host");
  uint64_t needed = module->arena_bytes(call);
  if (needed && (call->arena_bytes < needed || !call->arena))
    return fail(
        ETCH_ERROR_MEMORY, "arena: expected %llu bytes, got %llu",
        static_cast<unsigned long long>(needed),
        static_cast<unsigned long long>(call->arena ? call->arena_bytes : 0));
  if (needed && reinterpret_cast<uintptr_t>(call->arena) % 64)
    return fail(ETCH_ERROR_MEMORY, "arena: not aligned to 64 bytes");
  if (uint64_t bytes = module->prepared_bytes) {
    if (call->prepared_bytes < bytes || !call->prepared)
      return fail(ETCH_ERROR_MEMORY,
                  "what is kept between calls: expected %llu bytes, got %llu",
                  static_cast<unsigned long long>(bytes),
                  static_cast<unsigned long long>(
                      call->prepared ? call->prepared_bytes : 0));
    if (reinterpret_cast<uintptr_t>(call->prepared) % 64)
      return fail(ETCH_ERROR_MEMORY,
                  "what is kept between calls: not aligned to 64 bytes");
  }
  return ETCH_OK;
}

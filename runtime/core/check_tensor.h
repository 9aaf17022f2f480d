/*===- check_tensor.h - Does a tensor fit a parameter?
---------------------===*\
|*
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* Used by the runtime and inside exported libraries: C11 and C++, static
|* functions, libc only.
\*===----------------------------------------------------------------------===*/
#ifndef ETCH_RUNTIME_CORE_CHECK_TENSOR_H
#define ETCH_RUNTIME_CORE_CHECK_TENSOR_H

#include "runtime/core/message.h"

#define ETCH_MAX_RANK 32

typedef struct etch_text {
  char text[200];
} etch_text_t;

/* Extents known at run time only: ETCH_DYNAMIC, or that plus the number (from
   1) of a symbol, all of whose extents are equal. */
static inline int etch_is_open(int64_t extent) {
  return extent >= ETCH_DYNAMIC && extent <= ETCH_DYNAMIC + (1 << 20);
}

/* "(2, 3)" as Python prints it, "?" for an unknown extent, n, m, k, n1, … for
   symbols. */
static inline etch_text_t etch_shape_text(const int64_t *extents,
                                          int32_t rank) {
  etch_text_t shape;
  size_t size = sizeof(shape.text), used = 0;
  used += (size_t)snprintf(shape.text, size, "(");
  for (int32_t i = 0; i < rank && used < size; ++i) {
    const char *separator = i ? ", " : "";
    if (etch_is_open(extents[i])) {
      int64_t number = extents[i] - ETCH_DYNAMIC;
      used +=
          (size_t)snprintf(shape.text + used, size - used, "%s%c", separator,
                           number ? "nmk"[(number - 1) % 3] : '?');
      if (number > 3 && used < size)
        used += (size_t)snprintf(shape.text + used, size - used, "%d",
                                 (int)((number - 1) / 3));
    } else {
      used += (size_t)snprintf(shape.text + used, size - used, "%s%lld",
                               separator, (long long)extents[i]);
    }
  }
  if (used < size)
    snprintf(shape.text + used, size - used, rank == 1 ? ",)" : ")");
  return shape;
}

/* "argument 2 'x'" or "result 0". */
static inline etch_text_t etch_param_text(const char *kind, int32_t index,
                                          const char *name) {
  etch_text_t text;
  snprintf(text.text, sizeof(text.text), *name ? "%s %d '%s'" : "%s %d", kind,
           (int)index, name);
  return text;
}

static inline etch_status_t etch_check_tensor(const char *kind, int32_t index,
                                              const etch_param_t *param,
                                              const etch_tensor_t *tensor,
                                              etch_message_t message) {
  const etch_status_t bad = ETCH_ERROR_ARGUMENT;
  int empty = 0;
  int64_t dense = 1;
  etch_text_t name = etch_param_text(kind, index, param->name);
  etch_text_t expected = etch_shape_text(param->extents, param->rank);
  if (tensor->dtype != param->dtype)
    return etch_message_set(message, bad, "%s: expected %s, got %s", name.text,
                            etch_message_dtype(param->dtype),
                            etch_message_dtype(tensor->dtype));
  if (tensor->rank < 0 || tensor->rank > ETCH_MAX_RANK)
    return etch_message_set(message, bad, "%s: expected rank %d, got %d",
                            name.text, (int)param->rank, (int)tensor->rank);
  if (tensor->rank && (!tensor->extents || !tensor->strides))
    return etch_message_set(message, bad, "%s: extents or strides are missing",
                            name.text);
  for (int32_t i = 0; i < param->rank || i < tensor->rank; ++i) {
    if (tensor->rank != param->rank ||
        (etch_is_open(param->extents[i])
             ? tensor->extents[i] < 0
             : tensor->extents[i] != param->extents[i]))
      return etch_message_set(
          message, bad, "%s: expected shape %s, got %s", name.text,
          expected.text, etch_shape_text(tensor->extents, tensor->rank).text);
    empty |= tensor->extents[i] == 0;
  }
  if (empty)
    return ETCH_OK; /* no element: neither strides nor data are looked at */
  for (int32_t i = tensor->rank; i-- > 0;) {
    if (tensor->extents[i] != 1 && tensor->strides[i] != dense)
      return etch_message_set(message, bad,
                              "%s: expected dense row-major storage, which has "
                              "stride %lld in axis %d, got stride %lld",
                              name.text, (long long)dense, (int)i,
                              (long long)tensor->strides[i]);
    if (__builtin_mul_overflow(dense, tensor->extents[i], &dense))
      return etch_message_set(
          message, bad, "%s: shape %s is too large", name.text,
          etch_shape_text(tensor->extents, tensor->rank).text);
  }
  if (!tensor->data)
    return etch_message_set(message, bad, "%s: data is null", name.text);
  if ((uintptr_t)tensor->data % etch_message_dtype_size(tensor->dtype))
    return etch_message_set(message, bad, "%s: data is not aligned for %s",
                            name.text, etch_message_dtype(tensor->dtype));
  return ETCH_OK;
}

static inline etch_status_t
etch_check_tensors(const char *kind, const etch_param_t *params,
                   int32_t expected, const etch_tensor_t *tensors, int32_t got,
                   etch_message_t message) {
  if (got != expected)
    return etch_message_set(message, ETCH_ERROR_ARGUMENT,
                            "expected %d %s%s, got %d", (int)expected, kind,
                            expected == 1 ? "" : "s", (int)got);
  if (got && !tensors)
    return etch_message_set(message, ETCH_ERROR_ARGUMENT, "the %ss are missing",
                            kind);
  for (int32_t i = 0; i < got; ++i) {
    etch_status_t status =
        etch_check_tensor(kind, i, &params[i], &tensors[i], message);
    if (status != ETCH_OK)
      return status;
  }
  return ETCH_OK;
}

/* The first extent of a symbol, among all arguments. */
static inline int64_t etch_extent_of(const etch_module_t *module,
                                     const etch_call_t *call, int64_t symbol,
                                     int32_t *argument) {
  for (int32_t i = 0; i < module->num_args; ++i)
    for (int32_t d = 0; d < module->args[i].rank; ++d)
      if (module->args[i].extents[d] == symbol) {
        *argument = i;
        return call->args[i].extents[d];
      }
  return -1;
}

/* Extents of one symbol are equal. */
static inline etch_status_t
etch_check_symbols(const char *kind, const etch_module_t *module,
                   const etch_call_t *call, const etch_param_t *params,
                   int32_t count, const etch_tensor_t *tensors,
                   etch_message_t message) {
  for (int32_t i = 0; i < count; ++i)
    for (int32_t d = 0; d < params[i].rank; ++d) {
      int64_t symbol = params[i].extents[d], expected;
      int32_t first = 0;
      if (!etch_is_open(symbol) || symbol == ETCH_DYNAMIC)
        continue;
      expected = etch_extent_of(module, call, symbol, &first);
      if (expected >= 0 && tensors[i].extents[d] != expected)
        return etch_message_set(
            message, ETCH_ERROR_ARGUMENT,
            "%s: expected extent %lld in axis %d, that of %s, got %lld",
            etch_param_text(kind, i, params[i].name).text, (long long)expected,
            (int)d,
            etch_param_text("argument", first, module->args[first].name).text,
            (long long)tensors[i].extents[d]);
    }
  return ETCH_OK;
}

/* Everything but the arena. */
static inline etch_status_t etch_check_signature(const etch_module_t *module,
                                                 const etch_call_t *call,
                                                 etch_message_t message) {
  etch_status_t status =
      etch_check_tensors("argument", module->args, module->num_args, call->args,
                         call->num_args, message);
  if (status == ETCH_OK)
    status = etch_check_symbols("argument", module, call, module->args,
                                module->num_args, call->args, message);
  if (status == ETCH_OK)
    status = etch_check_tensors("result", module->results, module->num_results,
                                call->results, call->num_results, message);
  if (status == ETCH_OK)
    status = etch_check_symbols("result", module, call, module->results,
                                module->num_results, call->results, message);
  return status;
}

#endif /* ETCH_RUNTIME_CORE_CHECK_TENSOR_H */

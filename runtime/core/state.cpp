//===- state.cpp - Saving and loading a module's states -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/core/last_error.h"
#include "runtime/core/state_reader.h"

using etch::runtime::fail;

/// The tensors must be those of the module's states.
static etch_status_t checkStates(const etch_module_t *module,
                                 const etch_tensor_t *states, int32_t count,
                                 const char *path, etch_message_t message) {
  int32_t expected = etch_state_count(module);
  if (count != expected || (count && !states) || !path)
    return etch_message_set(message, ETCH_ERROR_ARGUMENT,
                            "expected %d states and a path, got %d", expected,
                            count);
  for (int32_t i = 0, state = 0; i < module->num_args; ++i) {
    if (!etch_state_is(module, i))
      continue;
    if (etch_status_t status = etch_check_tensor(
            "state", state, &module->args[i], &states[state], message))
      return status;
    ++state;
  }
  return ETCH_OK;
}

using Transfer = etch_status_t (*)(const etch_module_t *, const etch_tensor_t *,
                                   const char *, etch_message_t);

static etch_status_t transfer(Transfer function, const etch_module_t *module,
                              const etch_tensor_t *states, int32_t count,
                              const char *path) {
  char text[1024];
  etch_message_t message = {text, sizeof(text)};
  etch_status_t status = checkStates(module, states, count, path, message);
  if (status == ETCH_OK)
    status = function(module, states, path, message);
  return status == ETCH_OK ? ETCH_OK : fail(status, "%s", text);
}

etch_status_t etch_state_save(const etch_module_t *module,
                              const etch_tensor_t *states, int32_t num_states,
                              const char *path) {
  return transfer(etch_state_write, module, states, num_states, path);
}

etch_status_t etch_state_load(const etch_module_t *module,
                              const etch_tensor_t *states, int32_t num_states,
                              const char *path) {
  return transfer(etch_state_read, module, states, num_states, path);
}

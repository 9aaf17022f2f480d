/*===- state_reader.h - States read back from disk
-------------------------===*\
|*
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* The format is described in state_file.h. Everything is checked before the
|* first byte of a state changes.
\*===----------------------------------------------------------------------===*/
#ifndef ETCH_RUNTIME_CORE_STATE_READER_H
#define ETCH_RUNTIME_CORE_STATE_READER_H

#include "runtime/core/state_file.h"

/* Reads the whole file; free() the result. */
static inline etch_status_t etch_state_slurp(const char *path, char **out,
                                             uint64_t *out_bytes,
                                             etch_message_t message) {
  etch_status_t status = ETCH_OK;
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  off_t end = descriptor < 0 ? -1 : lseek(descriptor, 0, SEEK_END);
  char *data = NULL;
  uint64_t done = 0;
  if (end < 0 || lseek(descriptor, 0, SEEK_SET) < 0)
    status = etch_message_set(message, ETCH_ERROR_IO, "cannot read '%s': %s",
                              path, strerror(errno));
  else if (!(data = (char *)malloc(end ? (size_t)end : 1)))
    status = etch_message_set(message, ETCH_ERROR_MEMORY,
                              "no memory to read '%s' (%lld bytes)", path,
                              (long long)end);
  while (status == ETCH_OK && done < (uint64_t)end) {
    ssize_t n = read(descriptor, data + done, (uint64_t)end - done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      status = etch_message_set(message, ETCH_ERROR_IO, "cannot read '%s': %s",
                                path, strerror(errno));
    if (n <= 0)
      break;
    done += (uint64_t)n;
  }
  if (descriptor >= 0)
    close(descriptor);
  if (status != ETCH_OK) {
    free(data);
    data = NULL;
  }
  *out = data;
  *out_bytes = done;
  return status;
}

/* One pass over the sections of a file in memory. With `states`, copies the
   data of every state found into it; without, only checks. `index` of a state
   is its position among the states. */
static inline etch_status_t
etch_state_visit(const etch_module_t *module, const etch_tensor_t *states,
                 const char *file, uint64_t bytes, const char *path, int copy,
                 unsigned char *found, etch_message_t message) {
  const etch_status_t bad = ETCH_ERROR_FORMAT;
  etch_state_header_t header;
  etch_state_section_t section;
  etch_state_entry_t entry;
  uint64_t at = sizeof(header);
  memcpy(&header, file, sizeof(header));
  for (uint64_t n = 0; n < header.num_sections; ++n) {
    if (bytes - at < sizeof(section))
      return etch_message_set(message, bad, "'%s' is truncated", path);
    memcpy(&section, file + at, sizeof(section));
    at += sizeof(section);
    if (section.bytes > bytes - at || section.bytes % 8)
      return etch_message_set(
          message, bad, "'%s' is corrupt: a section ends past the file", path);
    const char *payload = file + at;
    at += section.bytes;
    if (!copy && etch_state_checksum(etch_section_checksum(section), payload,
                                     section.bytes) != section.checksum)
      return etch_message_set(message, bad,
                              "'%s' is corrupt: checksums differ in section "
                              "%llu",
                              path, (unsigned long long)n);
    if (section.kind != ETCH_SECTION_TENSOR)
      continue;
    uint64_t left = section.bytes;
    if (left < sizeof(entry))
      return etch_message_set(message, bad, "'%s' is corrupt: short entry",
                              path);
    memcpy(&entry, payload, sizeof(entry));
    left -= sizeof(entry);
    if (entry.rank < 0 || entry.rank > ETCH_MAX_RANK ||
        (uint64_t)entry.rank * 8 > left ||
        entry.name_bytes > left - (uint64_t)entry.rank * 8 ||
        entry.data_bytes > left - (uint64_t)entry.rank * 8 - entry.name_bytes)
      return etch_message_set(message, bad,
                              "'%s' is corrupt: malformed entry %llu", path,
                              (unsigned long long)n);
    int64_t extents[ETCH_MAX_RANK];
    memcpy(extents, payload + sizeof(entry), (uint64_t)entry.rank * 8);
    const char *name = payload + sizeof(entry) + (uint64_t)entry.rank * 8;
    const char *data = name + etch_state_pad(entry.name_bytes);
    for (int32_t i = 0, state = -1; i < module->num_args; ++i) {
      if (!etch_state_is(module, i))
        continue;
      ++state;
      const char *wanted = module->args[i].name;
      const etch_tensor_t *tensor = &states[state];
      if (strlen(wanted) != entry.name_bytes ||
          memcmp(wanted, name, entry.name_bytes))
        continue;
      if (entry.dtype != tensor->dtype || entry.rank != tensor->rank ||
          (entry.rank &&
           memcmp(extents, tensor->extents, (uint64_t)entry.rank * 8)) ||
          entry.data_bytes != etch_state_bytes(tensor) ||
          entry.data_bytes > (uint64_t)(payload + section.bytes - data))
        return etch_message_set(
            message, bad, "'%s': state '%s' is %s %s there, expected %s %s",
            path, wanted, etch_message_dtype(entry.dtype),
            etch_shape_text(extents, entry.rank).text,
            etch_message_dtype(tensor->dtype),
            etch_shape_text(tensor->extents, tensor->rank).text);
      found[state] = 1;
      if (copy && entry.data_bytes)
        memcpy(tensor->data, data, entry.data_bytes);
    }
  }
  if (at != bytes)
    return etch_message_set(message, bad, "'%s' is corrupt: trailing bytes",
                            path);
  return ETCH_OK;
}

static inline etch_status_t etch_state_check_header(const char *file,
                                                    uint64_t bytes,
                                                    const char *path,
                                                    etch_message_t message) {
  const etch_status_t bad = ETCH_ERROR_FORMAT;
  etch_state_header_t header;
  if (bytes < sizeof(header.magic) ||
      memcmp(file, ETCH_STATE_MAGIC, sizeof(header.magic)))
    return etch_message_set(message, bad, "'%s' is not a state file", path);
  if (bytes < sizeof(header))
    return etch_message_set(message, bad, "'%s' is truncated", path);
  memcpy(&header, file, sizeof(header));
  if (header.version != ETCH_STATE_VERSION)
    return etch_message_set(message, bad,
                            "'%s' has format version %u, expected %u", path,
                            (unsigned)header.version, ETCH_STATE_VERSION);
  if (header.checksum !=
      etch_state_checksum(0, &header, offsetof(etch_state_header_t, checksum)))
    return etch_message_set(
        message, bad, "'%s' is corrupt: the header's checksum differs", path);
  if (header.file_bytes != bytes)
    return etch_message_set(
        message, bad, "'%s' is truncated: expected %llu bytes, got %llu", path,
        (unsigned long long)header.file_bytes, (unsigned long long)bytes);
  return ETCH_OK;
}

/* Reads into the tensors, all or none. */
static inline etch_status_t etch_state_read(const etch_module_t *module,
                                            const etch_tensor_t *states,
                                            const char *path,
                                            etch_message_t message) {
  char *file;
  uint64_t bytes;
  int32_t count = etch_state_count(module);
  etch_status_t status = etch_state_slurp(path, &file, &bytes, message);
  if (status != ETCH_OK)
    return status;
  unsigned char *found = (unsigned char *)calloc((size_t)count + 1, 1);
  if (!found)
    status = etch_message_set(message, ETCH_ERROR_MEMORY,
                              "no memory to read '%s'", path);
  if (status == ETCH_OK)
    status = etch_state_check_header(file, bytes, path, message);
  if (status == ETCH_OK)
    status =
        etch_state_visit(module, states, file, bytes, path, 0, found, message);
  for (int32_t i = 0, state = 0; status == ETCH_OK && i < module->num_args; ++i)
    if (etch_state_is(module, i) && !found[state++])
      status =
          etch_message_set(message, ETCH_ERROR_FORMAT, "'%s' has no state '%s'",
                           path, module->args[i].name);
  if (status == ETCH_OK)
    status =
        etch_state_visit(module, states, file, bytes, path, 1, found, message);
  free(found);
  free(file);
  return status;
}

#endif /* ETCH_RUNTIME_CORE_STATE_READER_H */

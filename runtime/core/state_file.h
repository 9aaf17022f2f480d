/*===- state_file.h - States on disk
---------------------------------------===*\
|*
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* Used by the runtime and inside exported libraries: C11 and C++, static
|* functions, libc only. All numbers are little-endian; every part starts at a
|* multiple of 8 bytes and is padded with zeros to one.
|*
|*   header   64 bytes (etch_state_header_t)
|*   section  24 bytes (etch_state_section_t), then `bytes` of payload; repeated
|*            `num_sections` times up to the file's end
|*   payload of ETCH_SECTION_TENSOR:
|*            etch_state_entry_t, extents[rank], name (no NUL), data
|*
|* Sections of other kinds are skipped, so that a later version may add some.
|* Every byte is under a checksum: the header's covers the header, a section's
|* its kind, its size and its payload.
\*===----------------------------------------------------------------------===*/
#ifndef ETCH_RUNTIME_CORE_STATE_FILE_H
#define ETCH_RUNTIME_CORE_STATE_FILE_H

#include "runtime/core/atomic_file.h"
#include "runtime/core/check_tensor.h"

#define ETCH_STATE_MAGIC "ETCHSTAT"
#define ETCH_STATE_VERSION 1u
#define ETCH_SECTION_TENSOR 1u

typedef struct etch_state_header {
  char magic[8];
  uint32_t version;     /* readers refuse other versions */
  uint32_t abi_version; /* of the writer; for information */
  uint64_t program_hash;
  uint64_t file_bytes;
  uint64_t num_sections;
  uint64_t reserved[2];
  uint64_t checksum; /* of the bytes above */
} etch_state_header_t;

typedef struct etch_state_section {
  uint32_t kind;
  uint32_t reserved;
  uint64_t bytes; /* of the payload, a multiple of 8 */
  uint64_t checksum;
} etch_state_section_t;

typedef struct etch_state_entry {
  int32_t dtype;
  int32_t rank;
  uint64_t name_bytes;
  uint64_t data_bytes;
} etch_state_entry_t;

ETCH_STATIC_ASSERT(sizeof(etch_state_header_t) == 64, "on disk");
ETCH_STATIC_ASSERT(sizeof(etch_state_section_t) == 24, "on disk");
ETCH_STATIC_ASSERT(sizeof(etch_state_entry_t) == 24, "on disk");

/* Continues a checksum over bytes; the parts must be whole words except the
   last one before padding, which counts as padded with zeros. */
static inline uint64_t etch_state_checksum(uint64_t hash, const void *data,
                                           uint64_t bytes) {
  const unsigned char *at = (const unsigned char *)data;
  for (; bytes; at += 8) {
    uint64_t word = 0, n = bytes < 8 ? bytes : 8;
    if (n == 8)
      memcpy(&word, at, 8);
    else
      memcpy(&word, at, n);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
    bytes -= n;
  }
  return hash;
}

static inline uint64_t etch_state_pad(uint64_t bytes) {
  return (bytes + 7) & ~(uint64_t)7;
}

static inline uint64_t etch_state_bytes(const etch_tensor_t *tensor) {
  uint64_t count = 1;
  for (int32_t i = 0; i < tensor->rank; ++i)
    count *= (uint64_t)tensor->extents[i];
  return count * etch_message_dtype_size(tensor->dtype);
}

static inline int etch_state_is(const etch_module_t *module, int32_t arg) {
  return module->args[arg].role == ETCH_STATE;
}

static inline int32_t etch_state_count(const etch_module_t *module) {
  int32_t count = 0;
  for (int32_t i = 0; i < module->num_args; ++i)
    count += etch_state_is(module, i);
  return count;
}

static inline uint64_t etch_section_checksum(etch_state_section_t section) {
  section.checksum = 0;
  return etch_state_checksum(0, &section, sizeof(section));
}

/* Describes one state; the section's checksum is complete. */
static inline void etch_state_describe(const char *name,
                                       const etch_tensor_t *tensor,
                                       etch_state_section_t *section,
                                       etch_state_entry_t *entry) {
  uint64_t extents = (uint64_t)tensor->rank * 8, hash;
  memset(section, 0, sizeof(*section));
  entry->dtype = tensor->dtype;
  entry->rank = tensor->rank;
  entry->name_bytes = strlen(name);
  entry->data_bytes = etch_state_bytes(tensor);
  section->kind = ETCH_SECTION_TENSOR;
  section->bytes = sizeof(*entry) + extents +
                   etch_state_pad(entry->name_bytes) +
                   etch_state_pad(entry->data_bytes);
  hash = etch_section_checksum(*section);
  hash = etch_state_checksum(hash, entry, sizeof(*entry));
  hash = etch_state_checksum(hash, tensor->extents, extents);
  hash = etch_state_checksum(hash, name, entry->name_bytes);
  section->checksum =
      etch_state_checksum(hash, tensor->data, entry->data_bytes);
}

static inline void etch_state_put(etch_atomic_file_t *file, const void *data,
                                  uint64_t bytes) {
  static const char zeros[8] = {0};
  etch_atomic_write(file, data, bytes);
  etch_atomic_write(file, zeros, etch_state_pad(bytes) - bytes);
}

/* `states`: one dense tensor per argument of role ETCH_STATE. */
static inline etch_status_t etch_state_write(const etch_module_t *module,
                                             const etch_tensor_t *states,
                                             const char *path,
                                             etch_message_t message) {
  etch_atomic_file_t file;
  etch_state_header_t header;
  etch_state_section_t section;
  etch_state_entry_t entry;
  int32_t state = 0;
  memset(&header, 0, sizeof(header));
  memcpy(header.magic, ETCH_STATE_MAGIC, 8);
  header.version = ETCH_STATE_VERSION;
  header.abi_version = module->abi_version;
  header.program_hash = module->program_hash;
  header.file_bytes = sizeof(header);
  for (int32_t i = 0; i < module->num_args; ++i) {
    if (!etch_state_is(module, i))
      continue;
    const etch_tensor_t *tensor = &states[state++];
    header.file_bytes += sizeof(section) + sizeof(entry) +
                         (uint64_t)tensor->rank * 8 +
                         etch_state_pad(strlen(module->args[i].name)) +
                         etch_state_pad(etch_state_bytes(tensor));
    ++header.num_sections;
  }
  header.checksum =
      etch_state_checksum(0, &header, offsetof(etch_state_header_t, checksum));

  if (etch_atomic_open(&file, path))
    return etch_message_set(message, ETCH_ERROR_IO, "cannot write '%s': %s",
                            path, strerror(file.error));
  etch_atomic_write(&file, &header, sizeof(header));
  state = 0;
  for (int32_t i = 0; i < module->num_args; ++i) {
    if (!etch_state_is(module, i))
      continue;
    const etch_tensor_t *tensor = &states[state++];
    const char *name = module->args[i].name;
    etch_state_describe(name, tensor, &section, &entry);
    etch_atomic_write(&file, &section, sizeof(section));
    etch_atomic_write(&file, &entry, sizeof(entry));
    etch_atomic_write(&file, tensor->extents, (uint64_t)tensor->rank * 8);
    etch_state_put(&file, name, entry.name_bytes);
    etch_state_put(&file, tensor->data, entry.data_bytes);
  }
  if (etch_atomic_close(&file, 1))
    return etch_message_set(message, ETCH_ERROR_IO, "cannot write '%s': %s",
                            path, strerror(file.error));
  return ETCH_OK;
}

#endif /* ETCH_RUNTIME_CORE_STATE_FILE_H */

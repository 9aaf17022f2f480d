//===- memory.cpp - Memory of a graphics processor ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/cuda/state.h"

#include "runtime/core/last_error.h"

#include <cstdlib>
#include <cstring>

using namespace etch::runtime;
using namespace etch::runtime::cuda;

static double mebibytes(uint64_t bytes) { return double(bytes) / (1 << 20); }

/// Requests of nearly the same size share blocks.
static uint64_t roundedSize(uint64_t bytes) {
  uint64_t unit = bytes < (1 << 20) ? 512 : uint64_t(2) << 20;
  return bytes ? (bytes + unit - 1) / unit * unit : unit;
}

etch_status_t etch_device_trim(etch_device_t *device) {
  if (etch_status_t status = notWhileCapturing(device, "memory is given back"))
    return status;
  const Driver &driver = Driver::get();
  if (Result result = driver.streamWait(device->stream))
    return failed(result, "work on the device failed");
  for (Block **at = &device->blocks; *at;) {
    Block *block = *at;
    if (block->used) {
      at = &block->next;
      continue;
    }
    *at = block->next;
    device->info.cached -= block->bytes;
    release(block);
  }
  return ETCH_OK;
}

etch_status_t etch_device_alloc(etch_device_t *device, uint64_t bytes,
                                void **out) {
  *out = nullptr;
  if (etch_status_t status = notWhileCapturing(device, "memory is allocated"))
    return status;
  uint64_t size = roundedSize(bytes);
  if (size < bytes)
    return fail(ETCH_ERROR_MEMORY, "%llu bytes are more than any device has",
                (unsigned long long)bytes);
  for (Block *block = device->blocks; block; block = block->next)
    if (!block->used && block->bytes == size) {
      block->used = block->again = true;
      device->info.cached -= size;
      device->info.used += size;
      *out = reinterpret_cast<void *>(block->address);
      return ETCH_OK;
    }
  const Driver &driver = Driver::get();
  auto *block = static_cast<Block *>(malloc(sizeof(Block)));
  if (!block)
    return fail(ETCH_ERROR_MEMORY, "no memory to keep account of the device's");
  Address address = 0;
  Result result = driver.memoryAlloc(&address, size);
  if (result == kOutOfMemory && device->info.cached &&
      etch_device_trim(device) == ETCH_OK)
    result = driver.memoryAlloc(&address, size);
  if (result) {
    free(block);
    size_t available = 0, total = 0;
    if (result != kOutOfMemory || driver.memoryInfo(&available, &total))
      return failed(result, "the device gives no memory");
    return fail(ETCH_ERROR_MEMORY,
                "the device has too little memory: %.1f MiB are needed, %.1f "
                "MiB of %.1f MiB are free, this program has %.1f MiB",
                mebibytes(bytes), mebibytes(available), mebibytes(total),
                mebibytes(device->info.used));
  }
  *block = {address, size, true, device->blocks};
  device->blocks = block;
  device->info.used += size;
  ++device->info.allocations;
  *out = reinterpret_cast<void *>(address);
  return ETCH_OK;
}

etch_status_t etch_device_free(etch_device_t *device, void *memory) {
  if (!memory)
    return ETCH_OK;
  for (Block *block = device->blocks; block; block = block->next)
    if (block->used && block->address == reinterpret_cast<Address>(memory)) {
      block->used = false;
      device->info.used -= block->bytes;
      device->info.cached += block->bytes;
      return leave(device, *block);
    }
  return fail(ETCH_ERROR_ARGUMENT, "memory that this device did not give");
}

etch_status_t etch::runtime::cuda::needWorkspace(etch_device *device,
                                                 uint64_t bytes) {
  if (bytes <= device->workspaceBytes)
    return ETCH_OK;
  void *memory = nullptr;
  if (etch_status_t status = etch_device_alloc(device, bytes, &memory))
    return status;
  device->workspace = memory;
  device->workspaceBytes = bytes;
  return ETCH_OK;
}

static Address addressOf(const void *memory) {
  return reinterpret_cast<Address>(memory);
}

/// The next piece of pinned memory, when nothing uses it; null: there is none,
/// and copies go without.
static char *nextPiece(etch_device *device) {
  const Driver &driver = Driver::get();
  Staging &s = device->staging;
  if (!s.tried) {
    s.tried = true;
    void *memory = nullptr;
    if (driver.pinnedAlloc(&memory, Staging::kPieces * Staging::kPieceBytes, 0))
      return nullptr;
    s.memory = static_cast<char *>(memory);
    for (Event &event : s.done)
      if (driver.eventCreate(&event, kNoTiming)) {
        release(s);
        return nullptr;
      }
  }
  if (!s.memory || driver.eventWait(s.done[s.next]))
    return nullptr;
  return s.memory + uint64_t(s.next) * Staging::kPieceBytes;
}

void etch::runtime::cuda::release(Staging &staging) {
  const Driver &driver = Driver::get();
  for (Event &event : staging.done)
    if (event)
      driver.eventDestroy(event);
  if (staging.memory)
    driver.pinnedFree(staging.memory);
  staging = {};
  staging.tried = true;
}

etch_status_t etch_device_copy_in(etch_device_t *device, void *to,
                                  const void *from, uint64_t bytes) {
  if (etch_status_t status =
          notWhileCapturing(device, "something is copied from the host"))
    return status;
  if (!bytes)
    return ETCH_OK;
  const Driver &driver = Driver::get();
  Staging &s = device->staging;
  Result result = 0;
  for (uint64_t at = 0; at < bytes && !result;) {
    uint64_t part = bytes - at;
    const void *source = static_cast<const char *>(from) + at;
    char *piece = nextPiece(device);
    if (piece) {
      part = part < Staging::kPieceBytes ? part : Staging::kPieceBytes;
      memcpy(piece, source, part);
      source = piece;
    }
    result = driver.copyIn(addressOf(to) + at, source, part, device->stream);
    if (piece && !result) {
      result = driver.eventRecord(s.done[s.next], device->stream);
      s.next = (s.next + 1) % Staging::kPieces;
      device->info.staged_bytes += part;
    }
    at += part;
  }
  if (result)
    return failed(result, "a copy to the device failed");
  ++device->info.copies_in;
  device->info.bytes_in += bytes;
  return ETCH_OK;
}

etch_status_t etch_device_copy_out(etch_device_t *device, void *to,
                                   const void *from, uint64_t bytes) {
  if (etch_status_t status =
          notWhileCapturing(device, "something is copied to the host"))
    return status;
  if (!bytes)
    return etch_device_wait(device);
  // The host waits for all of it: one piece will do.
  char *piece = bytes <= Staging::kPieceBytes ? nextPiece(device) : nullptr;
  if (Result result = Driver::get().copyOut(piece ? piece : to, addressOf(from),
                                            bytes, device->stream))
    return failed(result, "a copy from the device failed");
  ++device->info.copies_out;
  device->info.bytes_out += bytes;
  etch_status_t status = etch_device_wait(device);
  if (piece && status == ETCH_OK) {
    memcpy(to, piece, bytes);
    device->info.staged_bytes += bytes;
  }
  return status;
}

etch_status_t etch_device_copy(etch_device_t *device, void *to,
                               const void *from, uint64_t bytes) {
  if (etch_status_t status = enter(device))
    return status;
  if (!bytes)
    return ETCH_OK;
  if (Result result = Driver::get().copy(addressOf(to), addressOf(from), bytes,
                                         device->stream))
    return failed(result, "a copy on the device failed");
  return ETCH_OK;
}

etch_status_t etch_device_copy_rows(etch_device_t *device, void *to,
                                    uint64_t to_pitch, const void *from,
                                    uint64_t from_pitch, uint64_t width,
                                    uint64_t rows) {
  if (etch_status_t status = enter(device))
    return status;
  if (!width || !rows)
    return ETCH_OK;
  RowCopy copy = {};
  copy.from = {0,       0,         kDeviceMemory, nullptr, addressOf(from),
               nullptr, from_pitch};
  copy.to = {0, 0, kDeviceMemory, nullptr, addressOf(to), nullptr, to_pitch};
  copy.width = width;
  copy.rows = rows;
  if (Result result = Driver::get().copyRows(&copy, device->stream))
    return failed(result, "a copy on the device failed");
  return ETCH_OK;
}

etch_status_t etch_device_clear(etch_device_t *device, void *to,
                                uint64_t bytes) {
  if (etch_status_t status = enter(device))
    return status;
  if (!bytes)
    return ETCH_OK;
  if (Result result =
          Driver::get().clear(addressOf(to), 0, bytes, device->stream))
    return failed(result, "memory of the device cannot be cleared");
  return ETCH_OK;
}

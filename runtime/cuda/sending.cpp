//===- sending.cpp - Copies beside the device's work ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the host makes ready while the device works is copied on a stream of its
// own. Two events keep the order: a copy waits until the work that had the
// memory before has left it, work that reads the copy waits until it has
// arrived.
//===----------------------------------------------------------------------===//

#include "runtime/cuda/state.h"

#include "runtime/core/last_error.h"

#include <cstdlib>
#include <initializer_list>

using namespace etch::runtime;
using namespace etch::runtime::cuda;

static Block *blockAt(etch_device *device, const void *memory) {
  for (Block *block = device->blocks; block; block = block->next)
    if (block->used && block->address == reinterpret_cast<Address>(memory))
      return block;
  return nullptr;
}

void etch::runtime::cuda::release(Sending &sending) {
  const Driver &driver = Driver::get();
  if (sending.stream) {
    driver.streamWait(sending.stream);
    driver.streamDestroy(sending.stream);
  }
  for (Sending::Piece &piece : sending.pieces) {
    if (piece.done)
      driver.eventDestroy(piece.done);
    if (piece.memory)
      driver.pinnedFree(piece.memory);
  }
  sending = {};
}

void etch::runtime::cuda::release(Block *block) {
  const Driver &driver = Driver::get();
  for (Event event : {block->arrived, block->left})
    if (event)
      driver.eventDestroy(event);
  driver.memoryFree(block->address);
  free(block);
}

/// The stream waits for the copy, if it does not yet.
static etch_status_t expect(etch_device *device, Block &block) {
  if (!block.expected)
    return ETCH_OK;
  block.expected = false;
  if (etch_status_t status = enter(device))
    return status;
  if (Result result =
          Driver::get().streamWaitEvent(device->stream, block.arrived, 0))
    return failed(result, "the device cannot wait for a copy");
  return ETCH_OK;
}

etch_status_t etch::runtime::cuda::leave(etch_device *device, Block &block) {
  if (!block.arrived)
    return ETCH_OK;
  if (etch_status_t status = expect(device, block))
    return status;
  if (etch_status_t status = enter(device))
    return status;
  if (Result result = Driver::get().eventRecord(block.left, device->stream))
    return failed(result, "the end of work cannot be marked");
  return ETCH_OK;
}

etch_status_t etch_device_pinned(etch_device_t *device, uint64_t bytes,
                                 void **out) {
  *out = nullptr;
  if (etch_status_t status =
          notWhileCapturing(device, "something is made ready to be sent"))
    return status;
  const Driver &driver = Driver::get();
  Sending &s = device->sending;
  if (!s.stream && driver.streamCreate(&s.stream, kNonBlocking)) {
    s.stream = nullptr;
    return ETCH_OK;
  }
  Sending::Piece &piece = s.pieces[s.next];
  s.next = (s.next + 1) % Sending::kPieces;
  if (!piece.done && driver.eventCreate(&piece.done, kNoTiming)) {
    piece.done = nullptr;
    return ETCH_OK;
  }
  if (Result result = driver.eventWait(piece.done))
    return failed(result, "a copy to the device failed");
  if (piece.bytes < bytes) {
    if (piece.memory)
      driver.pinnedFree(piece.memory);
    piece.bytes = 0;
    if (driver.pinnedAlloc(&piece.memory, bytes, 0)) {
      piece.memory = nullptr;
      return ETCH_OK;
    }
    piece.bytes = bytes;
  }
  *out = piece.memory;
  return ETCH_OK;
}

etch_status_t etch_device_send(etch_device_t *device, void *to,
                               const void *from, uint64_t bytes) {
  if (etch_status_t status = notWhileCapturing(device, "something is sent"))
    return status;
  const Driver &driver = Driver::get();
  Sending &s = device->sending;
  Sending::Piece *piece = nullptr;
  for (Sending::Piece &p : s.pieces)
    if (p.memory && p.memory == from && bytes <= p.bytes)
      piece = &p;
  Block *block = blockAt(device, to);
  if (!piece || !block || bytes > block->bytes)
    return fail(ETCH_ERROR_ARGUMENT,
                "only pinned memory is sent, to memory of this device");
  Result result = 0;
  if (!block->arrived) {
    Event arrived = nullptr, left = nullptr;
    result = driver.eventCreate(&arrived, kNoTiming);
    if (!result && (result = driver.eventCreate(&left, kNoTiming)))
      driver.eventDestroy(arrived);
    if (result)
      return failed(result, "a copy to the device failed");
    block->arrived = arrived;
    block->left = left;
    // Nobody has marked the end of what others did with it.
    if (block->again)
      result = driver.eventRecord(left, device->stream);
  }
  if (!result)
    result = driver.streamWaitEvent(s.stream, block->left, 0);
  if (!result)
    result = driver.copyIn(block->address, from, bytes, s.stream);
  if (!result)
    result = driver.eventRecord(piece->done, s.stream);
  if (!result)
    result = driver.eventRecord(block->arrived, s.stream);
  if (result)
    return failed(result, "a copy to the device failed");
  block->expected = true;
  ++device->info.copies_in;
  device->info.bytes_in += bytes;
  device->info.staged_bytes += bytes;
  device->info.sent_bytes += bytes;
  return ETCH_OK;
}

etch_status_t etch_device_receive(etch_device_t *device, void *memory) {
  Block *block = blockAt(device, memory);
  return block ? expect(device, *block) : ETCH_OK;
}

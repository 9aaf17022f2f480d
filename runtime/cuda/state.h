//===- state.h - What a device keeps ----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_RUNTIME_CUDA_STATE_H
#define ETCH_RUNTIME_CUDA_STATE_H

#include "etch/device.h"
#include "runtime/cuda/driver.h"

namespace etch::runtime::cuda {

/// Memory that the driver gave, handed out or kept for the next request.
struct Block {
  Address address;
  uint64_t bytes;
  bool used;
  Block *next;
  bool again = false; ///< it was handed out before
  // Of memory that something was sent to: the copy, and the stream's last work
  // with it before it was freed.
  Event arrived = nullptr, left = nullptr;
  bool expected = false; ///< the stream has not been told to wait for the copy
};

/// Pinned memory of the host, a ring of pieces: a copy to the device leaves
/// from a piece of its own, which is free again when the copy is done.
struct Staging {
  static constexpr int kPieces = 4;
  static constexpr uint64_t kPieceBytes = uint64_t(4) << 20;
  char *memory = nullptr;
  Event done[kPieces] = {};
  int next = 0;
  bool tried = false; ///< to get the memory
};

/// Copies beside the stream's work, from pinned memory that is filled by turns:
/// each piece is as large as the largest thing that was sent from it.
struct Sending {
  static constexpr int kPieces = 4; ///< two batches of two arrays
  struct Piece {
    void *memory;
    uint64_t bytes;
    Event done;
  };
  Stream stream = nullptr;
  Piece pieces[kPieces] = {};
  int next = 0;
};

struct Guarded;      ///< see guarded.cpp
struct Products;     ///< cuBLASLt's, see cublas.cpp
struct Convolutions; ///< cuDNN's, see cudnn.cpp
void release(Products *products);
void release(Convolutions *convolutions);

} // namespace etch::runtime::cuda

struct etch_device {
  int handle = 0;
  etch::runtime::cuda::Context context = nullptr;
  etch::runtime::cuda::Stream stream = nullptr;
  bool capturing = false;
  etch::runtime::cuda::Block *blocks = nullptr;
  etch::runtime::cuda::Guarded *guarded = nullptr;
  etch_device_info_t info = {};
  etch::runtime::cuda::Staging staging;
  etch::runtime::cuda::Sending sending;
  etch::runtime::cuda::Products *products = nullptr;
  etch::runtime::cuda::Convolutions *convolutions = nullptr;
  /// Of the libraries. A larger one takes its place, but graphs may have this
  /// one: it goes with the device.
  void *workspace = nullptr;
  uint64_t workspaceBytes = 0;
  // Of the last launch, for failures that show later.
  const char *lastFunction = nullptr;
  int32_t lastSite = -1;
};

namespace etch::runtime::cuda {

/// Leaves the text of a failure of the driver.
etch_status_t failed(Result result, const char *what);
/// Makes the device's context this thread's.
etch_status_t enter(etch_device *device);
etch_status_t notWhileCapturing(etch_device *device, const char *what);
/// At least so many bytes in device->workspace.
etch_status_t needWorkspace(etch_device *device, uint64_t bytes);
/// Gives the pinned memory back.
void release(Staging &staging);
void release(Sending &sending);
/// The stream waits for what was sent there; what is sent there next waits for
/// the stream.
etch_status_t leave(etch_device *device, Block &block);
/// With its events, to the driver.
void release(Block *block);
void releaseGuarded(etch_device *device);

} // namespace etch::runtime::cuda

#endif // ETCH_RUNTIME_CUDA_STATE_H

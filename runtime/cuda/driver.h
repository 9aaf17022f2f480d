//===- driver.h - The CUDA driver, looked up by name ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// No header of CUDA is needed: the functions that we use, under the names that
// the driver exports, are in one table.
//===----------------------------------------------------------------------===//
#ifndef ETCH_RUNTIME_CUDA_DRIVER_H
#define ETCH_RUNTIME_CUDA_DRIVER_H

#include <cstddef>
#include <cstdint>

namespace etch::runtime::cuda {

using Result = int; ///< CUresult
using Address = uint64_t;
struct ContextTag;
struct StreamTag;
struct ModuleTag;
struct FunctionTag;
struct EventTag;
struct GraphTag;
struct GraphExecTag;
using Context = ContextTag *;
using Stream = StreamTag *;
using Module = ModuleTag *;
using Function = FunctionTag *;
using Event = EventTag *;
using Graph = GraphTag *;
using GraphExec = GraphExecTag *;

// Values of the driver's enumerations.
inline constexpr Result kSuccess = 0, kOutOfMemory = 2, kNoDevice = 100;
inline constexpr int kComputeMajor = 75, kComputeMinor = 76;
inline constexpr unsigned kNonBlocking = 1;           ///< of streams
inline constexpr unsigned kNoTiming = 2, kTiming = 0; ///< of events
inline constexpr int kCaptureThreadLocal = 1;
/// The oldest driver that has all of the table: CUDA 12.0.
inline constexpr int kOldestVersion = 12000;

inline constexpr int kDeviceMemory = 2; ///< CU_MEMORYTYPE_DEVICE

/// CUDA_MEMCPY2D: one side of it, then the whole.
struct RowCopySide {
  size_t x, y;
  int type;
  const void *host;
  Address device;
  void *array;
  size_t pitch;
};
struct RowCopy {
  RowCopySide from, to;
  size_t width, rows; ///< bytes, how many
};

/// CUmemAllocationProp and what it has; CUmemAccessDesc.
struct AllocationPlace {
  int type, number;
};
inline constexpr int kPinned = 1;    ///< CU_MEM_ALLOCATION_TYPE_PINNED
inline constexpr int kOnDevice = 1;  ///< CU_MEM_LOCATION_TYPE_DEVICE
inline constexpr int kReadWrite = 3; ///< CU_MEM_ACCESS_FLAGS_PROT_READWRITE
struct AllocationProperties {
  int type, handles;
  AllocationPlace location;
  void *security;
  unsigned char flags[8];
};
struct AllocationAccess {
  AllocationPlace location;
  int flags;
};
using Allocation = unsigned long long;

/// F(member, exported name, parameters)
#define ETCH_CUDA_FUNCTIONS(F)                                                 \
  F(init, cuInit, (unsigned))                                                  \
  F(driverVersion, cuDriverGetVersion, (int *))                                \
  F(errorName, cuGetErrorName, (Result, const char **))                        \
  F(errorString, cuGetErrorString, (Result, const char **))                    \
  F(deviceCount, cuDeviceGetCount, (int *))                                    \
  F(deviceGet, cuDeviceGet, (int *, int))                                      \
  F(deviceName, cuDeviceGetName, (char *, int, int))                           \
  F(deviceAttribute, cuDeviceGetAttribute, (int *, int, int))                  \
  F(contextRetain, cuDevicePrimaryCtxRetain, (Context *, int))                 \
  F(contextRelease, cuDevicePrimaryCtxRelease_v2, (int))                       \
  F(contextSet, cuCtxSetCurrent, (Context))                                    \
  F(memoryInfo, cuMemGetInfo_v2, (size_t *, size_t *))                         \
  F(memoryAlloc, cuMemAlloc_v2, (Address *, size_t))                           \
  F(memoryFree, cuMemFree_v2, (Address))                                       \
  F(memoryGranularity, cuMemGetAllocationGranularity,                          \
    (size_t *, const AllocationProperties *, int))                             \
  F(addressReserve, cuMemAddressReserve,                                       \
    (Address *, size_t, size_t, Address, unsigned long long))                  \
  F(addressFree, cuMemAddressFree, (Address, size_t))                          \
  F(memoryCreate, cuMemCreate,                                                 \
    (Allocation *, size_t, const AllocationProperties *, unsigned long long))  \
  F(memoryRelease, cuMemRelease, (Allocation))                                 \
  F(memoryMap, cuMemMap,                                                       \
    (Address, size_t, size_t, Allocation, unsigned long long))                 \
  F(memoryUnmap, cuMemUnmap, (Address, size_t))                                \
  F(memoryAccess, cuMemSetAccess,                                              \
    (Address, size_t, const AllocationAccess *, size_t))                       \
  F(pinnedAlloc, cuMemHostAlloc, (void **, size_t, unsigned))                  \
  F(pinnedFree, cuMemFreeHost, (void *))                                       \
  F(copyIn, cuMemcpyHtoDAsync_v2, (Address, const void *, size_t, Stream))     \
  F(copyOut, cuMemcpyDtoHAsync_v2, (void *, Address, size_t, Stream))          \
  F(copy, cuMemcpyDtoDAsync_v2, (Address, Address, size_t, Stream))            \
  F(copyRows, cuMemcpy2DAsync_v2, (const RowCopy *, Stream))                   \
  F(clear, cuMemsetD8Async, (Address, unsigned char, size_t, Stream))          \
  F(streamCreate, cuStreamCreate, (Stream *, unsigned))                        \
  F(streamDestroy, cuStreamDestroy_v2, (Stream))                               \
  F(streamWait, cuStreamSynchronize, (Stream))                                 \
  F(streamWaitEvent, cuStreamWaitEvent, (Stream, Event, unsigned))             \
  F(eventCreate, cuEventCreate, (Event *, unsigned))                           \
  F(eventDestroy, cuEventDestroy_v2, (Event))                                  \
  F(eventRecord, cuEventRecord, (Event, Stream))                               \
  F(eventElapsed, cuEventElapsedTime, (float *, Event, Event))                 \
  F(eventWait, cuEventSynchronize, (Event))                                    \
  F(moduleLoad, cuModuleLoadData, (Module *, const void *))                    \
  F(moduleUnload, cuModuleUnload, (Module))                                    \
  F(moduleFunction, cuModuleGetFunction, (Function *, Module, const char *))   \
  F(launch, cuLaunchKernel,                                                    \
    (Function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,     \
     unsigned, Stream, void **, void **))                                      \
  F(captureBegin, cuStreamBeginCapture_v2, (Stream, int))                      \
  F(captureEnd, cuStreamEndCapture, (Stream, Graph *))                         \
  F(graphInstantiate, cuGraphInstantiateWithFlags,                             \
    (GraphExec *, Graph, unsigned long long))                                  \
  F(graphLaunch, cuGraphLaunch, (GraphExec, Stream))                           \
  F(graphExecDestroy, cuGraphExecDestroy, (GraphExec))                         \
  F(graphDestroy, cuGraphDestroy, (Graph))

struct Driver {
#define ETCH_MEMBER(member, name, Parameters)                                  \
  Result(*member) Parameters = nullptr;
  ETCH_CUDA_FUNCTIONS(ETCH_MEMBER)
#undef ETCH_MEMBER
  int numDevices = 0;
  char problem[256] = ""; ///< why there is no driver; "" if there is one

  /// Looked up and initialised by the first call.
  static const Driver &get();
};

} // namespace etch::runtime::cuda

#endif // ETCH_RUNTIME_CUDA_DRIVER_H

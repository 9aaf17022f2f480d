//===- guarded.cpp - Memory of which only parts may be touched ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where parts lie far enough apart for the driver's pages, each has pages of
// its own, and there is nothing between them: a kernel that goes there fails.
// What is left between a part and the ends of its pages, or between parts that
// lie closer, has a pattern that is looked for afterwards; as a number of a
// kernel it is NaN.
//===----------------------------------------------------------------------===//

#include "runtime/cuda/state.h"

#include "runtime/core/last_error.h"

#include <cstdlib>
#include <cstring>

using namespace etch::runtime;
using namespace etch::runtime::cuda;

static constexpr unsigned char kPattern = 0xff;

namespace etch::runtime::cuda {

struct Guarded {
  Address address;
  uint64_t bytes, page; ///< page: of the driver; 0: one piece of memory
  uint64_t reserved;
  etch_device_part_t *parts;
  int32_t numParts;
  Allocation *handles; ///< of the parts
  Guarded *next;
};

} // namespace etch::runtime::cuda

static uint64_t down(uint64_t at, uint64_t page) { return at / page * page; }
static uint64_t up(uint64_t at, uint64_t page) {
  return (at + page - 1) / page * page;
}

/// Whether no two parts share a page.
static bool areApart(const Guarded &g, uint64_t page) {
  uint64_t end = 0;
  for (int32_t i = 0; i < g.numParts; ++i) {
    const etch_device_part_t &part = g.parts[i];
    if (i && down(part.offset, page) < end)
      return false;
    end = up(part.offset + part.bytes, page);
  }
  return true;
}

/// Calls use(offset, bytes) for what is there and belongs to no part, until it
/// returns something else than 0.
template <class Use> static Result forEachGap(const Guarded &g, Use use) {
  uint64_t at = 0;
  auto gap = [&](uint64_t end) -> Result {
    return end > at ? use(at, end - at) : 0;
  };
  for (int32_t i = 0; i < g.numParts; ++i) {
    const etch_device_part_t &part = g.parts[i];
    if (g.page) {
      if (i)
        if (Result result = gap(up(at, g.page)))
          return result;
      at = down(part.offset, g.page);
    }
    if (Result result = gap(part.offset))
      return result;
    at = part.offset + part.bytes;
  }
  return gap(g.page ? up(at, g.page) : g.bytes);
}

static AllocationProperties propertiesOf(const etch_device *device) {
  AllocationProperties properties = {};
  properties.type = kPinned;
  properties.location = {kOnDevice, device->handle};
  return properties;
}

static Result map(etch_device *device, Guarded &g) {
  const Driver &driver = Driver::get();
  AllocationProperties properties = propertiesOf(device);
  g.reserved = up(g.bytes, g.page);
  if (Result result =
          driver.addressReserve(&g.address, g.reserved, g.page, 0, 0))
    return result;
  AllocationAccess access = {properties.location, kReadWrite};
  for (int32_t i = 0; i < g.numParts; ++i) {
    const etch_device_part_t &part = g.parts[i];
    uint64_t from = down(part.offset, g.page);
    uint64_t size = up(part.offset + part.bytes, g.page) - from;
    if (Result result =
            driver.memoryCreate(&g.handles[i], size, &properties, 0)) {
      g.handles[i] = 0;
      return result;
    }
    Result result =
        driver.memoryMap(g.address + from, size, 0, g.handles[i], 0);
    if (result) {
      driver.memoryRelease(g.handles[i]);
      g.handles[i] = 0;
      return result;
    }
    if ((result = driver.memoryAccess(g.address + from, size, &access, 1)))
      return result;
  }
  return 0;
}

static void giveBack(Guarded *g) {
  const Driver &driver = Driver::get();
  if (!g->page && g->address)
    driver.memoryFree(g->address);
  for (int32_t i = 0; g->page && i < g->numParts; ++i) {
    const etch_device_part_t &part = g->parts[i];
    uint64_t from = down(part.offset, g->page);
    if (!g->handles[i])
      continue;
    driver.memoryUnmap(g->address + from,
                       up(part.offset + part.bytes, g->page) - from);
    driver.memoryRelease(g->handles[i]);
  }
  if (g->page && g->address)
    driver.addressFree(g->address, g->reserved);
  free(g->parts);
  free(g->handles);
  free(g);
}

void etch::runtime::cuda::releaseGuarded(etch_device *device) {
  while (Guarded *g = device->guarded) {
    device->guarded = g->next;
    giveBack(g);
  }
}

etch_status_t etch_device_alloc_guarded(etch_device_t *device, uint64_t bytes,
                                        const etch_device_part_t *parts,
                                        int32_t num_parts, void **out) {
  *out = nullptr;
  if (etch_status_t status = notWhileCapturing(device, "memory is allocated"))
    return status;
  uint64_t end = 0;
  for (int32_t i = 0; i < num_parts; ++i) {
    if (!parts[i].bytes || parts[i].offset < end || parts[i].offset > bytes ||
        parts[i].bytes > bytes - parts[i].offset)
      return fail(ETCH_ERROR_ARGUMENT,
                  "parts of guarded memory lie in order, inside of it");
    end = parts[i].offset + parts[i].bytes;
  }
  auto *g = static_cast<Guarded *>(calloc(1, sizeof(Guarded)));
  auto count = size_t(num_parts > 0 ? num_parts : 1);
  if (g) {
    g->parts = static_cast<etch_device_part_t *>(
        calloc(count, sizeof(etch_device_part_t)));
    g->handles = static_cast<Allocation *>(calloc(count, sizeof(Allocation)));
  }
  if (!g || !g->parts || !g->handles) {
    if (g)
      giveBack(g);
    return fail(ETCH_ERROR_MEMORY, "no memory to keep account of the device's");
  }
  if (num_parts)
    memcpy(g->parts, parts, size_t(num_parts) * sizeof *parts);
  g->numParts = num_parts;
  g->bytes = bytes ? bytes : 1;
  const Driver &driver = Driver::get();
  AllocationProperties properties = propertiesOf(device);
  size_t page = 0;
  if (!driver.memoryGranularity(&page, &properties, 0) && page && num_parts &&
      areApart(*g, page))
    g->page = page;
  Result result =
      g->page ? map(device, *g) : driver.memoryAlloc(&g->address, g->bytes);
  if (!result)
    result = forEachGap(*g, [&](uint64_t at, uint64_t size) {
      return driver.clear(g->address + at, kPattern, size, device->stream);
    });
  if (result) {
    giveBack(g);
    return failed(result, "the device gives no guarded memory");
  }
  g->next = device->guarded;
  device->guarded = g;
  *out = reinterpret_cast<void *>(g->address);
  return ETCH_OK;
}

static Guarded **find(etch_device *device, const void *memory) {
  Guarded **at = &device->guarded;
  while (*at && (*at)->address != reinterpret_cast<Address>(memory))
    at = &(*at)->next;
  return at;
}

etch_status_t etch_device_check_guarded(etch_device_t *device,
                                        const void *memory) {
  if (etch_status_t status =
          notWhileCapturing(device, "guarded memory is looked at"))
    return status;
  Guarded *g = *find(device, memory);
  if (!g)
    return fail(ETCH_ERROR_ARGUMENT, "memory that is not guarded");
  const Driver &driver = Driver::get();
  constexpr uint64_t kPiece = uint64_t(1) << 20;
  auto *piece = static_cast<unsigned char *>(malloc(kPiece));
  if (!piece)
    return fail(ETCH_ERROR_MEMORY, "no memory to look at the device's");
  uint64_t first = 0;
  bool found = false;
  Result result = forEachGap(*g, [&](uint64_t from, uint64_t size) -> Result {
    bool here = false;
    for (uint64_t at = from; at < from + size;) {
      uint64_t part = from + size - at;
      part = part < kPiece ? part : kPiece;
      Result result =
          driver.copyOut(piece, g->address + at, part, device->stream);
      if (!result)
        result = driver.streamWait(device->stream);
      if (result)
        return result;
      for (uint64_t i = 0; i < part && !here; ++i)
        if (piece[i] != kPattern) {
          here = true;
          if (!found)
            first = at + i;
          found = true;
        }
      at += part;
    }
    // For the next run.
    return here
               ? driver.clear(g->address + from, kPattern, size, device->stream)
               : 0;
  });
  free(piece);
  if (result)
    return failed(result, "guarded memory cannot be looked at");
  if (!found)
    return ETCH_OK;
  for (int32_t i = g->numParts; i-- > 0;) {
    uint64_t end = g->parts[i].offset + g->parts[i].bytes;
    if (end <= first)
      return fail(ETCH_ERROR_DEVICE,
                  "a kernel wrote where nothing is: byte %llu behind the %llu "
                  "bytes at %llu of the arena",
                  (unsigned long long)(first - end),
                  (unsigned long long)g->parts[i].bytes,
                  (unsigned long long)g->parts[i].offset);
  }
  return fail(ETCH_ERROR_DEVICE,
              "a kernel wrote where nothing is: byte %llu of the arena, in "
              "front of all that it holds",
              (unsigned long long)first);
}

etch_status_t etch_device_free_guarded(etch_device_t *device, void *memory) {
  if (!memory)
    return ETCH_OK;
  Guarded **at = find(device, memory);
  Guarded *g = *at;
  if (!g)
    return fail(ETCH_ERROR_ARGUMENT, "memory that is not guarded");
  if (etch_status_t status = enter(device))
    return status;
  Result result = Driver::get().streamWait(device->stream);
  *at = g->next;
  giveBack(g);
  return result ? failed(result, "work on the device failed") : ETCH_OK;
}

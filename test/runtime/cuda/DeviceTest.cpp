//===- DeviceTest.cpp - The device's runtime on a fake driver -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/runtime/cuda/FakeDriver.h"

#include "etch/device.h"
#include "etch/host.h"

#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

using testing::HasSubstr;

namespace {

struct Device : testing::Test {
  etch_device_t *device = nullptr;
  unsigned long long before = etch_fake_used();

  void SetUp() override {
    ASSERT_STREQ(etch_device_unavailable(), "");
    ASSERT_EQ(etch_device_open(1, &device), ETCH_OK) << etch_last_error();
  }
  void TearDown() override {
    etch_device_close(device);
    EXPECT_EQ(etch_fake_used(), before);
  }
  etch_device_info_t info() {
    etch_device_info_t all;
    EXPECT_EQ(etch_device_describe(device, &all), ETCH_OK);
    return all;
  }
  void *alloc(uint64_t bytes) {
    void *memory = nullptr;
    EXPECT_EQ(etch_device_alloc(device, bytes, &memory), ETCH_OK)
        << etch_last_error();
    return memory;
  }
  float *put(const std::vector<float> &values) {
    auto *memory = static_cast<float *>(alloc(values.size() * 4));
    EXPECT_EQ(
        etch_device_copy_in(device, memory, values.data(), values.size() * 4),
        ETCH_OK);
    return memory;
  }
  std::vector<float> get(const float *memory, size_t count) {
    std::vector<float> values(count);
    EXPECT_EQ(etch_device_copy_out(device, values.data(), memory, count * 4),
              ETCH_OK)
        << etch_last_error();
    return values;
  }
};

/// With the kernel axpy and two arrays.
struct Axpy : Device {
  etch_device_module_t *module = nullptr;
  etch_device_function_t *axpy = nullptr;
  float *x = nullptr, *y = nullptr;

  void SetUp() override {
    Device::SetUp();
    ASSERT_EQ(
        etch_device_load(device, ETCH_KERNELS, sizeof ETCH_KERNELS, &module),
        ETCH_OK)
        << etch_last_error();
    ASSERT_EQ(etch_device_find(module, "axpy", &axpy), ETCH_OK);
    x = put({1, 2, 3});
    y = put({10, 20, 30});
  }
  void TearDown() override {
    etch_device_unload(module);
    Device::TearDown();
  }
  etch_status_t launch(float a) {
    uint64_t arguments[4] = {uint64_t(y), uint64_t(x), 0, 3};
    memcpy(&arguments[2], &a, sizeof a);
    return etch_device_launch(device, axpy, 1, 32, arguments, 4, 7);
  }
};

} // namespace

TEST(Devices, AreCounted) {
  EXPECT_EQ(etch_device_count(), 2);
  etch_device_t *device = nullptr;
  EXPECT_EQ(etch_device_open(2, &device), ETCH_ERROR_ARGUMENT);
  EXPECT_STREQ(etch_last_error(), "there is no device 2; there are 2");
  EXPECT_EQ(device, nullptr);
}

TEST_F(Device, SaysWhatItIs) {
  etch_device_info_t all = info();
  EXPECT_STREQ(all.name, "Emulated device");
  EXPECT_STREQ(all.architecture, "sm_90");
  EXPECT_EQ(all.total, uint64_t(256) << 20);
}

TEST_F(Device, CopiesBothWays) {
  float *memory = put({1, 2, 3});
  float *other = static_cast<float *>(alloc(12));
  EXPECT_EQ(etch_device_clear(device, other, 12), ETCH_OK);
  EXPECT_EQ(etch_device_copy(device, other + 1, memory, 8), ETCH_OK);
  EXPECT_EQ(get(other, 3), (std::vector<float>{0, 1, 2}));
  etch_device_info_t all = info();
  EXPECT_EQ(all.copies_in, 1u);
  EXPECT_EQ(all.bytes_in, 12u);
  EXPECT_EQ(all.copies_out, 1u);
  EXPECT_EQ(all.bytes_out, 12u);
}

/// A device whose copies run ahead of its stream, and numbers sent there.
struct Sent : Axpy {
  void TearDown() override {
    etch_fake_run_ahead(false);
    Axpy::TearDown();
  }
  etch_status_t send(void *to, const std::vector<float> &values) {
    void *pinned = nullptr;
    EXPECT_EQ(etch_device_pinned(device, values.size() * 4, &pinned), ETCH_OK);
    if (!pinned)
      return ETCH_ERROR_MEMORY;
    memcpy(pinned, values.data(), values.size() * 4);
    return etch_device_send(device, to, pinned, values.size() * 4);
  }
};

TEST_F(Sent, WorkWaitsForWhatItReads) {
  for (bool ahead : {false, true}) {
    etch_fake_run_ahead(ahead);
    uint64_t before = info().copies_in, sent = info().sent_bytes;
    float *memory = static_cast<float *>(alloc(12));
    ASSERT_EQ(send(memory, {4, 5, 6}), ETCH_OK) << etch_last_error();
    ASSERT_EQ(etch_device_receive(device, memory), ETCH_OK);
    ASSERT_EQ(etch_device_copy(device, x, memory, 12), ETCH_OK);
    EXPECT_EQ(get(x, 3), (std::vector<float>{4, 5, 6}));
    EXPECT_EQ(info().copies_in, before + 1);
    EXPECT_EQ(info().sent_bytes, sent + 12);
    EXPECT_EQ(etch_device_free(device, memory), ETCH_OK);
  }
}

TEST_F(Sent, BatchesArriveWhileStepsRun) {
  etch_fake_run_ahead(true);
  // Step k reads batch k; batch k + 1 is sent before step k has run. Two
  // pieces of memory are used by turns.
  auto batch = [](int k) {
    return std::vector<float>{float(k), float(2 * k), 1};
  };
  int waits = etch_fake_calls("cuStreamSynchronize");
  auto *now = static_cast<float *>(alloc(12));
  ASSERT_EQ(send(now, batch(0)), ETCH_OK);
  std::vector<void *> places;
  for (int k = 0; k < 6; ++k) {
    auto *next = static_cast<float *>(alloc(12));
    places.push_back(next);
    ASSERT_EQ(etch_device_receive(device, now), ETCH_OK);
    uint64_t arguments[4] = {uint64_t(y), uint64_t(now), 0, 3};
    float one = 1;
    memcpy(&arguments[2], &one, sizeof one);
    ASSERT_EQ(etch_device_launch(device, axpy, 1, 32, arguments, 4, 7),
              ETCH_OK);
    ASSERT_EQ(send(next, batch(k + 1)), ETCH_OK);
    EXPECT_EQ(etch_device_free(device, now), ETCH_OK);
    now = next;
  }
  EXPECT_EQ(places[0], places[2]);
  EXPECT_NE(places[0], places[1]);
  EXPECT_EQ(etch_fake_calls("cuStreamSynchronize"), waits) << "nobody waits";
  EXPECT_EQ(get(y, 3), (std::vector<float>{10 + 15, 20 + 30, 30 + 6}));
}

TEST_F(Sent, MemoryThatIsStillReadIsNotOverwritten) {
  etch_fake_run_ahead(true);
  // Of x the stream still wants to read when its memory gets something else.
  ASSERT_EQ(launch(1), ETCH_OK);
  EXPECT_EQ(etch_device_free(device, x), ETCH_OK);
  auto *again = static_cast<float *>(alloc(12));
  ASSERT_EQ(again, x);
  ASSERT_EQ(send(again, {100, 100, 100}), ETCH_OK);
  EXPECT_EQ(get(y, 3), (std::vector<float>{11, 22, 33}));
  // Freed before anybody has received it: others do not find it, either.
  EXPECT_EQ(etch_device_free(device, again), ETCH_OK);
  x = put({1, 2, 3});
  ASSERT_EQ(again, x);
  EXPECT_EQ(get(x, 3), (std::vector<float>{1, 2, 3}));
}

TEST_F(Sent, FailuresAreSaid) {
  float *memory = static_cast<float *>(alloc(12));
  float host[3] = {};
  EXPECT_EQ(etch_device_send(device, memory, host, 12), ETCH_ERROR_ARGUMENT);
  EXPECT_STREQ(etch_last_error(),
               "only pinned memory is sent, to memory of this device");
  ASSERT_EQ(send(memory, {1, 2, 3}), ETCH_OK);
  for (const char *name :
       {"cuMemcpyHtoDAsync_v2", "cuStreamWaitEvent", "cuEventRecord"}) {
    etch_fake_fail(name, 1, 0);
    EXPECT_EQ(send(memory, {1, 2, 3}), ETCH_ERROR_DEVICE) << name;
    EXPECT_THAT(etch_last_error(), HasSubstr("a copy to the device failed"));
  }
  etch_fake_fail("cuStreamWaitEvent", 1, 0);
  EXPECT_EQ(etch_device_receive(device, memory), ETCH_ERROR_DEVICE);
  EXPECT_EQ(etch_device_free(device, memory), ETCH_OK);
}

TEST_F(Sent, WithoutStreamOrMemoryThereIsNoPinnedOne) {
  for (const char *name :
       {"cuStreamCreate", "cuEventCreate", "cuMemHostAlloc"}) {
    etch_fake_fail(name, 2, 0);
    void *pinned = this;
    EXPECT_EQ(etch_device_pinned(device, 64, &pinned), ETCH_OK) << name;
    EXPECT_EQ(pinned, nullptr) << name;
  }
  void *pinned = nullptr;
  EXPECT_EQ(etch_device_pinned(device, 64, &pinned), ETCH_OK);
  EXPECT_NE(pinned, nullptr);
}

TEST_F(Device, CopiesRows) {
  float *from = put({1, 2, 3, 4, 5, 6}), *to = put(std::vector<float>(8));
  // Two columns of three, into a matrix of four.
  EXPECT_EQ(etch_device_copy_rows(device, to + 1, 16, from + 1, 12, 8, 2),
            ETCH_OK)
      << etch_last_error();
  EXPECT_EQ(get(to, 8), (std::vector<float>{0, 2, 3, 0, 0, 5, 6, 0}));
  EXPECT_EQ(etch_device_copy_rows(device, to, 16, from, 12, 0, 2), ETCH_OK);
  EXPECT_EQ(etch_device_copy_rows(device, to, 16, from, 12, 16, 2),
            ETCH_ERROR_DEVICE);
  etch_fake_fail("cuMemcpy2DAsync_v2", 700, 0);
  EXPECT_EQ(etch_device_copy_rows(device, to, 16, from, 12, 4, 2),
            ETCH_ERROR_DEVICE);
  EXPECT_THAT(etch_last_error(), HasSubstr("a copy on the device failed"));
}

TEST_F(Device, GuardedMemoryHasPartsOnly) {
  // Two parts, pages apart; the end of each is that of a page.
  const etch_device_part_t parts[] = {{8192 - 64, 64}, {16384 - 8, 8}};
  for (bool pages : {true, false}) {
    if (!pages)
      etch_fake_fail("cuMemGetAllocationGranularity", 1, 0);
    void *memory = nullptr;
    ASSERT_EQ(etch_device_alloc_guarded(device, 16384, parts, 2, &memory),
              ETCH_OK)
        << etch_last_error();
    char *start = static_cast<char *>(memory);
    EXPECT_EQ(etch_fake_in_memory(start + 8192, 1), !pages);
    EXPECT_TRUE(etch_fake_in_memory(start + 16384 - 8, 8));
    EXPECT_EQ(etch_device_clear(device, start + 8192 - 64, 64), ETCH_OK);
    EXPECT_EQ(etch_device_check_guarded(device, memory), ETCH_OK)
        << etch_last_error();
    EXPECT_EQ(etch_device_clear(device, start + 16384 - 9, 1), ETCH_OK);
    EXPECT_EQ(etch_device_check_guarded(device, memory), ETCH_ERROR_DEVICE);
    EXPECT_THAT(etch_last_error(),
                HasSubstr("byte 8183 behind the 64 bytes at 8128"));
    // It is mended.
    EXPECT_EQ(etch_device_check_guarded(device, memory), ETCH_OK);
    EXPECT_EQ(etch_device_clear(device, start + 8192 - 65, 1), ETCH_OK);
    EXPECT_EQ(etch_device_check_guarded(device, memory), ETCH_ERROR_DEVICE);
    EXPECT_THAT(etch_last_error(), HasSubstr("in front of all"));
    EXPECT_EQ(etch_device_free_guarded(device, memory), ETCH_OK);
    EXPECT_EQ(etch_device_check_guarded(device, memory), ETCH_ERROR_ARGUMENT);
  }
  EXPECT_EQ(etch_fake_used(), before);
  // Parts that share a page have a pattern between them; what is not given back
  // goes with the device.
  const etch_device_part_t close[] = {{0, 8}, {16, 8}};
  void *memory = nullptr;
  ASSERT_EQ(etch_device_alloc_guarded(device, 24, close, 2, &memory), ETCH_OK);
  EXPECT_EQ(etch_device_clear(device, static_cast<char *>(memory) + 8, 1),
            ETCH_OK);
  EXPECT_EQ(etch_device_check_guarded(device, memory), ETCH_ERROR_DEVICE);
  // In order, inside.
  const etch_device_part_t wrong[] = {{16, 8}, {0, 8}};
  EXPECT_EQ(etch_device_alloc_guarded(device, 24, wrong, 2, &memory),
            ETCH_ERROR_ARGUMENT);
  EXPECT_EQ(etch_device_alloc_guarded(device, 20, close, 2, &memory),
            ETCH_ERROR_ARGUMENT);
  for (const char *name :
       {"cuMemAddressReserve", "cuMemCreate", "cuMemMap", "cuMemSetAccess"}) {
    etch_fake_fail(name, 2, 0);
    EXPECT_EQ(etch_device_alloc_guarded(device, 16384, parts, 2, &memory),
              ETCH_ERROR_MEMORY)
        << name;
    EXPECT_THAT(etch_last_error(), HasSubstr("gives no guarded memory"));
  }
}

TEST_F(Device, CopiesGoThroughPinnedMemory) {
  // More than all pieces of it hold.
  std::vector<float> values(6 << 20);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = float(i % 1000);
  std::vector<float> expected = values;
  float *memory = put(values);
  EXPECT_EQ(info().staged_bytes, uint64_t(24) << 20);
  EXPECT_EQ(info().copies_in, 1u);
  // The source may change: nobody has waited.
  float *other = static_cast<float *>(alloc(12));
  float numbers[3] = {1, 2, 3};
  EXPECT_EQ(etch_device_copy_in(device, other, numbers, 12), ETCH_OK);
  numbers[0] = 7;
  EXPECT_EQ(get(other, 3), (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(get(memory, values.size()), expected);
}

TEST_F(Device, WithoutPinnedMemoryCopiesGoAsTheyCan) {
  etch_fake_fail("cuMemHostAlloc", 2, 0);
  EXPECT_EQ(get(put({1, 2, 3}), 3), (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(info().staged_bytes, 0u);
  EXPECT_EQ(info().bytes_in, 12u);
}

TEST_F(Device, KeepsFreedMemory) {
  void *first = alloc(1000);
  EXPECT_EQ(etch_device_free(device, first), ETCH_OK);
  EXPECT_EQ(info().cached, 1024u);
  EXPECT_EQ(alloc(900), first);
  EXPECT_EQ(info().allocations, 1u);
  EXPECT_EQ(etch_device_free(device, first), ETCH_OK);
  EXPECT_EQ(etch_device_free(device, first), ETCH_ERROR_ARGUMENT);
  EXPECT_EQ(etch_device_trim(device), ETCH_OK);
  EXPECT_EQ(etch_fake_used(), before);
}

TEST_F(Device, SaysHowMuchMemoryIsMissing) {
  void *large = alloc(uint64_t(200) << 20);
  void *more = nullptr;
  EXPECT_EQ(etch_device_alloc(device, uint64_t(100) << 20, &more),
            ETCH_ERROR_MEMORY);
  EXPECT_EQ(more, nullptr);
  EXPECT_STREQ(etch_last_error(),
               "the device has too little memory: 100.0 MiB are needed, 56.0 "
               "MiB of 256.0 MiB are free, this program has 200.0 MiB");
  // What is kept goes before that is said.
  EXPECT_EQ(etch_device_free(device, large), ETCH_OK);
  EXPECT_EQ(etch_device_alloc(device, uint64_t(100) << 20, &more), ETCH_OK);
}

TEST_F(Device, AccessOutsideOfMemoryFails) {
  float *memory = put({1});
  std::vector<char> values(1 << 20);
  EXPECT_EQ(etch_device_copy_in(device, memory, values.data(), values.size()),
            ETCH_ERROR_DEVICE);
  EXPECT_THAT(etch_last_error(), HasSubstr("invalid argument"));
}

TEST_F(Axpy, Launches) {
  EXPECT_EQ(launch(2), ETCH_OK);
  EXPECT_EQ(get(y, 3), (std::vector<float>{12, 24, 36}));
  EXPECT_EQ(info().launches, 1u);
  etch_device_function_t *again = nullptr;
  EXPECT_EQ(etch_device_find(module, "axpy", &again), ETCH_OK);
  EXPECT_EQ(again, axpy);
}

TEST_F(Axpy, NoBlocksAreNoLaunch) {
  EXPECT_EQ(etch_device_launch(device, axpy, 0, 32, nullptr, 0, 1), ETCH_OK);
  EXPECT_EQ(info().launches, 0u);
}

TEST_F(Axpy, ReplaysAGraph) {
  ASSERT_EQ(etch_device_capture_begin(device), ETCH_OK);
  EXPECT_EQ(launch(1), ETCH_OK);
  EXPECT_EQ(launch(1), ETCH_OK);
  void *memory = nullptr;
  EXPECT_EQ(etch_device_alloc(device, 4, &memory), ETCH_ERROR_ARGUMENT);
  EXPECT_STREQ(etch_last_error(),
               "memory is allocated while a graph is captured");
  etch_device_graph_t *graph = nullptr;
  ASSERT_EQ(etch_device_capture_end(device, &graph), ETCH_OK);
  EXPECT_EQ(get(y, 3), (std::vector<float>{10, 20, 30})); // nothing was done
  EXPECT_EQ(etch_device_graph_launch(device, graph), ETCH_OK);
  EXPECT_EQ(etch_device_graph_launch(device, graph), ETCH_OK);
  EXPECT_EQ(get(y, 3), (std::vector<float>{14, 28, 42}));
  EXPECT_EQ(info().graph_launches, 2u);
  etch_device_graph_destroy(graph);
}

TEST_F(Axpy, FailuresOfLaunchesNameTheOperation) {
  etch_fake_fail("cuLaunchKernel", 1, 0);
  EXPECT_EQ(launch(1), ETCH_ERROR_DEVICE);
  EXPECT_STREQ(etch_last_error(), "kernel 'axpy' of operation 7 cannot be "
                                  "launched: invalid argument (CUDA error 1)");
}

TEST_F(Axpy, FailuresOfKernelsShowWhenOneWaits) {
  etch_fake_fail("kernel", 700, 1);
  EXPECT_EQ(launch(1), ETCH_OK);
  EXPECT_EQ(launch(1), ETCH_OK);
  EXPECT_EQ(etch_device_wait(device), ETCH_ERROR_DEVICE);
  EXPECT_STREQ(etch_last_error(),
               "work on the device failed: an illegal memory access was "
               "encountered (CUDA error 700); the last kernel was 'axpy' of "
               "operation 7");
}

TEST_F(Axpy, UnknownKernelsAndCode) {
  etch_device_function_t *function = nullptr;
  EXPECT_EQ(etch_device_find(module, "nothing", &function), ETCH_ERROR_DEVICE);
  EXPECT_THAT(etch_last_error(), HasSubstr("no kernel 'nothing'"));
  etch_device_module_t *other = nullptr;
  EXPECT_EQ(etch_device_load(device, "/no/code", 9, &other), ETCH_ERROR_DEVICE);
  EXPECT_THAT(etch_last_error(), HasSubstr("architecture sm_90"));
}

TEST_F(Device, EveryCallMayFail) {
  for (const char *function :
       {"cuDeviceGet", "cuDevicePrimaryCtxRetain", "cuStreamCreate"}) {
    etch_fake_fail(function, 2, 0);
    etch_device_t *other = nullptr;
    EXPECT_EQ(etch_device_open(0, &other), ETCH_ERROR_MEMORY) << function;
    EXPECT_EQ(other, nullptr);
  }
  etch_fake_fail("cuStreamBeginCapture_v2", 999, 0);
  EXPECT_EQ(etch_device_capture_begin(device), ETCH_ERROR_DEVICE);
  etch_device_graph_t *graph = nullptr;
  for (const char *function :
       {"cuStreamEndCapture", "cuGraphInstantiateWithFlags"}) {
    EXPECT_EQ(etch_device_capture_begin(device), ETCH_OK);
    etch_fake_fail(function, 999, 0);
    EXPECT_EQ(etch_device_capture_end(device, &graph), ETCH_ERROR_DEVICE);
    EXPECT_EQ(graph, nullptr);
  }
  void *memory = nullptr;
  etch_fake_fail("cuMemAlloc_v2", 999, 0);
  EXPECT_EQ(etch_device_alloc(device, 8, &memory), ETCH_ERROR_DEVICE);
}

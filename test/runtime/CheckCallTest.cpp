//===- CheckCallTest.cpp - What a call must look like ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/host.h"
#include "test/runtime/TemporaryFolder.h"

#include <gmock/gmock.h>

using testing::HasSubstr;

namespace {

const int64_t shapeX[] = {2, ETCH_DYNAMIC}, shapeY[] = {3};
const etch_param_t params[] = {
    {"x", shapeX, ETCH_F32, 2, ETCH_INPUT, ETCH_NO_UPDATE},
    {"", nullptr, ETCH_F64, 0, ETCH_LITERAL, ETCH_NO_UPDATE}};
const etch_param_t results[] = {
    {"y", shapeY, ETCH_I64, 1, ETCH_RESULT, ETCH_NO_UPDATE}};

/// A call that is right until a test changes it.
class CheckCall : public testing::Test {
protected:
  CheckCall() {
    module.args = params;
    module.num_args = 2;
    module.results = results;
    module.num_results = 1;
    module.arena_bytes = [](const etch_call_t *) { return uint64_t(128); };
    call.args = args;
    call.num_args = 2;
    call.results = &result;
    call.num_results = 1;
    call.arena = arena;
    call.arena_bytes = sizeof(arena);
    call.host = etch_serial_host();
  }
  std::string check(etch_status_t expected = ETCH_ERROR_ARGUMENT) {
    EXPECT_EQ(etch_check_call(&module, &call), expected);
    return etch_last_error();
  }

  alignas(64) char arena[128];
  float x[10];
  double literal;
  int64_t y[3];
  int64_t extentsX[2] = {2, 5}, stridesX[2] = {5, 1}, extentsY[1] = {3},
          stridesY[1] = {1};
  etch_tensor_t args[2] = {{x, extentsX, stridesX, ETCH_F32, 2},
                           {&literal, nullptr, nullptr, ETCH_F64, 0}};
  etch_tensor_t result = {y, extentsY, stridesY, ETCH_I64, 1};
  etch_module_t module = {};
  etch_call_t call = {};
};

TEST_F(CheckCall, RightCallsPass) {
  EXPECT_EQ(etch_check_call(&module, &call), ETCH_OK) << etch_last_error();
  extentsX[1] = 0; // no element: data may be null
  args[0].data = nullptr;
  EXPECT_EQ(etch_check_call(&module, &call), ETCH_OK) << etch_last_error();
  extentsX[1] = 1; // the stride of one element does not matter
  stridesX[0] = 1;
  stridesX[1] = 77;
  args[0].data = x;
  EXPECT_EQ(etch_check_call(&module, &call), ETCH_OK) << etch_last_error();
}

TEST_F(CheckCall, NamesWhatDiffers) {
  extentsX[0] = 3;
  EXPECT_EQ(check(), "argument 0 'x': expected shape (2, ?), got (3, 5)");
  extentsX[0] = 2;
  args[0].rank = 1;
  EXPECT_EQ(check(), "argument 0 'x': expected shape (2, ?), got (2,)");
  args[0].rank = 2;
  args[1].dtype = ETCH_F32;
  EXPECT_EQ(check(), "argument 1: expected float64, got float32");
  args[1].dtype = ETCH_F64;
  stridesX[0] = 6;
  EXPECT_THAT(check(), HasSubstr("argument 0 'x': expected dense row-major "
                                 "storage, which has stride 5 in axis 0, got "
                                 "stride 6"));
  stridesX[0] = 5;
  result.data = nullptr;
  EXPECT_EQ(check(), "result 0 'y': data is null");
  result.data = reinterpret_cast<char *>(y) + 1;
  EXPECT_EQ(check(), "result 0 'y': data is not aligned for int64");
  result.data = y;
  call.num_args = 1;
  EXPECT_EQ(check(), "expected 2 arguments, got 1");
  call.num_args = 2;
  call.num_results = 2;
  EXPECT_EQ(check(), "expected 1 result, got 2");
  call.num_results = 1;
  call.host = nullptr;
  EXPECT_EQ(check(), "the call has no host");
}

TEST_F(CheckCall, ArenaMustBeThere) {
  call.arena_bytes = 127;
  EXPECT_EQ(check(ETCH_ERROR_MEMORY), "arena: expected 128 bytes, got 127");
  call.arena_bytes = 128;
  call.arena = nullptr;
  EXPECT_EQ(check(ETCH_ERROR_MEMORY), "arena: expected 128 bytes, got 0");
  call.arena = arena + 8;
  EXPECT_EQ(check(ETCH_ERROR_MEMORY), "arena: not aligned to 64 bytes");
}

TEST_F(CheckCall, WhatIsKeptMustBeThere) {
  module.prepared_bytes = 64;
  EXPECT_EQ(check(ETCH_ERROR_MEMORY),
            "what is kept between calls: expected 64 bytes, got 0");
  alignas(64) char kept[128];
  call.prepared = kept;
  call.prepared_bytes = 63;
  EXPECT_EQ(check(ETCH_ERROR_MEMORY),
            "what is kept between calls: expected 64 bytes, got 63");
  call.prepared = kept + 8;
  call.prepared_bytes = 64;
  EXPECT_EQ(check(ETCH_ERROR_MEMORY),
            "what is kept between calls: not aligned to 64 bytes");
  call.prepared = kept;
  EXPECT_EQ(etch_check_call(&module, &call), ETCH_OK) << etch_last_error();
}

TEST_F(CheckCall, AbsurdExtentsDoNotOverflow) {
  extentsX[1] = INT64_MAX;
  stridesX[0] = INT64_MAX;
  EXPECT_THAT(check(), HasSubstr("is too large"));
  extentsX[1] = -1;
  EXPECT_THAT(check(), HasSubstr("expected shape (2, ?), got (2, -1)"));
  args[0].rank = 1000;
  EXPECT_THAT(check(), HasSubstr("expected rank 2, got 1000"));
}

TEST(ModuleLoader, RefusesWhatIsNoModule) {
  etch::test::TemporaryFolder folder;
  etch_library_t *library;
  EXPECT_EQ(etch_module_load((folder / "none.so").c_str(), "q", &library),
            ETCH_ERROR_IO);
  EXPECT_EQ(library, nullptr);
  EXPECT_THAT(etch_last_error(), HasSubstr("none.so"));
  etch::test::writeBytes(folder / "text.so", "not an object");
  EXPECT_EQ(etch_module_load((folder / "text.so").c_str(), "q", &library),
            ETCH_ERROR_IO);
  EXPECT_EQ(etch_module_load("", "q", &library), ETCH_ERROR_ARGUMENT);
  // The name of a library that the loader would find in its own folders.
  EXPECT_EQ(etch_module_load("libc.so.6", "q", &library), ETCH_ERROR_IO);
  etch_library_release(nullptr);
}

} // namespace

//===- StateTest.cpp - State files, good and malformed --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/host.h"
#include "runtime/core/state_file.h"
#include "test/runtime/TemporaryFolder.h"

#include <gmock/gmock.h>
#include <random>

using etch::test::readBytes;
using etch::test::TemporaryFolder;
using etch::test::writeBytes;
using testing::HasSubstr;

namespace {

const int64_t four[] = {4}, none[] = {0, 3};
const int64_t one[] = {1}, rows[] = {3, 1};
const etch_param_t params[] = {
    {"x", four, ETCH_F32, 1, ETCH_INPUT, ETCH_NO_UPDATE},
    {"l0/W", four, ETCH_F32, 1, ETCH_STATE, ETCH_NO_UPDATE},
    {"mask", four, ETCH_BOOL, 1, ETCH_STATE, ETCH_NO_UPDATE},
    {"step", nullptr, ETCH_F64, 0, ETCH_STATE, ETCH_NO_UPDATE},
    {"empty", none, ETCH_I64, 2, ETCH_STATE, ETCH_NO_UPDATE}};

class State : public testing::Test {
protected:
  State() {
    module.abi_version = ETCH_ABI_VERSION;
    module.args = params;
    module.num_args = 5;
  }
  etch_status_t save(const std::string &path) {
    return etch_state_save(&module, states, 4, path.c_str());
  }
  etch_status_t load(const std::string &path) {
    return etch_state_load(&module, states, 4, path.c_str());
  }

  TemporaryFolder folder;
  float w[4] = {1, 2, 3, 4};
  uint8_t mask[4] = {1, 0, 0, 1};
  double step = 7;
  etch_tensor_t states[4] = {{w, four, one, ETCH_F32, 1},
                             {mask, four, one, ETCH_BOOL, 1},
                             {&step, nullptr, nullptr, ETCH_F64, 0},
                             {nullptr, none, rows, ETCH_I64, 2}};
  etch_module_t module = {};
};

TEST_F(State, RoundTrips) {
  ASSERT_EQ(save(folder / "s"), ETCH_OK) << etch_last_error();
  w[0] = mask[1] = 9;
  step = 8;
  ASSERT_EQ(load(folder / "s"), ETCH_OK) << etch_last_error();
  EXPECT_EQ(w[0], 1);
  EXPECT_EQ(mask[1], 0);
  EXPECT_EQ(step, 7);
}

TEST_F(State, OtherProgramsAreRefusedByName) {
  ASSERT_EQ(save(folder / "s"), ETCH_OK);
  etch_param_t other[5];
  std::copy(params, params + 5, other);
  module.args = other;
  other[1].name = "l1/W";
  EXPECT_EQ(load(folder / "s"), ETCH_ERROR_FORMAT);
  EXPECT_THAT(etch_last_error(), HasSubstr("has no state 'l1/W'"));
  other[1] = params[1];
  const int64_t two[] = {2};
  other[1].extents = two;
  states[0].extents = two;
  EXPECT_EQ(load(folder / "s"), ETCH_ERROR_FORMAT);
  EXPECT_THAT(etch_last_error(),
              HasSubstr("state 'l0/W' is float32 (4,) there, expected float32 "
                        "(2,)"));
  // A program with fewer states takes what it knows.
  states[0].extents = four;
  other[1] = params[1];
  other[2].role = ETCH_INPUT;
  etch_tensor_t fewer[] = {states[0], states[2], states[3]};
  EXPECT_EQ(etch_state_load(&module, fewer, 3, (folder / "s").c_str()), ETCH_OK)
      << etch_last_error();
}

TEST_F(State, SectionsOfLaterVersionsAreSkipped) {
  ASSERT_EQ(save(folder / "s"), ETCH_OK);
  std::string bytes = readBytes(folder / "s");
  etch_state_section_t section = {77, 0, 16, 0};
  std::string payload = "sixteen bytes...";
  section.checksum = etch_state_checksum(etch_section_checksum(section),
                                         payload.data(), payload.size());
  bytes.append(reinterpret_cast<char *>(&section), sizeof(section));
  bytes += payload;
  etch_state_header_t header;
  memcpy(&header, bytes.data(), sizeof(header));
  header.file_bytes = bytes.size();
  ++header.num_sections;
  header.checksum =
      etch_state_checksum(0, &header, offsetof(etch_state_header_t, checksum));
  memcpy(bytes.data(), &header, sizeof(header));
  writeBytes(folder / "s", bytes);
  w[0] = 0;
  EXPECT_EQ(load(folder / "s"), ETCH_OK) << etch_last_error();
  EXPECT_EQ(w[0], 1);
}

/// Random bytes under right checksums, so that they reach every check behind.
TEST_F(State, MalformedContentNeverCrashes) {
  ASSERT_EQ(save(folder / "s"), ETCH_OK);
  const std::string good = readBytes(folder / "s");
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = good;
    for (unsigned n = 1 + random() % 6; n--;)
      bytes[random() % bytes.size()] = char(random() % 3 ? random() : 0xff);
    etch_state_header_t header;
    memcpy(&header, bytes.data(), sizeof(header));
    memcpy(header.magic, ETCH_STATE_MAGIC, 8);
    header.version = ETCH_STATE_VERSION;
    header.file_bytes = bytes.size();
    header.checksum = etch_state_checksum(
        0, &header, offsetof(etch_state_header_t, checksum));
    memcpy(bytes.data(), &header, sizeof(header));
    size_t at = sizeof(header);
    etch_state_section_t section;
    while (at + sizeof(section) <= bytes.size()) {
      memcpy(&section, &bytes[at], sizeof(section));
      size_t left = bytes.size() - at - sizeof(section);
      if (section.bytes > left || section.bytes % 8)
        break;
      section.checksum = etch_state_checksum(
          etch_section_checksum(section), bytes.data() + at + sizeof(section),
          section.bytes);
      memcpy(&bytes[at], &section, sizeof(section));
      at += sizeof(section) + section.bytes;
    }
    writeBytes(folder / "bad", bytes);
    etch_status_t status = load(folder / "bad");
    EXPECT_TRUE(status == ETCH_OK || status == ETCH_ERROR_FORMAT) << status;
  }
}

TEST_F(State, TensorsMustBeTheModules) {
  EXPECT_EQ(etch_state_save(&module, states, 3, (folder / "s").c_str()),
            ETCH_ERROR_ARGUMENT);
  states[0].dtype = ETCH_I32;
  EXPECT_EQ(save(folder / "s"), ETCH_ERROR_ARGUMENT);
  EXPECT_THAT(etch_last_error(), HasSubstr("state 0 'l0/W': expected float32"));
  EXPECT_EQ(folder.count(), 0u);
}

} // namespace

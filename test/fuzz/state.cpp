//===- state.cpp - Fuzzes the reader of state files -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/fuzz/state.h"
#include "runtime/core/state_file.h"
#include "test/fuzz/fuzz.h"

#include <vector>

using namespace etch;

/// Gives the file the right sums: what is behind them shall be reached.
static void set_sums(std::vector<uint8_t> &file) {
  etch_state_header_t header;
  if (file.size() < sizeof header)
    return;
  std::memcpy(&header, file.data(), sizeof header);
  header.file_bytes = file.size();
  header.checksum =
      etch_state_checksum(0, &header, offsetof(etch_state_header_t, checksum));
  std::memcpy(file.data(), &header, sizeof header);
  for (size_t at = sizeof header;
       file.size() - at >= sizeof(etch_state_section_t);) {
    etch_state_section_t section;
    std::memcpy(&section, file.data() + at, sizeof section);
    size_t payload = at + sizeof section;
    if (section.bytes > file.size() - payload)
      return;
    section.checksum = etch_state_checksum(
        etch_section_checksum(section), file.data() + payload, section.bytes);
    std::memcpy(file.data() + at, &section, sizeof section);
    at = payload + section.bytes;
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::vector<uint8_t> bytes(data, data + size);
  set_sums(bytes);
  test::MemoryFile file(bytes.data(), bytes.size());
  test::States states;
  etch_status_t status =
      etch_state_load(&states.module, states.tensors, 3, file.path.c_str());
  // The message names the file; nothing changes unless all is well.
  if (status && (!std::strstr(etch_last_error(), file.path.c_str()) ||
                 states.step != 7 || states.w[3] != 4))
    std::abort();
  return 0;
}

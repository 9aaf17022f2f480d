//===- Errors.cpp - exceptions, locations, modes --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "etch/error.h"
#include "frontend/core/ThreadState.h"

#include <cstring>
#include <string_view>

using namespace etch;
using detail::thread_state;

//===----------------------------------------------------------------------===//
// Locations
//===----------------------------------------------------------------------===//

/// The path of this file up to and including "frontend/".
static constexpr std::string_view own_folder() {
  constexpr std::string_view file = __FILE__, name = "core/Errors.cpp";
  return file.substr(0, file.size() - name.size());
}

/// Whether user code cannot stand in this file: Etch's sources and headers, and
/// the system's headers, through which std::function calls an activation.
static bool is_internal(const char *file) {
  // The same few string literals come again and again.
  struct Known {
    const char *file = nullptr;
    bool internal = false;
  };
  static thread_local Known cache[64];
  Known &last = cache[reinterpret_cast<uintptr_t>(file) / 8 % 64];
  if (last.file != file) {
    std::string_view path = file;
    last = {file, path.starts_with(own_folder()) || path.starts_with("/usr/") ||
                      path.find("include/c++/") != path.npos ||
                      path.find("/include/etch/") != path.npos};
  }
  return last.internal;
}

Location Location::in_user_code() const {
  const LocationScope *frame = thread_state().frames;
  if (file && (!frame || !is_internal(file)))
    return *this;
  for (; frame; frame = frame->outer)
    if (frame->location.file && !is_internal(frame->location.file))
      return frame->location;
  return *this;
}

std::string etch::to_string(const Location &location) {
  if (!location.file)
    return "";
  const char *slash = std::strrchr(location.file, '/');
  return std::string(slash ? slash + 1 : location.file) + ":" +
         std::to_string(location.line);
}

LocationScope::LocationScope(const Location &location) noexcept
    : location(location), outer(thread_state().frames) {
  thread_state().frames = this;
}

LocationScope::~LocationScope() { thread_state().frames = outer; }

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

Error::Error(const std::string &message, const Location &where)
    : text(message), location(where.in_user_code()) {
  if (location)
    text += "  [" + to_string(location) + "]";
}

//===----------------------------------------------------------------------===//
// Modes
//===----------------------------------------------------------------------===//

const Config &etch::config() noexcept { return thread_state().config; }

UsingConfig::UsingConfig(bool Config::*mode, bool value) noexcept
    : mode(mode), outer(thread_state().config.*mode) {
  thread_state().config.*mode = value;
}

UsingConfig::~UsingConfig() { thread_state().config.*mode = outer; }

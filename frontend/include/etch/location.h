//===- location.h - Where in the user's source an operation stands -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every operation knows the line of user code that asked for it; errors and
// profiles name that line. Functions made of several operations push the line
// of their caller on a per-thread stack, so that what they do inside is
// reported at the first frame outside Etch.
//===----------------------------------------------------------------------===//
#ifndef ETCH_LOCATION_H
#define ETCH_LOCATION_H

#include <cstdint>
#include <source_location>
#include <string>

namespace etch {

/// A line of source code. Default-constructed: unknown.
struct Location {
  const char *file = nullptr;
  uint32_t line = 0;

  Location() = default;
  Location(const char *file, uint32_t line) : file(file), line(line) {}
  Location(const std::source_location &l)
      : file(l.file_name()), line(l.line()) {}

  explicit operator bool() const { return file != nullptr; }
  friend bool operator==(const Location &, const Location &) = default;

  /// This location if it is outside Etch and the system's headers, else the
  /// innermost frame of this thread's stack that is; else this one.
  Location in_user_code() const;
};

/// "train.cpp:41", without the folder; "" for an unknown location.
std::string to_string(const Location &location);

/// Pushes a frame while it lives. Composites, layers and compiled calls open
/// one with their caller's line.
class LocationScope {
public:
  explicit LocationScope(const Location &location) noexcept;
  ~LocationScope();
  LocationScope(const LocationScope &) = delete;
  LocationScope &operator=(const LocationScope &) = delete;

private:
  friend struct Location;
  Location location;
  LocationScope *outer;
};

} // namespace etch

#endif // ETCH_LOCATION_H

//===- download.h - Files from the network, once ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_DOWNLOAD_H
#define ETCH_DOWNLOAD_H

#include "etch/location.h"

#include <string>

namespace etch {

struct GetFileOptions {
  std::string name = {}; ///< in the cache; "": what is behind the last slash
  bool progress = true;  ///< a bar on stderr, when that is a terminal
};

/// The path of a file from the network, which is fetched (by curl or wget) the
/// first time and kept in $XDG_CACHE_HOME/etch or ~/.cache/etch; it appears
/// there whole or not at all. A file:// URL is copied. ValueError for a URL
/// without a file's name, IOError when it cannot be had.
std::string get_file(const std::string &url, const GetFileOptions &options = {},
                     std::source_location l = std::source_location::current());

} // namespace etch

#endif // ETCH_DOWNLOAD_H

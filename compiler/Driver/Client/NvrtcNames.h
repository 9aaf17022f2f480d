//===- NvrtcNames.h - Where NVRTC is looked for ------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_DRIVER_CLIENT_NVRTCNAMES_H
#define ETCH_DRIVER_CLIENT_NVRTCNAMES_H

namespace etch {

/// For dlopen(), in this order.
inline constexpr const char *nvrtcNames[] = {
    "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so",
    "/usr/local/cuda/lib64/libnvrtc.so", "/usr/local/cuda/lib/libnvrtc.so"};

} // namespace etch

#endif // ETCH_DRIVER_CLIENT_NVRTCNAMES_H

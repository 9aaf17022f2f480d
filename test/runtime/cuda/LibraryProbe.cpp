//===- LibraryProbe.cpp - What the vendor's libraries take ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Without a device: every function is there, and descriptions of what we ask
// for are accepted. Ends with 77 where there is no library.
//===----------------------------------------------------------------------===//

#include "etch/device.h"
#include "runtime/cuda/cublas.h"
#include "runtime/cuda/cudnn.h"

#include <cstdio>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <sstream>
#include <string>
#include <vector>

using namespace etch::runtime::cuda;

static int missing(const char *reason) {
  printf("SKIPPED: NO LIBRARY: %s\n", reason);
  return 77;
}

static int products() {
  if (const char *reason = etch_products_unavailable(); *reason)
    return missing(reason);
  int tried = 0, failed = 0;
  for (int dtype : {ETCH_F32, ETCH_F64})
    for (int precision = 0; precision < (dtype == ETCH_F32 ? 3 : 1);
         ++precision)
      for (int activation = 0; activation < 5; ++activation)
        // Also of bfloat16, with sums of f32 or with results as the operands.
        for (int with = 0; with < (precision == 2 ? 48 : 16); ++with) {
          static char memory[64];
          bool gradient = activation >= ETCH_RELU_GRAD, transposed = with & 8;
          etch_product_t p = {};
          p.y = memory;
          p.a = p.b = memory;
          p.bias = with & 1 && !gradient ? memory : nullptr;
          p.aux = with & 2 || gradient ? memory : nullptr;
          p.bias_grad = with & 4 ? memory : nullptr;
          p.bias_grad_of = gradient ? 0 : with & 2 ? 2 : 1;
          p.batch = 1;
          p.m = 32, p.n = 128, p.k = 64;
          p.a_strides[1] = transposed ? 1 : p.k;
          p.a_strides[2] = transposed ? p.m : 1;
          p.b_strides[1] = transposed ? 1 : p.n;
          p.b_strides[2] = transposed ? p.k : 1;
          p.dtype = dtype;
          p.precision = precision;
          if (with >= 16)
            p.stored = ETCH_A_BF16 | ETCH_B_BF16;
          if (with >= 32)
            p.stored |= ETCH_Y_BF16 | ETCH_BIAS_BF16;
          p.activation = activation;
          int epilogues[4], count = acceptedEpilogues(p, epilogues);
          ++tried;
          if (!count) {
            ++failed;
            printf("refused: dtype %d, precision %d, activation %d, with %d\n",
                   dtype, precision, activation, with);
          }
        }
  printf("cuBLASLt: %d of %d products described\n", tried - failed, tried);
  return failed != 0;
}

//===----------------------------------------------------------------------===//
// Convolutions of the examples
//===----------------------------------------------------------------------===//

/// What cuDNN asks of a device, of an A100 and an H100.
static std::string propertiesOf(int version, int processors, int shared,
                                long long memory, int cache) {
  auto number = [](const char *name, long long value) {
    return std::string("\"") + name + "\": " + std::to_string(value) + ", ";
  };
  return "{\"deviceName\": \"a device\", " + number("deviceVer", version) +
         number("driverVer", 13000) + number("cudaDeviceId", 0) +
         number("pciDeviceId", 0) + number("multiProcessorCount", processors) +
         number("warpSize", 32) + number("regsPerBlock", 65536) +
         number("maxRegistersPerSM", 65536) +
         number("maxSharedMemoryPerBlock", 49152) +
         number("maxSharedMemoryPerBlockOptin", shared) +
         number("reservedSharedMemoryPerBlock", 1024) +
         number("maxCtasPerSM", 32) + number("maxThreadsPerBlock", 1024) +
         number("maxThreadsPerSM", 2048) + number("totalGlobalMem", memory) +
         number("smClockRateKHz", 1410000) +
         number("memClockRateKHz", 1593000) + number("l2CacheSize", cache) +
         "\"maxGridSize\": [2147483647, 65535, 65535], "
         "\"maxBlockSize\": [1024, 1024, 64], "
         "\"isTccDriver\": 0, \"supportCoopLaunch\": 1}";
}

struct Named {
  std::string name;
  etch_convolution_t convolution;
  bool last; ///< as programs ask that keep channels last
};

/// What convolutions.py has found; those forward also with a bias and a relu.
static std::vector<Named> readAll(const char *path) {
  std::vector<Named> all;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream in(line);
    std::string network;
    etch_convolution_t c = {};
    in >> network >> c.kind;
    for (auto *extents : {&c.x_extents, &c.w_extents, &c.y_extents})
      for (int64_t &extent : *extents)
        in >> extent;
    for (auto *pair : {&c.stride, &c.pad, &c.dilation})
      for (int64_t &number : *pair)
        in >> number;
    bool last = false;
    in >> c.groups >> last;
    if (!in)
      return {};
    c.dtype = ETCH_F32;
    all.push_back({line, c, last});
    if (c.kind == ETCH_CONVOLUTION) {
      static char somewhere;
      c.bias = &somewhere;
      c.activation = ETCH_RELU;
      all.push_back({line + " with bias and relu", c, last});
    }
  }
  return all;
}

static int convolutions(const char *path) {
  if (const char *reason = etch_convolutions_unavailable(); *reason)
    return missing(reason);
  std::vector<Named> all = readAll(path);
  int failed = all.empty();
  struct {
    const char *name;
    std::string properties;
  } devices[] = {
      {"sm_80", propertiesOf(800, 108, 166912, 42505273344, 41943040)},
      {"sm_90", propertiesOf(900, 132, 232448, 85017624576, 52428800)}};
  struct {
    const char *name;
    int precision, form;
  } ways[] = {{"f32", ETCH_PRECISION_FULL, 0},
              {"tf32", ETCH_PRECISION_TF32, 0},
              {"tf32, channels last", ETCH_PRECISION_TF32, ETCH_CHANNELS_LAST},
              {"bf16, channels last", ETCH_PRECISION_BF16,
               ETCH_CHANNELS_LAST | ETCH_STORED_BF16}};
  for (auto &device : devices)
    for (auto &way : ways) {
      int asked = 0, planned = 0, tensorCores = 0;
      int64_t workspace = 0;
      for (Named &each : all) {
        if (each.last != bool(way.form & ETCH_CHANNELS_LAST))
          continue;
        ++asked;
        each.convolution.precision = way.precision;
        each.convolution.form = way.form;
        ConvolutionReport report;
        if (!planConvolution(each.convolution, device.properties.c_str(),
                             report)) {
          printf("no plan: %s, %s, %s: %s\n", device.name, way.name,
                 each.name.c_str(), report.problem);
          ++failed;
          continue;
        }
        ++planned;
        tensorCores += report.tensorCores;
        if (report.workspace > workspace)
          workspace = report.workspace;
        if (way.precision == ETCH_PRECISION_FULL && report.tensorCores) {
          printf("tensor cores: %s\n", each.name.c_str());
          ++failed;
        }
      }
      failed += !asked;
      printf("cuDNN for %s, %s: %d of %d convolutions planned, %d with tensor "
             "cores, at most %.1f MiB of workspace\n",
             device.name, way.name, planned, asked, tensorCores,
             double(workspace) / (1 << 20));
    }
  return failed != 0;
}

int main(int argc, char **argv) {
  if (argc == 2 && !strcmp(argv[1], "products"))
    return products();
  if (argc == 3 && !strcmp(argv[1], "convolutions"))
    return convolutions(argv[2]);
  return 2;
}

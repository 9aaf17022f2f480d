//===- ExportTest.cpp - Libraries for graphics processors -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// They are made without a device, by NVRTC; what they compute is the host's.
//===----------------------------------------------------------------------===//

#include "test/frontend/cuda/Device.h"

#include "etch/host.h"

#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace etch;
using test::bits_of;
using testing::HasSubstr;

namespace {

Variable waves(const Shape &shape) {
  Variable x = arange(0, shape.elements()).astype(f32);
  return sin(x * 1.7).reshape(shape).detach();
}

struct Exported : testing::Test {
  std::string folder =
      testing::TempDir() + "etch-export-" + std::to_string(getpid());

  void SetUp() override {
    if (!dlopen("libnvrtc.so.13", RTLD_NOW) &&
        !dlopen("libnvrtc.so.12", RTLD_NOW))
      GTEST_SKIP() << "NO NVRTC: " << dlerror();
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  /// Steps of a network: recorded, exported, not run.
  struct Training {
    MLP model{{8, 3}, tanh};
    SGD optimizer{SGDOptions{.lr = 0.1}};
    Variable x = waves({4, 5}).set_requires_grad(false),
             t = waves({4, 3}).set_requires_grad(false);

    Training() {
      random::seed(0);
      NoGrad no_grad;
      model(x);
      optimizer.setup(model);
    }
    auto step() {
      return [this](const Variable &x, const Variable &t) {
        Variable loss = mean_squared_error(model(x), t);
        model.clear_grads();
        loss.backward();
        optimizer.update();
        return loss;
      };
    }
  };
};

TEST_F(Exported, WithoutADeviceForThoseToCome) {
  Training training;
  auto step = compile(training.step());
  export_library(step, folder + "/step", {training.x, training.t},
                 {.mcpu = "x86-64-v3", .architectures = "sm_80,compute_90"});
  etch_library_t *library = nullptr;
  ASSERT_EQ(etch_module_load((folder + "/libstep.so").c_str(), "step_query",
                             &library),
            ETCH_OK)
      << etch_last_error();
  const etch_module_t *module = etch_library_module(library);
  // Some images for each: a part of the kernels is in one.
  ASSERT_GT(module->num_images, 0);
  ASSERT_EQ(module->num_images % 2, 0);
  for (int i = 0; i < module->num_images; ++i)
    EXPECT_STREQ(module->images[i].architecture,
                 i < module->num_images / 2 ? "sm_80" : "compute_90");
  EXPECT_GT(module->num_grids, 0);
  etch_library_release(library);
  // Its own functions for C say who runs it.
  void *raw = dlopen((folder + "/libstep.so").c_str(), RTLD_NOW);
  ASSERT_NE(raw, nullptr) << dlerror();
  auto init = reinterpret_cast<int (*)(void **)>(dlsym(raw, "step_init"));
  auto run = reinterpret_cast<int (*)(void *, const etch_tensor_t *, int32_t,
                                      const etch_tensor_t *, int32_t)>(
      dlsym(raw, "step_run"));
  auto error =
      reinterpret_cast<const char *(*)(const void *)>(dlsym(raw, "step_error"));
  auto release = reinterpret_cast<void (*)(void *)>(dlsym(raw, "step_free"));
  void *instance = nullptr;
  ASSERT_EQ(init(&instance), ETCH_OK);
  etch_tensor_t none[2] = {};
  EXPECT_EQ(run(instance, none, 2, none, 1), ETCH_ERROR_DEVICE);
  EXPECT_STREQ(error(instance),
               "the program is for a graphics processor: "
               "etch_device_program_run() of etch/device.h runs it");
  release(instance);
  dlclose(raw);
  if (!cuda::is_available()) {
    Library loaded = load_library(folder + "/libstep.so");
    EXPECT_THROW(loaded.run({training.x, training.t}), DeviceError);
  }
}

TEST_F(Exported, RunsWithTheBitsOfTheHost) {
  if (!cuda::is_available())
    GTEST_SKIP() << "NO GRAPHICS PROCESSOR: " << cuda::unavailable_reason();
  Training training;
  auto step = compile(training.step());
  export_library(step, folder + "/step", {training.x, training.t},
                 {.architectures = "sm_80,sm_90,compute_90"});
  Library library = load_library(folder + "/libstep.so");
  std::vector<std::string> names = library.state_names();
  for (int i = 0; i < 4; ++i) {
    Variables results = library.run({training.x.to(cuda(0)), training.t});
    ASSERT_EQ(results.size(), 1u);
    EXPECT_EQ(results[0].device(), cuda(0));
    EXPECT_EQ(bits_of(results[0]), bits_of(step(training.x, training.t))) << i;
    if (i == 1) { // states go to a file and come back
      library.save(folder + "/saved");
      library.run({training.x, training.t});
      library.load(folder + "/saved");
    }
  }
  for (const Variable &p : training.model.params())
    EXPECT_EQ(
        bits_of(library.get_state(p.name().empty() ? names[0] : p.name())),
        bits_of(p))
        << p.name();
}

TEST_F(Exported, FunctionsForADeviceAreForAll) {
  if (!cuda::is_available())
    GTEST_SKIP() << "NO GRAPHICS PROCESSOR: " << cuda::unavailable_reason();
  Variable w = waves({5, 2}).to(cuda(0));
  auto f = compile([&](const Variable &x) { return matmul(x, w); },
                   {.device = cuda(0)});
  export_library(f, folder + "/product", {waves({4, 5})},
                 {.embed_weights = true});
  Library library = load_library(folder + "/libproduct.so");
  EXPECT_TRUE(library.state_names().empty());
  EXPECT_EQ(bits_of(library.run({waves({4, 5})})[0]),
            bits_of(matmul(waves({4, 5}), waves({5, 2}))));
}

} // namespace

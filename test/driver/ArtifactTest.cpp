//===- ArtifactTest.cpp - Exported libraries ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Driver/Artifact.h"
#include "etch/host.h"
#include "test/driver/Emit.h"
#include "test/driver/TestModule.h"

#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"

#include <csignal>
#include <gmock/gmock.h>
#include <random>
#include <set>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>

using namespace etch::driver;
using namespace etch::test;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

/// The hand-written module as lib<name>.so.
std::string artifact(const std::string &name) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  auto module = llvm::parseAssemblyString(testModule(), diagnostic, context);
  EXPECT_EQ(toString(addArtifactEntryPoints(*module, name)), "");
  llvm::SmallVector<char> object, out;
  EXPECT_EQ(
      toString(emitObject(*module, llvm::cantFail(resolveTarget("x86-64-v3")),
                          false, object)),
      "");
  EXPECT_EQ(toString(linkArtifact(llvm::StringRef(object.data(), object.size()),
                                  name, out)),
            "");
  return text(out);
}

struct Instance;

/// The functions of one exported library.
struct Api {
  explicit Api(const Loaded &loaded, const std::string &name)
      : init(get<decltype(init)>(loaded, name + "_init")),
        free(get<decltype(free)>(loaded, name + "_free")),
        run(get<decltype(run)>(loaded, name + "_run")),
        save(get<decltype(save)>(loaded, name + "_save")),
        load(get<decltype(load)>(loaded, name + "_load")),
        state(get<decltype(state)>(loaded, name + "_state")),
        set_host(get<decltype(set_host)>(loaded, name + "_set_host")),
        error(get<decltype(error)>(loaded, name + "_error")),
        query(get<decltype(query)>(loaded, name + "_query")) {}

  template <typename Pointer>
  static Pointer get(const Loaded &loaded, const std::string &name) {
    auto pointer =
        loaded.function<std::remove_pointer_t<Pointer>>(name.c_str());
    EXPECT_NE(pointer, nullptr) << name;
    return pointer;
  }

  etch_status_t (*init)(Instance **);
  void (*free)(Instance *);
  etch_status_t (*run)(Instance *, const etch_tensor_t *, int32_t,
                       const etch_tensor_t *, int32_t);
  etch_status_t (*save)(Instance *, const char *);
  etch_status_t (*load)(Instance *, const char *);
  etch_status_t (*state)(Instance *, const char *, etch_tensor_t *);
  etch_status_t (*set_host)(Instance *, const etch_host_t *);
  const char *(*error)(const Instance *);
  const etch_module_t *(*query)(uint32_t);
};

class Artifact : public testing::Test {
protected:
  void SetUp() override { ASSERT_EQ(api.init(&self), ETCH_OK); }
  void TearDown() override { api.free(self); }

  etch_status_t run(std::vector<float> x, int32_t dtype = ETCH_F32) {
    int64_t n = int64_t(x.size()), one = 1;
    etch_tensor_t in = {x.data(), &n, &one, dtype, 1};
    const int64_t four = 4;
    etch_tensor_t out = {y, &four, &one, ETCH_F32, 1};
    return api.run(self, &in, 1, &out, 1);
  }
  float *w() {
    etch_tensor_t tensor = {};
    EXPECT_EQ(api.state(self, "l0/W", &tensor), ETCH_OK);
    EXPECT_EQ(tensor.rank, 1);
    EXPECT_EQ(tensor.extents[0], 4);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.data) % 64, 0u);
    return static_cast<float *>(tensor.data);
  }

  Loaded loaded{artifact("hand")};
  Api api{loaded, "hand"};
  Instance *self = nullptr;
  float y[4] = {};
  TemporaryFolder folder;
};

TEST_F(Artifact, NeedsTheCLibraryOnlyAndExportsItsNamesOnly) {
  auto buffer = llvm::cantFail(
      llvm::errorOrToExpected(llvm::MemoryBuffer::getFile(loaded.path())));
  auto object = llvm::cantFail(
      llvm::object::ObjectFile::createELFObjectFile(buffer->getMemBufferRef()));
  auto &elf = llvm::cast<llvm::object::ELF64LEObjectFile>(*object);
  std::set<std::string> exported;
  int needed = 0;
  for (const auto &entry : llvm::cantFail(elf.getELFFile().dynamicEntries())) {
    needed += entry.d_tag == llvm::ELF::DT_NEEDED;
    EXPECT_NE(entry.d_tag, uint64_t(llvm::ELF::DT_RPATH));
    EXPECT_NE(entry.d_tag, uint64_t(llvm::ELF::DT_RUNPATH));
  }
  EXPECT_EQ(needed, 1);
  EXPECT_THAT(readBytes(loaded.path()), HasSubstr("libc.so.6"));
  for (const auto &segment : llvm::cantFail(elf.getELFFile().program_headers()))
    EXPECT_NE(segment.p_type, uint32_t(llvm::ELF::PT_TLS));
  for (const llvm::object::ELFSymbolRef symbol :
       elf.getDynamicSymbolIterators())
    if (!(llvm::cantFail(symbol.getFlags()) &
          llvm::object::BasicSymbolRef::SF_Undefined))
      exported.insert(llvm::cantFail(symbol.getName()).str());
  EXPECT_THAT(exported,
              ElementsAre("hand_error", "hand_free", "hand_init", "hand_load",
                          "hand_query", "hand_run", "hand_save",
                          "hand_set_host", "hand_state"));
}

TEST_F(Artifact, RunsAndUpdatesItsState) {
  EXPECT_EQ(w()[0], 0) << "zero until filled";
  ASSERT_EQ(run({1, 2, 3, 4}), ETCH_OK) << api.error(self);
  EXPECT_EQ(y[3], 0);
  ASSERT_EQ(run({1, 2, 3, 4}), ETCH_OK);
  EXPECT_EQ(y[3], 16);
  EXPECT_EQ(w()[3], 8);
  EXPECT_STREQ(api.error(self), "");
  EXPECT_NE(api.query(ETCH_ABI_VERSION), nullptr);
  EXPECT_EQ(api.query(ETCH_ABI_VERSION + 1), nullptr);
}

TEST_F(Artifact, SaysWhatIsWrong) {
  EXPECT_EQ(run({1, 2, 3}), ETCH_ERROR_ARGUMENT);
  EXPECT_STREQ(api.error(self),
               "argument 0 'x': expected shape (4,), got (3,)");
  EXPECT_EQ(run({1, 2, 3, 4}, ETCH_I32), ETCH_ERROR_ARGUMENT);
  EXPECT_STREQ(api.error(self), "argument 0 'x': expected float32, got int32");
  EXPECT_EQ(api.run(self, nullptr, 0, nullptr, 0), ETCH_ERROR_ARGUMENT);
  EXPECT_STREQ(api.error(self), "expected 1 input, got 0");
  EXPECT_EQ(run({-1, 0, 0, 0}), ETCH_ERROR_INDEX);
  EXPECT_STREQ(api.error(self), "index 12 is out of range for extent 10 "
                                "(operation 7 of the program)");
  etch_tensor_t tensor;
  EXPECT_EQ(api.state(self, "nothing", &tensor), ETCH_ERROR_ARGUMENT);
  EXPECT_STREQ(api.error(self), "no state is called 'nothing'");
  EXPECT_EQ(run({1, 1, 1, 1}), ETCH_OK) << "works again";
  EXPECT_STREQ(api.error(self), "");
}

TEST_F(Artifact, SavesAndLoads) {
  std::string path = folder / "w.state";
  for (int i = 0; i < 4; ++i)
    w()[i] = float(i) + 0.5f;
  ASSERT_EQ(api.save(self, path.c_str()), ETCH_OK) << api.error(self);
  Instance *other = nullptr;
  ASSERT_EQ(api.init(&other), ETCH_OK);
  ASSERT_EQ(api.load(other, path.c_str()), ETCH_OK) << api.error(other);
  etch_tensor_t tensor;
  api.state(other, "l0/W", &tensor);
  EXPECT_EQ(static_cast<float *>(tensor.data)[3], 3.5f);
  api.free(other);
  // The runtime reads and writes the same files.
  float values[4] = {};
  const int64_t four = 4, one = 1;
  etch_tensor_t state = {values, &four, &one, ETCH_F32, 1};
  const etch_module_t *module = api.query(ETCH_ABI_VERSION);
  ASSERT_EQ(etch_state_load(module, &state, 1, path.c_str()), ETCH_OK)
      << etch_last_error();
  EXPECT_EQ(values[2], 2.5f);
  std::string before = readBytes(path);
  ASSERT_EQ(etch_state_save(module, &state, 1, path.c_str()), ETCH_OK);
  EXPECT_EQ(readBytes(path), before);
}

TEST_F(Artifact, BadStateFilesLeaveTheStateAlone) {
  std::string path = folder / "w.state";
  for (int i = 0; i < 4; ++i)
    w()[i] = float(i);
  ASSERT_EQ(api.save(self, path.c_str()), ETCH_OK);
  std::string good = readBytes(path);
  for (int i = 0; i < 4; ++i)
    w()[i] = 9;
  auto expectRefused = [&](const std::string &bytes) {
    writeBytes(path, bytes);
    EXPECT_EQ(api.load(self, path.c_str()), ETCH_ERROR_FORMAT);
    EXPECT_THAT(api.error(self), HasSubstr(path));
    EXPECT_EQ(w()[0] + w()[1] + w()[2] + w()[3], 36);
  };
  for (size_t n = 0; n < good.size(); ++n)
    expectRefused(good.substr(0, n));
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] ^= char(1 << bit % 8);
    expectRefused(bad);
  }
  expectRefused(good + std::string(8, '\0'));
  expectRefused("something else entirely");
  EXPECT_EQ(api.load(self, (folder / "none").c_str()), ETCH_ERROR_IO);
  EXPECT_THAT(api.error(self), HasSubstr("No such file"));
  writeBytes(path, good);
  EXPECT_EQ(api.load(self, path.c_str()), ETCH_OK) << api.error(self);
  EXPECT_EQ(w()[3], 3);
}

TEST_F(Artifact, FullDiskLeavesTheOldFile) {
  std::string path = folder / "w.state";
  ASSERT_EQ(api.save(self, path.c_str()), ETCH_OK);
  std::string before = readBytes(path);
  w()[0] = 1;
  EXPECT_EQ(api.save(self, "/dev/full"), ETCH_ERROR_IO);
  EXPECT_THAT(api.error(self), HasSubstr("No space left"));
  rlimit old;
  getrlimit(RLIMIT_FSIZE, &old);
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit = {80, old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &limit);
  EXPECT_EQ(api.save(self, path.c_str()), ETCH_ERROR_IO);
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(readBytes(path), before);
  EXPECT_EQ(folder.count(), 1u);
  EXPECT_EQ(api.save(self, (folder / "no/such").c_str()), ETCH_ERROR_IO);
}

/// A host whose loop calls back into the same instance.
TEST_F(Artifact, OneRunAtATime) {
  std::atomic<int> done{0}, busy{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      float x[4] = {1, 1, 1, 1}, out[4];
      const int64_t four = 4, one = 1;
      etch_tensor_t in = {x, &four, &one, ETCH_F32, 1};
      etch_tensor_t result = {out, &four, &one, ETCH_F32, 1};
      for (int i = 0; i < 20000; ++i)
        ++(api.run(self, &in, 1, &result, 1) == ETCH_OK ? done : busy);
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(done + busy, 80000);
  EXPECT_EQ(w()[0], float(done)) << "each run that counts has counted once";
}

TEST_F(Artifact, TakesAHost) {
  EXPECT_EQ(api.set_host(self, etch_default_host()), ETCH_OK);
  EXPECT_EQ(run({1, 1, 1, 1}), ETCH_OK);
  EXPECT_EQ(api.set_host(self, nullptr), ETCH_OK);
  etch_host_t bad = {};
  EXPECT_EQ(api.set_host(self, &bad), ETCH_ERROR_ARGUMENT);
  EXPECT_EQ(run({1, 1, 1, 1}), ETCH_OK);
}

TEST(ArtifactNames, MustBeCIdentifiers) {
  for (const char *bad : {"", "1a", "a-b", "a b", "a.b", "é"})
    EXPECT_NE(toString(checkArtifactName(bad)), "") << bad;
  EXPECT_EQ(toString(checkArtifactName("mnist_step2")), "");
}

/// A program in plain C against the generated header and the library.
TEST(ArtifactHeader, CompilesAndRunsFromC) {
  TemporaryFolder folder;
  ArtifactSignature signature;
  signature.args = {{"x", {4}, ETCH_F32, ETCH_INPUT},
                    {"l0/W", {4}, ETCH_F32, ETCH_STATE}};
  signature.results = {{"y*/", {4}, ETCH_F32, ETCH_RESULT}};
  writeBytes(folder / "hand.h", artifactHeader(signature, "hand"));
  writeBytes(folder / "libhand.so", artifact("hand"));
  writeBytes(folder / "main.c", R"(
#include "hand.h"
int main(void) {
  hand_t *h;
  float x[4] = {1, 2, 3, 4}, y[4];
  if (hand_init(&h)) return 1;
  if (hand_call(h, x, y)) return 2;
  if (hand_call(h, x, y)) return 3;
  if (y[3] != 16.0f) return 4;
  hand_free(h);
  return 0;
})");
  std::string in = "cd " + folder.path() + " && ";
  auto shell = [&](const std::string &command) {
    return system((in + command).c_str());
  };
  if (shell("command -v cc >/dev/null") != 0)
    GTEST_SKIP() << "no C compiler";
  EXPECT_EQ(shell("cc -std=c11 -Wall -Wextra -Werror -pedantic main.c "
                  "-L. -lhand -Wl,-rpath,. -o main && ./main"),
            0);
  EXPECT_EQ(shell("cc -x c++ -std=c++17 -Wall -Wextra -Werror -fsyntax-only "
                  "main.c"),
            0);
}

} // namespace

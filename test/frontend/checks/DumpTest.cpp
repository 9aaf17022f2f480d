//===- DumpTest.cpp - Pages of a user's program ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include <etch/etch.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

using namespace etch;
using testing::HasSubstr;
using testing::Not;

TEST(Dump, C134_EachOpHasItsLine) {
  std::string folder =
      (std::filesystem::temp_directory_path() / "etch-dump-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  setenv("ETCH_DUMP", folder.c_str(), 1);
  Parameter w{ones({3, 2})};
  int first = 0;
  auto f = compile([&](const Variable &x) {
    first = __LINE__ + 1;
    Variable y = tanh(matmul(x, w));
    Variable loss = sum(y * y);
    w.clear_grad();
    loss.backward();
    return loss;
  });
  f(ones({4, 3}));
  unsetenv("ETCH_DUMP");
  std::map<std::string, std::string> pages;
  for (auto &entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    pages[entry.path().filename().string()] = text.str();
  }
  std::filesystem::remove_all(folder);
  int seen = 0;
  for (auto &[name, text] : pages) {
    if (name.find("simplify.html") == name.npos)
      continue;
    ++seen;
    // None is known by its number alone.
    EXPECT_THAT(text, Not(HasSubstr(">site ")));
    for (const std::string &op :
         {"matmul (DumpTest.cpp:" + std::to_string(first) + ")",
          "backward of tanh (DumpTest.cpp:" + std::to_string(first) + ")",
          "sum (DumpTest.cpp:" + std::to_string(first + 1) + ")"})
      EXPECT_THAT(text, HasSubstr(op));
  }
  EXPECT_EQ(seen, 1);
}

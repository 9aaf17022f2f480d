//===- DownloadTest.cpp - Files from elsewhere ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/download.h"
#include "etch/error.h"
#include "frontend/data/Formats.h"
#include "test/runtime/TemporaryFolder.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace etch;
using test::TemporaryFolder;
using testing::HasSubstr;
using testing::ThrowsMessage;

namespace {

/// Sets an environment variable for a while.
class Setting {
public:
  Setting(const char *name, const std::string &value) : name(name) {
    if (const char *old = getenv(name))
      before = old, known = true;
    setenv(name, value.c_str(), 1);
  }
  ~Setting() {
    if (known)
      setenv(name, before.c_str(), 1);
    else
      unsetenv(name);
  }

private:
  const char *name;
  std::string before;
  bool known = false;
};

/// Answers one request with these bytes, then hangs up.
class Server {
public:
  explicit Server(std::string answer) : answer(std::move(answer)) {
    listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto *raw = reinterpret_cast<sockaddr *>(&address);
    if (bind(listener, raw, size) || listen(listener, 1) ||
        getsockname(listener, raw, &size))
      throw std::runtime_error("no socket");
    port = ntohs(address.sin_port);
    thread = std::thread([this] {
      int peer = accept(listener, nullptr, nullptr);
      char request[4096];
      if (peer >= 0 && read(peer, request, sizeof request) > 0)
        (void)!write(peer, this->answer.data(), this->answer.size());
      close(peer);
    });
  }
  ~Server() {
    shutdown(listener, SHUT_RDWR); // nobody may have come
    thread.join();
    close(listener);
  }
  std::string url(const std::string &file) const {
    return "http://127.0.0.1:" + std::to_string(port) + "/" + file;
  }

private:
  std::string answer;
  int listener, port;
  std::thread thread;
};

TEST(Download, C104_TheFileAppearsWhole) {
  TemporaryFolder folder;
  test::writeBytes(folder / "there", "content");
  detail::download("file://" + (folder / "there"), folder / "here", false);
  EXPECT_EQ(test::readBytes(folder / "here"), "content");
  EXPECT_EQ(folder.count(), 2u);
}

TEST(Download, C104_AFailureIsClearAndLeavesNothing) {
  TemporaryFolder folder;
  EXPECT_THAT(
      [&] {
        detail::download("http://127.0.0.1:9/file", folder / "here", false);
      },
      ThrowsMessage<IOError>(HasSubstr("http://127.0.0.1:9/file")));
  EXPECT_EQ(folder.count(), 0u);
}

TEST(Download, C104_WithoutAProgramForIt) {
  TemporaryFolder folder;
  Setting path("PATH", folder.path());
  EXPECT_THAT(
      [&] { detail::download("http://127.0.0.1:9/f", folder / "f", false); },
      ThrowsMessage<IOError>(HasSubstr("neither curl nor wget")));
}

TEST(Download, C104_OverTheNetwork) {
  if (std::system("command -v curl wget >/dev/null") != 0)
    GTEST_SKIP() << "no curl, no wget";
  TemporaryFolder folder;
  Setting cache("XDG_CACHE_HOME", folder.path());
  Server server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  std::string path = get_file(server.url("a.txt?raw=1"), {.progress = false});
  EXPECT_EQ(path, folder / "etch/a.txt");
  EXPECT_EQ(test::readBytes(path), "hello");
}

TEST(Download, C104_HalfAFileIsNone) {
  if (std::system("command -v curl wget >/dev/null") != 0)
    GTEST_SKIP() << "no curl, no wget";
  TemporaryFolder folder;
  Server server("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello");
  EXPECT_THROW(detail::download(server.url("f"), folder / "f", false), IOError);
  EXPECT_EQ(folder.count(), 0u);
}

TEST(Download, C104_FetchedOnce) {
  TemporaryFolder folder;
  Setting cache("XDG_CACHE_HOME", folder / "cache");
  test::writeBytes(folder / "data.bin", "one");
  std::string url = "file://" + (folder / "data.bin");
  std::string path = get_file(url);
  EXPECT_EQ(path, folder / "cache/etch/data.bin");
  test::writeBytes(folder / "data.bin", "two");
  EXPECT_EQ(get_file(url), path);
  EXPECT_EQ(test::readBytes(path), "one");
  EXPECT_EQ(test::readBytes(get_file(url, {.name = "other"})), "two");
  std::filesystem::remove(folder / "data.bin");
  EXPECT_EQ(get_file(url), path) << "works without its source";
  EXPECT_THAT([&] { get_file("file:///no/such/file"); },
              ThrowsMessage<IOError>(HasSubstr("DownloadTest.cpp")));
  for (const char *bad : {"http://host/", "", "http://host/.."})
    EXPECT_THROW(get_file(bad), ValueError) << bad;
  EXPECT_THROW(get_file(url, {.name = "a/b"}), ValueError);
}

TEST(Download, C104_LeftoversOfKilledProcessesGo) {
  TemporaryFolder folder;
  pid_t dead = fork();
  if (dead == 0)
    _exit(0);
  waitpid(dead, nullptr, 0);
  test::writeBytes(folder / ("f.part" + std::to_string(dead)), "half");
  test::writeBytes(folder / "f.parts", "not ours");
  test::writeBytes(folder / ("f.part" + std::to_string(getppid())), "at work");
  test::writeBytes(folder / "source", "whole");
  detail::download("file://" + (folder / "source"), folder / "f", false);
  EXPECT_EQ(test::readBytes(folder / "f"), "whole");
  EXPECT_EQ(folder.count(), 4u);
}

TEST(Download, C104_CacheFolder) {
  TemporaryFolder folder;
  Setting first("XDG_CACHE_HOME", folder.path());
  std::string cache = detail::cache_folder("mnist");
  EXPECT_EQ(cache, folder / "etch/mnist");
  EXPECT_TRUE(std::filesystem::is_directory(cache));
  test::writeBytes(folder / "file", "");
  Setting second("XDG_CACHE_HOME", folder / "file");
  EXPECT_THROW(detail::cache_folder("mnist"), IOError);
}

} // namespace

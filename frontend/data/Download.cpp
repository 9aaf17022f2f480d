//===- Download.cpp - Files from the network, once ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/error.h"
#include "frontend/data/Idx.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace etch::detail {

namespace {

/// Runs a program without a shell; its exit status, or -1 if it is not there.
int run(std::vector<std::string> arguments) {
  std::vector<char *> argv;
  for (std::string &a : arguments)
    argv.push_back(a.data());
  argv.push_back(nullptr);
  pid_t pid;
  if (posix_spawnp(&pid, argv[0], nullptr, nullptr, argv.data(), environ) != 0)
    return -1;
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
    ;
  // 127: the child found out that there is no such program.
  return WIFEXITED(status) && WEXITSTATUS(status) != 127 ? WEXITSTATUS(status)
                                                         : -1;
}

} // namespace

void download(const std::string &url, const std::string &path, bool progress) {
  std::string part = path + ".part" + std::to_string(getpid());
  std::error_code ignored;
  int status = run({"curl", "-fL", progress ? "--progress-bar" : "-sS",
                    "--connect-timeout", "10", "-o", part, url});
  if (status < 0)
    status = run({"wget", "-q", progress ? "--show-progress" : "-nv",
                  "--timeout=10", "--tries=1", "-O", part, url});
  if (status == 0 && std::rename(part.c_str(), path.c_str()) == 0)
    return;
  std::filesystem::remove(part, ignored);
  throw IOError(status < 0
                    ? "download of " + url + ": neither curl nor wget is there"
                    : "download of " + url + " failed; without a network put " +
                          "the files into a folder and name it by "
                          "$ETCH_DATA_DIR");
}

std::string cache_folder(const std::string &name) {
  const char *cache = std::getenv("XDG_CACHE_HOME");
  const char *home = std::getenv("HOME");
  std::filesystem::path folder = cache && *cache ? cache
                                 : home && *home
                                     ? std::filesystem::path(home) / ".cache"
                                     : std::filesystem::temp_directory_path();
  folder = folder / "etch" / name;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    throw IOError(folder.string() + ": cannot be made: " + error.message());
  return folder.string();
}

} // namespace etch::detail

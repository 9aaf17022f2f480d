//===- Download.cpp - Files from the network, once ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "etch/download.h"

#include "etch/error.h"
#include "frontend/data/Formats.h"

#include <cerrno>
#include <charconv>
#include <csignal>
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
         : WIFEXITED(status)                             ? -1
                                                         : 128;
}

/// Removes what processes that were killed in a download have left.
void remove_leftovers(const std::filesystem::path &path) {
  std::error_code ignored;
  std::string prefix = path.filename().string() + ".part";
  for (std::filesystem::directory_iterator
           at(path.parent_path().empty() ? "." : path.parent_path(), ignored),
       end;
       at != end; at.increment(ignored)) {
    std::string name = at->path().filename().string();
    if (!name.starts_with(prefix))
      continue;
    int pid = 0;
    const char *digits = name.data() + prefix.size();
    const char *last = name.data() + name.size();
    if (std::from_chars(digits, last, pid).ptr == last && pid > 0 &&
        kill(pid, 0) != 0 && errno == ESRCH)
      std::filesystem::remove(at->path(), ignored);
  }
}

} // namespace

void download(const std::string &url, const std::string &path, bool progress) {
  remove_leftovers(path);
  std::string part = path + ".part" + std::to_string(getpid());
  std::error_code ignored;
  constexpr std::string_view local = "file://";
  int status = 1;
  if (url.starts_with(local)) {
    std::error_code error;
    if (std::filesystem::copy_file(
            url.substr(local.size()), part,
            std::filesystem::copy_options::overwrite_existing, error))
      status = 0;
  } else {
    bool bar = progress && isatty(2);
    status = run({"curl", "-fL", bar ? "--progress-bar" : "-sS",
                  "--connect-timeout", "10", "-o", part, "--", url});
    if (status < 0)
      status = run({"wget", "-q", bar ? "--show-progress" : "-nv",
                    "--timeout=10", "--tries=1", "-O", part, "--", url});
  }
  if (status == 0 && std::rename(part.c_str(), path.c_str()) == 0)
    return;
  std::filesystem::remove(part, ignored);
  throw IOError(status < 0
                    ? "download of " + url + ": neither curl nor wget is there"
                    : "download of " + url + " to " + path +
                          " failed; without a network put the files into a "
                          "folder and name it by $ETCH_DATA_DIR");
}

/// Where the cache is, whether or not there is one yet.
static std::filesystem::path cache_path(const std::string &name) {
  const char *cache = std::getenv("XDG_CACHE_HOME");
  const char *home = std::getenv("HOME");
  std::filesystem::path folder = cache && *cache ? cache
                                 : home && *home
                                     ? std::filesystem::path(home) / ".cache"
                                     : std::filesystem::temp_directory_path();
  folder = folder / "etch";
  return name.empty() ? folder : folder / name;
}

std::string cache_folder(const std::string &name) {
  std::filesystem::path folder = cache_path(name);
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    throw IOError(folder.string() + ": cannot be made: " + error.message());
  return folder.string();
}

std::vector<std::string> data_folders(const std::string &directory,
                                      const std::string &name) {
  if (!directory.empty())
    return {directory};
  std::vector<std::string> all;
  if (const char *folder = std::getenv("ETCH_DATA_DIR"); folder && *folder) {
    all.push_back(folder);
    all.push_back(std::string(folder) + "/" + name);
  }
#ifdef ETCH_ORACLES
  all.push_back(ETCH_ORACLES "/data/" + name);
#endif
  all.push_back(cache_path(name).string());
  return all;
}

std::string find_file(const std::string &folder, const std::string &name) {
  std::error_code ignored;
  for (const char *suffix : {"", ".gz"})
    if (std::string path = folder + "/" + name + suffix;
        std::filesystem::exists(path, ignored))
      return path;
  return "";
}

std::string find_folder(const std::vector<std::string> &folders,
                        const std::vector<std::string> &files) {
  for (const std::string &folder : folders) {
    bool complete = true;
    for (const std::string &file : files)
      complete = complete && !find_file(folder, file).empty();
    if (complete)
      return folder;
  }
  return "";
}

} // namespace etch::detail

std::string etch::get_file(const std::string &url,
                           const GetFileOptions &options,
                           std::source_location l) {
  LocationScope frame{Location(l)};
  std::string name = options.name;
  if (name.empty()) {
    std::string path = url.substr(0, url.find_first_of("?#"));
    name = path.substr(path.rfind('/') + 1);
  }
  if (name.empty() || name == "." || name == ".." ||
      name.find('/') != name.npos)
    throw ValueError("get_file: '" + name + "' is no file's name (" + url +
                     ")");
  std::string path = detail::cache_folder("") + "/" + name;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    detail::download(url, path, options.progress);
  return path;
}

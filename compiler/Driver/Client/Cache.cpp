//===- Cache.cpp - Compiled programs on disk ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Driver/Client/Cache.h"

#include "etch/runtime.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

using namespace etch::driver;

namespace {

struct Footer {
  char magic[8];
  uint64_t version;
  Key key;
  uint64_t bytes;
  uint64_t checksum;
};
constexpr char footerMagic[8] = {'E', 'T', 'C', 'H', 'C', 'O', 'D', 'E'};
constexpr uint64_t footerVersion = 1;
constexpr uint64_t checksumSeed = 0x1d8e4e27c47d124f;
// Leftovers of a process that died while it wrote.
constexpr time_t temporaryLifetime = 3600;
// A file's time of last use is kept this exact; a write per hit is not worth
// it.
constexpr time_t useGranularity = 600;
// The directory is measured on the first store and then every so often.
constexpr uint64_t storesBetweenEvictions = 64;

/// Closes a descriptor at the end of a scope.
struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0)
      close(value);
  }
};

bool writeAll(int descriptor, const void *data, size_t bytes) {
  const char *at = static_cast<const char *>(data);
  while (bytes) {
    ssize_t n = write(descriptor, at, bytes);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    at += n;
    bytes -= size_t(n);
  }
  return true;
}

bool readAll(int descriptor, std::string &out) {
  size_t done = 0;
  while (done < out.size()) {
    ssize_t n =
        pread(descriptor, out.data() + done, out.size() - done, off_t(done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    done += size_t(n);
  }
  return true;
}

bool isWhole(const std::string &file, const Key &key) {
  Footer footer;
  if (file.size() < sizeof(footer))
    return false;
  memcpy(&footer, file.data() + file.size() - sizeof(footer), sizeof(footer));
  size_t bytes = file.size() - sizeof(footer);
  return !memcmp(footer.magic, footerMagic, sizeof(footerMagic)) &&
         footer.version == footerVersion && footer.key == key &&
         footer.bytes == bytes &&
         footer.checksum == hashBytes(file.data(), bytes, checksumSeed);
}

} // namespace

std::string Cache::userDirectory() {
  std::string base;
  if (const char *xdg = getenv("XDG_CACHE_HOME"); xdg && *xdg == '/')
    base = xdg;
  else if (const char *home = getenv("HOME"); home && *home == '/')
    base = std::string(home) + "/.cache";
  if (base.empty())
    return {};
  return base + "/etch/abi-" + std::to_string(ETCH_ABI_VERSION);
}

std::string Cache::pathOf(const Key &key) const {
  return directory + "/" + key.text() + ".so";
}

bool Cache::readChecked(const Key &key, std::string &bytes) {
  if (directory.empty())
    return false;
  Descriptor file{open(pathOf(key).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
  struct stat status;
  if (file.value < 0 || fstat(file.value, &status))
    return false;
  // Code is run from files of this user only.
  bool ours = S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
              uint64_t(status.st_size) <= limit;
  bytes.assign(ours ? size_t(status.st_size) : 0, '\0');
  if (!ours || !readAll(file.value, bytes) || !isWhole(bytes, key)) {
    discard(key);
    return false;
  }
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (now.tv_sec - status.st_mtime > useGranularity)
    futimens(file.value, nullptr);
  return true;
}

std::string Cache::find(const Key &key) {
  std::string bytes;
  return readChecked(key, bytes) ? pathOf(key) : std::string();
}

bool Cache::read(const Key &key, std::string &out) {
  if (!readChecked(key, out))
    return false;
  out.resize(out.size() - sizeof(Footer));
  return true;
}

void Cache::discard(const Key &key) {
  ++numDiscarded;
  unlink(pathOf(key).c_str());
}

bool Cache::makeDirectory() {
  if (directory.empty())
    return false;
  for (size_t at = directory.find('/', 1); at != std::string::npos;
       at = directory.find('/', at + 1))
    mkdir(directory.substr(0, at).c_str(), 0700);
  mkdir(directory.c_str(), 0700);
  struct stat status;
  return stat(directory.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
         status.st_uid == geteuid();
}

std::string Cache::store(const Key &key, const void *library, size_t bytes) {
  if (sizeof(Footer) + bytes > limit || !makeDirectory())
    return {};
  if (numStored++ % storesBetweenEvictions == 0)
    evict();
  std::string path = pathOf(key), temporary = path + ".XXXXXX";
  int descriptor = mkostemp(temporary.data(), O_CLOEXEC);
  if (descriptor < 0)
    return {};
  Footer footer{
      {}, footerVersion, key, bytes, hashBytes(library, bytes, checksumSeed)};
  memcpy(footer.magic, footerMagic, sizeof(footerMagic));
  bool whole = writeAll(descriptor, library, bytes) &&
               writeAll(descriptor, &footer, sizeof(footer));
  whole &= close(descriptor) == 0;
  if (!whole || rename(temporary.c_str(), path.c_str())) {
    unlink(temporary.c_str());
    return {};
  }
  return path;
}

void Cache::evict() {
  struct File {
    time_t used;
    uint64_t bytes;
    std::string path;
  };
  DIR *folder = opendir(directory.c_str());
  if (!folder)
    return;
  std::vector<File> files;
  uint64_t total = 0;
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  while (const dirent *entry = readdir(folder)) {
    std::string path = directory + "/" + entry->d_name;
    struct stat status;
    if (lstat(path.c_str(), &status) || !S_ISREG(status.st_mode))
      continue;
    if (!path.ends_with(".so")) {
      if (now.tv_sec - status.st_mtime > temporaryLifetime)
        unlink(path.c_str());
      continue;
    }
    total += uint64_t(status.st_size);
    files.push_back({status.st_mtime, uint64_t(status.st_size), path});
  }
  closedir(folder);
  if (total <= limit)
    return;
  std::sort(files.begin(), files.end(), [](const File &a, const File &b) {
    return a.used != b.used ? a.used < b.used : a.path < b.path;
  });
  // Some slack, so that not every store evicts.
  for (const File &file : files) {
    if (total <= limit / 4 * 3)
      break;
    if (unlink(file.path.c_str()))
      continue;
    total -= file.bytes;
    ++numEvicted;
  }
}

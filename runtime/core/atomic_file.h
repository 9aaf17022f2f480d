/*===- atomic_file.h - A file appears whole or not at all -----------------===*\
|*
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* Written under a temporary name in the same folder, then renamed. Needs libc
|* only and keeps no state, so that exported libraries can contain it: static
|* functions in a header, for C11 and C++. A device or pipe at `path` is written
|* directly, never replaced.
\*===----------------------------------------------------------------------===*/
#ifndef ETCH_RUNTIME_CORE_ATOMIC_FILE_H
#define ETCH_RUNTIME_CORE_ATOMIC_FILE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* statx: fstat is no symbol in older C libraries */
#endif
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct etch_atomic_file {
  const char *path;
  char *temporary; /* NULL: written directly */
  int descriptor;
  int error; /* errno of the first failure */
} etch_atomic_file_t;

/* Opens for writing; 0 on success, else errno. `path` must outlive the file. */
static inline int etch_atomic_open(etch_atomic_file_t *file, const char *path) {
  struct statx status;
  size_t size = strlen(path) + 32;
  file->path = path;
  file->temporary = NULL;
  file->descriptor = -1;
  file->error = 0;
  if (!*path)
    return file->error = ENOENT;
  if (statx(AT_FDCWD, path, 0, STATX_TYPE, &status) == 0 &&
      !S_ISREG(status.stx_mode)) {
    file->descriptor = open(path, O_WRONLY | O_CLOEXEC);
    return file->error = file->descriptor < 0 ? errno : 0;
  }
  file->temporary = (char *)malloc(size);
  if (!file->temporary)
    return file->error = ENOMEM;
  for (int attempt = 0; attempt < 1000; ++attempt) {
    snprintf(file->temporary, size, "%s.%d.%d.tmp", path, (int)getpid(),
             attempt);
    file->descriptor =
        open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file->descriptor >= 0)
      return 0;
    if (errno != EEXIST)
      break;
  }
  file->error = errno;
  free(file->temporary);
  file->temporary = NULL;
  return file->error;
}

/* Appends; after a failure it does nothing. */
static inline void etch_atomic_write(etch_atomic_file_t *file, const void *data,
                                     size_t bytes) {
  const char *at = (const char *)data;
  while (bytes && !file->error) {
    /* One write takes at most 2 GiB. */
    ssize_t n =
        write(file->descriptor, at, bytes < (1u << 30) ? bytes : (1u << 30));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0) {
      file->error = n < 0 ? errno : EIO;
      return;
    }
    at += n;
    bytes -= (size_t)n;
  }
}

/* Ends the file: it is at `path` if 0 is returned, else nothing has changed
   there and errno is returned. `durable` waits for the disk. To give up, set
   `error` before. */
static inline int etch_atomic_close(etch_atomic_file_t *file, int durable) {
  if (file->descriptor >= 0) {
    /* A device cannot be synchronised; that is no failure. */
    if (!file->error && durable && fsync(file->descriptor) && errno != EINVAL &&
        errno != EROFS)
      file->error = errno;
    if (close(file->descriptor) && !file->error && errno != EINTR)
      file->error = errno;
    file->descriptor = -1;
  }
  if (file->temporary) {
    if (!file->error && rename(file->temporary, file->path))
      file->error = errno;
    if (file->error)
      unlink(file->temporary);
    free(file->temporary);
    file->temporary = NULL;
  }
  return file->error;
}

#endif /* ETCH_RUNTIME_CORE_ATOMIC_FILE_H */

/*===- stub_libc.c - Names of the C library that artefacts may need -------===*\
|*
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* Linked as libc.so.6 in place of the real one: a name that is missing here is
|* an error when an artefact is linked. The references carry no version, so that
|* any later C library serves; each name has one meaning in all versions.
\*===----------------------------------------------------------------------===*/
#define NAME(name)                                                             \
  void name(void) {}

NAME(__errno_location)
NAME(aligned_alloc)
NAME(bcmp)
NAME(calloc)
NAME(close)
NAME(free)
NAME(fsync)
NAME(getpid)
NAME(lseek)
NAME(malloc)
NAME(memcmp)
NAME(memcpy)
NAME(memmove)
NAME(memset)
NAME(open)
NAME(read)
NAME(rename)
NAME(snprintf)
NAME(statx)
NAME(strcmp)
NAME(strerror)
NAME(strlen)
NAME(unlink)
NAME(vsnprintf)
NAME(write)

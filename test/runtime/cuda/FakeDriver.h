//===- FakeDriver.h - What tests ask of the fake driver ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_TEST_RUNTIME_CUDA_FAKEDRIVER_H
#define ETCH_TEST_RUNTIME_CUDA_FAKEDRIVER_H

extern "C" {
/// One call of this function of the driver (`kernel`: a kernel, once it runs)
/// fails with `code`, after that many that do not.
void etch_fake_fail(const char *function, int code, int after);
/// For fake libraries: work of a stream; whether memory is the device's; the
/// failure that a test asked for.
void etch_fake_enqueue(void *stream, void (*work)(void *), void *data);
bool etch_fake_in_memory(const void *from, unsigned long long bytes);
int etch_fake_enter(const char *function);
/// Whether a test wants this to fail: until it asks for code 0.
bool etch_fake_refuses(const char *what);
/// How often a function was called.
int etch_fake_calls(const char *function);
/// Bytes of the device that are handed out.
unsigned long long etch_fake_used();
/// Whether streams that are made from now on do their work when it comes, as
/// far as the events that they wait for let them, and not when somebody waits.
void etch_fake_run_ahead(bool on);
}

#endif // ETCH_TEST_RUNTIME_CUDA_FAKEDRIVER_H

//===- TestModule.h - A module written by hand ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ETCH_TEST_DRIVER_TESTMODULE_H
#define ETCH_TEST_DRIVER_TESTMODULE_H

#include <etch/runtime.h>

#include <string>

namespace etch::test {

/// LLVM IR of a module with input x (4 floats), state W (4 floats) and result
/// y: y = x * W * factor, W += x. An x[0] below zero is an index error. The
/// arena is 64 bytes and must be there.
inline std::string testModule(const std::string &factor = "1.0") {
  std::string text = R"(
%param = type { ptr, ptr, i32, i32, i32, i32 }
%module = type { i32, i32, ptr, ptr, i64, ptr, ptr, i32, i32, i32, i32, i64, ptr, ptr,
  ptr, ptr, i32, i32, i32, i32, i64 }
%tensor = type { ptr, ptr, ptr, i32, i32 }
@four = internal constant [1 x i64] [i64 4]
@x = internal constant [2 x i8] c"x\00"
@W = internal constant [5 x i8] c"l0/W\00"
@y = internal constant [2 x i8] c"y\00"
@name = internal constant [5 x i8] c"hand\00"
@args = internal constant [2 x %param] [
  %param { ptr @x, ptr @four, i32 4, i32 1, i32 0, i32 -1 },
  %param { ptr @W, ptr @four, i32 4, i32 1, i32 2, i32 1 }]
@results = internal constant [1 x %param] [
  %param { ptr @y, ptr @four, i32 4, i32 1, i32 3, i32 -1 }]
@hand = internal constant %module { i32 ABI, i32 128, ptr @name, ptr @name, i64 42,
  ptr @args, ptr @results, i32 2, i32 1, i32 1, i32 1, i64 0, ptr @arena, ptr @run,
  ptr null, ptr null, i32 0, i32 0, i32 0, i32 0, i64 0 }

define i64 @arena(ptr %call) {
  ret i64 64
}
define i32 @run(ptr %call) {
  %args = load ptr, ptr %call
  %pr = getelementptr i8, ptr %call, i64 8
  %results = load ptr, ptr %pr
  %pa = getelementptr i8, ptr %call, i64 16
  %arena = load ptr, ptr %pa
  %x = load ptr, ptr %args
  %pw = getelementptr %tensor, ptr %args, i64 1
  %w = load ptr, ptr %pw
  %y = load ptr, ptr %results
  %vx = load <4 x float>, ptr %x, align 4
  %vw = load <4 x float>, ptr %w, align 4
  %p = fmul <4 x float> %vx, %vw
  %q = fmul <4 x float> %p, splat (float FACTOR)
  store <4 x float> %q, ptr %y, align 4
  store <4 x float> %q, ptr %arena, align 64
  %s = fadd <4 x float> %vw, %vx
  store <4 x float> %s, ptr %w, align 4
  %x0 = extractelement <4 x float> %vx, i64 0
  %bad = fcmp olt float %x0, 0.0
  br i1 %bad, label %fail, label %good
good:
  ret i32 0
fail:
  %pe = getelementptr i8, ptr %call, i64 40
  store i32 4, ptr %pe
  %ps = getelementptr i8, ptr %call, i64 44
  store i32 7, ptr %ps
  %pv = getelementptr i8, ptr %call, i64 48
  store i64 12, ptr %pv
  %px = getelementptr i8, ptr %call, i64 56
  store i64 10, ptr %px
  ret i32 4
}
define ptr @etch_query(i32 %version) {
  %same = icmp eq i32 %version, ABI
  %r = select i1 %same, ptr @hand, ptr null
  ret ptr %r
}
)";
  text.replace(text.find("FACTOR"), 6, factor);
  for (size_t at; (at = text.find("ABI")) != text.npos;)
    text.replace(at, 3, std::to_string(ETCH_ABI_VERSION));
  return text;
}

} // namespace etch::test

#endif // ETCH_TEST_DRIVER_TESTMODULE_H

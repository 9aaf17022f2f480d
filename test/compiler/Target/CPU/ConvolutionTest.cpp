//===- ConvolutionTest.cpp - Convolution, bit for bit ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/compiler/Target/CPU/Program.h"

#include <cmath>
#include <limits>

using namespace etch::test;

namespace {

struct Pair {
  int64_t h, w;
};

/// A convolution of images (n, c, size) by filters of `taps`.
struct Sizes {
  int64_t n, c, oc;
  Pair size, taps;
  Pair stride = {1, 1}, pad = {0, 0}, dilation = {1, 1};
  int64_t groups = 1;

  Pair out() const {
    return {(size.h + 2 * pad.h - dilation.h * (taps.h - 1) - 1) / stride.h + 1,
            (size.w + 2 * pad.w - dilation.w * (taps.w - 1) - 1) / stride.w +
                1};
  }
  int64_t cg() const { return c / groups; }
  int64_t og() const { return oc / groups; }
  Extents images() const { return {n, c, size.h, size.w}; }
  Extents filters() const { return {oc, cg(), taps.h, taps.w}; }
  Extents outputs() const { return {n, oc, out().h, out().w}; }
  Extents columns() const { return {n, c, taps.h, taps.w, out().h, out().w}; }
  std::string text() const {
    std::string s;
    for (int64_t v : {n, c, oc, size.h, size.w, taps.h, taps.w, stride.h,
                      stride.w, pad.h, pad.w, dilation.h, dilation.w, groups})
      s += std::to_string(v) + " ";
    return s;
  }
};

const Sizes all[] = {
    {2, 3, 4, {7, 7}, {3, 3}},
    {1, 5, 8, {15, 15}, {3, 3}, {1, 1}, {1, 1}},
    {2, 64, 28, {14, 14}, {3, 3}, {1, 1}, {1, 1}},
    {1, 40, 17, {9, 37}, {3, 3}, {1, 1}, {1, 1}},
    {2, 7, 6, {9, 11}, {3, 2}, {2, 3}, {1, 2}},
    {1, 3, 16, {23, 21}, {7, 7}, {2, 2}, {3, 3}},
    // Small images, packed: all places in one vector; two at once; rows of
    // filters that no tile divides; strips of one image; strides whose residues
    // have no taps.
    {2, 32, 32, {1, 1}, {3, 3}, {1, 1}, {1, 1}},
    {9, 35, 64, {4, 4}, {3, 3}, {1, 1}, {1, 1}},
    {23, 20, 61, {7, 5}, {3, 3}, {1, 1}, {1, 1}},
    {1, 9, 96, {31, 37}, {3, 3}, {1, 1}, {2, 3}},
    {11, 64, 64, {8, 6}, {3, 1}, {2, 2}, {1, 0}},
    // Filters along the lanes: pieces of rows, the last one shorter; filters
    // that fill no panel; several blocks of K; strips; images read where they
    // lie, and places that are picked first, one in two or in three.
    {2, 20, 64, {9, 29}, {3, 3}, {1, 1}, {1, 1}},
    {3, 300, 61, {5, 7}, {1, 1}},
    {2, 150, 32, {13, 29}, {1, 1}, {2, 2}},
    {1, 150, 32, {11, 31}, {1, 1}, {1, 3}},
    {2, 40, 96, {12, 40}, {3, 2}, {1, 2}, {2, 1}, {2, 1}},
    {1, 150, 33, {50, 50}, {3, 3}, {2, 1}, {1, 1}},
    {2, 16, 24, {13, 13}, {1, 1}},
    {2, 16, 24, {13, 12}, {1, 1}, {2, 2}},
    {1, 12, 12, {10, 19}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 12},
    {2, 6, 12, {10, 9}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, 6},
    {1, 4, 6, {9, 9}, {3, 3}, {1, 1}, {1, 1}, {2, 2}, 2},
    {1, 2, 3, {17, 16}, {3, 4}, {2, 3}, {4, 5}, {3, 2}},
    {1, 2, 3, {17, 16}, {5, 3}, {4, 6}, {2, 1}, {2, 4}},
    {1, 3, 2, {20, 3}, {2, 3}, {6, 1}, {0, 4}, {4, 1}},
    // Many small groups, side by side in the lanes; blocks end within a row,
    // groups within a vector; windows of several parts.
    {3, 32, 32, {10, 19}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 32},
    {2, 19, 38, {17, 23}, {3, 2}, {2, 1}, {1, 0}, {1, 2}, 19},
    {2, 24, 36, {13, 14}, {3, 3}, {1, 1}, {0, 1}, {1, 1}, 12},
    {1, 21, 21, {9, 40}, {7, 7}, {1, 2}, {3, 3}, {1, 1}, 21},
    {0, 16, 16, {9, 9}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 16},
    // Filters a few more than a tile of gradients has, and two such tiles;
    // their last panel is narrow.
    {2, 5, 131, {9, 11}, {3, 3}, {2, 2}, {1, 1}},
    {2, 3, 197, {13, 12}, {3, 2}, {1, 1}, {1, 0}},
    {3, 1, 1, {1, 1}, {1, 1}},
    {3, 20, 37, {13, 13}, {1, 1}}, // blocks of places over several images
    {70, 18, 33, {3, 5}, {1, 1}},
    {37, 300, 21, {1, 1}, {1, 1}},
    {1, 2, 3, {3, 3}, {3, 3}},
    {1, 300, 5, {3, 2}, {1, 1}},
    {0, 3, 4, {5, 5}, {3, 3}},
    {1, 3, 2, {5, 700}, {1, 5}, {1, 2}, {0, 1}},
    {9, 2, 3, {4, 5}, {2, 2}, {1, 1}, {3, 2}},
    {1, 1, 33, {6, 6}, {5, 5}, {1, 1}, {2, 2}},
    {1, 2, 2, {8, 40}, {1, 17}, {1, 1}, {0, 8}},
    {1, 2, 2, {8, 40}, {1, 17}, {1, 2}, {0, 3}},
};

enum class Form { forward, inputs, filters };

std::string pairText(const char *name, Pair p) {
  return std::string(name) + " = array<i64: " + std::to_string(p.h) + ", " +
         std::to_string(p.w) + ">, ";
}

std::string shapeText(const Extents &e, bool dynamic) {
  std::string text = "shape = array<i64: ";
  for (size_t i = 0; i < e.size(); ++i)
    text += (i ? ", " : "") + (dynamic ? std::string("-9223372036854775808")
                                       : std::to_string(e[i]));
  return text + ">";
}

/// The extents of %like as %e0, %e1, …
std::string likeText(const std::string &type, size_t rank) {
  std::string text;
  for (size_t i = 0; i < rank; ++i) {
    std::string n = std::to_string(i);
    text += "  %c" + n + " = arith.constant " + n + " : index\n  %e" + n +
            " = tensor.dim %like, %c" + n + " : " + type + "\n";
  }
  return text;
}

/// One op on `operands`; %like has the result's extents when they are dynamic.
template <class T, class R = T>
std::string opProgram(const std::string &op, const std::string &attrs,
                      const std::vector<Extents> &operands,
                      const Extents &result, bool dynamic,
                      bool epilogue = false) {
  std::string text = "func.func @main(", names, types;
  for (size_t i = 0; i < operands.size(); ++i) {
    std::string name = "%x" + std::to_string(i);
    text += name + ": " + typeText<T>(operands[i], dynamic) + ", ";
    names += (i ? ", " : "") + name;
    types += (i ? ", " : "") + typeText<T>(operands[i], dynamic);
  }
  std::string y = typeText<R>(result, dynamic);
  std::string b = typeText<R>({1, result[1], 1, 1});
  text += "%like: " + y + (epilogue ? ", %b: " + b : "") + ") -> " + y + " {\n";
  if (dynamic) {
    text += likeText(y, result.size());
    for (size_t i = 0; i < result.size(); ++i) {
      names += ", %e" + std::to_string(i);
      types += ", index";
    }
  }
  text += "  %0 = etch." + op + " " + names + " {" + attrs +
          shapeText(result, dynamic) + "} : (" + types + ") -> " + y + "\n";
  if (!epilogue)
    return text + "  return %0 : " + y + "\n}\n";
  return text + "  %1 = etch.broadcast_to %b {" + shapeText(result, false) +
         "} : (" + b + ") -> " + y + "\n  %2 = etch.add %0, %1 : (" + y + ", " +
         y + ") -> " + y + "\n  %3 = etch.relu %2 : (" + y + ") -> " + y +
         "\n  return %3 : " + y + "\n}\n";
}

template <class T>
std::string program(const Sizes &s, Form form, bool dynamic, bool epilogue) {
  std::string attrs = pairText("stride", s.stride) + pairText("pad", s.pad) +
                      pairText("dilation", s.dilation) +
                      "groups = " + std::to_string(s.groups) + " : i64, ";
  switch (form) {
  case Form::forward:
    return opProgram<T>("conv2d", attrs, {s.images(), s.filters()}, s.outputs(),
                        dynamic, epilogue);
  case Form::inputs:
    return opProgram<T>("conv2d_input_grad", attrs, {s.outputs(), s.filters()},
                        s.images(), dynamic, epilogue);
  case Form::filters:
    return opProgram<T>("conv2d_weight_grad", attrs, {s.images(), s.outputs()},
                        s.filters(), dynamic);
  }
  return "";
}

/// The definition: chains over blocks of 256 taps, block sums in order.
template <class T> struct Chain {
  T total = 0, block = 0;
  int64_t k = 0;
  void add(T a, T b) {
    if (k != 0 && k % 256 == 0) {
      total = k == 256 ? block : total + block;
      block = 0;
    }
    block = std::fma(a, b, block);
    ++k;
  }
  T value() const { return k <= 256 ? block : total + block; }
};

template <class T> struct Reference {
  const Sizes &s;
  const Array<T> &images, &filters, &outputs;
  Pair o = s.out();

  T image(int64_t n, int64_t c, int64_t h, int64_t w) const {
    return h < 0 || w < 0 || h >= s.size.h || w >= s.size.w
               ? T(0)
               : images[((n * s.c + c) * s.size.h + h) * s.size.w + w];
  }
  T filter(int64_t oc, int64_t c, int64_t kh, int64_t kw) const {
    return filters[((oc * s.cg() + c) * s.taps.h + kh) * s.taps.w + kw];
  }
  T output(int64_t n, int64_t oc, int64_t h, int64_t w) const {
    return h < 0 || w < 0 || h >= o.h || w >= o.w
               ? T(0)
               : outputs[((n * s.oc + oc) * o.h + h) * o.w + w];
  }

  T forward(int64_t n, int64_t oc, int64_t oh, int64_t ow) const {
    Chain<T> chain;
    int64_t first = oc / s.og() * s.cg();
    for (int64_t c = 0; c < s.cg(); ++c)
      for (int64_t kh = 0; kh < s.taps.h; ++kh)
        for (int64_t kw = 0; kw < s.taps.w; ++kw)
          chain.add(filter(oc, c, kh, kw),
                    image(n, first + c,
                          oh * s.stride.h + kh * s.dilation.h - s.pad.h,
                          ow * s.stride.w + kw * s.dilation.w - s.pad.w));
    return chain.value();
  }
  T inputs(int64_t n, int64_t c, int64_t h, int64_t w) const {
    Chain<T> chain;
    int64_t group = c / s.cg();
    for (int64_t oc = 0; oc < s.og(); ++oc)
      for (int64_t kh = 0; kh < s.taps.h; ++kh)
        for (int64_t kw = 0; kw < s.taps.w; ++kw) {
          int64_t a = h + s.pad.h - kh * s.dilation.h,
                  b = w + s.pad.w - kw * s.dilation.w;
          if (a % s.stride.h || b % s.stride.w)
            continue;
          chain.add(
              filter(group * s.og() + oc, c % s.cg(), kh, kw),
              output(n, group * s.og() + oc, a / s.stride.h, b / s.stride.w));
        }
    return chain.value();
  }
  T weights(int64_t oc, int64_t c, int64_t kh, int64_t kw) const {
    Chain<T> chain;
    int64_t first = oc / s.og() * s.cg();
    for (int64_t n = 0; n < s.n; ++n)
      for (int64_t oh = 0; oh < o.h; ++oh)
        for (int64_t ow = 0; ow < o.w; ++ow)
          chain.add(image(n, first + c,
                          oh * s.stride.h + kh * s.dilation.h - s.pad.h,
                          ow * s.stride.w + kw * s.dilation.w - s.pad.w),
                    output(n, oc, oh, ow));
    return chain.value();
  }
};

template <class T>
void check(Program &compiled, const Sizes &s, Form form, bool epilogue) {
  auto images = randomArray<T>(s.images(), 1),
       filters = randomArray<T>(s.filters(), 2),
       outputs = randomArray<T>(s.outputs(), 3);
  Reference<T> reference = {s, images, filters, outputs};
  Array<T> expected(form == Form::forward  ? s.outputs()
                    : form == Form::inputs ? s.images()
                                           : s.filters());
  auto b = randomArray<T>({1, expected.extents[1], 1, 1}, 4);
  int64_t at = 0;
  const Extents &e = expected.extents;
  for (int64_t i = 0; i < e[0]; ++i)
    for (int64_t j = 0; j < e[1]; ++j)
      for (int64_t k = 0; k < e[2]; ++k)
        for (int64_t l = 0; l < e[3]; ++l) {
          T v = form == Form::forward  ? reference.forward(i, j, k, l)
                : form == Form::inputs ? reference.inputs(i, j, k, l)
                                       : reference.weights(i, j, k, l);
          if (epilogue)
            v = v + b[j] > 0 ? v + b[j] : T(0);
          expected[at++] = v;
        }
  for (const etch_host_t *host : {backwardsHost(), (const etch_host_t *)0}) {
    Array<T> y(e, T(77)), like(e);
    compiled.in(form == Form::inputs ? outputs : images)
        .in(form == Form::filters ? outputs : filters)
        .in(like);
    if (epilogue)
      compiled.in(b);
    ASSERT_EQ(compiled.out(y).run(host), ETCH_OK);
    EXPECT_TRUE(y.same(expected)) << s.text() << " form " << int(form);
  }
}

const Form forms[] = {Form::forward, Form::inputs, Form::filters};

TEST(Convolution, StaticShapes) {
  int turn = 0;
  for (const Sizes &s : all)
    for (Form form : forms) {
      bool epilogue = form != Form::filters && ++turn % 3 != 0;
      Program compiled(program<float>(s, form, false, epilogue));
      ASSERT_TRUE(compiled);
      check<float>(compiled, s, form, epilogue);
    }
}

TEST(Convolution, ExtentsAtRunTime) {
  for (const Sizes &s : all)
    for (Form form : forms) {
      Program compiled(program<float>(s, form, true, false));
      ASSERT_TRUE(compiled);
      check<float>(compiled, s, form, false);
    }
}

TEST(Convolution, DoublesAndOtherVectorWidths) {
  int turn = 0;
  for (const Sizes &s : all)
    for (Form form : forms) {
      const char *const targets[] = {"native", "x86-64-v3", "x86-64-v2"};
      const char *mcpu = targets[++turn % 3];
      Program doubles(program<double>(s, form, turn % 2, false), mcpu);
      ASSERT_TRUE(doubles);
      check<double>(doubles, s, form, false);
      if (turn % 3 == 0)
        continue;
      Program floats(program<float>(s, form, false, false), mcpu);
      ASSERT_TRUE(floats);
      check<float>(floats, s, form, false);
    }
}

//===----------------------------------------------------------------------===//
// Windows
//===----------------------------------------------------------------------===//

template <class T>
void checkWindows(const Sizes &s, bool dynamic, const char *mcpu) {
  std::string attrs = pairText("stride", s.stride) + pairText("pad", s.pad) +
                      pairText("dilation", s.dilation);
  auto images = randomArray<T>(s.images(), 1),
       columns = randomArray<T>(s.columns(), 2);
  Array<T> unfolded(s.columns()), folded(s.images());
  Pair o = s.out();
  int64_t at = 0;
  for (int64_t image = 0; image < s.n * s.c; ++image)
    for (int64_t kh = 0; kh < s.taps.h; ++kh)
      for (int64_t kw = 0; kw < s.taps.w; ++kw)
        for (int64_t oh = 0; oh < o.h; ++oh)
          for (int64_t ow = 0; ow < o.w; ++ow, ++at) {
            int64_t h = oh * s.stride.h + kh * s.dilation.h - s.pad.h,
                    w = ow * s.stride.w + kw * s.dilation.w - s.pad.w;
            if (h < 0 || w < 0 || h >= s.size.h || w >= s.size.w)
              continue;
            int64_t from = (image * s.size.h + h) * s.size.w + w;
            unfolded[at] = images[from];
            folded[from] += columns[at];
          }
  Program im2col(
      opProgram<T>("im2col", attrs, {s.images()}, s.columns(), dynamic), mcpu),
      col2im(opProgram<T>("col2im", attrs, {s.columns()}, s.images(), dynamic),
             mcpu);
  ASSERT_TRUE(im2col && col2im);
  Array<T> y(s.columns(), T(77)), z(s.images(), T(77));
  ASSERT_EQ(im2col.in(images).in(columns).out(y).run(), ETCH_OK);
  EXPECT_TRUE(y.same(unfolded)) << s.text();
  ASSERT_EQ(col2im.in(columns).in(images).out(z).run(), ETCH_OK);
  EXPECT_TRUE(z.same(folded)) << s.text();
}

TEST(Windows, UnfoldedAndFolded) {
  int turn = 0;
  for (const Sizes &s : all) {
    const char *const targets[] = {"native", "x86-64-v3", "x86-64-v2"};
    const char *mcpu = targets[++turn % 3];
    checkWindows<float>(s, turn % 2, mcpu);
    if (turn % 2)
      checkWindows<double>(s, turn % 4 == 1, mcpu);
    else
      checkWindows<int64_t>(s, turn % 4 == 0, mcpu);
  }
}

template <class T>
void checkMaxima(Sizes s, bool dynamic, const char *mcpu, bool special) {
  s.dilation = {1, 1};
  s.groups = 1;
  s.pad = {std::min(s.pad.h, s.taps.h - 1), std::min(s.pad.w, s.taps.w - 1)};
  s.oc = s.c;
  Pair o = s.out();
  auto images = randomArray<T>(s.images(), 1);
  for (size_t i = 0; i < images.data.size(); ++i)
    if constexpr (std::is_floating_point_v<T>) {
      if (special && i % 5 == 0)
        images.data[i] = i % 3 ? -std::numeric_limits<T>::infinity()
                               : std::numeric_limits<T>::quiet_NaN();
      else if (special)
        images.data[i] = T(int(images.data[i])); // ties
    }
  Array<int64_t> expected(s.outputs());
  int64_t at = 0;
  for (int64_t image = 0; image < s.n * s.c; ++image)
    for (int64_t oh = 0; oh < o.h; ++oh)
      for (int64_t ow = 0; ow < o.w; ++ow, ++at) {
        int64_t best = -1;
        for (int64_t kh = 0; kh < s.taps.h; ++kh)
          for (int64_t kw = 0; kw < s.taps.w; ++kw) {
            int64_t h = oh * s.stride.h + kh - s.pad.h,
                    w = ow * s.stride.w + kw - s.pad.w;
            if (h < 0 || w < 0 || h >= s.size.h || w >= s.size.w)
              continue;
            auto value = [&](int64_t i) {
              return images[image * s.size.h * s.size.w + i];
            };
            int64_t i = h * s.size.w + w;
            if (best < 0 || value(i) > value(best) ||
                (value(i) != value(i) && value(best) == value(best)))
              best = i;
          }
        expected[at] = best;
      }
  std::string attrs = pairText("kernel", s.taps) +
                      pairText("stride", s.stride) + pairText("pad", s.pad);
  Program compiled(opProgram<T, int64_t>("max_pool_index", attrs, {s.images()},
                                         s.outputs(), dynamic),
                   mcpu);
  ASSERT_TRUE(compiled);
  Array<int64_t> y(s.outputs(), 77), like(s.outputs());
  ASSERT_EQ(compiled.in(images).in(like).out(y).run(), ETCH_OK);
  EXPECT_TRUE(y.same(expected)) << s.text();
}

TEST(Windows, FirstMaxima) {
  int turn = 0;
  for (const Sizes &s : all) {
    const char *const targets[] = {"native", "x86-64-v3", "x86-64-v2"};
    const char *mcpu = targets[++turn % 3];
    checkMaxima<float>(s, turn % 2, mcpu, false);
    checkMaxima<double>(s, turn % 2 == 0, mcpu, true);
    if (turn % 4 == 0)
      checkMaxima<int32_t>(s, false, mcpu, false);
  }
}

} // namespace

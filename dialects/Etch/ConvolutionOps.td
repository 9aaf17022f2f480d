//===- ConvolutionOps.td - Convolution and windows -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Images are (N, C, H, W), filters (OC, C / groups, KH, KW). `stride`, `pad` and
// `dilation` are pairs: along H, along W. Output place o and tap k of a window
// meet at input place o * stride + k * dilation - pad; outside of the image there
// are zeros.
//===----------------------------------------------------------------------===//
#ifndef ETCH_CONVOLUTION_OPS
#define ETCH_CONVOLUTION_OPS

include "dialects/Etch/EtchBase.td"

// The three are closed under differentiation: each is linear in both operands,
// and the adjoint in either is one of the other two.
class Etch_Convolution<string mnemonic, dag operands>
    : Etch_Shaped<mnemonic, "convolution", operands,
                  (ins DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$pad,
                       DenseI64ArrayAttr:$dilation, I64Attr:$groups)>;

def Conv2dOp
    : Etch_Convolution<"conv2d", (ins Etch_Tensor:$x, Etch_Tensor:$w)> {
  let summary = "Correlation of images x with filters w.";
  let description = [{
    y[n, oc, oh, ow] is a chain of fused multiply-adds over the taps in the order
    c, kh, kw, zeros of the padding included, in blocks of 256 whose sums add in
    order. Channels of x and of y are cut in `groups` parts, and the parts are
    convolved separately.
  }];
  let gradientCheck = [{
    {{{2, 3, 5, 4}, {4, 3, 3, 2}},
     {List{1, 1}, List{0, 0}, List{1, 1}, 1, List{2, 4, 3, 3}}},
    {{{1, 4, 7, 6}, {6, 2, 3, 2}},
     {List{2, 1}, List{1, 2}, List{1, 2}, 2, List{1, 6, 4, 8}}},
    {{{1, 3, 4, 5}, {6, 1, 2, 2}},
     {List{1, 3}, List{1, 0}, List{2, 1}, 3, List{1, 6, 4, 2}}},
    {{{2, 17, 1, 1}, {19, 17, 1, 1}},
     {List{1, 1}, List{0, 0}, List{1, 1}, 1, List{2, 19, 1, 1}}},
    {{{0, 2, 3, 3}, {1, 2, 3, 3}},
     {List{1, 1}, List{1, 1}, List{1, 1}, 1, List{0, 1, 3, 3}}},
    {{{3, 1, 9, 37}, {1, 1, 1, 3}},
     {List{3, 2}, List{0, 2}, List{1, 1}, 1, List{3, 1, 3, 20}}},
  }];
}
def Conv2dInputGradOp
    : Etch_Convolution<"conv2d_input_grad",
                       (ins Etch_Tensor:$x, Etch_Tensor:$w)> {
  let summary = "Adjoint of conv2d in its images; the transposed convolution.";
  let description = [{
    x is (N, OC, OH, OW), the result has the shape of the images. Element
    [n, c, h, w] is a chain over oc, kh, kw, taps that meet the element only (or
    zeros outside of x), in blocks as in conv2d.
  }];
  let gradientCheck = [{
    {{{2, 4, 3, 3}, {4, 3, 3, 2}},
     {List{1, 1}, List{0, 0}, List{1, 1}, 1, List{2, 3, 5, 4}}},
    {{{1, 6, 4, 8}, {6, 2, 3, 2}},
     {List{2, 1}, List{1, 2}, List{1, 2}, 2, List{1, 4, 7, 6}}},
    {{{1, 6, 4, 2}, {6, 1, 2, 2}},
     {List{1, 3}, List{1, 0}, List{2, 1}, 3, List{1, 3, 4, 5}}},
    {{{0, 1, 3, 3}, {1, 2, 3, 3}},
     {List{1, 1}, List{1, 1}, List{1, 1}, 1, List{0, 2, 3, 3}}},
    {{{3, 1, 3, 20}, {1, 1, 1, 3}},
     {List{3, 2}, List{0, 2}, List{1, 1}, 1, List{3, 1, 9, 37}}},
  }];
}
def Conv2dWeightGradOp
    : Etch_Convolution<"conv2d_weight_grad",
                       (ins Etch_Tensor:$x, Etch_Tensor:$w)> {
  let summary = "Adjoint of conv2d in its filters.";
  let description = [{
    x are the images, w is (N, OC, OH, OW), the result has the shape of the
    filters. Element [oc, c, kh, kw] is a chain over n, oh, ow, zeros of the
    padding included, in blocks as in conv2d.
  }];
  let gradientCheck = [{
    {{{2, 3, 5, 4}, {2, 4, 3, 3}},
     {List{1, 1}, List{0, 0}, List{1, 1}, 1, List{4, 3, 3, 2}}},
    {{{1, 4, 7, 6}, {1, 6, 4, 8}},
     {List{2, 1}, List{1, 2}, List{1, 2}, 2, List{6, 2, 3, 2}}},
    {{{1, 3, 4, 5}, {1, 6, 4, 2}},
     {List{1, 3}, List{1, 0}, List{2, 1}, 3, List{6, 1, 2, 2}}},
    {{{0, 2, 3, 3}, {0, 1, 3, 3}},
     {List{1, 1}, List{1, 1}, List{1, 1}, 1, List{1, 2, 3, 3}}},
    {{{3, 1, 9, 37}, {3, 1, 3, 20}},
     {List{3, 2}, List{0, 2}, List{1, 1}, 1, List{1, 1, 1, 3}}},
  }];
}

class Etch_Window<string mnemonic, dag attrs>
    : Etch_Shaped<mnemonic, "window", (ins Etch_Tensor:$x), attrs>;

def Im2colOp
    : Etch_Window<"im2col", (ins DenseI64ArrayAttr:$stride,
                                 DenseI64ArrayAttr:$pad,
                                 DenseI64ArrayAttr:$dilation)> {
  let summary = "The windows of images, as (N, C, KH, KW, OH, OW).";
  let gradientCheck = [{
    {{{2, 3, 5, 4}},
     {List{1, 1}, List{0, 0}, List{1, 1}, List{2, 3, 3, 2, 3, 3}}},
    {{{1, 2, 7, 6}},
     {List{2, 1}, List{1, 2}, List{1, 2}, List{1, 2, 3, 2, 4, 8}}},
    {{{0, 1, 3, 3}},
     {List{1, 1}, List{1, 1}, List{1, 1}, List{0, 1, 3, 3, 3, 3}}},
    {{{1, 1, 3, 37}},
     {List{2, 3}, List{0, 1}, List{1, 1}, List{1, 1, 2, 4, 1, 12}}},
  }];
}
def Col2imOp
    : Etch_Window<"col2im", (ins DenseI64ArrayAttr:$stride,
                                 DenseI64ArrayAttr:$pad,
                                 DenseI64ArrayAttr:$dilation)> {
  let summary = "Adds windows (N, C, KH, KW, OH, OW) into images, from 0.";
  let description = [{
    The adjoint of im2col. What falls on one element adds in the order kh, kw.
  }];
  let gradientCheck = [{
    {{{2, 3, 3, 2, 3, 3}},
     {List{1, 1}, List{0, 0}, List{1, 1}, List{2, 3, 5, 4}}},
    {{{1, 2, 3, 2, 4, 8}},
     {List{2, 1}, List{1, 2}, List{1, 2}, List{1, 2, 7, 6}}},
    {{{0, 1, 3, 3, 3, 3}},
     {List{1, 1}, List{1, 1}, List{1, 1}, List{0, 1, 3, 3}}},
    {{{1, 1, 2, 4, 1, 12}},
     {List{2, 3}, List{0, 1}, List{1, 1}, List{1, 1, 3, 37}}},
  }];
}
def MaxPoolIndexOp
    : Etch_Window<"max_pool_index", (ins DenseI64ArrayAttr:$kernel,
                                         DenseI64ArrayAttr:$stride,
                                         DenseI64ArrayAttr:$pad)> {
  let summary = "Where in its image the first maximum of each window stands.";
  let description = [{
    h * W + w as int64, for each of (N, C, OH, OW). The padding is never chosen;
    the first NaN of a window is its maximum.
  }];
  let vjp = Inactive;
}

#endif // ETCH_CONVOLUTION_OPS

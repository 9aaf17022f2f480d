/*===- operations.h - Products and convolutions for libraries -------------===*\
|*
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* What a module for a device asks for where a library of the device's vendor
|* may do it better than the module's own kernels. Part of the contract of
|* runtime.h; all memory is the device's.
\*===----------------------------------------------------------------------===*/
#ifndef ETCH_OPERATIONS_H
#define ETCH_OPERATIONS_H

#include "etch/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What products and convolutions do to operands of f32; sums are of f32. */
typedef enum etch_precision {
  ETCH_PRECISION_FULL = 0,
  ETCH_PRECISION_TF32 = 1,
  ETCH_PRECISION_BF16 = 2
} etch_precision_t;

/* What follows a product or a convolution, element by element. */
typedef enum etch_activation {
  ETCH_NO_ACTIVATION = 0,
  ETCH_RELU = 1,
  ETCH_GELU = 2,      /* by tanh */
  ETCH_RELU_GRAD = 3, /* the gradient of a relu whose mask is in `aux` */
  ETCH_GELU_GRAD = 4  /* of a gelu whose argument is in `aux` */
} etch_activation_t;

/* What a library has done. */
#define ETCH_DONE 1
#define ETCH_DONE_AUX 2       /* and written `aux` */
#define ETCH_DONE_BIAS_GRAD 4 /* and written `bias_grad` */

/* Which arrays of a product of ETCH_F32 are stored as bfloat16. */
#define ETCH_A_BF16 1
#define ETCH_B_BF16 2
#define ETCH_Y_BF16 4    /* and what gelu leaves in aux */
#define ETCH_BIAS_BF16 8 /* not bias_grad */

/* y = activation(a b + bias), for each of `batch` matrices: a is (m, k), b is
   (k, n), y is (m, n) and dense. Strides count elements: of the batch, of rows,
   of columns. */
struct etch_product {
  void *y;
  const void *a;
  const void *b;
  const void *bias; /* n numbers; NULL: none */
  /* What an activation keeps for its gradient, in the library's own form:
     (n + 127) / 128 * 16 * m bytes for relu, m * n numbers for gelu. Written by
     the activation, read by its gradient; NULL: nothing is kept. */
  void *aux;
  /* Sums of what `bias_grad_of` says; NULL: not wanted. */
  void *bias_grad;
  int64_t batch, m, n, k;
  int64_t a_strides[3];
  int64_t b_strides[3];
  int32_t dtype;
  int32_t precision;    /* etch_precision_t */
  int32_t activation;   /* etch_activation_t */
  int32_t bias_grad_of; /* 0, 1: columns of y, of b; 2: rows of a */
  int32_t site;
  int32_t required; /* ETCH_DONE_AUX…: without it nothing is to be done */
  int32_t stored;   /* ETCH_A_BF16… */
  int32_t reserved; /* 0 */
};

typedef enum etch_convolution_kind {
  ETCH_CONVOLUTION = 0,           /* y from x and w */
  ETCH_CONVOLUTION_OF_DATA = 1,   /* x from y and w: gradients */
  ETCH_CONVOLUTION_OF_WEIGHTS = 2 /* w from x and y: gradients */
} etch_convolution_kind_t;

/* How the arrays of a convolution lie, beside dense rows of f32 or f64. */
#define ETCH_CHANNELS_LAST 1 /* as (n, h, w, c), filters as (oc, kh, kw, c) */
#define ETCH_STORED_BF16 2   /* all are bfloat16, the sums f32: of ETCH_F32 */

/* A convolution of images, or one of its gradients: x is (n, c, h, w), w is
   (oc, c / groups, kh, kw), y is (n, oc, oh, ow), all dense. */
struct etch_convolution {
  void *x;
  void *w;
  void *y;
  const void *bias; /* oc numbers, behind ETCH_CONVOLUTION; NULL: none */
  int64_t x_extents[4];
  int64_t w_extents[4];
  int64_t y_extents[4];
  int64_t stride[2];
  int64_t pad[2];
  int64_t dilation[2];
  int64_t groups;
  int32_t kind; /* etch_convolution_kind_t */
  int32_t dtype;
  int32_t precision;
  int32_t activation; /* none or relu */
  int32_t site;
  int32_t form; /* ETCH_CHANNELS_LAST… */
};

ETCH_STATIC_ASSERT(sizeof(etch_product_t) == 160, "etch_product_t");
ETCH_STATIC_ASSERT(sizeof(etch_convolution_t) == 208, "etch_convolution_t");

#ifdef __cplusplus
}
#endif

#endif /* ETCH_OPERATIONS_H */

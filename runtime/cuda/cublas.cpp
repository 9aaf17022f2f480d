//===- cublas.cpp - Products by cuBLASLt ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cuBLASLt's matrices lie column by column: ours, seen so, are transposed, and
// y = a b becomes y' = b' a'. For each form of a product there is a plan, made
// when it first comes; graphs are captured of those that have come.
//===----------------------------------------------------------------------===//

#include "runtime/cuda/cublas.h"

#include "runtime/cuda/library.h"
#include "runtime/cuda/state.h"

#include "runtime/core/last_error.h"

#include <cstdlib>
#include <cstring>
#include <new>

using namespace etch::runtime;
using namespace etch::runtime::cuda;

namespace {

using Handle = struct HandleTag *;
using Description = struct DescriptionTag *; ///< of a product
using Layout = struct LayoutTag *;
using Preference = struct PreferenceTag *;

struct Algorithm {
  uint64_t data[8];
};
/// cublasLtMatmulHeuristicResult_t
struct Heuristic {
  Algorithm algorithm;
  size_t workspace;
  int state;
  float waves;
  int reserved[4];
};

// Values of the library's enumerations.
enum { kReal32 = 0, kReal64 = 1, kRealBf16 = 14 };
enum { kCompute32 = 68, kCompute64 = 70, kComputeBf16 = 75, kComputeTf32 = 77 };
enum { kBatchCount = 5, kBatchOffset = 6 }; // of layouts
enum {                                      // of descriptions
  kTransposeA = 3,
  kTransposeB = 4,
  kEpilogue = 7,
  kBiasPointer = 8,
  kAuxPointer = 11,
  kAuxPitch = 12,
  kBiasType = 26
};
enum { kMostWorkspace = 1, kAlignmentA = 5 }; // of preferences; then B, C, D
enum {                                        // epilogues
  kDefault = 1,
  kRelu = 2,
  kBias = 4,
  kReluGrad = 8,
  kBiasGrad = 16,
  kGelu = 32,
  kGeluGrad = 64,
  kAux = 128,
  kBiasGradOfA = 256,
  kBiasGradOfB = 512
};
constexpr int32_t kAnyBiasGrad = kBiasGrad | kBiasGradOfA | kBiasGradOfB;
constexpr uint64_t kWorkspace = uint64_t(32) << 20;

#define ETCH_CUBLASLT_FUNCTIONS(F)                                             \
  F(create, cublasLtCreate, (Handle *))                                        \
  F(destroy, cublasLtDestroy, (Handle))                                        \
  F(layoutCreate, cublasLtMatrixLayoutCreate,                                  \
    (Layout *, int, uint64_t, uint64_t, int64_t))                              \
  F(layoutDestroy, cublasLtMatrixLayoutDestroy, (Layout))                      \
  F(layoutSet, cublasLtMatrixLayoutSetAttribute,                               \
    (Layout, int, const void *, size_t))                                       \
  F(descriptionCreate, cublasLtMatmulDescCreate, (Description *, int, int))    \
  F(descriptionDestroy, cublasLtMatmulDescDestroy, (Description))              \
  F(descriptionSet, cublasLtMatmulDescSetAttribute,                            \
    (Description, int, const void *, size_t))                                  \
  F(preferenceCreate, cublasLtMatmulPreferenceCreate, (Preference *))          \
  F(preferenceDestroy, cublasLtMatmulPreferenceDestroy, (Preference))          \
  F(preferenceSet, cublasLtMatmulPreferenceSetAttribute,                       \
    (Preference, int, const void *, size_t))                                   \
  F(heuristic, cublasLtMatmulAlgoGetHeuristic,                                 \
    (Handle, Description, Layout, Layout, Layout, Layout, Preference, int,     \
     Heuristic *, int *))                                                      \
  F(matmul, cublasLtMatmul,                                                    \
    (Handle, Description, const void *, const void *, Layout, const void *,    \
     Layout, const void *, const void *, Layout, void *, Layout,               \
     const Algorithm *, void *, size_t, Stream))

struct CublasLt {
  ETCH_CUBLASLT_FUNCTIONS(ETCH_LIBRARY_MEMBER)
  char problem[256] = "";

  CublasLt() {
    void *library = openLibrary(
        "cuBLASLt", {"libcublasLt.so.13", "libcublasLt.so.12"}, problem);
    if (!library)
      return;
    ETCH_CUBLASLT_FUNCTIONS(ETCH_LIBRARY_LOOK_UP)
  }
  static const CublasLt &get() {
    static const CublasLt library;
    return library;
  }
};

/// A matrix as cuBLASLt sees it.
struct Matrix {
  uint64_t rows, columns;
  int64_t pitch, batchStride;
  int32_t transposed;
};

/// What a plan depends on, compared byte by byte.
struct Form {
  Matrix left, right, result;
  int64_t batch;
  int32_t dtype, precision, stored, epilogue;
  uint32_t alignments[3]; ///< of left, right, result
};

struct Plan {
  Form form;
  Description description;
  Layout left, right, result;
  Algorithm algorithm;
  uint64_t workspace;
  bool good; ///< false: the library has no way to do it
  Plan *next;
};

} // namespace

struct etch::runtime::cuda::Products {
  Handle handle = nullptr;
  Plan *plans = nullptr;
};

const char *etch_products_unavailable(void) { return CublasLt::get().problem; }

static void clear(Plan &plan) {
  const CublasLt &lt = CublasLt::get();
  for (Layout layout : {plan.left, plan.right, plan.result})
    if (layout)
      lt.layoutDestroy(layout);
  if (plan.description)
    lt.descriptionDestroy(plan.description);
}

void etch::runtime::cuda::release(Products *products) {
  if (!products)
    return;
  while (Plan *plan = products->plans) {
    products->plans = plan->next;
    clear(*plan);
    free(plan);
  }
  if (products->handle)
    CublasLt::get().destroy(products->handle);
  free(products);
}

//===----------------------------------------------------------------------===//
// What a product is to the library
//===----------------------------------------------------------------------===//

/// Ours, of rows x columns: one of the strides is 1. False: it is not.
static bool seen(const int64_t *strides, int64_t rows, int64_t columns,
                 Matrix &matrix) {
  memset(&matrix, 0, sizeof matrix);
  matrix.batchStride = strides[0];
  if (strides[0] < 0)
    return false;
  if ((strides[2] == 1 || columns == 1) &&
      (strides[1] >= columns || rows == 1)) {
    matrix.rows = uint64_t(columns);
    matrix.columns = uint64_t(rows);
    matrix.pitch = strides[1] > columns ? strides[1] : columns;
    return true;
  }
  if ((strides[1] == 1 || rows == 1) && (strides[2] >= rows || columns == 1)) {
    matrix.rows = uint64_t(rows);
    matrix.columns = uint64_t(columns);
    matrix.pitch = strides[2] > rows ? strides[2] : rows;
    matrix.transposed = 1;
    return true;
  }
  return false;
}

static uint32_t alignmentOf(const void *memory, const Matrix &matrix,
                            int64_t bytes) {
  auto bits = reinterpret_cast<uint64_t>(memory) | 256 |
              uint64_t(matrix.batchStride * bytes);
  return uint32_t(bits & -bits);
}

/// Bytes of an element of what is one of `stored`.
static int64_t bytesOf(const etch_product_t &p, int32_t which) {
  return p.dtype == ETCH_F64 ? 8 : p.stored & which ? 2 : 4;
}

/// The epilogue without what is not wanted; 0: there is none. Vectors have the
/// type of the result.
static int32_t epilogueOf(const etch_product_t &p, bool aux, bool biasGrad) {
  if (p.bias && !(p.stored & ETCH_BIAS_BF16) != !(p.stored & ETCH_Y_BF16))
    return 0;
  biasGrad &= !(p.stored & ETCH_Y_BF16);
  int32_t with = (p.bias ? int(kBias) : 0) | (aux && p.aux ? int(kAux) : 0);
  switch (p.activation) {
  case ETCH_NO_ACTIVATION:
    if (biasGrad && p.bias_grad && p.bias_grad_of) // their a is our b
      return p.bias ? 0 : p.bias_grad_of == 1 ? kBiasGradOfA : kBiasGradOfB;
    return p.bias ? int(kBias) : int(kDefault);
  case ETCH_RELU:
    return kRelu | with;
  case ETCH_GELU:
    return kGelu | with;
  case ETCH_RELU_GRAD:
  case ETCH_GELU_GRAD:
    if (!p.aux || p.bias)
      return 0;
    return (p.activation == ETCH_RELU_GRAD ? kReluGrad : kGeluGrad) | kAux |
           (biasGrad && p.bias_grad && p.bias_grad_of == 0 ? int(kBiasGrad)
                                                           : 0);
  default:
    return 0;
  }
}

static int64_t auxPitch(int32_t epilogue, int64_t n) {
  return epilogue & (kRelu | kReluGrad) ? (n + 127) / 128 * 128 : n;
}

static bool describe(const etch_product_t &p, int32_t epilogue, Form &form) {
  memset(&form, 0, sizeof form);
  if (!seen(p.b_strides, p.k, p.n, form.left) ||
      !seen(p.a_strides, p.m, p.k, form.right))
    return false;
  form.result.rows = uint64_t(p.n);
  form.result.columns = uint64_t(p.m);
  form.result.pitch = p.n;
  form.result.batchStride = p.m * p.n;
  form.batch = p.batch;
  form.dtype = p.dtype;
  form.precision = p.precision;
  form.stored = p.stored & (ETCH_A_BF16 | ETCH_B_BF16 | ETCH_Y_BF16);
  form.epilogue = epilogue;
  form.alignments[0] = alignmentOf(p.b, form.left, bytesOf(p, ETCH_B_BF16));
  form.alignments[1] = alignmentOf(p.a, form.right, bytesOf(p, ETCH_A_BF16));
  form.alignments[2] = alignmentOf(p.y, form.result, bytesOf(p, ETCH_Y_BF16));
  // The library has operands of one type, and results of the sums' or theirs.
  bool a = p.stored & ETCH_A_BF16, b = p.stored & ETCH_B_BF16;
  return a == b && (a || !(p.stored & ETCH_Y_BF16));
}

/// Whether they have a byte in common; the second one is an operand.
static bool overlap(const void *memory, int64_t bytes, const void *operand,
                    const int64_t *strides, const int64_t (&extents)[3],
                    int64_t elementBytes) {
  int64_t last = 0;
  for (int i = 0; i < 3; ++i)
    last += (extents[i] - 1) * strides[i];
  auto from = reinterpret_cast<uint64_t>(memory),
       other = reinterpret_cast<uint64_t>(operand);
  return from < other + uint64_t((last + 1) * elementBytes) &&
         other < from + uint64_t(bytes);
}

//===----------------------------------------------------------------------===//
// Plans
//===----------------------------------------------------------------------===//

static bool makeLayout(const Matrix &m, int type, int64_t batch, Layout *out) {
  const CublasLt &lt = CublasLt::get();
  auto count = int32_t(batch);
  return !lt.layoutCreate(out, type, m.rows, m.columns, m.pitch) &&
         (batch == 1 ||
          (!lt.layoutSet(*out, kBatchCount, &count, sizeof count) &&
           !lt.layoutSet(*out, kBatchOffset, &m.batchStride,
                         sizeof m.batchStride)));
}

/// Without the algorithm.
static bool makeDescriptors(Plan &plan) {
  const CublasLt &lt = CublasLt::get();
  const Form &form = plan.form;
  int type = form.dtype == ETCH_F64 ? kReal64 : kReal32;
  auto stored = [&](int which) -> int {
    return form.stored & which ? int(kRealBf16) : type;
  };
  int compute = form.dtype == ETCH_F64                  ? kCompute64
                : form.stored & ETCH_A_BF16             ? kCompute32
                : form.precision == ETCH_PRECISION_TF32 ? kComputeTf32
                : form.precision == ETCH_PRECISION_BF16 ? kComputeBf16
                                                        : kCompute32;
  auto set = [&](int attribute, const auto &value) {
    return !lt.descriptionSet(plan.description, attribute, &value,
                              sizeof value);
  };
  if (lt.descriptionCreate(&plan.description, compute, type) ||
      !makeLayout(form.left, stored(ETCH_B_BF16), form.batch, &plan.left) ||
      !makeLayout(form.right, stored(ETCH_A_BF16), form.batch, &plan.right) ||
      !makeLayout(form.result, stored(ETCH_Y_BF16), form.batch, &plan.result) ||
      !set(kTransposeA, form.left.transposed) ||
      !set(kTransposeB, form.right.transposed) ||
      !set(kEpilogue, form.epilogue))
    return false;
  // Where they are is said by each call; that they are matters already.
  const void *somewhere = &lt;
  if (form.epilogue & (kBias | kAnyBiasGrad) &&
      (!set(kBiasPointer, somewhere) || !set(kBiasType, stored(ETCH_Y_BF16))))
    return false;
  return !(form.epilogue & kAux) ||
         (set(kAuxPointer, somewhere) &&
          set(kAuxPitch, auxPitch(form.epilogue, int64_t(form.result.rows))));
}

int etch::runtime::cuda::acceptedEpilogues(const etch_product_t &product,
                                           int (&epilogues)[4]) {
  int accepted = 0, before = 0;
  for (int less = 0; less < 4; ++less) {
    Plan plan = {};
    int32_t epilogue = epilogueOf(product, !(less & 2), !(less & 1));
    if (!epilogue || epilogue == before ||
        !describe(product, epilogue, plan.form))
      continue;
    before = epilogue;
    if (makeDescriptors(plan))
      epilogues[accepted++] = epilogue;
    clear(plan);
  }
  return accepted;
}

static bool choose(Products &products, Plan &plan) {
  const CublasLt &lt = CublasLt::get();
  Preference preference = nullptr;
  if (lt.preferenceCreate(&preference))
    return false;
  lt.preferenceSet(preference, kMostWorkspace, &kWorkspace, sizeof kWorkspace);
  for (int i = 0; i < 4; ++i) // of C and D it is one
    lt.preferenceSet(preference, kAlignmentA + i,
                     &plan.form.alignments[i < 2 ? i : 2], sizeof(uint32_t));
  Heuristic found = {};
  int count = 0;
  int status =
      lt.heuristic(products.handle, plan.description, plan.left, plan.right,
                   plan.result, plan.result, preference, 1, &found, &count);
  lt.preferenceDestroy(preference);
  plan.algorithm = found.algorithm;
  plan.workspace = found.workspace;
  return !status && count == 1 && !found.state;
}

/// Null while a graph is captured if it has not come before, or where there is
/// no memory.
static Plan *planFor(etch_device *device, const Form &form) {
  for (Plan *plan = device->products->plans; plan; plan = plan->next)
    if (!memcmp(&plan->form, &form, sizeof form))
      return plan;
  if (device->capturing)
    return nullptr;
  auto *plan = static_cast<Plan *>(calloc(1, sizeof(Plan)));
  if (!plan)
    return nullptr;
  memcpy(&plan->form, &form, sizeof form);
  plan->good = makeDescriptors(*plan) && choose(*device->products, *plan) &&
               needWorkspace(device, plan->workspace) == ETCH_OK;
  plan->next = device->products->plans;
  device->products->plans = plan;
  return plan;
}

static bool begin(etch_device *device) {
  if (CublasLt::get().problem[0])
    return false;
  if (!device->products) {
    void *memory = device->capturing ? nullptr : malloc(sizeof(Products));
    if (!memory)
      return false;
    device->products = new (memory) Products;
    if (CublasLt::get().create(&device->products->handle))
      device->products->handle = nullptr; // for good
  }
  return device->products->handle;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

static etch_status_t multiply(etch_device *device, const etch_product_t &p,
                              Plan &plan) {
  const CublasLt &lt = CublasLt::get();
  int32_t epilogue = plan.form.epilogue;
  auto pointer = [&](int attribute, const void *value) {
    return lt.descriptionSet(plan.description, attribute, &value, sizeof value);
  };
  int status = 0;
  if (epilogue & kBias)
    status = pointer(kBiasPointer, p.bias);
  else if (epilogue & kAnyBiasGrad)
    status = pointer(kBiasPointer, p.bias_grad);
  if (!status && epilogue & kAux)
    status = pointer(kAuxPointer, p.aux);
  float one = 1, zero = 0;
  double one64 = 1, zero64 = 0;
  bool wide = p.dtype == ETCH_F64;
  if (!status)
    status = lt.matmul(device->products->handle, plan.description,
                       wide ? static_cast<const void *>(&one64) : &one, p.b,
                       plan.left, p.a, plan.right,
                       wide ? static_cast<const void *>(&zero64) : &zero, p.y,
                       plan.result, p.y, plan.result, &plan.algorithm,
                       device->workspace, plan.workspace, device->stream);
  if (status)
    return fail(ETCH_ERROR_DEVICE,
                "cuBLASLt cannot do the product of operation %d, (%lld, %lld) "
                "by (%lld, %lld): status %d",
                p.site, (long long)p.m, (long long)p.k, (long long)p.k,
                (long long)p.n, status);
  device->lastFunction = "a product by cuBLASLt";
  device->lastSite = p.site;
  ++device->info.library_calls;
  return ETCH_OK;
}

etch_status_t etch_device_product(etch_device_t *device,
                                  const etch_product_t *product,
                                  int32_t *done) {
  *done = 0;
  etch_product_t p = *product;
  bool wide = p.dtype == ETCH_F64;
  if (p.m <= 0 || p.n <= 0 || p.k <= 0 || p.batch <= 0 || p.batch > INT32_MAX ||
      (p.dtype != ETCH_F32 && !wide))
    return ETCH_OK;
  if (etch_status_t status = enter(device))
    return status;
  if (!begin(device))
    return ETCH_OK;
  int64_t sizeOfA = bytesOf(p, ETCH_A_BF16), sizeOfB = bytesOf(p, ETCH_B_BF16),
          sizeOfY = bytesOf(p, ETCH_Y_BF16), size = wide ? 8 : 4;
  bool gelu = p.activation == ETCH_GELU || p.activation == ETCH_GELU_GRAD;
  if (p.batch > 1 || wide || (gelu && p.n % 8))
    p.aux = nullptr;
  int64_t sums = (p.bias_grad_of == 2 ? p.m : p.n) * size;
  if (p.batch > 1 || wide ||
      (p.bias_grad && (overlap(p.bias_grad, sums, p.a, p.a_strides,
                               {p.batch, p.m, p.k}, sizeOfA) ||
                       overlap(p.bias_grad, sums, p.b, p.b_strides,
                               {p.batch, p.k, p.n}, sizeOfB))))
    p.bias_grad = nullptr;
  // What comes behind a product may lie where that has its operands.
  if (gelu && (overlap(p.y, p.m * p.n * sizeOfY, p.a, p.a_strides,
                       {p.batch, p.m, p.k}, sizeOfA) ||
               overlap(p.y, p.m * p.n * sizeOfY, p.b, p.b_strides,
                       {p.batch, p.k, p.n}, sizeOfB)))
    return ETCH_OK;
  // As much as there is a way for.
  int32_t before = 0;
  for (int less = 0; less < 4; ++less) {
    int32_t epilogue = epilogueOf(p, !(less & 2), !(less & 1));
    Form form;
    if (!epilogue || epilogue == before || !describe(p, epilogue, form))
      continue;
    before = epilogue;
    int32_t all = ETCH_DONE;
    if (epilogue & kAux && !(epilogue & (kReluGrad | kGeluGrad)))
      all |= ETCH_DONE_AUX;
    if (epilogue & kAnyBiasGrad)
      all |= ETCH_DONE_BIAS_GRAD;
    if (p.required & ~all)
      continue;
    Plan *plan = planFor(device, form);
    if (!plan || !plan->good)
      continue;
    if (etch_status_t status = multiply(device, p, *plan))
      return status;
    *done = all;
    return ETCH_OK;
  }
  return ETCH_OK;
}

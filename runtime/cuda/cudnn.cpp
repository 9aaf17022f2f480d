//===- cudnn.cpp - Convolutions by cuDNN ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cuDNN's backend takes a graph of operations: the convolution, a bias, an
// activation, with tensors between them that are never stored. Its heuristics
// name configurations, the likely best one first; the first that keeps to the
// arithmetic asked for becomes the plan. There is one for each form of a
// convolution, made when it first comes.
//===----------------------------------------------------------------------===//

#include "runtime/cuda/cudnn.h"

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
using Descriptor = void *;

// Values of the library's enumerations.
enum { // descriptors
  kPointwise = 0,
  kConvolution = 1,
  kEngine = 2,
  kConfiguration = 3,
  kHeuristics = 4,
  kPlan = 5,
  kForward = 10,
  kOfWeights = 11,
  kOfData = 12,
  kPointwiseOperation = 13,
  kGraph = 15,
  kPack = 16,
  kTensor = 17,
  kProperties = 38
};
enum { // types of attributes
  kHandle = 0,
  kDataType = 1,
  kBoolean = 2,
  kInt64 = 3,
  kFloat = 4,
  kDouble = 5,
  kPointer = 6,
  kConvolutionMode = 7,
  kHeuristicMode = 8,
  kNumericalNote = 11,
  kPointwiseMode = 14,
  kDescriptor = 15,
  kBehaviourNote = 19,
  kChar = 24
};
enum { kAdd = 0, kReluForward = 100 };            // modes of pointwise ones
enum { kInstant = 0, kFallback = 2, kModeA = 3 }; // modes of heuristics
enum {                                            // notes on engines
  kTensorCore = 0,
  kDownConvert = 1,
  kNondeterministic = 4
};
constexpr int kRuntimeCompilation = 0; // a note on behaviour
constexpr int64_t kMostWorkspace = int64_t(512) << 20;

#define ETCH_CUDNN_FUNCTIONS(F)                                                \
  F(create, cudnnCreate, (Handle *))                                           \
  F(destroy, cudnnDestroy, (Handle))                                           \
  F(setStream, cudnnSetStream, (Handle, Stream))                               \
  F(descriptorCreate, cudnnBackendCreateDescriptor, (int, Descriptor *))       \
  F(descriptorDestroy, cudnnBackendDestroyDescriptor, (Descriptor))            \
  F(setAttribute, cudnnBackendSetAttribute,                                    \
    (Descriptor, int, int, int64_t, const void *))                             \
  F(getAttribute, cudnnBackendGetAttribute,                                    \
    (Descriptor, int, int, int64_t, int64_t *, void *))                        \
  F(finalize, cudnnBackendFinalize, (Descriptor))                              \
  F(execute, cudnnBackendExecute, (Handle, Descriptor, Descriptor))

struct Cudnn {
  ETCH_CUDNN_FUNCTIONS(ETCH_LIBRARY_MEMBER)
  char problem[256] = "";

  Cudnn() {
    void *library = openLibrary("cuDNN", {"libcudnn.so.9"}, problem);
    if (!library)
      return;
    ETCH_CUDNN_FUNCTIONS(ETCH_LIBRARY_LOOK_UP)
  }
  static const Cudnn &get() {
    static const Cudnn library;
    return library;
  }
};

/// Descriptors that live together.
class Descriptors {
public:
  ~Descriptors() {
    while (count)
      Cudnn::get().descriptorDestroy(all[--count]);
  }
  Descriptor create(int type) {
    Descriptor made = nullptr;
    if (count == kMost || note(Cudnn::get().descriptorCreate(type, &made)))
      return good = false, nullptr;
    return all[count++] = made;
  }
  template <class T>
  void set(Descriptor d, int attribute, int type, const T *values,
           int64_t count = 1) {
    if (good)
      note(Cudnn::get().setAttribute(d, attribute, type, count, values));
  }
  template <class T> void set(Descriptor d, int attribute, int type, T value) {
    set(d, attribute, type, &value, 1);
  }
  Descriptor finish(Descriptor d) {
    if (good)
      note(Cudnn::get().finalize(d));
    return d;
  }
  /// Those made since there were so many go.
  void keep(int most) {
    while (count > most)
      Cudnn::get().descriptorDestroy(all[--count]);
    good = true;
  }
  int size() const { return count; }

  bool good = true;
  int status = 0; ///< of the last failure

private:
  bool note(int result) {
    if (result) {
      good = false;
      status = result;
    }
    return result != 0;
  }

  static constexpr int kMost = 64;
  Descriptor all[kMost];
  int count = 0;
};

/// What a plan depends on, compared byte by byte.
struct Form {
  int64_t x[4], w[4], y[4], stride[2], pad[2], dilation[2], groups, alignment;
  int32_t kind, dtype, precision, activation, bias, form;
};

struct ConvolutionPlan {
  Form form;
  Descriptors descriptors;
  Descriptor plan = nullptr; ///< null: the library has no way to do it
  int64_t workspace = 0;
  ConvolutionPlan *next = nullptr;
};

/// A device: its handle, or its properties.
struct Target {
  Handle handle = nullptr;
  Descriptor properties = nullptr;
};

// Numbers of tensors.
constexpr int64_t kX = 1, kW = 2, kY = 3, kBias = 4;

/// Writes the plan of one convolution.
class Planner {
public:
  Planner(const Form &form, const Target &target, Descriptors &d)
      : form(form), target(target), d(d), wide(form.dtype == ETCH_F64) {}

  bool plan(ConvolutionReport &report, Descriptor &found);

private:
  Descriptor tensor(int64_t number, const int64_t *extents, bool stored = true);
  int typeOf(bool stored) const;
  Descriptor pointwise(int mode, Descriptor x, Descriptor b, Descriptor y);
  void convolution(Descriptor x, Descriptor w, Descriptor y);
  Descriptor graph();
  bool allowed(Descriptor configuration, ConvolutionReport &report);
  bool tryMode(int mode, Descriptor graph, ConvolutionReport &report,
               Descriptor &found);

  const Form &form;
  const Target &target;
  Descriptors &d;
  bool wide;
  Descriptor operations[3];
  int64_t numOperations = 0;
};

} // namespace

struct etch::runtime::cuda::Convolutions {
  Handle handle = nullptr;
  ConvolutionPlan *plans = nullptr;
};

const char *etch_convolutions_unavailable(void) { return Cudnn::get().problem; }

void etch::runtime::cuda::release(Convolutions *all) {
  if (!all)
    return;
  while (ConvolutionPlan *plan = all->plans) {
    all->plans = plan->next;
    plan->~ConvolutionPlan();
    free(plan);
  }
  if (all->handle)
    Cudnn::get().destroy(all->handle);
  free(all);
}

//===----------------------------------------------------------------------===//
// The graph of operations
//===----------------------------------------------------------------------===//

/// The library's number of a tensor's type. What is not stored is as the sums
/// are. There are no ways, but such as are compiled when they are asked for, to
/// store sums of bfloat16 as f32.
int Planner::typeOf(bool stored) const {
  constexpr int kFloat32 = 0, kFloat64 = 1, kBfloat16 = 9;
  return wide                                     ? kFloat64
         : stored && form.form & ETCH_STORED_BF16 ? kBfloat16
                                                  : kFloat32;
}

Descriptor Planner::tensor(int64_t number, const int64_t *extents,
                           bool stored) {
  Descriptor t = d.create(kTensor);
  int64_t rows[4] = {extents[1] * extents[2] * extents[3],
                     extents[2] * extents[3], extents[3], 1},
          last[4] = {rows[0], 1, extents[3] * extents[1], extents[1]};
  const int64_t *strides = form.form & ETCH_CHANNELS_LAST ? last : rows;
  d.set(t, 901, kDataType, typeOf(stored));
  d.set(t, 902, kInt64, extents, 4);
  d.set(t, 903, kInt64, strides, 4);
  d.set(t, 906, kInt64, number);
  d.set(t, 900, kInt64, form.alignment);
  if (!stored)
    d.set(t, 907, kBoolean, true);
  return d.finish(t);
}

Descriptor Planner::pointwise(int mode, Descriptor x, Descriptor b,
                              Descriptor y) {
  Descriptor what = d.create(kPointwise);
  d.set(what, 0, kPointwiseMode, mode);
  d.set(what, 1, kDataType, int(wide));
  d.finish(what);
  Descriptor operation = d.create(kPointwiseOperation);
  d.set(operation, 750, kDescriptor, what);
  d.set(operation, 751, kDescriptor, x);
  if (b)
    d.set(operation, 752, kDescriptor, b);
  d.set(operation, 753, kDescriptor, y);
  return operations[numOperations++] = d.finish(operation);
}

void Planner::convolution(Descriptor x, Descriptor w, Descriptor y) {
  Descriptor c = d.create(kConvolution);
  d.set(c, 100, kDataType, int(wide));
  d.set(c, 101, kConvolutionMode, 1); // cross-correlation
  d.set(c, 102, kInt64, form.dilation, 2);
  d.set(c, 103, kInt64, form.stride, 2);
  d.set(c, 104, kInt64, form.pad, 2);
  d.set(c, 105, kInt64, form.pad, 2);
  d.set(c, 106, kInt64, int64_t(2));
  d.finish(c);
  bool data = form.kind == ETCH_CONVOLUTION_OF_DATA,
       weights = form.kind == ETCH_CONVOLUTION_OF_WEIGHTS;
  Descriptor operation = d.create(data      ? kOfData
                                  : weights ? kOfWeights
                                            : kForward);
  // Alpha, beta and the convolution; then the tensors in the library's order.
  int base = data ? 706 : weights ? 712 : 700;
  if (wide) {
    d.set(operation, base, kDouble, 1.0);
    d.set(operation, base + 1, kDouble, 0.0);
  } else {
    d.set(operation, base, kFloat, 1.0f);
    d.set(operation, base + 1, kFloat, 0.0f);
  }
  d.set(operation, base + 2, kDescriptor, c);
  // Of all three: the weights, the images, the result.
  d.set(operation, base + 3, kDescriptor, w);
  d.set(operation, base + 4, kDescriptor, x);
  d.set(operation, base + 5, kDescriptor, y);
  operations[numOperations++] = d.finish(operation);
}

Descriptor Planner::graph() {
  Descriptor x = tensor(kX, form.x), w = tensor(kW, form.w);
  int64_t between = 100;
  bool relu = form.activation == ETCH_RELU;
  Descriptor y =
      tensor(form.bias || relu ? between++ : kY, form.y, !form.bias && !relu);
  convolution(x, w, y);
  if (form.bias) {
    int64_t extents[4] = {1, form.y[1], 1, 1};
    Descriptor bias = tensor(kBias, extents),
               sum = tensor(relu ? between++ : kY, form.y, !relu);
    pointwise(kAdd, y, bias, sum);
    y = sum;
  }
  if (relu)
    pointwise(kReluForward, y, nullptr, tensor(kY, form.y));
  Descriptor all = d.create(kGraph);
  d.set(all, 801, kDescriptor, operations, numOperations);
  if (target.handle)
    d.set(all, 800, kHandle, target.handle);
  return d.finish(all);
}

//===----------------------------------------------------------------------===//
// Plans
//===----------------------------------------------------------------------===//

/// Whether a configuration computes as it should.
bool Planner::allowed(Descriptor configuration, ConvolutionReport &report) {
  const Cudnn &dnn = Cudnn::get();
  Descriptor engine = d.create(kEngine);
  int64_t count = 0;
  if (!d.good ||
      dnn.getAttribute(configuration, 300, kDescriptor, 1, &count, &engine))
    return false;
  int32_t notes[16];
  report.tensorCores = false;
  if (dnn.getAttribute(engine, 1303, kNumericalNote, 16, &count, notes))
    return false;
  for (int64_t i = 0; i < count; ++i) {
    if (notes[i] == kNondeterministic)
      return false;
    if (notes[i] == kTensorCore)
      report.tensorCores = true;
    if (!wide && form.precision == ETCH_PRECISION_FULL &&
        (notes[i] == kTensorCore || notes[i] == kDownConvert))
      return false;
  }
  // What is compiled for the purpose needs a device.
  if (target.handle)
    return true;
  if (dnn.getAttribute(engine, 1305, kBehaviourNote, 16, &count, notes))
    return false;
  for (int64_t i = 0; i < count; ++i)
    if (notes[i] == kRuntimeCompilation)
      return false;
  return true;
}

bool Planner::tryMode(int mode, Descriptor graph, ConvolutionReport &report,
                      Descriptor &found) {
  const Cudnn &dnn = Cudnn::get();
  Descriptor heuristics = d.create(kHeuristics);
  d.set(heuristics, 201, kDescriptor, graph);
  d.set(heuristics, 200, kHeuristicMode, mode);
  if (target.properties)
    d.set(heuristics, 204, kDescriptor, target.properties);
  d.finish(heuristics);
  constexpr int64_t most = 32;
  Descriptor configurations[most];
  int64_t count = 0;
  int before = d.size();
  for (Descriptor &c : configurations)
    c = d.create(kConfiguration);
  if (!d.good || dnn.getAttribute(heuristics, 202, kDescriptor, most, &count,
                                  configurations))
    return false;
  report.configurations += count;
  int configured = before + int(most);
  for (int64_t i = 0; i < count; ++i) {
    d.keep(configured);
    if (allowed(configurations[i], report)) {
      d.keep(configured);
      Descriptor plan = d.create(kPlan);
      d.set(plan, 401, kDescriptor, configurations[i]);
      if (target.handle)
        d.set(plan, 400, kHandle, target.handle);
      else
        d.set(plan, 407, kDescriptor, target.properties);
      d.finish(plan);
      int64_t one = 0;
      if (d.good &&
          !dnn.getAttribute(plan, 402, kInt64, 1, &one, &report.workspace) &&
          report.workspace <= kMostWorkspace) {
        found = plan;
        return true;
      }
    }
    ++report.refused;
  }
  return false;
}

bool Planner::plan(ConvolutionReport &report, Descriptor &found) {
  Descriptor operations = graph();
  if (!d.good) {
    snprintf(report.problem, sizeof report.problem,
             "cuDNN takes no such operation: status %d", d.status);
    return false;
  }
  int before = d.size();
  for (int mode : {kModeA, kFallback}) {
    if (tryMode(mode, operations, report, found))
      return true;
    d.keep(before);
  }
  snprintf(report.problem, sizeof report.problem,
           "none of %lld configurations will do, last status %d",
           (long long)report.configurations, d.status);
  return false;
}

static void describe(const etch_convolution_t &c, int64_t alignment,
                     Form &form) {
  memset(&form, 0, sizeof form);
  memcpy(form.x, c.x_extents, sizeof form.x);
  memcpy(form.w, c.w_extents, sizeof form.w);
  memcpy(form.y, c.y_extents, sizeof form.y);
  memcpy(form.stride, c.stride, sizeof form.stride);
  memcpy(form.pad, c.pad, sizeof form.pad);
  memcpy(form.dilation, c.dilation, sizeof form.dilation);
  form.groups = c.groups;
  form.alignment = alignment;
  form.kind = c.kind;
  form.dtype = c.dtype;
  form.precision = c.precision;
  form.activation = c.activation;
  form.bias = c.bias != nullptr;
  form.form = c.form;
}

bool etch::runtime::cuda::planConvolution(const etch_convolution_t &c,
                                          const char *deviceProperties,
                                          ConvolutionReport &report) {
  report = {};
  if (Cudnn::get().problem[0]) {
    snprintf(report.problem, sizeof report.problem, "%s", Cudnn::get().problem);
    return false;
  }
  Descriptors d;
  Target target;
  target.properties = d.create(kProperties);
  d.set(target.properties, 2702, kChar, deviceProperties,
        int64_t(strlen(deviceProperties)) + 1);
  d.finish(target.properties);
  if (!d.good) {
    snprintf(report.problem, sizeof report.problem,
             "cuDNN does not take the device's properties: status %d",
             d.status);
    return false;
  }
  Form form;
  describe(c, 16, form);
  Descriptor plan = nullptr;
  return Planner(form, target, d).plan(report, plan);
}

/// Null while a graph is captured if it has not come before.
static ConvolutionPlan *planFor(etch_device *device, const Form &form) {
  for (ConvolutionPlan *plan = device->convolutions->plans; plan;
       plan = plan->next)
    if (!memcmp(&plan->form, &form, sizeof form))
      return plan;
  void *memory = device->capturing ? nullptr : malloc(sizeof(ConvolutionPlan));
  if (!memory)
    return nullptr;
  auto *plan = new (memory) ConvolutionPlan;
  memcpy(&plan->form, &form, sizeof form);
  Target target;
  target.handle = device->convolutions->handle;
  ConvolutionReport report;
  if (Planner(plan->form, target, plan->descriptors).plan(report, plan->plan)) {
    plan->workspace = report.workspace;
    if (needWorkspace(device, uint64_t(plan->workspace)) != ETCH_OK)
      plan->plan = nullptr;
  }
  plan->next = device->convolutions->plans;
  device->convolutions->plans = plan;
  return plan;
}

static bool begin(etch_device *device) {
  const Cudnn &dnn = Cudnn::get();
  if (dnn.problem[0])
    return false;
  if (!device->convolutions) {
    void *memory = device->capturing ? nullptr : malloc(sizeof(Convolutions));
    if (!memory)
      return false;
    device->convolutions = new (memory) Convolutions;
    Handle &handle = device->convolutions->handle;
    if (dnn.create(&handle))
      handle = nullptr; // for good
    else if (dnn.setStream(handle, device->stream)) {
      dnn.destroy(handle);
      handle = nullptr;
    }
  }
  return device->convolutions->handle;
}

etch_status_t etch_device_convolution(etch_device_t *device,
                                      const etch_convolution_t *convolution,
                                      int32_t *done) {
  *done = 0;
  const etch_convolution_t &c = *convolution;
  for (const int64_t *extents : {c.x_extents, c.w_extents, c.y_extents})
    for (int i = 0; i < 4; ++i)
      if (extents[i] <= 0)
        return ETCH_OK;
  if ((c.dtype != ETCH_F32 && c.dtype != ETCH_F64) ||
      (c.form & ETCH_STORED_BF16 && c.dtype != ETCH_F32) ||
      (c.activation != ETCH_NO_ACTIVATION && c.activation != ETCH_RELU))
    return ETCH_OK;
  if (etch_status_t status = enter(device))
    return status;
  if (!begin(device))
    return ETCH_OK;
  auto bits =
      reinterpret_cast<uint64_t>(c.x) | reinterpret_cast<uint64_t>(c.w) |
      reinterpret_cast<uint64_t>(c.y) | reinterpret_cast<uint64_t>(c.bias) | 16;
  Form form;
  describe(c, int64_t(bits & -bits), form);
  ConvolutionPlan *plan = planFor(device, form);
  if (!plan || !plan->plan)
    return ETCH_OK;
  int64_t numbers[4] = {kX, kW, kY, kBias};
  const void *pointers[4] = {c.x, c.w, c.y, c.bias};
  Descriptors d;
  Descriptor pack = d.create(kPack);
  int64_t count = c.bias ? 4 : 3;
  d.set(pack, 1000, kInt64, numbers, count);
  d.set(pack, 1001, kPointer, pointers, count);
  d.set(pack, 1003, kPointer, device->workspace);
  d.finish(pack);
  int status = d.good ? Cudnn::get().execute(device->convolutions->handle,
                                             plan->plan, pack)
                      : d.status;
  if (status)
    return fail(ETCH_ERROR_DEVICE,
                "cuDNN cannot do the convolution of operation %d: status %d",
                c.site, status);
  device->lastFunction = "a convolution by cuDNN";
  device->lastSite = c.site;
  ++device->info.library_calls;
  *done = ETCH_DONE;
  return ETCH_OK;
}

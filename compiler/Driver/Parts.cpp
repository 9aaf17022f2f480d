//===- Parts.cpp - Long programs compile in parts -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Driver/Parts.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

using namespace mlir;
using namespace etch::driver;

/// Operations of a part. A part costs some milliseconds besides.
static constexpr int64_t partLength = 3000;

/// The operations of a function that needs nothing of its module; 0 for others.
static int64_t lengthOfKernel(LLVM::LLVMFuncOp function) {
  if (function.isExternal() ||
      function.getLinkage() != LLVM::Linkage::Internal ||
      function.getName().starts_with("etch."))
    return 0;
  int64_t length = 0;
  auto result = function.walk([&](Operation *op) {
    auto call = dyn_cast<LLVM::CallOp>(op);
    if (isa<LLVM::AddressOfOp>(op) || (call && call.getCallee()))
      return WalkResult::interrupt();
    ++length;
    return WalkResult::advance();
  });
  return result.wasInterrupted() ? 0 : length;
}

SmallVector<OwningOpRef<ModuleOp>> etch::driver::takeKernels(ModuleOp program) {
  SmallVector<std::pair<LLVM::LLVMFuncOp, int64_t>> kernels;
  int64_t all = 0;
  for (auto function : program.getOps<LLVM::LLVMFuncOp>())
    if (int64_t length = lengthOfKernel(function)) {
      kernels.push_back({function, length});
      all += length;
    }
  SmallVector<OwningOpRef<ModuleOp>> parts;
  if (all < 2 * partLength)
    return parts;
  int64_t filled = partLength;
  OpBuilder b(program.getContext());
  for (auto [kernel, length] : kernels) {
    if (filled >= partLength) {
      parts.push_back(ModuleOp::create(program.getLoc()));
      filled = 0;
    }
    filled += length;
    b.setInsertionPoint(kernel);
    auto declared = LLVM::LLVMFuncOp::create(
        b, kernel.getLoc(), kernel.getName(), kernel.getFunctionType());
    kernel->remove();
    parts.back()->push_back(kernel);
    kernel.setLinkage(LLVM::Linkage::External);
    for (LLVM::LLVMFuncOp function : {kernel, declared})
      function.setVisibility_(LLVM::Visibility::Hidden);
  }
  return parts;
}

ObjectMakers::ObjectMakers(TargetInfo target) : target(std::move(target)) {}

bool ObjectMakers::add(ModuleOp kernels) {
  auto context = std::make_unique<llvm::LLVMContext>();
  auto module = translateModuleToLLVMIR(kernels, *context, "kernels",
                                        /*disableVerification=*/true);
  if (!module)
    return false;
  std::lock_guard lock(mutex);
  jobs.emplace_back();
  jobs.back().context = std::move(context);
  jobs.back().module = std::move(module);
  changed.notify_one();
  // This thread is one of those that the machine has.
  if (threads.size() + 1 < std::thread::hardware_concurrency())
    threads.emplace_back([this] {
      while (runOne(/*wait=*/true))
        ;
    });
  return true;
}

/// Makes one object; false if there is none to make, or will be none.
bool ObjectMakers::runOne(bool wait) {
  Job *job;
  {
    std::unique_lock lock(mutex);
    if (wait)
      changed.wait(lock, [&] { return closed || next < jobs.size(); });
    if (next == jobs.size())
      return false;
    job = &jobs[next++];
  }
  if (llvm::Error error = emitObject(*job->module, target, /*quick=*/false,
                                     job->object, &job->times))
    job->error = llvm::toString(std::move(error));
  job->module.reset();
  job->context.reset();
  return true;
}

void ObjectMakers::stop() {
  {
    std::lock_guard lock(mutex);
    closed = true;
  }
  changed.notify_all();
  for (std::thread &thread : threads)
    thread.join();
  threads.clear();
}

llvm::Error ObjectMakers::finish(double &optimise, double &emit) {
  while (runOne(/*wait=*/false))
    ;
  stop();
  for (const Job &job : jobs) {
    if (!job.error.empty())
      return llvm::createStringError(job.error);
    for (const PhaseTime &time : job.times)
      (time.name == "emit" ? emit : optimise) += time.milliseconds;
  }
  return llvm::Error::success();
}

SmallVector<llvm::StringRef> ObjectMakers::objects() const {
  return llvm::map_to_vector(jobs, [](const Job &job) {
    return llvm::StringRef(job.object.data(), job.object.size());
  });
}

ObjectMakers::~ObjectMakers() {
  {
    std::lock_guard lock(mutex);
    next = jobs.size();
  }
  stop();
}

//===- DeviceDialect.h - The device dialect ----------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_DIALECTS_DEVICE_DEVICEDIALECT_H
#define ETCH_DIALECTS_DEVICE_DEVICEDIALECT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/Device/DeviceDialect.h.inc"

#define GET_OP_CLASSES
#include "dialects/Device/DeviceOps.h.inc"

#endif // ETCH_DIALECTS_DEVICE_DEVICEDIALECT_H

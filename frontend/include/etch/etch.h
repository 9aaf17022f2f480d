//===- etch.h - All of Etch -------------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef ETCH_ETCH_H
#define ETCH_ETCH_H

#include "etch/array.h"        // IWYU pragma: export
#include "etch/autograd.h"     // IWYU pragma: export
#include "etch/compile.h"      // IWYU pragma: export
#include "etch/config.h"       // IWYU pragma: export
#include "etch/control_flow.h" // IWYU pragma: export
#include "etch/convolution.h"  // IWYU pragma: export
#include "etch/cuda.h"         // IWYU pragma: export
#include "etch/dataset.h"      // IWYU pragma: export
#include "etch/datasets.h"     // IWYU pragma: export
#include "etch/download.h"     // IWYU pragma: export
#include "etch/error.h"        // IWYU pragma: export
#include "etch/export.h"       // IWYU pragma: export
#include "etch/figure.h"       // IWYU pragma: export
#include "etch/function.h"     // IWYU pragma: export
#include "etch/functions.h"    // IWYU pragma: export
#include "etch/graph.h"        // IWYU pragma: export
#include "etch/image.h"        // IWYU pragma: export
#include "etch/index.h"        // IWYU pragma: export
#include "etch/layers.h"       // IWYU pragma: export
#include "etch/lbfgs.h"        // IWYU pragma: export
#include "etch/memory.h"       // IWYU pragma: export
#include "etch/models.h"       // IWYU pragma: export
#include "etch/operators.h"    // IWYU pragma: export
#include "etch/optimizers.h"   // IWYU pragma: export
#include "etch/plot.h"         // IWYU pragma: export
#include "etch/random.h"       // IWYU pragma: export
#include "etch/recurrent.h"    // IWYU pragma: export
#include "etch/report.h"       // IWYU pragma: export
#include "etch/transforms.h"   // IWYU pragma: export
#include "etch/variable.h"     // IWYU pragma: export
#include "etch/vision.h"       // IWYU pragma: export

#endif // ETCH_ETCH_H

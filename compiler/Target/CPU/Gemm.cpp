#include "compiler/Target/CPU/Evaluator.h"
using namespace mlir;
LogicalResult etch::cpu::emitMatmul(Kernel &k) { return k.source.emitError("unsupported"); }

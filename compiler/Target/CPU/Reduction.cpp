#include "compiler/Target/CPU/Evaluator.h"
using namespace mlir;
using namespace etch::cpu;
LogicalResult etch::cpu::emitReduction(Kernel &k) { return k.source.emitError("unsupported"); }
LogicalResult etch::cpu::emitArgmax(Kernel &k) { return k.source.emitError("unsupported"); }
LogicalResult etch::cpu::emitMatmul(Kernel &k) { return k.source.emitError("unsupported"); }
LogicalResult etch::cpu::emitIndexed(Kernel &k) { return k.source.emitError("unsupported"); }

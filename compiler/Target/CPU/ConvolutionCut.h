//===- ConvolutionCut.h - How a convolution's work is cut --------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef ETCH_COMPILER_TARGET_CPU_CONVOLUTIONCUT_H
#define ETCH_COMPILER_TARGET_CPU_CONVOLUTIONCUT_H

#include "compiler/Target/CPU/Convolution.h"

namespace etch::cpu::correlation {

/// Extents, inside the kernel or at its launch.
struct Numbers {
  Ix batch, rows, channels; ///< rows and channels of one group
  Ix taps[2], source[2], result[2];
};

/// How the work is cut; the bits of the result do not depend on it.
struct Cut {
  WindowAxis axis[2]; ///< of all residues: the largest
  Ix classes[2], pitch, tail, stagedRows, plane;
  Ix stripRows, strips, columns, rowTile, rowTiles, residues, chain;
  Ix images, imageTiles; ///< of a unit
  Ix width;              ///< from one row of outputs to the next in the sums
  Ix channels;           ///< staged at once
  Ix channelPitch;       ///< of staged memory
  Ix sums;               ///< elements of one residue
  Ix units, tableBytes, aheadBytes, stagedBytes, panelBytes, bytes;
};

/// What the op says and how its registers are used: known before the extents.
struct Job {
  bool transposed;
  bool interleaved; ///< a unit does all residues along W
  int64_t stride[2], pad[2], dilation[2], groups;
  ExtentRef refs[9]; ///< batch, filters, channels, taps, source, result
  RegisterTile tile;
  int64_t bytes; ///< of an element
  /// Panels of packed places, of so many images or rows of one at a time.
  bool packed = false;
  int64_t images = 1, stripRows = 1;

  /// Taps of the filter whose numbers agree modulo this meet the same places.
  int64_t period(int i) const {
    return stride[i] / std::gcd(stride[i], dilation[i]);
  }
  template <class From> Numbers numbers(Emit &e, const From &from) const {
    Ix filters = e.div(refs[1].in(from), groups), channels = refs[2].in(from);
    Numbers n;
    n.batch = refs[0].in(from);
    n.rows = transposed ? channels : filters;
    n.channels = transposed ? filters : channels;
    for (int i = 0; i < 2; ++i) {
      n.taps[i] = refs[3 + i].in(from);
      n.source[i] = refs[5 + i].in(from);
      n.result[i] = refs[7 + i].in(from);
    }
    return n;
  }
  Cut cut(Emit &e, const Numbers &x) const;
  /// The register tile, and whether panels are packed; many: of 32 registers.
  void choose(Emit &e, const Numbers &x, bool many);

private:
  void chooseVectors(Ix places);
  void choosePanels(const Numbers &x, const Cut &c);
};

} // namespace etch::cpu::correlation

#endif // ETCH_COMPILER_TARGET_CPU_CONVOLUTIONCUT_H

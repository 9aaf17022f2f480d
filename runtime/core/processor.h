/*===- processor.h - Does this processor have what code needs?
--------------===*\
|*
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* A module says for which features of a processor it was compiled (LLVM's
|* names in etch_module_t.target). Of these, the ones that compiled code may
|* use by itself are looked up here; tile registers are asked for by the code
|* that uses them. C11 and C++, static functions only; needs no library.
\*===----------------------------------------------------------------------===*/
#ifndef ETCH_RUNTIME_CORE_PROCESSOR_H
#define ETCH_RUNTIME_CORE_PROCESSOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>

/* Words that CPUID gives, named by function and register; at last which parts
   of the registers the system saves (XCR0). */
enum {
  ETCH_1_C,
  ETCH_7_B,
  ETCH_7_C,
  ETCH_7_D,
  ETCH_71_A,
  ETCH_71_D,
  ETCH_EXT_C,
  ETCH_SAVED,
  ETCH_PROCESSOR_WORDS
};
typedef struct etch_processor {
  uint32_t words[ETCH_PROCESSOR_WORDS];
} etch_processor_t;

typedef struct etch_feature {
  const char *missing; /* what to say; the feature's name is in it */
  int32_t word, bit;
  uint32_t saved; /* what the system must save besides */
} etch_feature_t;

#define ETCH_MISSING_HEAD "this processor has no "
#define ETCH_MISSING_TAIL ", for which the code was compiled"
#define ETCH_FEATURE(name, word, bit, saved)                                   \
  {ETCH_MISSING_HEAD name ETCH_MISSING_TAIL, word, bit, saved}

/* From what is asked for most to what is asked for least. */
static const etch_feature_t etch_features[] = {
    ETCH_FEATURE("sse3", ETCH_1_C, 0, 0),
    ETCH_FEATURE("ssse3", ETCH_1_C, 9, 0),
    ETCH_FEATURE("sse4.1", ETCH_1_C, 19, 0),
    ETCH_FEATURE("sse4.2", ETCH_1_C, 20, 0),
    ETCH_FEATURE("popcnt", ETCH_1_C, 23, 0),
    ETCH_FEATURE("avx", ETCH_1_C, 28, 0x6),
    ETCH_FEATURE("f16c", ETCH_1_C, 29, 0x6),
    ETCH_FEATURE("fma", ETCH_1_C, 12, 0x6),
    ETCH_FEATURE("avx2", ETCH_7_B, 5, 0x6),
    ETCH_FEATURE("bmi", ETCH_7_B, 3, 0),
    ETCH_FEATURE("bmi2", ETCH_7_B, 8, 0),
    ETCH_FEATURE("lzcnt", ETCH_EXT_C, 5, 0),
    ETCH_FEATURE("movbe", ETCH_1_C, 22, 0),
    ETCH_FEATURE("avx512f", ETCH_7_B, 16, 0xe6),
    ETCH_FEATURE("avx512dq", ETCH_7_B, 17, 0xe6),
    ETCH_FEATURE("avx512cd", ETCH_7_B, 28, 0xe6),
    ETCH_FEATURE("avx512bw", ETCH_7_B, 30, 0xe6),
    ETCH_FEATURE("avx512vl", ETCH_7_B, 31, 0xe6),
    ETCH_FEATURE("avx512ifma", ETCH_7_B, 21, 0xe6),
    ETCH_FEATURE("avx512vbmi", ETCH_7_C, 1, 0xe6),
    ETCH_FEATURE("avx512vbmi2", ETCH_7_C, 6, 0xe6),
    ETCH_FEATURE("avx512vnni", ETCH_7_C, 11, 0xe6),
    ETCH_FEATURE("avx512bitalg", ETCH_7_C, 12, 0xe6),
    ETCH_FEATURE("avx512vpopcntdq", ETCH_7_C, 14, 0xe6),
    ETCH_FEATURE("avx512bf16", ETCH_71_A, 5, 0xe6),
    ETCH_FEATURE("avx512fp16", ETCH_7_D, 23, 0xe6),
    ETCH_FEATURE("avx512vp2intersect", ETCH_7_D, 8, 0xe6),
    ETCH_FEATURE("avxvnni", ETCH_71_A, 4, 0x6),
    ETCH_FEATURE("avxifma", ETCH_71_A, 23, 0x6),
    ETCH_FEATURE("avxvnniint8", ETCH_71_D, 4, 0x6),
    ETCH_FEATURE("avxneconvert", ETCH_71_D, 5, 0x6),
    ETCH_FEATURE("avxvnniint16", ETCH_71_D, 10, 0x6),
    ETCH_FEATURE("gfni", ETCH_7_C, 8, 0),
    ETCH_FEATURE("vpclmulqdq", ETCH_7_C, 10, 0x6),
    ETCH_FEATURE("pclmul", ETCH_1_C, 1, 0),
    ETCH_FEATURE("adx", ETCH_7_B, 19, 0),
    ETCH_FEATURE("egpr", ETCH_71_D, 21, 0x80000),
    ETCH_FEATURE("sse4a", ETCH_EXT_C, 6, 0),
    ETCH_FEATURE("xop", ETCH_EXT_C, 11, 0x6),
    ETCH_FEATURE("fma4", ETCH_EXT_C, 16, 0x6),
    ETCH_FEATURE("tbm", ETCH_EXT_C, 21, 0),
};

/* Asks this processor. That takes some microseconds on a virtual machine. */
static inline etch_processor_t etch_this_processor(void) {
  etch_processor_t all;
  uint32_t *words = all.words;
  unsigned a, b, c, d, most, more;
  memset(&all, 0, sizeof(all));
  __cpuid(0, most, b, c, d);
  if (most < 1)
    return all;
  __cpuid(1, a, b, c, d);
  words[ETCH_1_C] = c;
  if (c >> 27 & 1) { /* XGETBV may be used */
    __asm__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    words[ETCH_SAVED] = a;
  }
  if (most >= 7) {
    __cpuid_count(7, 0, more, b, c, d);
    words[ETCH_7_B] = b;
    words[ETCH_7_C] = c;
    words[ETCH_7_D] = d;
    if (more >= 1) {
      __cpuid_count(7, 1, a, b, c, d);
      words[ETCH_71_A] = a;
      words[ETCH_71_D] = d;
    }
  }
  __cpuid(0x80000000, most, b, c, d);
  if (most >= 0x80000001) {
    __cpuid(0x80000001, a, b, c, d);
    words[ETCH_EXT_C] = c;
  }
  return all;
}

/* Whether a processor, as the system lets it be used, has the feature. */
static inline int etch_processor_has(const etch_processor_t *processor,
                                     const etch_feature_t *feature) {
  const uint32_t *words = processor->words;
  return (words[feature->word] >> feature->bit & 1) &&
         (words[ETCH_SAVED] & feature->saved) == feature->saved;
}

/* NULL if code for `target` (triple, processor, and features as "+a,-b") runs
   there; else a sentence that names what is missing. */
static inline const char *
etch_processor_lacks(const etch_processor_t *processor, const char *target) {
  const size_t head = sizeof(ETCH_MISSING_HEAD) - 1;
  const size_t count = sizeof(etch_features) / sizeof(etch_features[0]);
  size_t missing = count;
  for (const char *at = target; at && *at; ++at) {
    if (*at != '+')
      continue;
    for (size_t i = 0; i < missing; ++i) {
      const char *name = etch_features[i].missing + head;
      size_t same = 0;
      while (at[1 + same] == name[same] && name[same] != ',')
        ++same;
      if (name[same] == ',' && (!at[1 + same] || at[1 + same] == ',') &&
          !etch_processor_has(processor, &etch_features[i]))
        missing = i;
    }
  }
  return missing < count ? etch_features[missing].missing : NULL;
}

#else

typedef struct etch_processor {
  int32_t unused;
} etch_processor_t;

static inline etch_processor_t etch_this_processor(void) {
  etch_processor_t none = {0};
  return none;
}

static inline const char *
etch_processor_lacks(const etch_processor_t *processor, const char *target) {
  (void)processor;
  (void)target;
  return NULL;
}

#endif

#endif /* ETCH_RUNTIME_CORE_PROCESSOR_H */

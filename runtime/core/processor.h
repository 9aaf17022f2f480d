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

typedef struct etch_feature {
  const char *missing; /* what to say; the feature's name is in it */
  uint32_t leaf, subleaf;
  int32_t word; /* of eax, ebx, ecx, edx */
  int32_t bit;
  uint32_t saved; /* parts of registers that the system must save: of XCR0 */
} etch_feature_t;

#define ETCH_MISSING_HEAD "this processor has no "
#define ETCH_MISSING_TAIL ", for which the code was compiled"
#define ETCH_FEATURE(name, leaf, subleaf, word, bit, saved)                    \
  {ETCH_MISSING_HEAD name ETCH_MISSING_TAIL, leaf, subleaf, word, bit, saved}

/* From what is asked for most to what is asked for least. */
static const etch_feature_t etch_features[] = {
    ETCH_FEATURE("sse3", 1, 0, 2, 0, 0),
    ETCH_FEATURE("ssse3", 1, 0, 2, 9, 0),
    ETCH_FEATURE("sse4.1", 1, 0, 2, 19, 0),
    ETCH_FEATURE("sse4.2", 1, 0, 2, 20, 0),
    ETCH_FEATURE("popcnt", 1, 0, 2, 23, 0),
    ETCH_FEATURE("avx", 1, 0, 2, 28, 0x6),
    ETCH_FEATURE("f16c", 1, 0, 2, 29, 0x6),
    ETCH_FEATURE("fma", 1, 0, 2, 12, 0x6),
    ETCH_FEATURE("avx2", 7, 0, 1, 5, 0x6),
    ETCH_FEATURE("bmi", 7, 0, 1, 3, 0),
    ETCH_FEATURE("bmi2", 7, 0, 1, 8, 0),
    ETCH_FEATURE("lzcnt", 0x80000001, 0, 2, 5, 0),
    ETCH_FEATURE("movbe", 1, 0, 2, 22, 0),
    ETCH_FEATURE("avx512f", 7, 0, 1, 16, 0xe6),
    ETCH_FEATURE("avx512dq", 7, 0, 1, 17, 0xe6),
    ETCH_FEATURE("avx512cd", 7, 0, 1, 28, 0xe6),
    ETCH_FEATURE("avx512bw", 7, 0, 1, 30, 0xe6),
    ETCH_FEATURE("avx512vl", 7, 0, 1, 31, 0xe6),
    ETCH_FEATURE("avx512ifma", 7, 0, 1, 21, 0xe6),
    ETCH_FEATURE("avx512vbmi", 7, 0, 2, 1, 0xe6),
    ETCH_FEATURE("avx512vbmi2", 7, 0, 2, 6, 0xe6),
    ETCH_FEATURE("avx512vnni", 7, 0, 2, 11, 0xe6),
    ETCH_FEATURE("avx512bitalg", 7, 0, 2, 12, 0xe6),
    ETCH_FEATURE("avx512vpopcntdq", 7, 0, 2, 14, 0xe6),
    ETCH_FEATURE("avx512bf16", 7, 1, 0, 5, 0xe6),
    ETCH_FEATURE("avx512fp16", 7, 0, 3, 23, 0xe6),
    ETCH_FEATURE("avx512vp2intersect", 7, 0, 3, 8, 0xe6),
    ETCH_FEATURE("avxvnni", 7, 1, 0, 4, 0x6),
    ETCH_FEATURE("avxifma", 7, 1, 0, 23, 0x6),
    ETCH_FEATURE("avxvnniint8", 7, 1, 3, 4, 0x6),
    ETCH_FEATURE("avxneconvert", 7, 1, 3, 5, 0x6),
    ETCH_FEATURE("avxvnniint16", 7, 1, 3, 10, 0x6),
    ETCH_FEATURE("gfni", 7, 0, 2, 8, 0),
    ETCH_FEATURE("vpclmulqdq", 7, 0, 2, 10, 0x6),
    ETCH_FEATURE("pclmul", 1, 0, 2, 1, 0),
    ETCH_FEATURE("adx", 7, 0, 1, 19, 0),
    ETCH_FEATURE("egpr", 7, 1, 3, 21, 0x80000),
    ETCH_FEATURE("sse4a", 0x80000001, 0, 2, 6, 0),
    ETCH_FEATURE("xop", 0x80000001, 0, 2, 11, 0x6),
    ETCH_FEATURE("fma4", 0x80000001, 0, 2, 16, 0x6),
    ETCH_FEATURE("tbm", 0x80000001, 0, 2, 21, 0),
};

/* Whether this processor, as the system lets it be used, has the feature. */
static inline int etch_processor_has(const etch_feature_t *feature) {
  unsigned words[4] = {0, 0, 0, 0}, first[4] = {0, 0, 0, 0};
  uint32_t saved = 0, high;
  if (!__get_cpuid_count(feature->leaf, feature->subleaf, &words[0], &words[1],
                         &words[2], &words[3]) ||
      !(words[feature->word] >> feature->bit & 1))
    return 0;
  if (!feature->saved)
    return 1;
  __get_cpuid(1, &first[0], &first[1], &first[2], &first[3]);
  if (first[2] >> 27 & 1) /* XGETBV may be used */
    __asm__("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
  return (saved & feature->saved) == feature->saved;
}

/* Whether "+name" is among the words of a target. */
static inline int etch_target_names(const char *target, const char *name,
                                    size_t length) {
  for (const char *at = target; *at; ++at) {
    size_t same = 0;
    if (*at != '+')
      continue;
    while (same < length && at[1 + same] == name[same])
      ++same;
    if (same == length && (!at[1 + same] || at[1 + same] == ','))
      return 1;
  }
  return 0;
}

/* NULL if code for `target` (triple, processor and features) runs here; else a
   sentence that names what is missing. */
static inline const char *etch_processor_lacks(const char *target) {
  const size_t head = sizeof(ETCH_MISSING_HEAD) - 1;
  const size_t around = head + sizeof(ETCH_MISSING_TAIL) - 1;
  const size_t count = sizeof(etch_features) / sizeof(etch_features[0]);
  for (size_t i = 0; target && i < count; ++i) {
    const etch_feature_t *feature = &etch_features[i];
    if (etch_target_names(target, feature->missing + head,
                          strlen(feature->missing) - around) &&
        !etch_processor_has(feature))
      return feature->missing;
  }
  return NULL;
}

#else

static inline const char *etch_processor_lacks(const char *target) {
  (void)target;
  return NULL;
}

#endif

#endif /* ETCH_RUNTIME_CORE_PROCESSOR_H */

/* Made by `beeyard kfunc define`. */
#ifndef OWN_KFUNCS_H
#define OWN_KFUNCS_H

#ifndef __ksym
#define __ksym __attribute__((section(".ksyms")))
#endif

struct allowance {
  unsigned long long tokens;
  unsigned long long last;
};

extern struct allowance *bucket_get(unsigned int address, unsigned long long burst) __ksym;
extern void bucket_put(struct allowance *bucket) __ksym;
extern _Bool bucket_take(struct allowance *bucket) __ksym;
extern unsigned int bytes_sum(void *bytes, unsigned int length__sz) __ksym;

#endif

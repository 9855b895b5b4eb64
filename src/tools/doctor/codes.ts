import type { Finding, Severity } from './types.ts';

interface CodeFacts {
  readonly severity: Severity;
  /** How to mend it, for every finding with this code. */
  readonly fix?: string;
}

const error = (fix: string): CodeFacts => ({ severity: 'error', fix });
const warning = (fix: string): CodeFacts => ({ severity: 'warning', fix });
const note = (fix?: string): CodeFacts => ({ severity: 'note', ...(fix && { fix }) });

/** Every code there is. Codes are stable: what is sorted out by them must not change its name. */
export const FINDING_CODES = {
  // The file
  'not-bpf': error('compile with `clang -target bpf -c`'),
  linked: error('hand over the relocatable object (`clang -c`, no linking by ld)'),
  'byte-order': error('compile for the byte order of the machine: `-target bpf` does'),
  'no-symbols': error('strip with `llvm-strip -g` or `bpftool gen object`, never all symbols'),
  'rela-relocations': error('use a compiler that writes SHT_REL (clang, bpf-gcc)'),
  unreadable: error('compile it again; if it still is, report it'),
  'broken-btf': error('compile again with -g, and do not run pahole or objcopy over it'),
  'broken-btf-ext': warning('compile again with -g'),
  // Types
  'no-btf': warning('compile with -g (clang) or -gbtf (gcc); strip with `llvm-strip -g`'),
  'no-btf-ext': warning('clang -g writes it; bpf-gcc does from version 14 on'),
  'functions-undescribed': warning('compile every source with -g'),
  // Maps
  'legacy-maps': error('define maps by BTF: `struct { __uint(type, …); … } name SEC(".maps");`'),
  'maps-need-btf': error('compile with -g (clang) or -gbtf (gcc)'),
  'maps-undescribed': error('compile with -g, with clang 10 or newer or gcc 12 or newer'),
  'static-map': error('drop `static`: a map is a global variable'),
  'map-name-cut': note(),
  'map-pinned': note(),
  // Programs
  'unknown-section': error('name the section as libbpf knows it: SEC("xdp"), SEC("kprobe/…")'),
  'loose-section': error('leave the suffix away: SEC("xdp"), SEC("tc"), SEC("socket")'),
  'static-program': error('drop `static`, or mark it __always_inline, or take its SEC away'),
  'call-outside-text': error('put functions that are called into .text: no SEC on them'),
  'code-size': error('compile it again: code is a multiple of 8 bytes'),
  'no-programs': warning('put SEC("…") on a function that is not static'),
  'attach-target-open': warning('name it, SEC("fentry/function"), or set it before loading'),
  'struct-ops-unused': error('name the function in a table in SEC(".struct_ops")'),
  'not-autoloaded': note(),
  // Symbols
  'undefined-function': error('include it as an inline function, or link the object that has it'),
  'undefined-symbol': error('define it, or declare it with __ksym, __kconfig or link it'),
  'extern-section': error('externs belong to .ksyms (__ksym) or .kconfig (__kconfig)'),
  'common-symbol': error('compile with -fno-common, or give the variable an initial value'),
  // Data
  'data-unmapped': error(
    'put it into .data, .rodata or .bss, or a section named after one of them',
  ),
  'data-addresses': warning('fill in addresses at run time'),
  'strings-map': note('Linux 5.2 and libbpf 0.6 or newer; `static const char x[]` is in .rodata'),
  'const-in-data': warning('clang puts constants into .rodata; with gcc use SEC(".rodata")'),
  'data-undescribed': warning('compile with -g (clang) or -gbtf (gcc)'),
  'doubled-address': error('compile with gcc 13 and binutils 2.41 or newer, or with clang'),
  // Code
  'stack-overflow': error('move big variables into a per-CPU array map'),
  'not-optimised': warning('compile with -O2: programs made with -O0 hardly ever verify'),
  'lost-zero-extension': error('compile with -mcpu=v3: bpf-gcc 12 then has 32-bit arithmetic'),
  'indirect-call': error('call functions by name, or make them __always_inline'),
  'bad-instruction': error('compile with -mcpu=v4 or lower'),
  'too-many-insns': error('split it: a program has at most 1,000,000 instructions'),
  'no-license': warning('char LICENSE[] SEC("license") = "GPL";  if that is your licence'),
  'needs-gpl': error('char LICENSE[] SEC("license") = "GPL";  if that is your licence'),
  'unknown-helper': error('use helpers that Linux 6.12 has'),
  'helper-not-allowed': warning('use a helper this type has (`beeyard proto NAME`)'),
  // The kernel
  'kernel-lacks': error('mark the extern __weak and ask bpf_ksym_exists(), or CO-RE field_exists'),
  rejected: error('see `beeyard verify OBJ --explain`'),
} as const satisfies Readonly<Record<string, CodeFacts>>;

export type FindingCode = keyof typeof FINDING_CODES;

/** Makes a finding; severity and advice come from the table unless `more` has others. */
export function finding(
  code: FindingCode,
  place: string,
  message: string,
  more: Partial<Pick<Finding, 'says' | 'fix' | 'severity'>> = {},
): Finding {
  const { severity, fix }: CodeFacts = FINDING_CODES[code];
  return { code, severity, place, message, ...(fix ? { fix } : {}), ...more };
}

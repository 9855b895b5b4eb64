import type { CauseId } from '../cause-ids.ts';

/** What a loader says without a word of the verifier. */
export interface LoaderWords {
  readonly code: string;
  readonly cause: CauseId;
  readonly regex: RegExp;
  readonly problem: string;
  readonly advice: readonly string[];
}

const anyOf = (...words: readonly RegExp[]) =>
  new RegExp(words.map(({ source }) => source).join('|'), 'i');

/** What is told apart, the more particular before the general. */
const TABLE: readonly LoaderWords[] = [
  {
    code: 'loader.memlock',
    cause: 'privilege',
    regex: anyOf(
      /RLIMIT_MEMLOCK/,
      /memlock/,
      /remove(?:_|Mem)lock/,
      /rlimit.*(?:increase|too low)/,
    ),
    problem:
      'The memory a process may lock is too small for maps and programs (kernels before 5.11).',
    advice: [
      'Raise RLIMIT_MEMLOCK: `ulimit -l unlimited`, setrlimit(), LimitMEMLOCK=infinity in a unit.',
    ],
  },
  {
    code: 'loader.no_kernel_btf',
    cause: 'loader-or-btf',
    regex: anyOf(
      /failed to find valid kernel BTF/,
      /kernel BTF is missing/,
      /(?:no such file|not found).*\/sys\/kernel\/btf\/vmlinux/,
      /\/sys\/kernel\/btf\/vmlinux.*(?:no such file|not found)/,
      /vmlinux BTF is not found/,
      /no BTF found for kernel/,
      /Error loading vmlinux BTF/,
    ),
    problem: 'The kernel has no type information (BTF), which this program needs.',
    advice: [
      'Use a kernel built with CONFIG_DEBUG_INFO_BTF=y (is there /sys/kernel/btf/vmlinux?).',
      'For older kernels hand the loader a BTF file (btfhub; btf_custom_path of libbpf).',
    ],
  },
  {
    code: 'loader.no_attach_target',
    cause: 'attach-target',
    regex: anyOf(
      /failed to find kernel BTF type ID of '([^']+)'/,
      /find_kernel_btf_id/,
      /(?:attach target|target) (?:function )?'?[\w.]+'? (?:is )?not found/,
      /can't find (?:function|attach)/,
      /cannot find (?:BTF )?(?:function|type) '?\w+'? in/,
    ),
    problem: 'The function or hook the program attaches to is not in this kernel.',
    advice: [
      'Look for the name in /sys/kernel/btf/vmlinux (`bpftool btf dump file`): it may ' +
        'be inlined, static and renamed, or of another kernel version.',
    ],
  },
  {
    code: 'loader.btf_refused',
    cause: 'loader-or-btf',
    regex: anyOf(
      /Error loading (?:\.BTF into kernel|BTF:)/,
      /BTF is required, but is missing or corrupted/,
      /load btf: /,
    ),
    problem: "The kernel refuses the object's own type information.",
    advice: [
      'Kernel and compiler differ in age: a newer libbpf cleans up what old kernels do not ' +
        'know; strip nothing but DWARF (`llvm-strip -g`).',
    ],
  },
  {
    code: 'loader.no_symbol',
    cause: 'loader-or-btf',
    regex: anyOf(
      /extern (?:\(\w+ ksym\) )?'([^']+)':? (?:\(strong\):? )?not (?:found|resolved)/,
      /extern \(\w+ ksym\) '[^']+': (?:not found|func_proto)/,
    ),
    problem: 'A kernel function or variable the program names is not in this kernel.',
    advice: [
      'Declare it `__weak` and ask bpf_ksym_exists() before using it, or use a newer kernel.',
    ],
  },
  {
    code: 'loader.map_refused',
    cause: 'map-not-compatible',
    regex: anyOf(/failed to create map|map create:|creating map|bpf_create_map/),
    problem: 'A map could not be created, so no program was looked at.',
    advice: [
      'EPERM: privileges or RLIMIT_MEMLOCK. EINVAL: sizes, flags or an unknown map type. ' +
        'E2BIG, ENOMEM: too many or too large entries.',
    ],
  },
  {
    code: 'loader.no_filesystem',
    cause: 'loader-or-btf',
    regex: anyOf(
      /bpffs/,
      /\/sys\/fs\/bpf.*(?:no such file|not mounted|permission)/,
      /failed to pin/,
    ),
    problem: 'Pinning failed: the BPF file system is not there or may not be written.',
    advice: ['`mount -t bpf bpf /sys/fs/bpf`, and look at the rights of the path.'],
  },
  {
    code: 'loader.attach_refused',
    cause: 'attach-target',
    regex: anyOf(
      /failed to (?:auto-)?attach/,
      /attach(?:ing)? .*(?:failed|error)/,
      /link create: /,
    ),
    problem: 'The program was loaded; attaching it failed.',
    advice: ['Look at the hook: is it there, is it taken already, does the program type fit?'],
  },
  {
    code: 'loader.log_too_small',
    cause: 'other',
    regex: anyOf(/no space left on device/, /ENOSPC/, /verifier log.*(?:truncated|too small)/),
    problem: "The buffer for the verifier's log was too small: why it refused is lost.",
    advice: ['Load again with a larger log buffer (16 MiB), or log level 1 instead of 2.'],
  },
  {
    code: 'loader.eperm',
    cause: 'privilege',
    regex: anyOf(
      /operation not permitted/,
      /permission denied/,
      /\bEPERM\b/,
      /\bEACCES\b/,
      /-1\b.*(?:EPERM)/,
      /: -1\)?$/,
      /errno=1\b/,
    ),
    problem: 'The loader lacks a privilege: the verifier has not even begun.',
    advice: [
      'Run as root, or with CAP_BPF and CAP_PERFMON (tracing) or CAP_NET_ADMIN (networking).',
      'In containers seccomp and a user namespace of its own may forbid bpf(2); lockdown and ' +
        'kernel.unprivileged_bpf_disabled are others to look at.',
    ],
  },
  {
    code: 'loader.einval',
    cause: 'loader-or-btf',
    regex: anyOf(/invalid argument/, /\bEINVAL\b/, /: -22\)?$/, /errno=22\b/),
    problem:
      'The kernel refuses the load without a word of the verifier: an argument does not fit.',
    advice: [
      'Look at section name and program type, attach type and target, kernel version of a kprobe ' +
        'program (before 5.0), and flags an older kernel does not know.',
      'Load with a log level of 1: a verifier that says nothing has not begun.',
    ],
  },
  {
    code: 'loader.unknown_type',
    cause: 'loader-or-btf',
    regex: anyOf(
      /(?:missing|unrecognized|unknown).*(?:SEC|section|program type)/,
      /no such (?:program|section)/,
    ),
    problem: 'The loader does not know what kind of program this is.',
    advice: ['Check the section name against the table of libbpf.'],
  },
];

/** The first thing a loader complains of; undefined if nothing is recognised. */
export function loaderWords(
  lines: readonly string[],
): { readonly words: LoaderWords; readonly line: string } | undefined {
  for (const words of TABLE) {
    const line = lines.find((one) => words.regex.test(one));
    if (line !== undefined) return { words, line };
  }
  return undefined;
}

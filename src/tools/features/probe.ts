import {
  attachTypeId,
  constants,
  enums,
  HELPER_COUNT,
  helperId,
  helperName,
  type KernelProfile,
  mapTypeName,
  programTypeId,
  programTypeName,
} from '../../abi/index.ts';
import { assemble, encodeCode } from '../../isa/index.ts';
import { type VerifierInput, verify } from '../../verifier/index.ts';
import { KERNEL_OPTIONS } from './options.ts';

/** What bpftool's `feature probe kernel` finds out, by its own way: it tries each thing. */
export interface KernelFeatures {
  /** Configuration options by name; undefined: not set. */
  readonly config: readonly (readonly [name: string, value: string | undefined])[];
  readonly programTypes: readonly (readonly [type: string, available: boolean])[];
  readonly mapTypes: readonly (readonly [type: string, available: boolean])[];
  /** Names of the helpers programs of a type may call. */
  readonly helpers: readonly (readonly [type: string, helpers: readonly string[]])[];
  readonly misc: readonly Misc[];
}

/** A feature told by whether a small program loads. */
export interface Misc {
  readonly key: string;
  readonly words: string;
  readonly available: boolean;
}

/** Attach types without which Linux looks at no program of a type (probe_prog_load). */
const ATTACH_TYPES: Readonly<Record<string, string>> = {
  cgroup_sock_addr: 'cgroup_inet4_connect',
  cgroup_sockopt: 'cgroup_getsockopt',
  sk_lookup: 'sk_lookup',
  lirc_mode2: 'lirc_mode2',
  netfilter: 'netfilter',
  tracing: 'trace_fentry',
  lsm: 'modify_return',
};

/** Types that only attach to something: they are there if Linux refuses type 1 of its BTF. */
const REFUSAL: Readonly<Record<string, string>> = {
  tracing: 'attach_btf_id 1 is not a function',
  lsm: 'attach_btf_id 1 is not a function',
  ext: 'Cannot replace kernel functions',
};

/** What the verifier says of a helper that programs of a type do not have. */
const MISSING = /invalid func |unknown func |program of this type cannot use helper /;

/** Helpers that write to the kernel's log when they are tried: left out unless asked for. */
const LOUD: readonly (number | undefined)[] = [
  helperId('trace_printk'),
  helperId('trace_vprintk'),
  helperId('probe_write_user'),
];

const TRIVIAL = 'r0 = 0\nexit\n';

/**
 * Asks the verifier about each program type and each helper, as bpftool asks a kernel. `full` asks
 * for the helpers too that bpftool leaves out.
 *
 * @example
 * probeFeatures(await loadKernelProfile()).helpers.find(([type]) => type === 'xdp');
 */
export function probeFeatures(kernel: KernelProfile, full = false): KernelFeatures {
  const types = listOf(enums.bpf_prog_type.__MAX_BPF_PROG_TYPE, programTypeName);
  const programTypes = types.map((type) => [type, hasProgramType(type, kernel)] as const);
  return {
    config: KERNEL_OPTIONS.map((name) => [name, kernel.kconfig(name)?.toString()] as const),
    programTypes,
    // No verifier decides on maps: Debian's kernel is configured with every type there is.
    mapTypes: listOf(enums.bpf_map_type.__MAX_BPF_MAP_TYPE, mapTypeName).map(
      (type) => [type, true] as const,
    ),
    helpers: programTypes.map(
      ([type, there]) => [type, there ? helpersOf(type, kernel, full) : []] as const,
    ),
    misc: MISC.map(({ key, words, code }) => {
      return { key, words, available: load('socket_filter', code, kernel).ok };
    }),
  };
}

/** Names by number, without the first, which stands for none. */
const listOf = (count: number, name: (id: number) => string): string[] =>
  Array.from({ length: count - 1 }, (_, i) => name(i + 1));

function hasProgramType(type: string, kernel: KernelProfile): boolean {
  // A struct_ops program needs a member of a kernel's table to be looked at; Linux says ENOTSUPP.
  if (type === 'struct_ops') return true;
  const { ok, log } = load(type, TRIVIAL, kernel);
  const refusal = REFUSAL[type];
  return refusal === undefined ? ok : !ok && log.includes(refusal);
}

function helpersOf(type: string, kernel: KernelProfile, full: boolean): string[] {
  // libbpf cannot make a program of these to try helpers with.
  if (type in REFUSAL || type === 'struct_ops') return [];
  const found: string[] = [];
  for (let id = 1; id < HELPER_COUNT; id++) {
    if (!full && LOUD.includes(id)) continue;
    const { ok, log } = load(type, `call ${id}\nexit\n`, kernel);
    if (ok || !MISSING.test(log)) found.push(`bpf_${helperName(id)}`);
  }
  return found;
}

function load(type: string, code: string, kernel: KernelProfile) {
  const attach = ATTACH_TYPES[type];
  const input: VerifierInput = {
    name: '',
    type: programTypeId(type)!,
    expectedAttachType: attach === undefined ? 0 : attachTypeId(attach)!,
    attachBtfId: type in REFUSAL ? 1 : 0,
    license: 'GPL',
    flags: type === 'syscall' ? constants.BPF_F_SLEEPABLE : 0,
    insns: encodeCode(assemble(code).code),
    maps: [],
    btf: undefined,
    functionInfo: [],
    lineInfo: [],
  };
  return verify(input, kernel, { logLevel: 1 });
}

const LARGEST_OF_OLD = 4096;

const MISC: readonly { readonly key: string; readonly words: string; readonly code: string }[] = [
  {
    key: 'large_insn_limit',
    words: 'Large program size limit',
    code: `${'r0 = 1\n'.repeat(LARGEST_OF_OLD)}exit\n`,
  },
  {
    key: 'bounded_loops',
    words: 'Bounded loop support',
    code: 'r0 = 10\nr0 -= 1\nif r0 != 0 goto -2\nexit\n',
  },
  {
    key: 'v2_isa_extension',
    words: 'ISA extension v2',
    code: 'r0 = 0\nif r0 < 0 goto +1\nr0 = 1\nexit\n',
  },
  {
    key: 'v3_isa_extension',
    words: 'ISA extension v3',
    code: 'r0 = 0\nif w0 < 0 goto +1\nr0 = 1\nexit\n',
  },
];

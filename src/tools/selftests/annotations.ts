/**
 * What a selftest says should happen to it: declaration tags `comment:test_…` on its function.
 * The rules are those of the kernel's test loader (tools/testing/selftests/bpf/test_loader.c).
 */
import type { Btf } from '../../btf/index.ts';
import type { ObjectFile } from '../../object/index.ts';

/** With all capabilities, or without any. */
export type SelftestMode = 'privileged' | 'unprivileged';

/** What is expected of a load in one mode. */
export interface Expected {
  /** The verifier is to reject the program. */
  failure: boolean | undefined;
  /** Patterns that the log has, one behind the other. */
  messages: string[];
  /** Patterns of lines of the rewritten program. */
  xlated: string[];
  /** What the program is to return, as written. */
  retval: string | undefined;
}

/** All that the tags of one program say. */
export interface SelftestSpec {
  readonly program: string;
  description: string;
  readonly privileged: Expected;
  readonly unprivileged: Expected;
  /** PRIVILEGED | UNPRIVILEGED: which are tested. */
  modes: number;
  /** BPF_F_* for BPF_PROG_LOAD. */
  flags: number;
  logLevel: number;
  /** 0: all. */
  arches: number;
  /** Only there for other programs. */
  auxiliary: boolean;
  /** Types to relocate for, instead of the kernel's. */
  btfPath: string | undefined;
  /** Not for x86-64. */
  skipped: boolean;
}

const TAG = 'comment:test_';

export const PRIVILEGED = 1;
export const UNPRIVILEGED = 2;

const FLAGS: Readonly<Record<string, number>> = {
  BPF_F_STRICT_ALIGNMENT: 1 << 0,
  BPF_F_ANY_ALIGNMENT: 1 << 1,
  BPF_F_TEST_RND_HI32: 1 << 2,
  BPF_F_TEST_STATE_FREQ: 1 << 3,
  BPF_F_SLEEPABLE: 1 << 4,
  BPF_F_XDP_HAS_FRAGS: 1 << 5,
  BPF_F_TEST_REG_INVARIANTS: 1 << 7,
};

/** What the test loader asks of every program: random high halves and checked invariants. */
export const DEFAULT_FLAGS = (1 << 2) | (1 << 7);

const X86_64 = 2;
/** Bits of architectures; tests run where theirs contains x86-64. */
const ARCHES: Readonly<Record<string, number>> = { X86_64: 2, ARM64: 4, RISCV64: 8 };

function emptyResult(): Expected {
  return { failure: undefined, messages: [], xlated: [], retval: undefined };
}

/**
 * The specification of every program that has one, by the program's name. A program without tags
 * has none.
 */
export function testSpecs({
  btf,
  programs,
}: {
  readonly btf?: Pick<Btf, 'types' | 'find'> | undefined;
  readonly programs: readonly Pick<ObjectFile['programs'][number], 'name'>[];
}): Map<string, SelftestSpec> {
  const specs = new Map<string, SelftestSpec>();
  if (!btf) return specs;
  const functions = new Map<number, string>();
  for (const { name } of programs) {
    const id = btf.find('func', name);
    if (id !== undefined) functions.set(id, name);
  }
  for (const type of btf.types) {
    if (type.kind !== 'decl_tag' || type.component !== -1 || !type.name.startsWith(TAG)) continue;
    const name = functions.get(type.type);
    if (name === undefined) continue;
    let spec = specs.get(name);
    if (!spec) specs.set(name, (spec = emptySpec(name)));
    readTag(spec, type.name.slice(TAG.length));
  }
  for (const spec of specs.values()) finish(spec);
  return specs;
}

function emptySpec(program: string): SelftestSpec {
  return {
    program,
    description: program,
    privileged: emptyResult(),
    unprivileged: emptyResult(),
    modes: 0,
    flags: DEFAULT_FLAGS,
    logLevel: 0,
    arches: 0,
    auxiliary: false,
    btfPath: undefined,
    skipped: false,
  };
}

/** Tags with `=`: by what stands before the first one. */
const VALUES: Readonly<Record<string, (spec: SelftestSpec, value: string) => unknown>> = {
  description: (spec, value) => (spec.description = value),
  log_level: (spec, value) => (spec.logLevel = Number.parseInt(value, 10)),
  prog_flags: (spec, value) => (spec.flags = withFlag(spec.flags, value)),
  btf_path: (spec, value) => (spec.btfPath = value),
  arch: (spec, value) => (spec.arches |= ARCHES[value] ?? 0),
  retval: (spec, value) => (mark(spec, PRIVILEGED).retval = value),
  retval_unpriv: (spec, value) => (mark(spec, UNPRIVILEGED).retval = value),
  expect_msg: (spec, value) => mark(spec, PRIVILEGED).messages.push(counted(value)),
  expect_msg_unpriv: (spec, value) => mark(spec, UNPRIVILEGED).messages.push(counted(value)),
  expect_xlated: (spec, value) => mark(spec, PRIVILEGED).xlated.push(value),
  expect_xlated_unpriv: (spec, value) => mark(spec, UNPRIVILEGED).xlated.push(value),
};

const WORDS: Readonly<Record<string, (spec: SelftestSpec) => unknown>> = {
  expect_failure: (spec) => (mark(spec, PRIVILEGED).failure = true),
  expect_success: (spec) => (mark(spec, PRIVILEGED).failure = false),
  expect_failure_unpriv: (spec) => (mark(spec, UNPRIVILEGED).failure = true),
  expect_success_unpriv: (spec) => (mark(spec, UNPRIVILEGED).failure = false),
  auxiliary: (spec) => ((spec.auxiliary = true), mark(spec, PRIVILEGED)),
  auxiliary_unpriv: (spec) => ((spec.auxiliary = true), mark(spec, UNPRIVILEGED)),
};

function readTag(spec: SelftestSpec, tag: string): void {
  const split = tag.indexOf('=');
  const word = split < 0 ? tag : tag.slice(0, split);
  if (split < 0) WORDS[word]?.(spec);
  else VALUES[word]?.(spec, tag.slice(split + 1));
}

/** Notes that a mode is tested; returns its result. */
function mark(spec: SelftestSpec, mode: number): Expected {
  spec.modes |= mode;
  return mode === PRIVILEGED ? spec.privileged : spec.unprivileged;
}

/** Tags that may repeat carry a number: `3=text`. */
function counted(value: string): string {
  return value.slice(value.indexOf('=') + 1);
}

function withFlag(flags: number, word: string): number {
  const clear = word.startsWith('!');
  const name = clear ? word.slice(1) : word;
  const flag = FLAGS[name] ?? Number(name);
  return clear ? flags & ~flag : flags | flag;
}

/** What was left open: success; the unprivileged side takes over what it does not say itself. */
function finish(spec: SelftestSpec): void {
  const { privileged, unprivileged } = spec;
  if (spec.modes === 0) spec.modes = PRIVILEGED;
  privileged.failure ??= false;
  unprivileged.failure ??= privileged.failure;
  unprivileged.retval ??= privileged.retval;
  for (const side of [privileged, unprivileged]) {
    // Lines of a program: their order counts, which is that of their numbers.
    side.xlated.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
    side.xlated = side.xlated.map(counted);
  }
  if (unprivileged.messages.length === 0) unprivileged.messages = privileged.messages;
  if (unprivileged.xlated.length === 0) unprivileged.xlated = privileged.xlated;
  spec.skipped = spec.arches !== 0 && (spec.arches & X86_64) === 0;
}

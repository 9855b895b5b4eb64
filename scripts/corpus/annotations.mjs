/**
 * What a selftest says should happen to it: declaration tags `comment:test_…` on its function.
 * The rules are those of the kernel's test loader (tools/testing/selftests/bpf/test_loader.c).
 */

const TAG = 'comment:test_';

export const PRIVILEGED = 1;
export const UNPRIVILEGED = 2;

const FLAGS = {
  BPF_F_STRICT_ALIGNMENT: 1 << 0,
  BPF_F_ANY_ALIGNMENT: 1 << 1,
  BPF_F_TEST_RND_HI32: 1 << 2,
  BPF_F_TEST_STATE_FREQ: 1 << 3,
  BPF_F_SLEEPABLE: 1 << 4,
  BPF_F_XDP_HAS_FRAGS: 1 << 5,
  BPF_F_TEST_REG_INVARIANTS: 1 << 7,
};

/** What the test loader asks of every program: random high halves and checked invariants. */
export const DEFAULT_FLAGS = FLAGS.BPF_F_TEST_RND_HI32 | FLAGS.BPF_F_TEST_REG_INVARIANTS;

/** Bits of architectures; tests run where theirs contains x86-64. */
const ARCHES = { X86_64: 2, ARM64: 4, RISCV64: 8 };

function emptyResult() {
  return { failure: undefined, messages: [], xlated: [], retval: undefined };
}

/**
 * The specification of every program that has one, by the program's name. A program without tags
 * has none.
 */
export function testSpecs(object) {
  const specs = new Map();
  if (!object.btf) return specs;
  const { btf } = object;
  const functions = new Map();
  for (const { name } of object.programs) {
    const id = btf.find('func', name);
    if (id !== undefined) functions.set(id, name);
  }
  for (const type of btf.types) {
    if (type.kind !== 'decl_tag' || type.component !== -1 || !type.name.startsWith(TAG)) continue;
    const name = functions.get(type.type);
    if (name === undefined) continue;
    if (!specs.has(name)) specs.set(name, emptySpec(name));
    readTag(specs.get(name), type.name.slice(TAG.length));
  }
  for (const spec of specs.values()) finish(spec);
  return specs;
}

function emptySpec(program) {
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
  };
}

/** Tags with `=`: by what stands before the first one. */
const VALUES = {
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

const WORDS = {
  expect_failure: (spec) => (mark(spec, PRIVILEGED).failure = true),
  expect_success: (spec) => (mark(spec, PRIVILEGED).failure = false),
  expect_failure_unpriv: (spec) => (mark(spec, UNPRIVILEGED).failure = true),
  expect_success_unpriv: (spec) => (mark(spec, UNPRIVILEGED).failure = false),
  auxiliary: (spec) => ((spec.auxiliary = true), mark(spec, PRIVILEGED)),
  auxiliary_unpriv: (spec) => ((spec.auxiliary = true), mark(spec, UNPRIVILEGED)),
};

function readTag(spec, tag) {
  const split = tag.indexOf('=');
  const word = split < 0 ? tag : tag.slice(0, split);
  if (split < 0) WORDS[word]?.(spec);
  else VALUES[word]?.(spec, tag.slice(split + 1));
}

/** Notes that a mode is tested; returns its result. */
function mark(spec, mode) {
  spec.modes |= mode;
  return mode === PRIVILEGED ? spec.privileged : spec.unprivileged;
}

/** Tags that may repeat carry a number: `3=text`. */
function counted(value) {
  return value.slice(value.indexOf('=') + 1);
}

function withFlag(flags, word) {
  const clear = word.startsWith('!');
  const name = clear ? word.slice(1) : word;
  const flag = FLAGS[name] ?? Number(name);
  return clear ? flags & ~flag : flags | flag;
}

/** What was left open: success; the unprivileged side takes over what it does not say itself. */
function finish(spec) {
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
  spec.skipped = spec.arches !== 0 && (spec.arches & ARCHES.X86_64) === 0;
}

// What Linux 6.12 makes of the same filters: bytes of machine code, from a virtual machine.
import { chooseAccelerator, missingTools, runPlan } from '../../scripts/vm/machine.mjs';
import { Plan } from '../../scripts/vm/plan.mjs';

/** Numbers of bpf(2) commands, sizes of their attributes. */
const MAP_CREATE = 0;
const PROG_LOAD = 5;
const OBJ_GET_INFO = 15;
const XDP = 6;
/** As far as jited_prog_len of struct bpf_prog_info. */
const INFO_BYTES = 24;
const JITED = 16;
/** Linux gives out memory for programs in pieces of this size (BPF_PROG_CHUNK_SIZE). */
const CHUNK = 64;

function attributes(size, words) {
  const attr = Buffer.alloc(size);
  for (const [at, value] of words) attr.writeUInt32LE(value, at);
  return attr;
}

/** Adds a filter and the question for its size; returns the question. */
function ask(plan, map, { insns, relocations }) {
  const count = insns.length / 8;
  const load = plan.syscall(
    PROG_LOAD,
    attributes(128, [
      [0, XDP],
      [4, count],
    ]),
    [
      { at: 8, bytes: Buffer.from(insns) },
      { at: 16, bytes: Buffer.from('GPL\0') },
    ],
    relocations.map(({ insn }) => ({ at: insn * 8 + 4, command: map, buffer: 0 })),
  );
  const info = plan.syscall(
    OBJ_GET_INFO,
    attributes(16, [[4, INFO_BYTES]]),
    [{ at: 8, size: INFO_BYTES }],
    [{ at: 0, command: load }],
  );
  plan.closeFrom(load);
  return info;
}

/**
 * `{ programs, bytes, chunks }` of the filters of an object (see filters.mjs): machine code in all,
 * and with each rounded up to what the kernel's packs give out. A string says why there is none.
 */
export async function kernelSizes({ programs, maps: [spec] }) {
  const missing = missingTools();
  if (missing) return missing;
  const plan = new Plan();
  const map = plan.syscall(
    MAP_CREATE,
    attributes(72, [
      [0, spec.typeId],
      [4, spec.keySize],
      [8, spec.valueSize],
      [12, spec.maxEntries],
    ]),
  );
  const questions = new Set(programs.map((program) => ask(plan, map, program)));
  const sizes = [];
  const given = (command, { result, buffers }) => {
    if (questions.has(command) && result === 0) sizes.push(buffers[0].readUInt32LE(JITED));
  };
  const { ended, console: text } = await runPlan(plan, given, {
    seconds: 120,
    accelerator: await chooseAccelerator(),
  });
  if (!ended || sizes.length !== programs.length) {
    return `${sizes.length} of ${programs.length} filters loaded: ${text}`;
  }
  const sum = (of) => sizes.reduce((all, size) => all + of(size), 0);
  return {
    programs: sizes.length,
    bytes: sum((size) => size),
    chunks: sum((size) => CHUNK * Math.ceil(size / CHUNK)),
  };
}

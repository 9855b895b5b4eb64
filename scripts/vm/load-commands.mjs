/** Programs, as the verifier's room has them, put into the bpf(2) commands that load them. */
import { load } from '../corpus/source.mjs';
import { CONTEXT } from './setup.mjs';

const { mapRules } = await load('src/abi/index.ts');
const { loadableBtf } = await load('src/linux/btf.ts');

const COMMAND = {
  mapCreate: 0,
  mapUpdate: 2,
  progLoad: 5,
  testRun: 10,
  btfLoad: 18,
  mapFreeze: 22,
};
const ATTR_SIZE = {
  mapCreate: 80,
  mapUpdate: 32,
  progLoad: 144,
  testRun: 80,
  btfLoad: 32,
  mapFreeze: 4,
};
const INSN_SIZE = 8;
const LD_IMM64 = 0x18;
const NAMES_MAP = new Set([1, 2]);
const NAME_LENGTH = 15;

const ARENA = 33;

/** Places in the attr of BPF_MAP_CREATE. */
const BTF_FD = 48;
const BTF_VALUE_TYPE = 56;

/** Why a program cannot be put into a plan, or undefined. */
export function notPlanned({ attachProgram, attachModule, modules }) {
  if (attachProgram) return 'it attaches to another program';
  if (attachModule || modules?.length > 0) return 'it names a kernel module';
  return undefined;
}

/** Types that programs and maps of an object share: `{ command, stringAt }`, or undefined. */
function loadBtf(plan, inputs) {
  const btf = inputs.find((input) => input.btf)?.btf;
  if (!btf) return undefined;
  const texts = new Set();
  for (const { lineInfo } of inputs) {
    for (const { file, text } of lineInfo) texts.add(file).add(text);
  }
  const { bytes, stringAt } = loadableBtf(btf, texts);
  const attr = attributes('btfLoad', [[16, bytes.length]]);
  return { command: plan.syscall(COMMAND.btfLoad, attr, [{ at: 0, bytes }]), stringAt };
}

/**
 * Adds the commands of questions about one object, which share its types: `one(question, btf)` those of
 * each, after which all that they opened is closed. `loaded`: all programs that are loaded for it.
 */
export function askTogether(plan, asked, one, loaded = asked) {
  if (asked.length === 0) return;
  const first = plan.length;
  plan.privileged(!asked[0].unprivileged);
  const btf = loadBtf(
    plan,
    loaded.map(({ input }) => input),
  );
  for (const question of asked) {
    const start = plan.length;
    question.commands = one(question, btf);
    plan.closeFrom(start);
  }
  plan.closeFrom(first);
}

/**
 * Creates a map; of a data section that programs cannot write with its contents. `arenaBytes`: what
 * an arena begins with.
 */
export function createMap(plan, map, btf, arenaBytes) {
  const references = [];
  if (map.inner) references.push({ at: 20, command: createMap(plan, map.inner, btf) });
  if (map.btf && btf) references.push({ at: BTF_FD, command: btf.command });
  // What the kernel adds by itself it takes from nobody.
  const flags = map.flags & ~(mapRules(map.type)?.addedFlags ?? 0);
  const attr = attributes('mapCreate', [
    [0, map.type],
    [4, map.keySize],
    [8, map.valueSize],
    [12, map.maxEntries],
    [16, flags],
    [52, map.keyTypeId],
    [BTF_VALUE_TYPE, map.valueTypeId],
  ]);
  attr.write(map.name, 28, NAME_LENGTH, 'latin1');
  attr.writeBigUInt64LE(map.extra, 64);
  const command = createAsLibbpf(plan, attr, references);
  if (map.type === ARENA) plan.mapArena(command, map.maxEntries, map.extra, arenaBytes);
  if (map.constantValue) {
    fillMap(plan, command, Buffer.alloc(map.keySize), map.constantValue, map.valueSize);
    const frozen = Buffer.alloc(ATTR_SIZE.mapFreeze);
    plan.syscall(COMMAND.mapFreeze, frozen, [], [{ at: 0, command }]);
  }
  return command;
}

/** libbpf tries again without types when the kernel does not like them. */
function createAsLibbpf(plan, attr, references) {
  const command = plan.syscall(COMMAND.mapCreate, attr, [], references);
  const untyped = references.filter(({ at }) => at !== BTF_FD);
  if (untyped.length === references.length) return command;
  const plain = Buffer.from(attr).fill(0, BTF_FD, BTF_VALUE_TYPE + 4);
  return plan.syscall(COMMAND.mapCreate, plain, [], untyped, command);
}

/** Sets the value of a key. */
export function fillMap(plan, map, key, value, size) {
  const whole = Buffer.alloc(size);
  whole.set(value);
  const buffers = [
    { at: 8, bytes: key },
    { at: 16, bytes: whole },
  ];
  return plan.syscall(COMMAND.mapUpdate, attributes('mapUpdate', []), buffers, [
    { at: 0, command: map },
  ]);
}

/** Puts a map or program into a slot. */
export function fillSlot(plan, map, slot, command, valueSize = 4) {
  const key = attributes4(slot);
  const buffers = [
    { at: 8, bytes: key },
    { at: 16, bytes: Buffer.alloc(valueSize) },
  ];
  return plan.syscall(COMMAND.mapUpdate, attributes('mapUpdate', []), buffers, [
    { at: 0, command: map },
    { at: 0, command, buffer: 1 },
  ]);
}

/** BPF_PROG_LOAD; `maps` are the commands that created the input's maps, in their order. */
export function loadProgram(plan, input, maps, btf, { logLevel, logSize }) {
  const insns = Buffer.from(input.insns);
  const typed = input.btf && btf;
  const functions = typed ? functionRecords(input) : Buffer.alloc(0);
  const lines = typed ? lineRecords(input, btf.stringAt) : Buffer.alloc(0);
  const attr = attributes('progLoad', [
    [0, input.type],
    [4, insns.length / INSN_SIZE],
    [24, logLevel],
    [28, logLevel ? logSize : 0],
    [44, input.flags],
    [68, input.expectedAttachType],
    [76, functions.length && 8],
    [88, functions.length / 8],
    [92, lines.length && 16],
    [104, lines.length / 16],
    [108, input.attachBtfId],
  ]);
  attr.write(input.name, 48, NAME_LENGTH, 'latin1');
  const buffers = [
    { at: 8, bytes: insns },
    { at: 16, bytes: Buffer.from(`${input.license}\0`) },
    ...(functions.length ? [{ at: 80, bytes: functions }] : []),
    ...(lines.length ? [{ at: 96, bytes: lines }] : []),
    ...(logLevel ? [{ at: 32, size: logSize, text: true }] : []),
  ];
  const references = mapReferences(insns, maps);
  if (typed) references.push({ at: 72, command: btf.command });
  return plan.syscall(COMMAND.progLoad, attr, buffers, references);
}

/** The instructions that name maps by index get their file descriptors. */
function mapReferences(insns, maps) {
  const references = [];
  for (let at = 0; at < insns.length; at += INSN_SIZE) {
    if (insns[at] !== LD_IMM64) continue;
    if (NAMES_MAP.has(insns[at + 1] >> 4)) {
      references.push({ at: at + 4, command: maps[insns.readInt32LE(at + 4)], buffer: 0 });
    }
    at += INSN_SIZE;
  }
  return references;
}

function functionRecords({ functionInfo }) {
  return Buffer.concat(functionInfo.map(({ insn, typeId }) => attributes4(insn, typeId)));
}

function lineRecords({ lineInfo }, stringAt) {
  return Buffer.concat(
    lineInfo.map(({ insn, file, text, line, column }) =>
      attributes4(insn, stringAt(file), stringAt(text), (line << 10) | column),
    ),
  );
}

/**
 * BPF_PROG_TEST_RUN on a packet, of which up to `room` bytes come back; without a packet on a context
 * of zeros.
 */
export function testRun(plan, program, packet, room) {
  if (!packet) return contextRun(plan, program);
  const attr = attributes('testRun', [
    [8, packet.length],
    [12, room],
    [32, 1],
  ]);
  const buffers = [
    { at: 16, bytes: packet },
    { at: 24, size: room, sizeAt: 12 },
  ];
  return plan.syscall(COMMAND.testRun, attr, buffers, [{ at: 0, command: program }]);
}

/** Programs without a packet: syscall, raw_tp. */
function contextRun(plan, program) {
  const attr = attributes('testRun', [[40, CONTEXT.length]]);
  return plan.syscall(
    COMMAND.testRun,
    attr,
    [{ at: 48, bytes: CONTEXT }],
    [{ at: 0, command: program }],
  );
}

/** Where the return value stands in the attr of a test run. */
export const returnValueOf = (attr) => attr.readInt32LE(4);

function attributes(name, numbers) {
  const attr = Buffer.alloc(ATTR_SIZE[name]);
  for (const [at, number] of numbers) attr.writeUInt32LE(number >>> 0, at);
  return attr;
}

function attributes4(...numbers) {
  const bytes = Buffer.alloc(4 * numbers.length);
  numbers.forEach((number, index) => bytes.writeUInt32LE(number >>> 0, 4 * index));
  return bytes;
}

/**
 * Test runs of whole objects on hostile packets, as commands of a plan, and what comes back in the
 * words of tests/machine/packet-replay.ts.
 */
import { createHash } from 'node:crypto';
import { askContents, isCompared, kernelContents } from './contents.mjs';
import { askTogether, fillMap } from './load-commands.mjs';
import { RUN, Setup, fillSlots, questionsOf } from './questions.mjs';

const TEST_RUN = 10;
const ATTR_SIZE = 80;
const ROOM = 1 << 16;
/** Places in attr. */
const AT = {
  sizeIn: 8,
  sizeOut: 12,
  dataIn: 16,
  dataOut: 24,
  repeat: 32,
  contextSizeIn: 40,
  contextSizeOut: 44,
  contextIn: 48,
  contextOut: 56,
};
/** Which of a packet's contexts a program gets, and how large that is. */
const CONTEXTS = { xdp: ['xdp', 24], sched_cls: ['skb', 192], sched_act: ['skb', 192] };
const LOGGED = { logLevel: 1, logSize: 1 << 20 };
const HASH_LENGTH = 10;
/** Contents that are shorter stay as they are. */
const SHORT = 100;

/** Context of a packet for a program: `{ input, output, size }`. */
export function contextFor(program, packet) {
  const [name, size] = CONTEXTS[program.type];
  return { ...packet[name], size };
}

/** The programs of an object that are asked about: questions of questions.mjs. */
export function packetQuestions(beeyard, source, one) {
  const all = questionsOf(beeyard, source);
  const wanted = ({ program }) => !one.programs || one.programs.includes(program.name);
  const asked = all.filter(
    (question) => question.input && RUN.has(question.program.type) && wanted(question),
  );
  return { all: all.filter(({ input }) => input), asked };
}

/** Adds everything about a case to a plan; `questions.commands` says where. */
export function askPackets(plan, beeyard, { all, asked }, one, packets) {
  const ask = (question, btf) => {
    const setup = new Setup(plan, beeyard, all, btf);
    const load = setup.program(question, LOGGED);
    const before = (one.before ?? []).map((name) => {
      const first = all.find(({ program }) => program.name === name);
      return setup.program(first, LOGGED);
    });
    fillSlots(setup, question);
    fillMaps(plan, setup, question, one.maps ?? {});
    for (const program of before) run(plan, program, packets[0], { output: false, size: 0 });
    const runs = packets.map((packet) =>
      run(plan, load, packet, contextFor(question.program, packet)),
    );
    const maps = question.object.maps
      .filter((spec) => setup.maps.has(spec.name) && isCompared(spec))
      .map((spec) => ({ spec, commands: askContents(plan, spec, setup.maps.get(spec.name)) }));
    return { load, created: setup.maps, runs, maps };
  };
  askTogether(plan, asked, ask, all);
}

function fillMaps(plan, setup, { object }, entries) {
  for (const [name, pairs] of Object.entries(entries)) {
    const spec = object.maps.find((map) => map.name === name);
    for (const [key, value] of spec && setup.maps.has(name) ? pairs : []) {
      const bytes = Buffer.from(value, 'hex');
      fillMap(plan, setup.maps.get(name), Buffer.from(key, 'hex'), bytes, bytes.length);
    }
  }
}

/** BPF_PROG_TEST_RUN of a packet with its context. */
function run(plan, program, { data }, { input, output, size }) {
  const attr = Buffer.alloc(ATTR_SIZE);
  const buffers = [
    { at: AT.dataIn, bytes: data },
    { at: AT.dataOut, size: ROOM, sizeAt: AT.sizeOut },
  ];
  attr.writeUInt32LE(data.length, AT.sizeIn);
  attr.writeUInt32LE(ROOM, AT.sizeOut);
  attr.writeUInt32LE(1, AT.repeat);
  if (input) {
    attr.writeUInt32LE(size, AT.contextSizeIn);
    buffers.push({ at: AT.contextIn, bytes: input });
  }
  if (output) {
    attr.writeUInt32LE(size, AT.contextSizeOut);
    buffers.push({ at: AT.contextOut, size, sizeAt: AT.contextSizeOut });
  }
  return plan.syscall(TEST_RUN, attr, buffers, [{ at: 0, command: program }]);
}

/** What the kernel said: `{ errno }` or `{ runs, maps }`, in the fixture's words. */
export function packetAnswers({ program, commands }, answers, packets) {
  const { result } = answers.get(commands.load);
  if (result < 0) return { errno: -result };
  const runs = commands.runs.map((command, i) => {
    const { result: error, attr, buffers } = answers.get(command);
    const [data, context] = buffers;
    return runText(packets[i], contextFor(program, packets[i]), {
      error,
      returnValue: attr.readInt32LE(4),
      data,
      context,
    });
  });
  const maps = commands.maps.map(({ spec, commands: asked }) => [
    spec.name,
    mapText(
      kernelContents(
        spec,
        asked.map((command) => answers.get(command)),
      ),
    ),
  ]);
  return { runs, maps: Object.fromEntries(maps) };
}

/**
 * A run in a few letters: 'E22' for an errno; else the return value, what became of the packet ('=' for
 * nothing, or its length and hash) and of the context ('=', or its bytes up to the last that is not
 * zero; '' where nobody asked).
 */
export function runText(packet, asked, { error, returnValue, data, context }) {
  if (error < 0) return `E${-error}`;
  const after = Buffer.from(data);
  const same = after.equals(packet.data);
  const packetText = same ? '=' : `${after.length}:${hash(after)}`;
  return `${returnValue} ${packetText}${asked.output ? ` ${contextText(asked, context)}` : ''}`;
}

function contextText({ input, size }, context) {
  const before = Buffer.concat([input ?? Buffer.alloc(0), Buffer.alloc(size)]).subarray(0, size);
  const after = Buffer.from(context);
  return after.equals(before) ? '=' : after.toString('hex').replace(/(00)+$/, '');
}

/** Contents of a map: as lines, or how many and a hash. */
export function mapText(lines) {
  const text = lines.join('\n');
  return text.length <= SHORT ? text : `${lines.length}:${hash(text)}`;
}

const hash = (bytes) => createHash('sha1').update(bytes).digest('hex').slice(0, HASH_LENGTH);

/** Cases of sockmap-cases.mjs as commands of a plan, and the answers put beside their steps. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from '../corpus/source.mjs';
import { root } from '../lib.mjs';
import { createMap, loadProgram } from './load-commands.mjs';

const { loadKernelProfile } = await load('src/abi/index.ts');
const { parseObject, relocateProgram } = await load('src/object/index.ts');
const { verifierInput } = await load('src/verifier/index.ts');

/** In the order of struct cfg and struct seen. */
export const CFG =
  'verdict flags key apply cork pull_start pull_end push_at push_len pop_at pop_len parse mark room tail'.split(
    ' ',
  );
export const SEEN = (
  'runs parses size visible first pull push pop room tail family local_port remote_port has_sock ' +
  'state select hash_set inany protocol eth migrating total'
).split(' ');
export const PLACE = { msg_verdict: 7, stream_parser: 4, stream_verdict: 5, skb_verdict: 38 };
/** SO_ATTACH_REUSEPORT_EBPF, SO_DETACH_REUSEPORT_BPF, SO_ATTACH_BPF, SO_DETACH_FILTER */
const OPTION = { choose: 52, unchoose: 68, filter: 50, unfilter: 27 };
const BPF = { look: 1, put: 2, remove: 3, next: 4, attach: 8, detach: 9, info: 15, query: 16 };
const BPF2 = { link: 28, update: 29, unlink: 34 };
const NUMBER = { ...BPF, ...BPF2 };
const ATTR_SIZE = 80;
const TYPE = { tcp: 1, udp: 2 };
const FAMILY = { 4: 2, 6: 10 };
const BPF_F_REPLACE = 4;

const word = (value) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE((value ?? 0) >>> 0);
  return bytes;
};
const attributes = (...numbers) =>
  Buffer.concat([...numbers.map(word), Buffer.alloc(ATTR_SIZE - 4 * numbers.length)]);

/** The programs' object, with what loads each of them. */
async function programs() {
  const path = join(root, 'tests/machine/programs/sockmap.bpf.o');
  const object = parseObject(readFileSync(path));
  const profile = await loadKernelProfile();
  const inputs = object.programs.map((program) => {
    const options = { objectName: 'sockmap', withoutBtf: true };
    const input = verifierInput(object, program, profile, options);
    const { relocations } = relocateProgram(object, program, profile);
    const ordered = relocations.toSorted((a, b) => a.insn - b.insn);
    return [program.name, { input, maps: [...new Set(ordered.map(({ map }) => map))] }];
  });
  return new Map(inputs);
}

/** One case: maps and programs of its own. */
class Case {
  #maps = new Map();
  #programs = new Map();
  #named = new Map();

  constructor(plan, known) {
    this.plan = plan;
    this.known = known;
    for (const { input, maps } of known.values()) {
      maps.forEach((name, i) => {
        if (!this.#maps.has(name)) this.#maps.set(name, createMap(plan, input.maps[i]));
      });
    }
  }

  #program(name) {
    const there = this.#programs.get(name);
    if (there !== undefined) return there;
    const { input, maps } = this.known.get(name);
    const commands = maps.map((map) => this.#maps.get(map));
    const made = loadProgram(this.plan, input, commands, undefined, { logLevel: 0, logSize: 0 });
    this.#programs.set(name, made);
    return made;
  }

  /** The place of the step's command. */
  ask(step) {
    const place = this[step.does](step);
    if (step.as) this.#named.set(step.as, place);
    return place;
  }

  #socket(op, { on }, more = {}) {
    return this.plan.socketStep(op, { on: this.#named.get(on), ...more });
  }

  open({ type, family = 4, reusePort = false }) {
    return this.plan.socketStep('open', {
      numbers: [TYPE[type], FAMILY[family], reusePort ? 1 : 0],
    });
  }
  bind(step) {
    return this.#socket('bind', step, { numbers: [step.port, step.any ? 1 : 0] });
  }
  listen(step) {
    return this.#socket('listen', step, { numbers: [step.backlog] });
  }
  connect(step) {
    return this.#socket('connect', step, { numbers: [step.port] });
  }
  accept(step) {
    return this.#socket('accept', step);
  }
  send(step) {
    return this.#socket('send', step, { data: Buffer.from(step.text) });
  }
  sendTo(step) {
    return this.#socket('sendTo', step, { numbers: [step.port], data: Buffer.from(step.text) });
  }
  receive(step) {
    return this.#socket('receive', step, { numbers: [step.size, step.patience] });
  }
  shutdown(step) {
    return this.#socket('shutdown', step, { numbers: [step.how] });
  }
  error(step) {
    return this.#socket('error', step);
  }
  close(step) {
    return this.#socket('close', step);
  }
  choose(step) {
    return this.#socket('set', step, {
      numbers: [OPTION.choose],
      value: this.#program(step.program),
    });
  }
  unchoose(step) {
    return this.#socket('set', step, { numbers: [OPTION.unchoose, 0] });
  }
  filter(step) {
    if (!step.program) return this.#socket('set', step, { numbers: [OPTION.unfilter, 0] });
    return this.#socket('set', step, {
      numbers: [OPTION.filter],
      value: this.#program(step.program),
    });
  }

  #bpf(name, attr, buffers, references) {
    return this.plan.syscall(NUMBER[name], attr, buffers, references);
  }
  #element(name, { map, key, flags = 0 }, value, extra = []) {
    const attr = attributes(0, 0, 0, 0, 0, 0, flags);
    const buffers = [{ at: 8, bytes: word(key) }, ...(value ? [{ at: 16, ...value }] : [])];
    return this.#bpf(name, attr, buffers, [{ at: 0, command: this.#maps.get(map) }, ...extra]);
  }
  put(step) {
    const socket = { at: 0, command: this.#named.get(step.socket), buffer: 1 };
    return this.#element('put', step, { bytes: Buffer.alloc(8) }, [socket]);
  }
  putNumber(step) {
    return this.#element('put', step, { bytes: Buffer.concat([word(step.number), word(0)]) });
  }
  putMap(step) {
    const other = { at: 0, command: this.#maps.get(step.other), buffer: 1 };
    return this.#element('put', step, { bytes: Buffer.alloc(8) }, [other]);
  }
  remove(step) {
    return this.#element('remove', step);
  }
  look(step) {
    return this.#element('look', step, { size: 8 });
  }
  next({ map, key }) {
    const buffers = [
      ...(key === undefined ? [] : [{ at: 8, bytes: word(key) }]),
      { at: 16, size: 4 },
    ];
    return this.#bpf('next', attributes(), buffers, [{ at: 0, command: this.#maps.get(map) }]);
  }
  cfg({ values }) {
    const bytes = Buffer.concat(CFG.map((name) => word(values[name])));
    return this.#element('put', { map: 'config', key: 0 }, { bytes });
  }
  seen() {
    return this.#element('look', { map: 'report', key: 0 }, { size: 4 * SEEN.length });
  }

  attach({ program, map, place, flags }) {
    return this.#bpf('attach', attributes(0, 0, PLACE[place], flags), [], this.#both(program, map));
  }
  detach({ program, map, place }) {
    return this.#bpf('detach', attributes(0, 0, PLACE[place]), [], this.#both(program, map));
  }
  #both(program, map) {
    return [
      { at: 0, command: this.#maps.get(map) },
      { at: 4, command: this.#program(program) },
    ];
  }
  query({ map, place }) {
    const attr = attributes(0, PLACE[place], 0, 0, 0, 0, 1);
    const ids = { at: 16, bytes: Buffer.alloc(4), out: true };
    return this.#bpf('query', attr, [ids], [{ at: 0, command: this.#maps.get(map) }]);
  }
  link({ program, map, place, flags }) {
    const references = [
      { at: 0, command: this.#program(program) },
      { at: 4, command: this.#maps.get(map) },
    ];
    return this.#bpf('link', attributes(0, 0, PLACE[place], flags), [], references);
  }
  update({ on, program, old }) {
    const references = [
      { at: 0, command: this.#named.get(on) },
      { at: 4, command: this.#program(program) },
      ...(old ? [{ at: 12, command: this.#program(old) }] : []),
    ];
    return this.#bpf('update', attributes(0, 0, old ? BPF_F_REPLACE : 0), [], references);
  }
  unlink({ on }) {
    return this.#bpf('unlink', attributes(), [], [{ at: 0, command: this.#named.get(on) }]);
  }
  info({ on }) {
    const about = { at: 8, bytes: Buffer.alloc(64), out: true };
    return this.#bpf('info', attributes(0, 64), [about], [{ at: 0, command: this.#named.get(on) }]);
  }
  closeLink({ on }) {
    const at = this.#named.get(on);
    this.plan.closeFrom(at, at + 1);
    return undefined;
  }
}

/** Adds the cases to the plan: each with the places of its steps' commands. */
export async function askCases(plan, cases) {
  const known = await programs();
  return cases.map(({ name, steps }) => {
    const first = plan.length;
    const one = new Case(plan, known);
    const places = steps.map((step) => one.ask(step));
    plan.closeFrom(first);
    return { name, steps, places };
  });
}

const GIVES = new Set(['open', 'accept', 'link']);

/** What the kernel said to a step. */
export function answerOf(step, place, answers) {
  if (place === undefined) return undefined;
  const { result, attr, buffers, data } = answers.get(place);
  const answer = { result: GIVES.has(step.does) && result >= 0 ? 'fd' : result };
  if (result < 0) return answer;
  if (step.does === 'receive') answer.text = data.toString('latin1');
  if (step.does === 'next') answer.key = buffers[0].readUInt32LE(0);
  if (step.does === 'query') answer.count = attr.readUInt32LE(24);
  if (step.does === 'query') answer.id = buffers[0].readUInt32LE(0) !== 0;
  if (step.does === 'info') {
    answer.link = [
      buffers[0].readUInt32LE(0),
      buffers[0].readUInt32LE(16) !== 0,
      buffers[0].readUInt32LE(20),
    ];
  }
  if (step.does === 'seen') {
    const words = step.fields.map((field) => [
      field,
      buffers[0].readInt32LE(4 * SEEN.indexOf(field)),
    ]);
    answer.seen = Object.fromEntries(words);
  }
  return answer;
}

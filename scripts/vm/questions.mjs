/**
 * Questions to a kernel: every program of an object loaded alone with a level-2 log, and packet
 * programs run. A question is one program; it holds the commands that ask it.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { basename } from 'node:path';
import { load } from '../corpus/source.mjs';
import { capabilities } from './ours.mjs';
import { askContents, isCompared } from './contents.mjs';
import { fillAsked } from './fill.mjs';
import { contextPrograms } from './context-programs.mjs';
import { instructionPrograms } from './instruction-programs.mjs';
import { inputsOf } from './setup.mjs';
import { askForSymbols, askForXlated } from './xlated.mjs';
import {
  askTogether,
  createMap,
  fillMap,
  fillSlot,
  loadProgram,
  notPlanned,
  testRun,
} from './load-commands.mjs';

const { isExtensionAttach, isExtensionMap } = await load('src/abi/index.ts');

const LEVEL1 = 1;
const LEVEL2 = 2;
const STATS = 4;
const LOG_SIZE = 64 << 20;
/** A program that takes the verifier more instructions is asked with log level 1: emulated, it is slow. */
const MOST_LOGGED = 5000;
/** A program that takes more is left out, unless all are asked for: it would take minutes. */
export const MOST_ASKED = 100_000;
/** Program types that are run, not only loaded. */
export const RUN = new Set(['xdp', 'sched_cls', 'sched_act']);
/** Bytes of a packet that come back: programs may make it longer. */
const PACKET_ROOM = 8192;

/** Objects whose programs are for loaders without capabilities. */
const UNPRIVILEGED = /^helpers-[678]\./;

/**
 * `{ file, object, name, unprivileged }` of an object file, which may be compressed; without `object`,
 * but with `refusal`, if it is one that no loader takes.
 */
export function readObject({ parseObject }, path, file) {
  const bytes = readFileSync(path);
  const name = basename(file).split('.')[0];
  try {
    const object = parseObject(file.endsWith('.gz') ? gunzipSync(bytes) : bytes);
    return { file, object, name, unprivileged: UNPRIVILEGED.test(basename(file)) };
  } catch (error) {
    if (error.name !== 'FormatError') throw error;
    return { file, name, refusal: error.message };
  }
}

/**
 * Every program of an object: `{ file, program, object, unprivileged, input }` or, where the loader
 * stops before it asks a kernel, with `refusal`, the reason; or `leftOut`, as it takes the verifier
 * more than `most` instructions.
 */
export function questionsOf(beeyard, source, most = MOST_ASKED) {
  const { file, object, name, unprivileged, refusal: unread } = source;
  if (unread) return [{ file, name: file, refusal: unread }];
  const extended = object.maps.some(({ typeId }) => isExtensionMap(typeId));
  return object.programs.map((program) => {
    const question = { file, name: `${file}:${program.name}`, object, program, unprivileged };
    try {
      if (!object.littleEndian) return { ...question, refusal: 'big endian' };
      if (extended) return { ...question, refusal: 'its object uses an extension' };
      const options = { objectName: name, withoutBtf: unprivileged };
      const input = beeyard.verifierInput(object, program, beeyard.profile, options);
      if (isExtensionAttach(input.expectedAttachType ?? 0)) {
        return { ...question, refusal: 'its hook is an extension' };
      }
      const refusal = notPlanned(input);
      if (refusal) return { ...question, refusal };
      const work = workOf(beeyard, input, capabilities(unprivileged), most);
      if (work > most) return { ...question, leftOut: true };
      return { ...question, input, logLevel: STATS | (work > MOST_LOGGED ? LEVEL1 : LEVEL2) };
    } catch (error) {
      if (error.name !== 'KernelError' && error.name !== 'FormatError') throw error;
      return { ...question, refusal: error.message };
    }
  });
}

/** `{ name, input }` of each; `beeyard` has what the two files ask for. */
export function generatedPrograms(beeyard) {
  return [...contextPrograms(beeyard), ...instructionPrograms(beeyard)];
}

/** Programs of no object: every access to contexts that is allowed, instructions of all kinds. */
export function generatedQuestions(beeyard) {
  return generatedPrograms(beeyard).map(({ name, input }) => ({
    file: name.split(':')[0],
    name,
    input,
    program: { name, type: '' },
    object: { maps: [] },
    unprivileged: false,
    logLevel: STATS | LEVEL1,
  }));
}

/** Instructions it takes the verifier, counted up to one more than `most`. */
function workOf({ verify, profile }, input, allowed, most) {
  let count = 0;
  const observer = {
    message() {},
    insn() {
      if (++count > most) throw new Error('enough');
    },
  };
  try {
    verify(input, profile, { capabilities: allowed, observer });
  } catch (error) {
    if (count <= most) throw error;
  }
  return count;
}

/** Adds the commands of questions about one object to a plan, and notes in each which they are. */
export function ask(plan, beeyard, questions, packets) {
  const asked = questions.filter(({ input }) => input);
  askForSymbols(plan);
  askTogether(plan, asked, (question, btf) => askOne(plan, beeyard, question, asked, btf, packets));
}

/** What a program needs, made once: maps by name and programs. */
export class Setup {
  maps = new Map();
  programs = new Map();
  /** What the maps in a map of maps are like, by its name. */
  inners = new Map();

  constructor(plan, beeyard, asked, btf) {
    Object.assign(this, { plan, beeyard, asked, btf });
  }

  /** The command that created a map; it has its initial value. */
  map(name, definition, spec) {
    let command = this.maps.get(name);
    if (command !== undefined) return command;
    if (definition.inner) this.inners.set(name, definition.inner);
    command = createMap(this.plan, definition, this.btf, spec?.initialValue);
    this.maps.set(name, command);
    if (spec?.initialValue && spec.dataSection && !definition.constantValue) {
      fillMap(this.plan, command, Buffer.alloc(spec.keySize), spec.initialValue, spec.valueSize);
    }
    return command;
  }

  /** The command that loaded a program. */
  program(question, log) {
    const known = this.programs.get(question.program.name);
    if (known !== undefined) return known;
    const maps = mapNames(this.beeyard, question).map((name, index) => {
      const spec = question.object.maps.find((map) => map.name === name);
      return this.map(name, question.input.maps[index], spec);
    });
    const command = loadProgram(this.plan, question.input, maps, this.btf, log);
    this.programs.set(question.program.name, command);
    return command;
  }
}

/** Names of the input's maps, in their order. */
function mapNames({ relocateProgram, profile }, { object, program, input }) {
  if (program.type === '') return input.maps.map(({ name }) => name);
  const { relocations } = relocateProgram(object, program, profile);
  const ordered = relocations.toSorted((a, b) => a.insn - b.insn);
  return [...new Set(ordered.map(({ map }) => map))];
}

function askOne(plan, beeyard, question, asked, btf, packets) {
  const setup = new Setup(plan, beeyard, asked, btf);
  const load = setup.program(question, { logLevel: question.logLevel, logSize: LOG_SIZE });
  const created = setup.maps;
  const info = askForXlated(plan, load, question.unprivileged);
  const inputs = inputsOf(question, packets);
  if (!inputs) return { load, created, info };
  fillSlots(setup, question);
  fillAsked(plan, question, setup.maps);
  const runs = inputs.map(({ bytes }) => testRun(plan, load, bytes, PACKET_ROOM));
  const maps = question.object.maps
    .filter((spec) => setup.maps.has(spec.name) && isCompared(spec))
    .map((spec) => ({ spec, commands: askContents(plan, spec, setup.maps.get(spec.name)) }));
  return { load, created, info, runs, maps };
}

/** Initial slots of maps of maps and of prog_arrays, and of those that come along with them. */
export function fillSlots(setup, { object }) {
  const filled = new Set();
  for (let again = true; again; ) {
    again = false;
    for (const spec of object.maps) {
      if (!setup.maps.has(spec.name) || filled.has(spec.name)) continue;
      filled.add(spec.name);
      again = true;
      for (const slot of spec.initialSlots ?? []) fillOne(setup, object, spec, slot);
    }
  }
}

function fillOne(setup, object, spec, { slot, name, kind }) {
  const command = kind === 'map' ? slotMap(setup, object, spec, name) : slotProgram(setup, name);
  if (command !== undefined) fillSlot(setup.plan, setup.maps.get(spec.name), slot, command);
}

function slotProgram(setup, name) {
  const question = setup.asked.find(({ program }) => program.name === name);
  return question && setup.program(question, { logLevel: 0, logSize: 0 });
}

/** A map that no program names has no definition among the inputs: it is made as its outer map says. */
function slotMap(setup, object, outer, name) {
  const spec = object.maps.find((map) => map.name === name);
  return spec && setup.map(name, { ...untyped(spec), ...typesOf(setup, outer) }, spec);
}

function typesOf({ inners }, { name }) {
  const { btf, keyTypeId, valueTypeId } = inners.get(name) ?? {};
  return btf && { btf, keyTypeId, valueTypeId };
}

const untyped = (spec) => ({
  name: spec.name,
  type: spec.typeId,
  keySize: spec.keySize,
  valueSize: spec.valueSize,
  maxEntries: spec.maxEntries,
  flags: spec.flags,
  extra: spec.extra,
  keyTypeId: 0,
  valueTypeId: 0,
});

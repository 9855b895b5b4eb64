// Our side of the benchmarks of maps: an object of bench/maps with many programs, its maps on one
// runtime of its own, its readers in JavaScript.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../examples/build.mjs';
import { createMap, sample, VARIANTS } from './beeyard.mjs';

const CONTEXT_SIZE = 64;
const TASK = 1;
/** Pages of a ring buffer: ours, then the consumer's, then the producer's position. */
const PAGE = 4096;

export function mapObjectPath(name) {
  return join(root, 'bench', 'maps', `${name}.bpf.o`);
}

export class BeeyardMaps {
  #lib;
  #object;
  #runtime;
  #maps;
  #context;
  #names = {};
  #code;
  #read;
  #seen = 0;
  #variant;

  constructor(lib, name, variant = 'unchecked') {
    const path = mapObjectPath(name);
    if (!existsSync(path)) throw new Error(`${path} is missing: node bench/build.mjs`);
    this.#lib = lib;
    this.#variant = VARIANTS[variant];
    this.#object = lib.parseObject(readFileSync(path));
    this.#runtime = lib.createRuntime({ cpus: 1 });
    this.#maps = new Map(
      this.#object.maps.map((spec) => [spec.name, createMap(this.#runtime, spec)]),
    );
    this.#context = this.#runtime.allocate(CONTEXT_SIZE, 64);
    this.#makeTasks();
  }

  /** Tasks whose addresses the programs find in a section of their own. */
  #makeTasks() {
    const map = this.#maps.get('.data.tasks');
    if (!map) return;
    const { exports } = this.#runtime;
    for (let at = 0; at < map.valueBytes(0).length; at += 8) {
      const task = exports.owner_object(exports.owner_new(TASK, 0, 0)) >>> 0;
      const bytes = map.valueBytes(0);
      new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, task, true);
    }
  }

  #load(name) {
    const { link, relocateProgram, programTypes, engines } = this.#lib;
    const spec = this.#object.programs.find((program) => program.name === name);
    if (!spec) return undefined;
    const mapAddress = (map) => this.#maps.get(map).address;
    const target = { runtime: this.#runtime, mapAddress };
    const relocated = relocateProgram(this.#object, spec, undefined);
    // Of no type: it calls helpers of several.
    const { programType: _, ...image } = link(spec, relocated, 1, programTypes.get('xdp'), target);
    const { engine, checks } = this.#variant;
    return engines[engine].load(image, this.#runtime, { checks });
  }

  #aside(name) {
    const code = this.#load(name);
    if (!code) return 0;
    const result = code.run(this.#context) >>> 0;
    code.dispose();
    return result;
  }

  /** Chooses programs by name; `read` is what takes the records of a run. */
  use({ read, ...names }) {
    this.#code?.dispose();
    this.#names = names;
    this.#code = this.#load(names.run);
    this.#read = read === undefined ? undefined : this.#reader(read);
    this.#seen = 0;
  }

  #reader(name) {
    const runtime = this.#runtime;
    const ring = this.#maps.get('events');
    if (name === 'skip_events') return () => skip(runtime, ring, this.#lib.ringField);
    return () => {
      let sum = 0;
      this.#lib.ringbufConsume(runtime, ring, (bytes) => {
        sum += (bytes[0] | (bytes[1] << 8) | (bytes[2] << 16) | (bytes[3] << 24)) + bytes.length;
      });
      return sum >>> 0;
    };
  }

  setup() {
    return this.#aside(this.#names.setup);
  }

  check() {
    return (this.#aside(this.#names.check) + this.#seen) >>> 0;
  }

  once() {
    const result = this.#code.run(this.#context);
    if (this.#read) this.#seen = (this.#seen + this.#read()) >>> 0;
    return result;
  }

  run(times) {
    let result = 0;
    for (let i = 0; i < times; i++) result = this.once();
    return result >>> 0;
  }

  /** Samples in ns a run. */
  time(count, length) {
    return sample(() => this.once(), count, length);
  }

  close() {
    this.#code?.dispose();
  }
}

/** A reader that looks at nothing: the consumer's position, in its page, becomes the producer's. */
function skip(runtime, ring, field) {
  const words = runtime.u32();
  const base = words[(ring.address + field) >>> 2];
  const [consumer, producer] = [(base + PAGE) >>> 2, (base + 2 * PAGE) >>> 2];
  words[consumer] = words[producer];
  words[consumer + 1] = words[producer + 1];
  return 0;
}

// Our side: a benchmark's object on a runtime of its own, compiled or interpreted.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../../examples/build.mjs';

const CONTEXT_SIZE = 64;
const HEADROOM = 256;

/** What the benchmarks use of a build of beeyard; `folder` is its dist. */
export async function loadBeeyard(folder = join(root, 'dist')) {
  const entry = (path) => import(pathToFileURL(join(folder, path)).href);
  const [{ parseObject, relocateProgram }, runtime, { link }, abi, layout] = await Promise.all(
    [
      'object/index.js',
      'runtime/index.js',
      'machine/link.js',
      'abi/index.js',
      'runtime/layout.js',
    ].map(entry),
  );
  const { createRuntime, ringbufConsume } = runtime;
  const engines = {
    wasm: (await entry('engine/wasm/index.js')).wasmEngine,
    interpreter: (await entry('engine/interpreter/index.js')).interpreterEngine,
  };
  const { programTypes, loadKernelProfile } = abi;
  return {
    folder,
    parseObject,
    relocateProgram,
    createRuntime,
    ringbufConsume,
    /** Where a ring buffer's header says where its pages are. */
    ringField: layout.M_PRIVATE,
    link,
    programTypes,
    loadKernelProfile,
    engines,
  };
}

export function objectPath(name) {
  return join(root, 'bench', 'programs', `${name}.bpf.o`);
}

/** The kinds of code that are timed: engine, and whether every access is checked. */
export const VARIANTS = {
  unchecked: { engine: 'wasm', checks: false },
  checked: { engine: 'wasm', checks: true },
  interpreter: { engine: 'interpreter', checks: false },
};

/** The map an object asks for, with what its initial value is. */
export function createMap(runtime, spec) {
  const map = runtime.createMap({
    name: spec.name,
    type: spec.typeId,
    keySize: spec.keySize,
    valueSize: spec.valueSize,
    maxEntries: spec.maxEntries,
    flags: spec.flags,
    extra: spec.extra,
    keyTypeId: spec.keyTypeId,
    valueTypeId: spec.valueTypeId,
  });
  if (spec.initialValue) map.valueBytes(0).set(spec.initialValue);
  return map;
}

/** A benchmark that is loaded and has its packets. */
export class BeeyardProgram {
  runtime;
  code;
  #maps;
  #packets;
  #object;
  #lib;
  #contexts;
  #results = 0;

  constructor(lib, name, variant, packets = []) {
    const path = objectPath(name);
    if (!existsSync(path)) throw new Error(`${path} is missing: node bench/build.mjs`);
    this.#lib = lib;
    this.#packets = packets;
    this.#object = lib.parseObject(readFileSync(path));
    this.runtime = lib.createRuntime({ cpus: 1 });
    this.#maps = new Map(
      this.#object.maps.map((spec) => [spec.name, createMap(this.runtime, spec)]),
    );
    this.#contexts = this.#placePackets(packets);
    const { engine, checks } = VARIANTS[variant];
    this.code = this.#load('run', lib.engines[engine], { checks });
  }

  #load(name, engine, options) {
    const { link, relocateProgram, programTypes } = this.#lib;
    const spec = this.#object.programs.find((program) => program.name === name);
    if (!spec) return undefined;
    const mapAddress = (map) => this.#maps.get(map).address;
    const target = { runtime: this.runtime, mapAddress };
    const relocated = relocateProgram(this.#object, spec, undefined);
    // Of no type: it calls helpers of several.
    const { programType: _, ...image } = link(spec, relocated, 1, programTypes.get('xdp'), target);
    return engine.load(image, this.runtime, options);
  }

  /** Contexts and packets in linear memory, as the harness has them. Returns the first context. */
  #placePackets(packets) {
    const { runtime } = this;
    const count = Math.max(1, packets.length);
    const contexts = runtime.allocate(count * CONTEXT_SIZE, 64);
    this.#results = runtime.allocate(count * 4, 64);
    const sizes = packets.map((bytes) => (HEADROOM + bytes.length + 63) & ~63);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    let at = runtime.allocate(Math.max(total, 64), 64);
    packets.forEach((bytes, i) => {
      const data = at + HEADROOM;
      runtime.u8().set(bytes, data);
      const words = runtime.u32().subarray(contexts / 4 + i * 16);
      words.set([data, data + bytes.length, data]);
      words.set([at, data + bytes.length], 6);
      at += sizes[i];
    });
    return contexts;
  }

  /** Setup and check run compiled and unchecked, whatever is timed. */
  #aside(name) {
    const code = this.#load(name, this.#lib.engines.wasm, { checks: false });
    if (!code) return 0;
    const result = code.run(this.#contexts) >>> 0;
    code.dispose();
    return result;
  }

  setup() {
    return this.#aside('setup');
  }

  check() {
    return this.#aside('check');
  }

  /** One call, or one pass over the packets. */
  once() {
    const count = this.#packets.length;
    if (count === 0) return this.code.run(this.#contexts);
    const reached = this.code.batch(this.#contexts, CONTEXT_SIZE, count, this.#results, 0);
    if (reached !== count) throw this.code.fault;
    return 0;
  }

  /** The same entered from JavaScript packet by packet. */
  onceFromJavaScript() {
    const count = this.#packets.length;
    const { code } = this;
    const contexts = this.#contexts;
    let sum = 0;
    for (let i = 0; i < count; i++) sum += code.run(contexts + i * CONTEXT_SIZE);
    return sum;
  }

  /** Runs `times` times; the last result, or the sum of the last verdicts. */
  run(times) {
    let result = 0;
    for (let i = 0; i < times; i++) result = this.once();
    const count = this.#packets.length;
    if (count > 0) {
      const verdicts = this.runtime.i32().subarray(this.#results / 4, this.#results / 4 + count);
      result = verdicts.reduce((sum, verdict) => sum + verdict, 0);
    }
    return result >>> 0;
  }

  /** FNV-1a over the work global, the packets and the verdicts. */
  hash() {
    const u8 = this.runtime.u8();
    const view = this.runtime.view();
    const work = this.#workBytes();
    let hash = fnv(2166136261, work);
    for (let i = 0; i < this.#packets.length; i++) {
      const context = this.#contexts + i * CONTEXT_SIZE;
      const [start, end] = [view.getUint32(context, true), view.getUint32(context + 4, true)];
      hash = fnv(hash, u8.subarray(start, end));
      hash = fnv(hash, u8.subarray(this.#results + 4 * i, this.#results + 4 * i + 4));
    }
    return hash;
  }

  #workBytes() {
    const spec = this.#object.maps.find((map) => map.dataSection === 'bss');
    return spec ? this.#maps.get(spec.name).valueBytes(0).subarray(0, spec.valueSize) : [];
  }

  /** Like the harness: samples in ns a call. */
  time(count, length, once = () => this.once()) {
    return sample(once, count, length);
  }

  close() {
    this.code.dispose();
  }
}

function fnv(hash, bytes) {
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i], 16777619) >>> 0;
  return hash;
}

/** `count` samples of about `length` ns of calling `once`, in ns a call. */
export function sample(once, count, length) {
  let calls = 1;
  let took = 0;
  for (;;) {
    took = lap(once, calls);
    if (took >= length / 4) break;
    calls *= 2;
  }
  calls = Math.max(1, Math.floor((calls * length) / took));
  return Array.from({ length: count }, () => lap(once, calls) / calls);
}

function lap(once, calls) {
  const start = process.hrtime();
  for (let i = 0; i < calls; i++) once();
  const [seconds, nanoseconds] = process.hrtime(start);
  return seconds * 1e9 + nanoseconds;
}

// The native side: compiles a benchmark with clang -O2 and runs it in a process of its own.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { CLANG, clangVersion, root, tool } from '../../examples/build.mjs';

const OUT = '.cache/bench';
const FLAGS = ['-O2', '-Wall', '-Wextra', '-Iinclude'];

/** The compiler's version, or undefined: then there is no native side. */
export const nativeCompiler = clangVersion;

function newerThan(file, sources) {
  const made = join(root, file);
  if (!existsSync(made)) return false;
  const time = statSync(made).mtimeMs;
  return sources.every((source) => statSync(join(root, source)).mtimeMs < time);
}

function build(target, sources, depends, flags) {
  mkdirSync(join(root, OUT), { recursive: true });
  if (!newerThan(target, [...sources, ...depends])) {
    tool(CLANG, [...FLAGS, ...flags, ...sources, '-o', target]);
  }
  return join(root, target);
}

function buildHarness() {
  return build(`${OUT}/harness`, ['bench/native/harness.c'], [], ['-ldl']);
}

const MAPS = ['maps', 'hash', 'lru', 'trie', 'ring', 'others'].map(
  (name) => `bench/native/${name}.c`,
);
const HEADERS = ['bench/native/maps.h', 'bench/native/table.h'];
const SHARED = ['-fPIC', '-shared', '-I.'];

function buildProgram(name) {
  const program = `bench/programs/${name}.bpf.c`;
  const depends = [program, 'bench/programs/bench.h', ...HEADERS];
  const flags = [...SHARED, `-DPROGRAM="${program}"`];
  return build(`${OUT}/${name}.so`, ['bench/native/program.c', ...MAPS], depends, flags);
}

/** A file of bench/maps as a shared object. */
function buildMaps(name) {
  const depends = ['bench/maps/bench.h', ...HEADERS];
  return build(`${OUT}/maps-${name}.so`, [`bench/maps/${name}.bpf.c`, ...MAPS], depends, SHARED);
}

/** A process of the harness. Each method asks it and waits for its line. */
class Native {
  #process;
  #lines;

  constructor(args, env) {
    this.#process = spawn(buildHarness(), args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  async #ask(line) {
    this.#process.stdin.write(`${line}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`the native harness ended at '${line}'`);
    return value;
  }

  /** Chooses the programs of a file with many: their names. */
  async use({ setup = '-', run, check = '-', read = '' }) {
    const done = await this.#ask(`use ${setup} ${run} ${check} ${read}`);
    if (done !== '1') throw new Error(`the native side has no program '${run}'`);
  }

  async setup() {
    return Number(await this.#ask('setup'));
  }

  async run(times) {
    return Number(await this.#ask(`run ${times}`));
  }

  async check() {
    return Number(await this.#ask('check'));
  }

  async hash() {
    return Number.parseInt(await this.#ask('hash'), 16);
  }

  /** Nanoseconds a call of each of `count` samples of about `length` nanoseconds. */
  async time(count, length) {
    return (await this.#ask(`time ${count} ${length}`)).trim().split(' ').map(Number);
  }

  close() {
    this.#process.stdin.end();
  }
}

/** One benchmark, natively. */
export class NativeProgram extends Native {
  constructor(name, packetFile) {
    super([buildProgram(name), ...(packetFile ? [packetFile] : [])]);
  }
}

/** A file of bench/maps, natively; `huge`: its maps lie in huge pages. */
export class NativeMaps extends Native {
  constructor(name, { huge = false } = {}) {
    super([buildMaps(name)], { BENCH_PAGES: huge ? 'huge' : '' });
  }
}

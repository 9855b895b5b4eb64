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

function buildProgram(name) {
  const program = `bench/programs/${name}.bpf.c`;
  const sources = ['bench/native/program.c', 'bench/native/maps.c'];
  const depends = [program, 'bench/programs/bench.h', 'bench/native/maps.h'];
  const flags = ['-fPIC', '-shared', '-I.', `-DPROGRAM="${program}"`];
  return build(`${OUT}/${name}.so`, sources, depends, flags);
}

/** One benchmark, natively. Each method asks the harness and waits for its line. */
export class NativeProgram {
  #process;
  #lines;

  constructor(name, packetFile) {
    const packets = packetFile ? [packetFile] : [];
    this.#process = spawn(buildHarness(), [buildProgram(name), ...packets], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  async #ask(line) {
    this.#process.stdin.write(`${line}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`the native harness ended at '${line}'`);
    return value;
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

import { C_HOST_ARGS, C_HOST_RESULT } from './layout.ts';
import type { HostCall, HostHelper, Runtime } from './types.ts';

const I64 = 0x7e;
const I32 = 0x7f;
/** '\\0asm', version 1. */
const MAGIC = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

function unsigned(value: number): number[] {
  const bytes = [];
  for (let rest = value >>> 0; ; rest >>>= 7) {
    if (rest < 0x80) return [...bytes, rest];
    bytes.push((rest & 0x7f) | 0x80);
  }
}

function signed(value: number): number[] {
  const bytes = [];
  for (let rest = value | 0; ; rest >>= 7) {
    const byte = rest & 0x7f;
    if ((rest >> 7 === 0 && !(byte & 0x40)) || (rest >> 7 === -1 && byte & 0x40)) {
      return [...bytes, byte];
    }
    bytes.push(byte | 0x80);
  }
}

function section(id: number, body: number[]): number[] {
  return [id, ...unsigned(body.length), ...body];
}

function name(text: string): number[] {
  return [text.length, ...new TextEncoder().encode(text)];
}

/** Body: store each parameter at C_HOST_ARGS, call the import, load the result. */
function code(arity: number, cpuBlock: number): number[] {
  const body = [0];
  for (let i = 0; i < arity; i++) {
    body.push(0x41, ...signed(cpuBlock + C_HOST_ARGS + 8 * i), 0x20, i, 0x37, 3, 0);
  }
  body.push(0x10, 0, 0x41, ...signed(cpuBlock + C_HOST_RESULT), 0x29, 3, 0, 0x0b);
  return body;
}

function trampolineModule(
  arity: number,
  cpuBlock: number,
  shared: boolean,
): Uint8Array<ArrayBuffer> {
  const memory = shared ? [2, 3, ...unsigned(0), ...unsigned(65536)] : [2, 0, 0];
  const body = code(arity, cpuBlock);
  return new Uint8Array([
    ...MAGIC,
    ...section(1, [2, 0x60, arity, ...Array<number>(arity).fill(I64), 1, I64, 0x60, 0, 0]),
    ...section(2, [
      2,
      ...name('env'),
      ...name('memory'),
      ...memory,
      ...name('env'),
      ...name('host'),
      0,
      1,
    ]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...name('call'), 0, 1]),
    ...section(10, [1, ...unsigned(body.length), ...body]),
  ]);
}

/**
 * A wasm function (i64 × arity) -> i64 around a JavaScript body, so that tables and imports of
 * compiled programs take it and no BigInt crosses the boundary.
 */
export function wrapHostHelper(runtime: Runtime, arity: number, body: HostHelper): unknown {
  const call = new HostCallFrame(runtime);
  const shared = runtime.options.shared === true;
  const module = new WebAssembly.Module(trampolineModule(arity, runtime.cpuBlock, shared));
  const host = (): void => {
    call.returnInt(0);
    body(call);
  };
  return new WebAssembly.Instance(module, { env: { memory: runtime.memory, host } }).exports[
    'call'
  ];
}

/**
 * A function (i64 × arity) -> i64 that calls `fn` with a number in the place of its last argument,
 * whatever the caller gives there.
 */
export function bindLast(fn: unknown, arity: number, value: number): unknown {
  const body = [0];
  for (let i = 0; i < arity - 1; i++) body.push(0x20, i);
  body.push(0x41, ...signed(value), 0xad, 0x10, 0, 0x0b);
  const module = new WebAssembly.Module(
    new Uint8Array([
      ...MAGIC,
      ...section(1, [1, 0x60, arity, ...Array<number>(arity).fill(I64), 1, I64]),
      ...section(2, [1, ...name('env'), ...name('body'), 0, 0]),
      ...section(3, [1, 0]),
      ...section(7, [1, ...name('call'), 0, 1]),
      ...section(10, [1, ...unsigned(body.length), ...body]),
    ]),
  );
  const imports = { env: { body: fn as WebAssembly.ImportValue } };
  return new WebAssembly.Instance(module, imports).exports['call'];
}

/**
 * A function (i64 × arity) -> i64 that calls `fn`, then `after` with a number and what it gave, low
 * and high half.
 */
export function withAfter(
  fn: unknown,
  arity: number,
  number: number,
  after: (number: number, low: number, high: number) => void,
): unknown {
  // One local: the result.
  const body = [1, 1, I64];
  for (let i = 0; i < arity; i++) body.push(0x20, i);
  const high = [0x20, arity, 0x42, 32, 0x88, 0xa7];
  body.push(0x10, 0, 0x21, arity, 0x41, ...signed(number), 0x20, arity, 0xa7, ...high);
  body.push(0x10, 1, 0x20, arity, 0x0b);
  const called = [0x60, arity, ...Array<number>(arity).fill(I64), 1, I64];
  const told = [0x60, 3, I32, I32, I32, 0];
  const env = name('env');
  const module = new WebAssembly.Module(
    new Uint8Array([
      ...MAGIC,
      ...section(1, [2, ...called, ...told]),
      ...section(2, [2, ...env, ...name('body'), 0, 0, ...env, ...name('after'), 0, 1]),
      ...section(3, [1, 0]),
      ...section(7, [1, ...name('call'), 0, 2]),
      ...section(10, [1, ...unsigned(body.length), ...body]),
    ]),
  );
  const imports = { env: { body: fn as WebAssembly.ImportValue, after } };
  return new WebAssembly.Instance(module, imports).exports['call'];
}

class HostCallFrame implements HostCall {
  readonly runtime: Runtime;
  readonly #args: number;
  readonly #result: number;

  constructor(runtime: Runtime) {
    this.runtime = runtime;
    this.#args = runtime.cpuBlock + C_HOST_ARGS;
    this.#result = runtime.cpuBlock + C_HOST_RESULT;
  }

  u32(i: number): number {
    return this.runtime.u32()[(this.#args >>> 2) + 2 * i]!;
  }

  i32(i: number): number {
    return this.runtime.i32()[(this.#args >>> 2) + 2 * i]!;
  }

  u64(i: number): bigint {
    return this.runtime.view().getBigUint64(this.#args + 8 * i, true);
  }

  returnInt(value: number): void {
    const words = this.runtime.i32();
    words[this.#result >>> 2] = value;
    words[(this.#result >>> 2) + 1] = value >> 31;
  }

  returnU64(value: bigint): void {
    this.runtime.view().setBigUint64(this.#result, BigInt.asUintN(64, value), true);
  }
}

/**
 * bpf_trace_printk, bpf_trace_vprintk and bpf_snprintf (kernel/trace/bpf_trace.c,
 * kernel/bpf/helpers.c).
 */
import { errnos } from '../../abi/index.ts';
import { G_SEED, GLOBALS } from '../layout.ts';
import type { HostCall, Runtime } from '../types.ts';
import { type FormatMemory, formatBpf } from './printf.ts';

const MAX_ARGUMENTS = 12;
/** Longest line in the trace, with its NUL. */
const MAX_LINE = 1024;

type RegionCheck = (pointer: bigint, size: number, write: number) => number;

/** Memory as the formatter reads it: every access is checked against its region. */
class CheckedMemory implements FormatMemory {
  readonly #runtime: Runtime;
  readonly #check: RegionCheck;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#check = runtime.exports['region_check'] as unknown as RegionCheck;
  }

  read(address: bigint, size: number): Uint8Array | undefined {
    if (this.#check(address, size, 0) !== 0) return undefined;
    const at = Number(address & 0xffffffffn);
    return this.#runtime.u8().slice(at, at + size);
  }

  text(address: bigint, limit: number): string | undefined {
    let text = '';
    for (let i = 0n; text.length < limit - 1; i++) {
      const byte = this.read(address + i, 1)?.[0];
      if (byte === undefined) return undefined;
      if (byte === 0) break;
      text += String.fromCharCode(byte);
    }
    return text;
  }

  hash(address: bigint): bigint {
    const seed = this.#runtime.view().getBigUint64(GLOBALS + G_SEED, true);
    const mixed = BigInt.asUintN(64, (address ^ seed) * 0x9e3779b97f4a7c15n);
    return mixed >> 32n;
  }
}

/** Bytes before the first NUL in at .. at + size as latin1, or undefined if there is no NUL. */
function cString(runtime: Runtime, at: number, size: number): string | undefined {
  const bytes = runtime.u8();
  const end = bytes.indexOf(0, at);
  if (end < 0 || end >= at + size) return undefined;
  return Array.from(bytes.subarray(at, end), (byte) => String.fromCharCode(byte)).join('');
}

function argumentsAt(runtime: Runtime, at: number, count: number): bigint[] {
  const view = runtime.view();
  return Array.from({ length: count }, (_, i) => view.getBigUint64(at + 8 * i, true));
}

/** Formats into the trace; returns the length of the line or a negative errno. */
function print(call: HostCall, args: readonly bigint[]): number {
  const { runtime } = call;
  const format = cString(runtime, call.u32(0), call.u32(1));
  if (format === undefined) return -errnos['EINVAL']!;
  const line = formatBpf(format, args, new CheckedMemory(runtime));
  if (typeof line === 'number') return line;
  runtime.host.trace?.(toUtf8(line.slice(0, MAX_LINE - 1)));
  return line.length;
}

/** Programs write UTF-8; the formatter works on bytes. */
function toUtf8(latin1: string): string {
  return new TextDecoder().decode(Uint8Array.from(latin1, (c) => c.charCodeAt(0)));
}

export function tracePrintk(call: HostCall): void {
  call.returnInt(print(call, [call.u64(2), call.u64(3), call.u64(4)]));
}

const badArguments = (at: number, bytes: number): boolean =>
  bytes % 8 !== 0 || bytes > MAX_ARGUMENTS * 8 || (bytes !== 0 && at === 0);

export function traceVprintk(call: HostCall): void {
  const [at, bytes] = [call.u32(2), call.u32(3)];
  if (badArguments(at, bytes)) return call.returnInt(-errnos['EINVAL']!);
  call.returnInt(print(call, argumentsAt(call.runtime, at, bytes / 8)));
}

/**
 * snprintf(out, out_size, format, data, data_len): returns the bytes the whole text needs, NUL
 * included.
 */
export function snprintf(call: HostCall): void {
  const { runtime } = call;
  const [out, size, format, at, bytes] = [0, 1, 2, 3, 4].map((i) => call.u32(i)) as FiveNumbers;
  if (badArguments(at, bytes)) return call.returnInt(-errnos['EINVAL']!);
  const words = cString(runtime, format, runtime.u8().length - format);
  if (words === undefined) return call.returnInt(-errnos['EINVAL']!);
  const args = argumentsAt(runtime, at, bytes / 8);
  const text = formatBpf(words, args, new CheckedMemory(runtime));
  if (typeof text === 'number') return call.returnInt(text);
  const memory = runtime.u8();
  const written = Math.min(text.length, size - 1);
  for (let i = 0; i < written; i++) memory[out + i] = text.charCodeAt(i);
  if (size > 0) memory[out + written] = 0;
  call.returnInt(text.length + 1);
}

/** seq_printf(seq, format, format_size, data, data_len): 0, or -EOVERFLOW if the page is full. */
export function seqPrintf(call: HostCall): void {
  const { runtime } = call;
  const [at, bytes] = [call.u32(3), call.u32(4)];
  const format = cString(runtime, call.u32(1), call.u32(2));
  if (badArguments(at, bytes) || format === undefined) return call.returnInt(-errnos['EINVAL']!);
  const args = argumentsAt(runtime, at, bytes / 8);
  const text = formatBpf(format, args, new CheckedMemory(runtime));
  if (typeof text === 'number') return call.returnInt(text);
  const line = Uint8Array.from(text, (c) => c.charCodeAt(0));
  call.returnInt((runtime.host.seqWrite?.(line) ?? false) ? 0 : -errnos['EOVERFLOW']!);
}

type FiveNumbers = [number, number, number, number, number];

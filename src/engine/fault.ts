import { calleeName } from './callee.ts';
import { BugError } from '../base/index.ts';
import type { SourceLine } from '../object/types.ts';
import {
  C_CTX,
  C_FAULT_ADDRESS,
  C_FAULT_ARGUMENT,
  C_FAULT_HELPER,
  C_FAULT_INSN,
  C_FAULT_KIND,
  C_FAULT_PROGRAM,
  C_FAULT_SIZE,
  C_FAULT_WRITE,
  CPU_REGIONS,
  FAULT_BAD_INSN,
  FAULT_BAD_POINTER,
  FAULT_FUEL,
  FAULT_HELPER_ARGUMENT,
  FAULT_NO_HELPER,
  FAULT_NONE,
  FAULT_OUT_OF_RANGE,
  FAULT_READ_ONLY,
  FAULT_STACK,
  FAULT_UNALIGNED,
  FIRST_SHARED_REGION,
  MAX_CALL_FRAMES,
  MAX_REGIONS,
  NULL_PAGE_END,
  R_ELEMENT,
  R_END,
  R_OWNER,
  R_START,
  R_STRIDE,
  REGION_CTX,
  REGION_FUNCTION,
  REGION_MAP_HANDLE,
  REGION_OBJECT,
  REGION_PACKET,
  REGION_SIZE,
  REGION_STACK,
  REGIONS,
  TAG_BASE,
} from '../runtime/layout.ts';
import type { Runtime } from '../runtime/types.ts';
import type { ProgramFault, ProgramImage, StepState } from './types.ts';

type FaultKind = ProgramFault['kind'];

const KINDS: Readonly<Record<number, FaultKind>> = {
  [FAULT_OUT_OF_RANGE]: 'out of range',
  [FAULT_BAD_POINTER]: 'bad pointer',
  [FAULT_READ_ONLY]: 'read only',
  [FAULT_FUEL]: 'too many iterations',
  [FAULT_STACK]: 'stack exhausted',
  [FAULT_HELPER_ARGUMENT]: 'bad helper argument',
  [FAULT_NO_HELPER]: 'no such helper',
  [FAULT_BAD_INSN]: 'bad instruction',
  [FAULT_UNALIGNED]: 'unaligned atomic',
};

/** Everything a fault record says, as plain values. `insn` is -1 when it is not known. */
export interface FaultFacts {
  readonly kind: FaultKind;
  readonly program: string;
  readonly insn: number;
  readonly address: bigint;
  readonly size: number;
  readonly write: boolean;
  readonly source: SourceLine | undefined;
  /** Helper id when a call was refused, else 0. */
  readonly helper: number;
  /** What was called, in words. */
  readonly callee: string;
  /** 1..5 when a helper's argument was refused, else 0. */
  readonly argument: number;
  /** The address in words: 'packet+0x22, packet ends at +0x22'. */
  readonly place: string;
}

/** What ended a run: thrown by `LoadedCode.run`, kept by `LoadedCode.batch`. */
export class ProgramFaultError extends Error implements ProgramFault {
  override readonly name = 'ProgramFault';
  readonly kind: FaultKind;
  readonly program: string;
  /** Index of the faulting instruction, or -1 when a trap left no record. */
  readonly insn: number;
  /** The address as the program computed it (tag in the high half). */
  readonly address: bigint;
  readonly size: number;
  readonly write: boolean;
  readonly source: SourceLine | undefined;
  readonly helper: number;
  readonly argument: number;

  constructor(facts: FaultFacts, options?: ErrorOptions) {
    super(describe(facts), options);
    this.kind = facts.kind;
    this.program = facts.program;
    this.insn = facts.insn;
    this.address = facts.address;
    this.size = facts.size;
    this.write = facts.write;
    this.source = facts.source;
    this.helper = facts.helper;
    this.argument = facts.argument;
  }
}

/** Ended a run because the step hook returned true: no fault, the program was all right so far. */
export class ProgramStopped extends Error {
  override readonly name = 'ProgramStopped';
  readonly program: string;
  /** The instruction that would have come next. */
  readonly insn: number;
  readonly frame: number;
  /** r0 to r10 before that instruction. */
  readonly registers: readonly bigint[];

  constructor(image: ProgramImage, state: StepState) {
    super(`${image.name}: stopped before insn ${state.insn}`);
    this.program = image.name;
    this.insn = state.insn;
    this.frame = state.frame;
    this.registers = Array.from({ length: 11 }, (_, i) => state.register(i));
  }
}

const registry = new WeakMap<WebAssembly.Table, Map<number, ProgramImage>>();

/**
 * The images loaded on a runtime, by id. Both engines enter what they load and take out what they
 * dispose of, so that a fault after a tail call names the program it happened in.
 */
export function imagesOf(runtime: Runtime): Map<number, ProgramImage> {
  let images = registry.get(runtime.table);
  if (!images) registry.set(runtime.table, (images = new Map()));
  return images;
}

/** The fault in this CPU's record, or undefined if there is none. */
export function readFault(
  runtime: Runtime,
  images: ReadonlyMap<number, ProgramImage>,
): ProgramFaultError | undefined {
  const view = runtime.view();
  const block = runtime.cpuBlock;
  const kind = KINDS[view.getUint32(block + C_FAULT_KIND, true)];
  if (!kind) return undefined;
  const id = view.getUint32(block + C_FAULT_PROGRAM, true);
  const image = images.get(id);
  const insn = view.getUint32(block + C_FAULT_INSN, true);
  const address = view.getBigUint64(block + C_FAULT_ADDRESS, true);
  const helper = view.getUint32(block + C_FAULT_HELPER, true);
  return new ProgramFaultError({
    kind,
    program: image?.name ?? `program ${id}`,
    insn,
    address,
    size: view.getUint32(block + C_FAULT_SIZE, true),
    write: view.getUint32(block + C_FAULT_WRITE, true) !== 0,
    source: image && sourceLineAt(image, insn),
    helper,
    callee: calleeName(image, helper),
    argument: view.getUint32(block + C_FAULT_ARGUMENT, true),
    place: placeOf(runtime, address, image),
  });
}

/**
 * What to throw for an exception that came out of compiled code: the recorded fault if there is
 * one (its record is then taken back), a fault without instruction for traps a program that runs
 * unchecked can cause, a `BugError` for other traps, and anything else as it is.
 */
export function faultFrom(error: unknown, runtime: Runtime, image: ProgramImage): unknown {
  if (error instanceof ProgramFaultError) return error;
  const trap = error instanceof WebAssembly.RuntimeError;
  const overflow = isStackOverflow(error);
  if (!trap && !overflow) return error;
  const recorded = readFault(runtime, imagesOf(runtime));
  if (recorded) {
    runtime.view().setUint32(runtime.cpuBlock + C_FAULT_KIND, FAULT_NONE, true);
    return recorded;
  }
  const kind = overflow ? 'stack exhausted' : kindOfTrap((error as Error).message);
  if (!kind) {
    const text = `${image.name}: trap without a record: ${(error as Error).message}`;
    return new BugError(text, { cause: error });
  }
  return faultWithoutRecord(kind, image, error);
}

/** The source line instruction `insn` came from: the last entry at or before it. */
export function sourceLineAt(image: ProgramImage, insn: number): SourceLine | undefined {
  let low = 0;
  let high = image.lines.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (image.lines[middle]!.insn <= insn) low = middle + 1;
    else high = middle;
  }
  return image.lines[low - 1];
}

function faultWithoutRecord(kind: FaultKind, image: ProgramImage, cause: unknown) {
  return new ProgramFaultError(
    {
      kind,
      program: image.name,
      insn: -1,
      address: 0n,
      size: 0,
      write: false,
      source: undefined,
      helper: 0,
      callee: '',
      argument: 0,
      place: 'an address outside memory',
    },
    { cause },
  );
}

/** Exhausted machine stack is a RangeError in V8 and JSC, an InternalError in SpiderMonkey. */
function isStackOverflow(error: unknown): boolean {
  return error instanceof Error && /call stack|too much recursion/i.test(error.message);
}

/** Traps an unchecked program can cause by itself, by the words of V8, SpiderMonkey and JSC. */
function kindOfTrap(message: string): FaultKind | undefined {
  if (/unaligned/i.test(message)) return 'unaligned atomic';
  if (/table|null function|signature|indirect call/i.test(message)) return 'bad pointer';
  if (/out[- ]of[- ]bounds/i.test(message)) return 'out of range';
  return undefined;
}

function describe(facts: FaultFacts): string {
  const at = facts.insn < 0 ? '' : ` at insn ${facts.insn}`;
  const line = facts.source;
  const text = line?.text.trim();
  const source = line ? ` (${line.file}:${line.line}${text ? `: ${text}` : ''})` : '';
  return `${facts.program}: ${explain(facts)}${at}${source}`;
}

function explain(facts: FaultFacts): string {
  const access = `${facts.write ? 'write' : 'read'} of ${bytes(facts.size)} at ${facts.place}`;
  switch (facts.kind) {
    case 'out of range':
      return facts.insn < 0 ? `access to ${facts.place}` : `out of range: ${access}`;
    case 'bad pointer':
      return facts.insn < 0
        ? 'call through something that is no function'
        : `bad pointer: ${access}`;
    case 'read only':
      return `read only: ${access}`;
    case 'unaligned atomic':
      return facts.insn < 0 ? 'unaligned atomic access' : `unaligned atomic: ${access}`;
    case 'bad helper argument':
      return refusal(facts);
    case 'no such helper':
      return `${facts.callee} is not available`;
    case 'too many iterations':
      return 'too many iterations';
    case 'stack exhausted':
      return `stack exhausted (at most ${MAX_CALL_FRAMES} frames)`;
    case 'bad instruction':
      return 'bad instruction';
  }
}

function bytes(size: number): string {
  return size === 1 ? '1 byte' : `${size} bytes`;
}

function refusal(facts: FaultFacts): string {
  return `${facts.callee} refuses argument ${facts.argument}: ${argumentText(facts)}`;
}

function argumentText(facts: FaultFacts): string {
  if (facts.size === 0) return `0x${facts.address.toString(16)}`;
  return `${bytes(facts.size)} at ${facts.place}`;
}

interface Region {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** Names the region an address belongs to and where in it the address lies. */
function placeOf(runtime: Runtime, address: bigint, image: ProgramImage | undefined): string {
  const hex = `0x${address.toString(16)}`;
  const low = Number(address & 0xffffffffn);
  const high = Number(BigInt.asIntN(32, address >> 32n));
  const id = high === 0 ? REGION_PACKET : high - TAG_BASE;
  if (high === 0 && low < NULL_PAGE_END) return low === 0 ? 'NULL' : `${hex}, close to NULL`;
  if (id < 0 || id >= MAX_REGIONS) return `${hex}, which is no pointer`;
  if (id === REGION_MAP_HANDLE) return `${hex}, a map`;
  if (id === REGION_FUNCTION) return `${hex}, a function`;
  const region = regionAt(runtime, id, low, image);
  if (!region) return `${hex}, which is no pointer`;
  if (id === REGION_STACK)
    return `${hex}, ${signedHex(low - region.end)} from the end of the stack`;
  const { name, start, end } = region;
  return `${name}${signedHex(low - start)}, ${name} ends at ${signedHex(end - start)}`;
}

function regionAt(
  runtime: Runtime,
  id: number,
  low: number,
  image: ProgramImage | undefined,
): Region | undefined {
  const view = runtime.view();
  const shared = id >= FIRST_SHARED_REGION;
  const record = (shared ? REGIONS : runtime.cpuBlock + CPU_REGIONS) + id * REGION_SIZE;
  const start = view.getUint32(record + R_START, true);
  const end = view.getUint32(record + R_END, true);
  if (id === REGION_PACKET) return packetRegion(runtime, image) ?? { name: 'packet', start, end };
  if (end === 0) return undefined;
  if (!shared) return { name: PER_CPU_NAMES[id] ?? 'object', start, end };
  const owner = view.getUint32(record + R_OWNER, true);
  const map = owner === 0 ? undefined : runtime.mapAt(owner);
  const name = map ? `map ${map.definition.name}` : 'memory';
  const stride = view.getUint32(record + R_STRIDE, true);
  if (stride === 0 || low < start || low >= end) return { name, start, end };
  const index = Math.floor((low - start) / stride);
  const first = start + index * stride;
  return {
    name: `${name}[${index}]`,
    start: first,
    end: first + view.getUint32(record + R_ELEMENT, true),
  };
}

const PER_CPU_NAMES: Readonly<Record<number, string>> = {
  [REGION_CTX]: 'context',
  [REGION_STACK]: 'stack',
  [REGION_OBJECT]: 'object',
};

/** The packet as the program sees it: offsets count from `data`, not from its metadata. */
function packetRegion(runtime: Runtime, image: ProgramImage | undefined): Region | undefined {
  const fields = image?.context.packet;
  const view = runtime.view();
  const context = view.getUint32(runtime.cpuBlock + C_CTX, true);
  if (!fields || context === 0) return undefined;
  const start = view.getUint32(context + fields.start, true);
  const end = view.getUint32(context + fields.end, true);
  return { name: 'packet', start, end };
}

function signedHex(n: number): string {
  return `${n < 0 ? '-' : '+'}0x${Math.abs(n).toString(16)}`;
}

import {
  type CompileOptions,
  type Engine,
  type LoadedCode,
  ProgramFaultError,
  type ProgramImage,
} from '../../src/engine/index.ts';
import { interpreterEngine } from '../../src/engine/interpreter/index.ts';
import { wasmEngine } from '../../src/engine/wasm/index.ts';
import { assemble, encodeCode } from '../../src/isa/index.ts';
import type { SourceLine } from '../../src/object/index.ts';
import { createRuntime } from '../../src/runtime/index.ts';
import {
  C_R0,
  FIRST_SHARED_REGION,
  M_VALUE_TAG,
  M_VALUES,
  REGION_MAP_HANDLE,
  TAG_BASE,
} from '../../src/runtime/layout.ts';
import type { MapDefinition, Runtime, RuntimeMap } from '../../src/runtime/types.ts';
import { movedEngine, packedEngine } from './packed.ts';

export interface Variant {
  readonly name: string;
  readonly engine: Engine;
  readonly checks: boolean;
}

const variantsOf = (engine: Engine, name: string = engine.name): Variant[] => [
  { name: `${name}, checked`, engine, checks: true },
  { name: `${name}, unchecked`, engine, checks: false },
];

export const engines: readonly Engine[] = [interpreterEngine, wasmEngine];
/** Every engine with and without checks. */
export const variants: readonly Variant[] = [
  ...engines.flatMap((engine) => variantsOf(engine)),
  ...variantsOf(packedEngine, 'wasm in a pack'),
  ...variantsOf(movedEngine, 'wasm packed anew'),
];
export const checkedVariants = variants.filter((variant) => variant.checks);

/** A context with packet bounds where struct xdp_md has them, and room behind. */
export const CONTEXT: ProgramImage['context'] = {
  size: 24,
  allocated: 64,
  packet: { start: 0, end: 4, meta: 8, network: 32 },
};

let nextId = 1;

/** Text of the assembler (isa/assemble.ts) as a program image; functions start at their labels. */
export function imageOf(text: string, options: Partial<ProgramImage> = {}): ProgramImage {
  const { code, labels, lines } = assemble(text);
  const texts = text.split('\n');
  return {
    name: 'test',
    id: nextId++,
    insns: encodeCode(code),
    functions: [{ name: 'test', start: 0 }].concat(
      [...labels]
        .filter(([name]) => name.startsWith('fn_'))
        .map(([name, start]) => ({ name, start })),
    ),
    lines: lines.map(
      (line, insn): SourceLine => ({
        insn,
        file: 'test.s',
        line,
        column: 1,
        text: texts[line - 1] ?? '',
      }),
    ),
    context: CONTEXT,
    ...options,
  };
}

/** The image with src_reg 1 or 2 on each ld_imm64 that holds a map's handle or value's address. */
export function marked(text: string, options: Partial<ProgramImage> = {}): ProgramImage {
  const image = imageOf(text, options);
  const view = new DataView(image.insns.buffer, image.insns.byteOffset, image.insns.length);
  for (let at = 0; at < image.insns.length; at += 8) {
    if (view.getUint8(at) !== 0x18) continue;
    const id = view.getInt32(at + 12, true) - TAG_BASE;
    const source = id === REGION_MAP_HANDLE ? 1 : id >= FIRST_SHARED_REGION && id < 8192 ? 2 : 0;
    view.setUint8(at + 1, (view.getUint8(at + 1) & 0xf) | (source << 4));
    at += 8;
  }
  return image;
}

/** A machine's memory with one context and one packet in it. */
export class Lab {
  readonly runtime: Runtime;
  readonly context: number;
  readonly packet: number;

  constructor(packetSize = 64) {
    this.runtime = createRuntime({ cpus: 1, seed: 1 });
    this.context = this.runtime.allocate(CONTEXT.allocated, 64);
    this.packet = this.runtime.allocate(packetSize + 64, 64) + 32;
    this.setPacket(this.packet, this.packet + packetSize);
  }

  setPacket(start: number, end: number, meta = start): void {
    const view = this.runtime.view();
    view.setUint32(this.context, start, true);
    view.setUint32(this.context + 4, end, true);
    view.setUint32(this.context + 8, meta, true);
    view.setUint32(this.context + 32, 14, true);
  }

  bytes(address: number, size: number): Uint8Array {
    return this.runtime.u8().subarray(address, address + size);
  }

  load(
    variant: Variant,
    program: string | ProgramImage,
    options: Partial<CompileOptions> = {},
  ): LoadedCode {
    const image = typeof program === 'string' ? imageOf(program) : program;
    return variant.engine.load(image, this.runtime, { checks: variant.checks, ...options });
  }

  /** All 64 bits of r0 after one run. */
  r0(code: LoadedCode): bigint {
    code.run(this.context);
    return this.runtime.view().getBigUint64(this.runtime.cpuBlock + C_R0, true);
  }

  map(definition: Partial<MapDefinition>): RuntimeMap {
    return this.runtime.createMap({
      name: 'm',
      type: 2,
      keySize: 4,
      valueSize: 8,
      maxEntries: 4,
      flags: 0,
      ...definition,
    });
  }

  /** A prog_array with these table slots (0 = empty) in it, and one empty slot behind. */
  programArray(entries: readonly number[]): RuntimeMap {
    const map = this.map({ type: 3, keySize: 4, valueSize: 4, maxEntries: entries.length + 1 });
    this.setSlots(map, entries);
    return map;
  }

  setSlots(map: RuntimeMap, entries: readonly number[]): void {
    const bytes = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);
    entries.forEach((entry, i) => {
      if (entry !== 0 && map.setObject(bytes(i), entry, 1) !== 0) {
        throw new Error('prog_array refuses an entry');
      }
    });
  }

  /** Text of the 64-bit handle of a map, for `rN = <handle> ll`. */
  handle(map: RuntimeMap): string {
    return tagged(TAG_BASE + REGION_MAP_HANDLE, map.address);
  }

  /** Text of the 64-bit address of a map's first value, plus `offset`. */
  value(map: RuntimeMap, offset = 0): string {
    const view = this.runtime.view();
    const tag = view.getInt32(map.address + M_VALUE_TAG, true);
    return tagged(tag, view.getUint32(map.address + M_VALUES, true) + offset);
  }
}

function tagged(high: number, low: number): string {
  return `0x${((BigInt(high >>> 0) << 32n) | BigInt(low)).toString(16)}`;
}

/** The fault a run ends with; fails if it does not end with one. */
export function faultOf(run: () => unknown): ProgramFaultError {
  try {
    run();
  } catch (error) {
    if (error instanceof ProgramFaultError) return error;
    throw error;
  }
  throw new Error('the run did not end with a fault');
}

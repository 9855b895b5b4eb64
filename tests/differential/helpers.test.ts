import { describe, expect, it } from 'vitest';
import { isExtensionMap } from '../../src/abi/extensions.ts';
import {
  type ArgContract,
  helperContract,
  mapTypes,
  type ProgramTypeDef,
  programTypes,
} from '../../src/abi/index.ts';
import { type Engine, ProgramFaultError, type ProgramImage } from '../../src/engine/index.ts';
import { interpreterEngine } from '../../src/engine/interpreter/index.ts';
import { wasmEngine } from '../../src/engine/wasm/index.ts';
import { assemble, encodeCode } from '../../src/isa/index.ts';
import { createRuntime } from '../../src/runtime/index.ts';
import {
  C_R0,
  M_MAGIC,
  M_OPS,
  M_PRIVATE,
  M_VALUE_TAG,
  M_VALUES,
  REGION_FUNCTION,
  REGION_MAP_HANDLE,
  TAG_BASE,
} from '../../src/runtime/layout.ts';
import type { MapDefinition, RuntimeMap } from '../../src/runtime/types.ts';
import { Random } from './random.ts';

/**
 * Helpers called by unverified code with arguments of every kind: each call returns or ends in a
 * fault, alike in both engines, and leaves the machine's own memory alone.
 */
const TRIES = Number(process.env['BEEYARD_FUZZ_HELPERS'] ?? 8);
const LAST_HELPER = 215;
const FUNCTION_TAG = BigInt((TAG_BASE + REGION_FUNCTION) >>> 0);
const HEADROOM = 256;
const PACKET_SIZE = 64;

function definitionOf(type: number): MapDefinition {
  const facts = mapTypes.find((one) => one.id === type)!;
  const size = (range: (typeof facts)['keySize'], wish: number): number => {
    if (typeof range === 'number') return range;
    return Math.min(Math.max(range.min, wish), range.max);
  };
  const { maxEntries } = facts;
  const entries = facts.runtime!.endsWith('ringbuf') ? 4096 : size(maxEntries, 4);
  const flags = facts.needsFlags ?? 0;
  const keySize = size(facts.keySize, 8);
  const valueSize = size(facts.valueSize, 8);
  const types = facts.needsTypes ? { keyTypeId: 1, valueTypeId: 1 } : {};
  const kernel = facts.needsKernelType ? { kernelType: { size: valueSize } } : {};
  const sizes = { keySize, valueSize, maxEntries: entries };
  return { name: facts.name, type, ...sizes, flags, ...types, ...kernel };
}

const pointer = (high: number, low: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low);

/** A machine with one map of each type and one packet. */
class HelperWorld {
  readonly runtime = createRuntime({ cpus: 2, seed: 3 });
  readonly maps: RuntimeMap[] = [];
  readonly type: ProgramTypeDef;
  readonly context: number;
  readonly packet: number;

  constructor(type: ProgramTypeDef) {
    this.type = type;
    const inner = this.runtime.createMap(definitionOf(2));
    for (const { id, runtime } of mapTypes) {
      if (runtime === undefined || isExtensionMap(id)) continue;
      const ofMaps = runtime.endsWith('_of_maps');
      this.maps.push(this.runtime.createMap({ ...definitionOf(id), ...(ofMaps && { inner }) }));
    }
    this.context = this.runtime.allocate(type.context.allocated, 64);
    this.packet = this.runtime.allocate(HEADROOM + PACKET_SIZE + HEADROOM, 64) + HEADROOM;
    this.reset();
  }

  reset(): void {
    const { context, runtime, packet } = this;
    const view = runtime.view();
    const { allocated, size, packet: fields } = this.type.context;
    runtime.u8().fill(0, context, context + allocated);
    view.setUint32(context + fields!.start, packet, true);
    view.setUint32(context + fields!.end, packet + PACKET_SIZE, true);
    if (fields!.meta !== undefined) view.setUint32(context + fields!.meta, packet, true);
    // Behind the public part: first byte of headroom, end of the usable tail.
    view.setUint32(context + size, packet - HEADROOM, true);
    view.setUint32(context + size + 4, packet + PACKET_SIZE + HEADROOM, true);
    if (this.type.name === 'sched_cls') view.setUint32(context, PACKET_SIZE, true);
    runtime.clock = 1n;
  }

  /** What no helper may change: the fixed part of map headers. */
  headers(): string {
    const u8 = this.runtime.u8();
    const fixed = (map: RuntimeMap): string => {
      const { address } = map;
      const words = [...u8.subarray(address + M_MAGIC, address + M_VALUE_TAG)];
      return [...words, ...u8.subarray(address + M_OPS, address + M_PRIVATE)].join(' ');
    };
    return this.maps.map(fixed).join('\n');
  }

  /** Text that puts into a register what its contract asks for, mostly. */
  fitting(kind: ArgContract['kind'] | undefined, register: number, random: Random): string {
    if (kind === undefined || random.oneIn(6)) return this.argument(register, random);
    const stack = `r${register} = r10\nr${register} += ${-8 * random.between(4, 9)}`;
    const map = random.pick(this.maps);
    const handle = pointer(TAG_BASE + REGION_MAP_HANDLE, map.address);
    switch (kind) {
      case 'ctx':
        return `r${register} = r6`;
      case 'map':
        return `r${register} = 0x${handle.toString(16)} ll`;
      case 'size':
      case 'alloc_size':
        return `r${register} = ${random.pick([0, 1, 4, 6, 8, 14, 16, 20, 24, 32])}`;
      case 'callback':
        return `r${register} = fn_back ll`;
      case 'any':
      case 'scalar':
        return random.oneIn(3)
          ? this.argument(register, random)
          : `r${register} = ${random.pick([0, 0, 0, 1, 2, 3, 14, -1, 1 << 16])}`;
      default:
        return stack;
    }
  }

  /** Text that puts something into a register. */
  argument(register: number, random: Random): string {
    const view = this.runtime.view();
    const map = random.pick(this.maps);
    const value = pointer(
      view.getInt32(map.address + M_VALUE_TAG, true),
      view.getUint32(map.address + M_VALUES, true),
    );
    const wide = (n: bigint) => `r${register} = 0x${n.toString(16)} ll`;
    return random.pick([
      () => `r${register} = r6`,
      () => `r${register} = r10\nr${register} += ${-8 * random.between(0, 9)}`,
      () => wide(pointer(TAG_BASE + REGION_MAP_HANDLE, map.address)),
      () => wide(pointer(TAG_BASE + REGION_MAP_HANDLE, map.address)),
      () => wide(value + BigInt(random.below(16))),
      () => wide(BigInt(this.packet + random.below(PACKET_SIZE + 4))),
      () => `r${register} = fn_back ll`,
      () => `r${register} = ${random.pick([0, 1, 2, 4, 8, 16, 64, 4096, -1, -8])}`,
      () => wide((BigInt(random.u32()) << 32n) | BigInt(random.u32())),
    ])();
  }

  program(id: number, random: Random): ProgramImage {
    const fill = Array.from({ length: 9 }, (_, i) => {
      return `*(u64 *)(r10 - ${8 * (i + 1)}) = ${random.pick([0, 1, 0x41, 0x2541])}`;
    });
    const contract = helperContract(id, this.type.id);
    const arguments_ = [1, 2, 3, 4, 5].map((register) => {
      return this.fitting(contract?.args[register - 1]?.kind, register, random);
    });
    const text = `r6 = r1\n${fill.join('\n')}\n${arguments_.join('\n')}\ncall ${id}\nexit
      fn_back:\nr0 = 1\nexit`;
    const insns = encodeCode(assemble(text).code);
    const base = { name: `helper ${id}`, id: 1, functions: [], lines: [] };
    return { ...base, insns, programType: this.type.id, context: this.type.context };
  }

  outcome(engine: Engine, image: ProgramImage): string {
    this.reset();
    const code = engine.load(image, this.runtime, { checks: true, fuel: 100 });
    try {
      code.run(this.context);
      return this.runtime
        .view()
        .getBigUint64(this.runtime.cpuBlock + C_R0, true)
        .toString(16);
    } catch (error) {
      if (!(error instanceof ProgramFaultError)) throw error;
      const { kind, insn, address, size, write, argument } = error;
      // Engines give callbacks different slots.
      const isFunction = address >> 32n === FUNCTION_TAG;
      return `${kind} ${insn} ${isFunction ? 'fn' : address} ${size} ${write} ${argument}`;
    } finally {
      code.dispose();
    }
  }
}

describe.each(['xdp', 'sched_cls'])('helpers called by an unverified %s program', (name) => {
  const type = programTypes.get(name)!;

  it('return or fault, and leave the machine alone', () => {
    const world = new HelperWorld(type);
    const headers = world.headers();
    let faults = 0;
    let results = 0;
    for (let id = 1; id <= LAST_HELPER; id++) {
      if (world.runtime.helperSlot(id, type.id) < 0) continue;
      for (let k = 0; k < TRIES; k++) {
        const image = world.program(id, new Random(id * 1000 + k));
        const outcome = world.outcome(interpreterEngine, image);
        if (/^[0-9a-f]+$/.test(outcome)) results++;
        else faults++;
        expect(world.headers(), `helper ${id}, try ${k}`).toBe(headers);
      }
    }
    expect(results).toBeGreaterThan(50);
    expect(faults).toBeGreaterThan(50);
  });

  it('do the same in both engines', () => {
    const [first, second] = [new HelperWorld(type), new HelperWorld(type)];
    for (let id = 1; id <= LAST_HELPER; id++) {
      if (first.runtime.helperSlot(id, type.id) < 0) continue;
      for (let k = 0; k < TRIES / 4; k++) {
        const of = (world: HelperWorld, engine: Engine) =>
          world.outcome(engine, world.program(id, new Random(id * 77 + k)));
        const expected = of(first, interpreterEngine);
        expect(of(second, wasmEngine), `helper ${id}, try ${k}`).toBe(expected);
      }
    }
  });
});

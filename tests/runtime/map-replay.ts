/** Replays what a real kernel was asked about maps (maps-6.12.117.json.gz) on a runtime. */
import { gunzipSync } from 'node:zlib';
import { readFileSync } from 'node:fs';
import type { BatchCommand } from '../../src/abi/map-commands.ts';
import type { OwnerKind } from '../../src/abi/index.ts';
import {
  createRuntime,
  type MapDefinition,
  type MemoryModelOptions,
  type Runtime,
  type RuntimeMap,
  type RuntimeOwner,
} from '../../src/runtime/index.ts';
import { createErrno, typeId } from './map-harness.ts';

/** A definition as it was asked; absent members are the type's usual ones. */
export interface AskedDefinition {
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly extra?: number;
  readonly keyType?: 'int' | 'long';
  readonly valueType?: 'int' | 'long' | 'locked';
  readonly inner?: boolean;
  readonly kernelType?: string;
  readonly kernelSize?: number;
  /** What values, keys stand for. */
  readonly holds?: string;
  readonly owner?: OwnerKind;
}

export interface AskedStep {
  readonly op: string;
  readonly key?: string | null;
  readonly value?: string;
  readonly flags?: number;
  readonly keys?: readonly string[];
  readonly values?: readonly string[];
  readonly count?: number;
  readonly elemFlags?: number;
  readonly start?: true;
  readonly object?: number;
}

/** Result, then bytes; of batches count, position, keys, values. null: not ours to know. */
export type Answer = readonly (number | string | null)[];

export interface RecordedType {
  readonly type: string;
  readonly usual: AskedDefinition;
  readonly create: readonly (readonly [Partial<AskedDefinition>, number])[];
  readonly runs: readonly {
    readonly name: string;
    readonly changes: Partial<AskedDefinition>;
    readonly made: number;
    readonly steps: readonly (readonly [AskedStep, ...Answer])[];
  }[];
}

const FILE = new URL('../fixtures/oracle/maps-6.12.117.json.gz', import.meta.url);

export function recordedTypes(): readonly RecordedType[] {
  return JSON.parse(gunzipSync(readFileSync(FILE)).toString('utf8')).types;
}

const SIZES = { int: 4, long: 8, locked: 16 };
const LOCK_OFFSET = 8;
const LO = { mtu: 65536, headerSize: 14, address: new Uint8Array(6), forwarding: false };

function newRuntime(shared = false, memoryModel: MemoryModelOptions = {}): Runtime {
  const runtime = createRuntime({ cpus: 1, shared, memoryModel });
  runtime.host.devices.set(1, LO);
  return runtime;
}

/** The definition as the runtime takes it. */
function definitionOf(runtime: Runtime, type: string, asked: AskedDefinition): MapDefinition {
  const { keyType, valueType, kernelType, kernelSize = 0 } = asked;
  const struct = kernelType && type === 'struct_ops' ? kernelSize : 0;
  return {
    name: 'm',
    type: typeId(type),
    keySize: asked.keySize,
    valueSize: asked.valueSize || struct,
    maxEntries: asked.maxEntries,
    flags: asked.flags,
    extra: BigInt(asked.extra ?? 0),
    keyTypeId: keyType ? 1 : 0,
    valueTypeId: valueType ? 2 : 0,
    ...(keyType && valueType && { types: { key: SIZES[keyType], value: SIZES[valueType] } }),
    ...(valueType === 'locked' && { spinLock: LOCK_OFFSET }),
    ...(kernelType && {
      kernelType: kernelType.startsWith('bpf_struct_ops_') ? { size: kernelSize } : 'unknown',
    }),
    ...(asked.inner && { inner: runtime.createMap(innerDefinition) }),
  };
}

const innerDefinition: MapDefinition = {
  name: 'inner',
  type: typeId('array'),
  keySize: 4,
  valueSize: 8,
  maxEntries: 4,
  flags: 0,
};

export function created(type: string, asked: AskedDefinition): number {
  const runtime = newRuntime();
  return createErrno(runtime, definitionOf(runtime, type, asked));
}

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** One map of a run and the objects its keys and values stand for. */
export class Replay {
  readonly map: RuntimeMap;
  readonly #runtime: Runtime;
  readonly #asked: AskedDefinition;
  readonly #owners: RuntimeOwner[] = [];
  readonly #inner: RuntimeMap[] = [];

  constructor(
    type: string,
    asked: AskedDefinition,
    shared: boolean,
    memoryModel: MemoryModelOptions = {},
  ) {
    this.#runtime = newRuntime(shared, memoryModel);
    this.#asked = asked;
    this.map = this.#runtime.createMap(definitionOf(this.#runtime, type, asked));
    const kind = asked.owner ?? asked.holds;
    for (let i = 0; i < 3; i++) this.#addObject(kind);
  }

  /** A moment at which grace periods may end. */
  moment(): void {
    this.#runtime.gracePeriods?.moment();
  }

  #addObject(kind: string | undefined): void {
    if (kind === 'map') this.#inner.push(this.#runtime.createMap(innerDefinition));
    const owns = ['task', 'inode', 'socket', 'cgroup'].includes(kind ?? '');
    // There is one task to ask about.
    const same = kind === 'task' ? this.#owners[0] : undefined;
    if (owns) this.#owners.push(same ?? this.#runtime.createOwner(kind as OwnerKind));
  }

  #bytes(text: string, size: number): Uint8Array {
    const bytes = new Uint8Array(size);
    if (!/^[$@]/.test(text)) {
      bytes.set(bytesOf(text));
      return bytes;
    }
    const index = Number(text.slice(1));
    const number = this.#owners[index]?.number ?? this.#inner[index]?.address ?? index + 1;
    new DataView(bytes.buffer).setUint32(0, number, true);
    return bytes;
  }

  #key(text: string): Uint8Array {
    return this.#bytes(text, this.#asked.keySize);
  }

  #value(text: string): Uint8Array {
    return this.#bytes(text, this.map.userValueSize);
  }

  answer(step: AskedStep): Answer {
    if (step.op.endsWith('_batch')) return this.#batch(step);
    const key = step.key === null ? undefined : this.#key(step.key ?? '');
    switch (step.op) {
      case 'close':
        // Only sockets die when nobody has them open.
        if (this.#owners[0]?.kind === 'socket') this.#owners[step.object!]!.free();
        return [0];
      case 'freeze':
        return [this.map.freeze()];
      case 'delete':
        return [this.map.delete(key!)];
      case 'update':
        return [this.#update(key!, step)];
      case 'next':
        return this.#out(this.#asked.keySize, (out) => this.map.nextKey(key, out));
      case 'take':
        return this.#out(this.map.userValueSize, (out) =>
          this.map.lookupAndDelete(key!, out, step.flags),
        );
      default:
        return this.#lookup(key!, step);
    }
  }

  #update(key: Uint8Array, { value, flags }: AskedStep): number {
    if (this.#asked.holds === 'program' && value!.startsWith('@')) {
      return this.map.setObject(key, 1, 1, flags);
    }
    return this.map.update(key, this.#value(value!), flags);
  }

  #lookup(key: Uint8Array, { value, flags }: AskedStep): Answer {
    // A bloom filter is asked with the value.
    const asked = this.map.prefix === 'bloom_filter';
    const out = asked ? this.#value(value!) : new Uint8Array(this.map.userValueSize);
    const result = this.map.lookup(key, out, flags);
    return result === 0 && !asked ? [result, hexOf(out)] : [result];
  }

  #out(size: number, call: (out: Uint8Array) => number): Answer {
    const out = new Uint8Array(size);
    const result = call(out);
    return result === 0 ? [result, hexOf(out)] : [result];
  }

  #batch(step: AskedStep): Answer {
    const { keySize } = this.#asked;
    const valueSize = this.map.userValueSize;
    const lookup = step.op.startsWith('lookup');
    const room = Math.max(step.count!, 1);
    const next = new Uint8Array(Math.max(4, keySize));
    const start = new Uint8Array(Math.max(4, keySize));
    start[0] = 1;
    const join = (items: readonly string[], size: number): Uint8Array =>
      Uint8Array.from(items.flatMap((item) => [...this.#bytes(item, size)]));
    const batch = {
      keys: lookup ? new Uint8Array(room * keySize) : join(step.keys!, keySize),
      values: lookup ? new Uint8Array(room * valueSize) : join(step.values!, valueSize),
      count: step.count!,
      start: step.start && start,
      next,
      elemFlags: step.elemFlags ?? 0,
      flags: step.flags ?? 0,
    };
    const result = this.map.batch(step.op.slice(0, -'_batch'.length) as BatchCommand, batch);
    if (!lookup) return [result, batch.count];
    const used = result === 0 || result === -2 ? batch.count : 0;
    return [
      result,
      batch.count,
      hexOf(next),
      hexOf(batch.keys.subarray(0, used * keySize)),
      hexOf(batch.values.subarray(0, used * valueSize)),
    ];
  }
}

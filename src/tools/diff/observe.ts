/** Asks a kernel about programs: the same code for the simulated one and for Linux. */
import { bytesOfHex, KernelError, hexBytes, VerifierError } from '../../base/index.ts';
import type { BtfInput } from '../../btf/index.ts';
import { type LoadedObjects, loadObject, withGlobals } from '../../client/index.ts';
import type { Kernel, KernelMap, KernelProgram, ProgTestRunAttr } from '../../kernel/index.ts';
import type { ObjectFile, ProgramSpec } from '../../object/index.ts';
import type {
  DiffContext,
  DiffObject,
  DiffPacket,
  DiffPlan,
  DiffRun,
  Observation,
} from './types.ts';

/** A kernel that can be asked. */
export interface DiffTarget {
  readonly kernel: Kernel;
  /** BPF_PROG_TEST_RUN: 0 or a negative errno. */
  run(program: KernelProgram, attr: Omit<ProgTestRunAttr, 'progFd'>): number;
  /** The verifier's, at the level of the plan. */
  log(object: ObjectFile, program: ProgramSpec, result: LoadedObjects | VerifierError): string;
}

const ROOM = 1 << 17;
const PACKETS: Readonly<Record<string, 'xdp' | 'skb'>> = {
  xdp: 'xdp',
  sched_cls: 'skb',
  sched_act: 'skb',
};
const CONTEXT_SIZE = { xdp: 24, skb: 192 };
const DUMPED = /^(hash|array|percpu_hash|percpu_array|lru_hash|lru_percpu_hash|lpm_trie)$/;
const TAKEN = /^(queue|stack)$/;

/** Every program of an object, each loaded alone with maps of its own. */
export async function observe(
  target: () => Promise<DiffTarget>,
  written: ObjectFile,
  asked: DiffObject,
  plan: DiffPlan,
): Promise<Observation[]> {
  const globals = (asked.globals ?? {}) as Readonly<Record<string, BtfInput>>;
  const object = { ...written, maps: withGlobals(written, globals) };
  const found: Observation[] = [];
  for (const program of object.programs) {
    const wanted = asked.programs
      ? asked.programs.includes(program.name)
      : program.autoload !== false;
    if (wanted) found.push(observeProgram(await target(), object, program, asked, plan));
  }
  return found;
}

function observeProgram(
  target: DiffTarget,
  object: ObjectFile,
  program: ProgramSpec,
  asked: DiffObject,
  plan: DiffPlan,
): Observation {
  const names = { object: asked.name, program: program.name };
  const { kernel } = target;
  const before = asked.before ?? [];
  let loaded: LoadedObjects;
  try {
    loaded = loadObject(kernel, object, { programs: [program.name, ...before] });
  } catch (error) {
    if (error instanceof VerifierError) {
      const log = target.log(object, program, error);
      return { ...names, errno: error.errno, log, maps: {} };
    }
    if (!(error instanceof KernelError)) throw error;
    return { ...names, errno: error.errno, log: error.message, maps: {} };
  }
  try {
    const log = target.log(object, program, loaded);
    fill(loaded, asked);
    const kind = PACKETS[program.type ?? ''];
    const run = (name: string, packet: DiffPacket, context?: DiffContext) =>
      runOnce(target, loaded.programs.get(name)!, packet, context, CONTEXT_SIZE[kind!]);
    const [first] = plan.packets;
    for (const name of first && kind ? before : []) run(name, first!);
    const runs = kind && plan.packets.map((packet) => run(program.name, packet, packet[kind]));
    return { ...names, errno: 0, log, ...(runs && { runs }), maps: contentsOf(loaded) };
  } finally {
    for (const one of loaded.programs.values()) one.close();
    for (const map of loaded.owned) map.close();
  }
}

function fill({ maps }: LoadedObjects, asked: DiffObject): void {
  for (const [name, entries] of Object.entries(asked.maps ?? {})) {
    for (const [key, value] of entries) {
      const result = maps.get(name)?.update(bytesOfHex(key), bytesOfHex(value), 0) ?? 0;
      if (result < 0) throw new KernelError('EINVAL', -result, `map '${name}' takes no ${key}`);
    }
  }
}

function runOnce(
  target: DiffTarget,
  program: KernelProgram,
  packet: DiffPacket,
  context: DiffContext | undefined,
  size: number,
): DiffRun {
  const dataIn = bytesOfHex(packet.data);
  const dataOut = new Uint8Array(ROOM);
  const ctxOut = context?.output ? new Uint8Array(size) : undefined;
  const attr = {
    dataIn,
    dataSizeIn: dataIn.length,
    dataOut,
    dataSizeOut: ROOM,
    repeat: 1,
    ...(context?.input !== undefined && { ctxIn: bytesOfHex(context.input), ctxSizeIn: size }),
    ...(ctxOut && { ctxOut, ctxSizeOut: size }),
    retval: 0,
    duration: 0,
  };
  const result = target.run(program, attr);
  if (result < 0) return { errno: -result };
  const data = hexBytes(dataOut.subarray(0, attr.dataSizeOut));
  return {
    returnValue: attr.retval | 0,
    ...(data !== packet.data && { data }),
    ...(ctxOut && { context: hexBytes(ctxOut).replace(/(00)+$/, '') }),
  };
}

function contentsOf({ maps }: LoadedObjects): Record<string, string[]> {
  const found = [...maps].flatMap(([name, map]) => {
    const constant = map.spec.dataSection === 'rodata' || map.spec.dataSection === 'kconfig';
    const lines = constant ? undefined : mapLines(map);
    return lines ? [[name, lines] as const] : [];
  });
  return Object.fromEntries(found);
}

/**
 * What is in a map as lines of hexadecimal digits: 'key value', sorted where order means nothing,
 * without values of arrays that are all zero; records of ring buffers, and values of queues, which
 * are taken out. Undefined: maps of its type are not compared.
 */
export function mapLines(map: KernelMap): string[] | undefined {
  const { type = '' } = map.spec;
  if (type === 'ringbuf') return map.drain().map(({ data }) => hexBytes(data));
  if (TAKEN.test(type)) return takenLines(map);
  return DUMPED.test(type) ? entryLines(map, type.endsWith('array')) : undefined;
}

function takenLines(map: KernelMap): string[] {
  const lines: string[] = [];
  const value = new Uint8Array(map.userValueSize);
  const most = map.spec.maxEntries;
  while (lines.length < most && map.lookupAndDelete(new Uint8Array(0), value) === 0) {
    lines.push(hexBytes(value));
  }
  return lines;
}

function entryLines(map: KernelMap, dense: boolean): string[] {
  const lines: string[] = [];
  const value = new Uint8Array(map.userValueSize);
  const [key, next] = [new Uint8Array(map.spec.keySize), new Uint8Array(map.spec.keySize)];
  for (let from: Uint8Array | undefined; map.nextKey(from, next) === 0; from = key) {
    key.set(next);
    if (map.lookup(key, value) !== 0) continue;
    if (dense && value.every((byte) => byte === 0)) continue;
    lines.push(`${hexBytes(key)} ${hexBytes(value)}`);
  }
  return lines.sort();
}

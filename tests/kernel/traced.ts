import {
  createMachine,
  type Host,
  type LoadedObject,
  type MachineOptions,
  type ObjectFile,
  parseObject,
} from '../../src/index.ts';
import { mapTypes } from '../../src/abi/index.ts';
import type { MachineMap, MachineProgram } from '../../src/machine/index.ts';
import { M_PRIVATE } from '../../src/runtime/layout.ts';
import { selftest } from './selftests.ts';

export const PID = 4242;
export const CPUS = 2;

type Engine = 'wasm' | 'interpreter';

/** What a test changes of an object between open and load (bpf_map__set_max_entries, …). */
export interface MapChange {
  readonly maxEntries?: number;
  readonly type?: string;
  /** Entries of the template of a map of maps. */
  readonly inner?: number;
  /** The template of a map of maps that has none in the object. */
  readonly template?: { readonly type: string; readonly maxEntries: number };
}

export interface StartOptions {
  /** Default: all that are loaded by default. */
  readonly programs?: readonly string[];
  readonly globals?: Readonly<Record<string, unknown>>;
  readonly maps?: Readonly<Record<string, MapChange>>;
  readonly machine?: MachineOptions;
  /** Default true. */
  readonly attach?: boolean;
  /** In a cgroup of its own, not in the root. */
  readonly cgroup?: 'new';
}

export interface Started {
  readonly host: Host;
  readonly loaded: LoadedObject;
  readonly programs: LoadedObject['programs'];
  readonly maps: LoadedObject['maps'];
  readonly globals: LoadedObject['globals'];
  readonly task: ReturnType<Host['task']>;
  /** The test's process makes a system call. */
  call(name: string): void;
  number(name: string): number;
  /** Off the hooks, and everything is closed. */
  end(): void;
}

function changed(object: ObjectFile, maps: Readonly<Record<string, MapChange>>): ObjectFile {
  const one = (spec: ObjectFile['maps'][number]) => {
    const change = maps[spec.name];
    if (!change) return spec;
    const { maxEntries = spec.maxEntries, type = spec.type! } = change;
    const { id: typeId } = mapTypes.find(({ name }) => name === type)!;
    const { template } = change;
    if (template) {
      const { id } = mapTypes.find((one) => one.name === template.type)!;
      return { ...spec, inner: { ...spec, ...template, name: 'inner', typeId: id } };
    }
    const inner = change.inner && { inner: { ...spec.inner!, maxEntries: change.inner } };
    return { ...spec, maxEntries, type, typeId, ...inner };
  };
  return { ...object, maps: object.maps.map(one) };
}

/**
 * A selftest of the kernel as its test in user space starts it: loaded and attached, on a machine
 * of two CPUs, by a process with the pid 4242.
 */
export async function start(
  engine: Engine,
  name: string,
  options: StartOptions = {},
): Promise<Started> {
  const { programs: names, globals, maps = {}, machine, attach = true, cgroup } = options;
  const host = await createMachine({ engine, cpus: CPUS, ...machine });
  const object = changed(parseObject(selftest(name)), maps);
  const loaded = await host.load(object, {
    ...(names && { programs: names }),
    ...(globals && { globals: globals as never }),
  });
  const task = host.task({ pid: PID, comm: 'test_progs', ...(cgroup && { cgroup }) });
  const programs = attach ? Object.values(loaded.programs) : [];
  const links = programs.map((program) => program.attach());
  return {
    host,
    loaded,
    programs: loaded.programs,
    maps: loaded.maps,
    globals: loaded.globals,
    task,
    call: (call) => host.syscall(call, { task }),
    end: () => {
      for (const link of links) link.detach();
      loaded[Symbol.dispose]();
    },
    number: (global) => Number(loaded.globals.get(global)),
  };
}

/** All globals of these names as numbers. */
export const seen = ({ number }: Started, names: readonly string[]): Record<string, number> =>
  Object.fromEntries(names.map((name) => [name, number(name)]));

/**
 * The pages of a ring buffer as mmap(2) shows them: positions of consumer and producer, data. Here
 * they are read and written in the machine's memory, because the machine maps no ring buffers.
 */
export function ringPages({ maps }: Started, name: string): DataView {
  const { runtime, runtimeMap } = maps[name]!.kernelMap as MachineMap;
  const base = runtime.u32()[(runtimeMap.address + M_PRIVATE) >>> 2]!;
  return new DataView(runtime.memory.buffer, base + 4096);
}

/** How many instructions of a program have run, on machines with `profile`. */
export const insnsRun = ({ programs }: Started, name: string): number =>
  (programs[name]!.kernelProgram as MachineProgram).code.counts().reduce((sum, n) => sum + n, 0);

/** A variable in the arena of an object: its name is in the types of section `.addr_space.1`. */
export function arenaGlobal({ loaded, maps }: Started, name: string): bigint {
  const { btf } = loaded.object;
  const section = btf!.type(btf!.find('datasec', '.addr_space.1')!);
  const vars = section.kind === 'datasec' ? section.vars : [];
  const { offset, size } = vars.find(({ type }) => btf!.type(type).name === name)!;
  using view = maps['arena']!.view({ write: false });
  const bytes = view.bytes().subarray(offset, offset + size);
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

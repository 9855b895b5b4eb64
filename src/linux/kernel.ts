/** The kernel this process runs on, behind the contract that the simulated one has too. */
import { mkdirSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { constants, enums, errnoName, errnos, mapRules, succeed } from '../abi/index.ts';
import { KernelError, VerifierError } from '../base/index.ts';
import type { Btf } from '../btf/index.ts';
import type {
  Kernel,
  KernelCgroup,
  KernelMap,
  KernelOwner,
  KernelProgram,
  OwnerKind,
  ProgramBinding,
} from '../kernel/index.ts';
import { INSN_SIZE } from '../isa/index.ts';
import {
  type MapSpec,
  type ObjectFile,
  type ProgramSpec,
  type RelocatedProgram,
  relocateProgram,
} from '../object/index.ts';
import {
  explain,
  explanationText,
  mapDefinition,
  type VerifierInput,
  type VerifierMap,
  verifierInput,
} from '../verifier/index.ts';
import { type LoadableBtf, loadableBtf } from './btf.ts';
import { LinuxCgroup } from './cgroup.ts';
import { ifindexOf } from './devices.ts';
import { LinuxMap, ringSize, specOf } from './map.ts';
import { moduleFds } from './modules.ts';
import { makeOwner } from './owners.ts';
import { LinuxProgram } from './program.ts';
import { closeFd, Info, type System } from './system.ts';

const types = enums.bpf_map_type;
const { BPF_F_XDP_DEV_BOUND_ONLY } = constants;
const FUNC_INFO = 8;
const LINE_INFO = 16;
const FIRST_LOG = 1 << 16;
const MOST_LOG = 1 << 28;
const ENOSPC = -errnos['ENOSPC']!;

export interface KernelOptions {
  /**
   * BPF_LOG_LEVEL1 (1), BPF_LOG_LEVEL2 (2), BPF_LOG_STATS (4): what the verifier is to write of
   * programs it accepts. Default 0: nothing. Of those it rejects it always tells at level 1.
   */
  readonly logLevel?: number;
}

interface LoadedBtf {
  readonly fd: number;
  readonly types: LoadableBtf;
}

export class LinuxKernel implements Kernel {
  readonly kind = 'linux';
  readonly system: System;
  readonly #logLevel: number;
  readonly #types = new WeakMap<Btf, LoadedBtf | 'refused'>();
  readonly #configurations = new Map<string, LinuxMap>();
  readonly #pinned = new Map<number, LinuxMap>();

  constructor(system: System, { logLevel = 0 }: KernelOptions = {}) {
    this.system = system;
    this.#logLevel = logLevel;
  }

  get cpus(): number {
    return this.system.cpus;
  }

  createMap(spec: MapSpec, inner?: KernelMap, btf?: Btf): LinuxMap {
    const map = mapDefinition(btf, spec);
    if (spec.typeId === types.BPF_MAP_TYPE_STRUCT_OPS) return this.#refuseTable(spec);
    const loaded = map.btf && this.#load(map.btf);
    const plain = attributes(map, spec, (inner as LinuxMap | undefined)?.fd ?? 0);
    const typed = loaded && {
      ...plain,
      btfFd: loaded.fd,
      btfKeyTypeId: map.keyTypeId,
      btfValueTypeId: map.valueTypeId,
    };
    const { bpf } = this.system;
    let fd = bpf.mapCreate(typed ?? plain);
    // libbpf tries again without types when the kernel does not like them.
    if (fd < 0 && typed) fd = bpf.mapCreate(plain);
    succeed(fd, `map '${spec.name}' (${spec.type ?? spec.typeId}) was not created`);
    return new LinuxMap(this.system, fd, spec, true);
  }

  #refuseTable({ name, kernelStruct }: MapSpec): never {
    const there = this.system.profile.btf().find('struct', `bpf_struct_ops_${kernelStruct}`);
    const why = there
      ? 'beeyard/linux does not register tables of functions'
      : 'the kernel has no such table of functions';
    throw new KernelError('ENOTSUPP', 524, `map '${name}' (struct_ops): ${why}`);
  }

  /** BPF_BTF_LOAD, once for each; undefined: Linux does not take it. */
  #load(btf: Btf): LoadedBtf | undefined {
    const known = this.#types.get(btf);
    if (known) return known === 'refused' ? undefined : known;
    const loadable = loadableBtf(btf);
    const { bytes } = loadable;
    const fd = this.system.bpf.btfLoad({ btf: bytes, btfSize: bytes.length });
    const loaded = fd < 0 ? undefined : { fd, types: loadable };
    this.#types.set(btf, loaded ?? 'refused');
    return loaded;
  }

  createOwner(kind: OwnerKind, options?: { readonly parent?: KernelOwner }): KernelOwner {
    return makeOwner(this.system, kind, options?.parent);
  }

  cgroup(path: string): KernelCgroup {
    return new LinuxCgroup(path);
  }

  loadProgram(
    spec: ProgramSpec,
    maps: ReadonlyMap<string, KernelMap>,
    object: ObjectFile,
    insns: readonly KernelMap[] = [],
    bound?: ProgramBinding,
    target?: KernelProgram,
  ): LinuxProgram {
    if (insns.length > 0) {
      throw new KernelError('EOPNOTSUPP', 95, 'instruction arrays are an extension of beeyard');
    }
    const { profile } = this.system;
    const aim = target as LinuxProgram | undefined;
    const flags = bound && !bound.offload ? BPF_F_XDP_DEV_BOUND_ONLY : 0;
    const { relocated, input } = named(spec, () => {
      const relocated = relocateProgram(object, spec, profile);
      const options = { relocated, flags, ...(aim && { target: aim.input }) };
      return { relocated, input: verifierInput(object, spec, profile, options) };
    });
    const attr = {
      ...this.#described(input),
      ...this.#aimed(input, aim),
      progType: input.type,
      insnCnt: input.insns.length / INSN_SIZE,
      license: input.license,
      progFlags: input.flags,
      progName: spec.name,
      expectedAttachType: input.expectedAttachType,
      attachBtfId: input.attachBtfId,
      kernVersion: profile.versionCode,
      ...(bound && { progIfindex: ifindexOf(bound.device) }),
      ...this.#code(spec, relocated, input, maps),
    };
    const { fd, log } = this.#verify(attr, input);
    return new LinuxProgram(this.system, fd, { spec, input, log });
  }

  /** Instructions with file descriptors of maps and modules in them. */
  #code(
    spec: ProgramSpec,
    { relocations, kconfig }: RelocatedProgram,
    input: VerifierInput,
    maps: ReadonlyMap<string, KernelMap>,
  ) {
    const insns = input.insns.slice();
    const view = new DataView(insns.buffer);
    for (const { insn, map: name } of relocations) {
      const map = name === kconfig?.name ? this.#configuration(kconfig) : maps.get(name);
      if (!map) {
        const text = `program '${spec.name}' uses map '${name}', not created`;
        throw new KernelError('ENOENT', 2, text);
      }
      if (!(map instanceof LinuxMap) || map.system !== this.system) {
        throw new KernelError('EBADF', 9, `map '${name}' is one of another machine`);
      }
      view.setInt32(insn * INSN_SIZE + 4, map.fd, true);
    }
    if (!input.modules || input.modules.length === 0) return { insns };
    return { insns, fdArray: moduleFds(this.system, input.modules, insns) };
  }

  #configuration(spec: MapSpec): LinuxMap {
    const key = `${spec.name} ${Buffer.from(spec.initialValue!).toString('hex')}`;
    let map = this.#configurations.get(key);
    if (map) return map;
    map = this.createMap(spec);
    const value = new Uint8Array(spec.valueSize);
    value.set(spec.initialValue!);
    succeed(map.update(new Uint8Array(spec.keySize), value), 'the configuration was not written');
    succeed(map.freeze(), 'the configuration was not frozen');
    this.#configurations.set(key, map);
    return map;
  }

  /** Types, functions and lines. */
  #described({ btf, functionInfo, lineInfo }: VerifierInput) {
    const loaded = btf && this.#load(btf);
    if (!loaded) return {};
    const { stringAt } = loaded.types;
    const functions = functionInfo.flatMap(({ insn, typeId }) => [insn, typeId]);
    const lines = lineInfo.flatMap(({ insn, file, text, line, column }) => [
      insn,
      stringAt(file),
      stringAt(text),
      (line << 10) | column,
    ]);
    return {
      progBtfFd: loaded.fd,
      ...records('func', functions, FUNC_INFO),
      ...records('line', lines, LINE_INFO),
    };
  }

  #aimed({ attachModule }: VerifierInput, target: LinuxProgram | undefined) {
    if (target) return { attachProgFd: target.fd };
    if (attachModule === undefined) return {};
    const fds = moduleFds(this.system, [attachModule]);
    return { attachProgFd: new DataView(fds.buffer).getInt32(4, true) };
  }

  /** Asks without a log first, as libbpf does: the verifier is faster then. */
  #verify(attr: Parameters<System['bpf']['progLoad']>[0], input: VerifierInput) {
    if (this.#logLevel === 0) {
      const fd = this.system.bpf.progLoad(attr);
      if (fd >= 0) return { fd, log: '' };
    }
    const { result, log } = this.#withLog(attr, this.#logLevel || 1);
    if (result >= 0) return { fd: result, log };
    const code = errnoName(result);
    if (reasonOf(log) === undefined) {
      const text = `program '${input.name}' was not loaded`;
      throw new KernelError(code, -result, log === '' ? text : `${text}: ${log.trim()}`);
    }
    const why = explain(input, this.system.profile);
    throw new VerifierError({
      program: input.name,
      code,
      errno: -result,
      reason: reasonOf(log)!,
      log,
      explanation: why ? explanationText(why) : '',
    });
  }

  #withLog(attr: Parameters<System['bpf']['progLoad']>[0], logLevel: number) {
    for (let size = FIRST_LOG; ; size *= 16) {
      const logBuf = new Uint8Array(size);
      const asked = { ...attr, logLevel, logBuf, logSize: size };
      const result = this.system.bpf.progLoad(asked);
      if (result === ENOSPC && size < MOST_LOG) continue;
      const end = logBuf.indexOf(0);
      return { result, log: new TextDecoder().decode(logBuf.subarray(0, Math.max(end, 0))) };
    }
  }

  pinMap(path: string, map: KernelMap): void {
    this.pin(path, map as LinuxMap);
    this.#pinned.set(map.id, map as LinuxMap);
  }

  /** BPF_OBJ_PIN of a map, a program or a link. Throws KernelError EEXIST, EPERM (no bpffs). */
  pin(path: string, { fd }: { readonly fd: number }): void {
    mkdirSync(dirname(path), { recursive: true });
    const { bpf } = this.system;
    succeed(bpf.objPin({ pathname: path, bpfFd: fd }), `nothing is pinned at ${path}`);
  }

  pinnedMap(path: string): LinuxMap | undefined {
    const { bpf } = this.system;
    const fd = bpf.objGet({ pathname: path });
    if (fd === -errnos['ENOENT']!) return undefined;
    succeed(fd, `${path} is not opened`);
    const known = this.#pinned.get(new Info(this.system, fd, 'map').number('id'));
    if (known && known.fd >= 0) {
      closeFd(this.system, fd);
      return known;
    }
    const map = new LinuxMap(this.system, fd, specOf(this.system, fd));
    this.#pinned.set(map.id, map);
    return map;
  }

  unpin(path: string): void {
    try {
      unlinkSync(path);
    } catch (error) {
      const { code = 'EIO', errno = -5 } = error as NodeJS.ErrnoException;
      throw new KernelError(code, -errno, `nothing is at ${path}`, { cause: error });
    }
  }
}

/** The attr of BPF_MAP_CREATE without types. */
function attributes(map: VerifierMap, spec: MapSpec, innerMapFd: number) {
  const isRing =
    map.type === types.BPF_MAP_TYPE_RINGBUF || map.type === types.BPF_MAP_TYPE_USER_RINGBUF;
  // What the kernel adds by itself it takes from nobody.
  const flags = map.flags & ~(mapRules(map.type)?.addedFlags ?? 0);
  return {
    mapType: map.type,
    keySize: map.keySize,
    valueSize: map.valueSize,
    maxEntries: isRing ? ringSize(map.maxEntries) : map.maxEntries,
    mapFlags: flags,
    innerMapFd,
    mapName: map.name,
    mapExtra: map.extra,
    ...(spec.numaNode !== undefined && { numaNode: spec.numaNode }),
  };
}

function records(kind: 'func' | 'line', numbers: readonly number[], size: number) {
  if (numbers.length === 0) return {};
  const bytes = new Uint8Array(Uint32Array.from(numbers).buffer);
  const count = bytes.length / size;
  return kind === 'func'
    ? { funcInfo: bytes, funcInfoCnt: count, funcInfoRecSize: size }
    : { lineInfo: bytes, lineInfoCnt: count, lineInfoRecSize: size };
}

/** The last thing the verifier said before its statistics. */
function reasonOf(log: string): string | undefined {
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  const end = lines.findIndex((line) => /^(processed \d+ insns|verification time)/.test(line));
  return (end < 0 ? lines : lines.slice(0, end)).at(-1);
}

/** Does it; what it throws says for which program. */
function named<Result>({ name }: ProgramSpec, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    const reason = error.message.slice(0, -` (${error.code})`.length);
    const text = `program '${name}': ${reason}`;
    throw new KernelError(error.code, error.errno, text, { cause: error });
  }
}

import { enums, programTypeId, loadAttachType, attachTypeId } from '../../abi/index.ts';
import { KernelError } from '../../base/index.ts';
import type { Btf } from '../../btf/index.ts';
import type {
  CodeMemory,
  Kernel,
  KernelMap,
  KernelOwner,
  KernelProgram,
  OwnerKind,
  ProgramBinding,
} from '../../kernel/index.ts';
import type { MapSpec, ObjectFile, ProgramSpec } from '../../object/index.ts';
import type { Token } from '../../security/index.ts';
import { findPin, pinObject } from '../bpffs/pins.ts';
import { refuse } from '../errno.ts';
import { type Loader, loadProgram } from '../load.ts';
import { MachineMap } from '../map.ts';
import type { Process } from './process.ts';
import {
  checkBtfRights,
  checkMapRights,
  checkProgramRights,
  tokenFor,
  verifierRights,
} from './rights.ts';

/**
 * The kernel as one process sees it: objects are loaded with its rights, and those of a token if it
 * has one. Does what libbpf does where BTF may not be loaded: maps and programs go without, unless
 * Linux insists on it.
 *
 * @example
 * const kernel = new ProcessKernel(machine.process({ uid: 1000, userns: 'web1' }), token);
 * loadObject(kernel, object);
 */
export class ProcessKernel implements Kernel {
  readonly kind = 'simulated';
  readonly #process: Process;
  readonly #token: Token | undefined;

  constructor(process: Process, token?: Token) {
    this.#process = process;
    this.#token = token;
  }

  get cpus(): number {
    return this.#process.machine.cpus;
  }

  get codeMemory(): CodeMemory | undefined {
    return this.#process.machine.codeMemory;
  }

  together<Result>(work: () => Result): Result {
    return this.#process.machine.together(work);
  }

  createMap(spec: MapSpec, inner?: KernelMap, btf?: Btf): KernelMap {
    const process = this.#process;
    const { machine } = process;
    const token = tokenFor.map(this.#token, spec.typeId);
    checkMapRights(process, token, spec.typeId);
    if (this.#loadsBtf()) return this.#withFields(machine.createMap(spec, inner, btf), token);
    const { spinLock: _, ...bare } = spec;
    return machine.createMap({ ...bare, keyTypeId: 0, valueTypeId: 0 }, inner);
  }

  /** Locks, timers and the like in values are for CAP_BPF (map_check_btf). */
  #withFields(map: MachineMap, token: Token | undefined): MachineMap {
    const { special } = map.runtimeMap.definition;
    if (!special || this.#process.bpfCapable('CAP_BPF', token)) return map;
    map.close();
    return refuse('EPERM', `map '${map.spec.name}': CAP_BPF is missing`);
  }

  loadProgram(
    spec: ProgramSpec,
    maps: ReadonlyMap<string, KernelMap>,
    object: ObjectFile,
    insns?: readonly KernelMap[],
    bound?: ProgramBinding,
  ): KernelProgram {
    const process = this.#process;
    const type = programTypeId(spec.type ?? '') ?? enums.bpf_prog_type.BPF_PROG_TYPE_UNSPEC;
    const attach = spec.attachType === undefined ? 0 : (attachTypeId(spec.attachType) ?? 0);
    const token = tokenFor.program(this.#token, type, loadAttachType(type, attach));
    try {
      checkProgramRights(process, token, type, spec.insns.length / 8);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      throw new KernelError(error.code, error.errno, `program '${spec.name}': ${error.message}`);
    }
    const by: Loader = {
      uid: process.credentials.uid,
      token,
      capabilities: verifierRights(process, token),
      withoutBtf: !this.#loadsBtf(),
    };
    return loadProgram(process.machine, spec, maps, object, insns, bound, by);
  }

  /** Whether BPF_BTF_LOAD would do it. */
  #loadsBtf(): boolean {
    try {
      checkBtfRights(this.#process, tokenFor.btf(this.#token));
      return true;
    } catch (error) {
      if (error instanceof KernelError) return false;
      throw error;
    }
  }

  createOwner(kind: OwnerKind, options?: { readonly parent?: KernelOwner }): KernelOwner {
    return this.#process.machine.createOwner(kind, options);
  }

  pinMap(path: string, map: KernelMap): void {
    const { machine, credentials, cwd } = this.#process;
    pinObject(machine.files, path, 'map', map as MachineMap, cwd, credentials);
  }

  pinnedMap(path: string): KernelMap | undefined {
    const { machine, credentials, cwd } = this.#process;
    try {
      const user = { credentials, read: true, write: true };
      const { object } = findPin(machine.files, path, cwd, user);
      return object instanceof MachineMap ? object : undefined;
    } catch (error) {
      if (error instanceof KernelError && error.code === 'ENOENT') return undefined;
      throw error;
    }
  }

  unpin(path: string): void {
    this.#process.machine.files.unlink(path);
  }
}

import { loadAttachType } from '../../abi/index.ts';
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
  UserOptions,
} from '../../kernel/index.ts';
import type { MapSpec, ObjectFile, ProgramSpec } from '../../object/index.ts';
import { parseCapabilities, type Token } from '../../security/index.ts';
import { findPin, pinObject } from '../bpffs/pins.ts';
import { BPFFS } from '../bpffs/tree.ts';
import { factsOf } from '../create-map.ts';
import { refuse } from '../errno.ts';
import { type Admission, type Admitted, type Loader, loadProgram } from '../load.ts';
import type { Machine } from '../machine.ts';
import { MachineMap } from '../map.ts';
import type { MachineProgram } from '../program.ts';
import type { Process } from './process.ts';
import {
  checkBtfRights,
  checkMapRights,
  checkProgramRights,
  tokenFor,
  verifierRights,
} from './rights.ts';
import { tokenCreate } from './token.ts';

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
    const token = named(`map '${spec.name}'`, () => this.#admitMap(spec.typeId));
    if (this.#loadsBtf()) return this.#withFields(machine.createMap(spec, inner, btf), token);
    if (factsOf(spec).needsKernelType) refuse('EPERM', `map '${spec.name}' needs BTF`);
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
    target?: KernelProgram,
  ): KernelProgram {
    const process = this.#process;
    const aim = target as MachineProgram | undefined;
    const by: Loader = {
      uid: process.credentials.uid,
      withoutBtf: !this.#loadsBtf(),
      admit: (program) => this.#admit(program),
      admitMap: ({ typeId }) => this.#admitMap(typeId),
    };
    return named(`program '${spec.name}'`, () =>
      loadProgram(process.machine, spec, maps, object, insns, bound, aim, by),
    );
  }

  #admit({ type, expectedAttachType, length }: Admitted): Admission {
    const process = this.#process;
    const token = tokenFor.program(this.#token, type, loadAttachType(type, expectedAttachType));
    checkProgramRights(process, token, type, length);
    return { token, capabilities: verifierRights(process, token) };
  }

  #admitMap(type: number): Token | undefined {
    const token = tokenFor.map(this.#token, type);
    checkMapRights(this.#process, token, type);
    return token;
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

/** Does it; what it throws says for what, if it does not yet. */
function named<Result>(what: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof KernelError) || error.message.startsWith(what)) throw error;
    const reason = error.message.slice(0, -` (${error.code})`.length);
    throw new KernelError(error.code, error.errno, `${what}: ${reason}`, { cause: error });
  }
}

/** The kernel for somebody, with a token of a bpffs if one is named. Throws KernelError. */
export function kernelAs(machine: Machine, user: UserOptions): ProcessKernel {
  const { token, capabilities, ...who } = user;
  const named = capabilities === undefined || capabilities === 'all' ? capabilities : 'listed';
  const process = machine.process({
    ...who,
    ...(named === 'all' && { capabilities: 'all' }),
    ...(named === 'listed' && {
      capabilities: parseCapabilities((capabilities as readonly string[]).join() || 'none'),
    }),
  });
  return new ProcessKernel(process, token === undefined ? undefined : libbpfToken(process, token));
}

/**
 * The token libbpf makes before it loads an object: of the bpffs at a path, which must work; of
 * /sys/fs/bpf if nothing is said and that can be; none for the path ''. Throws KernelError.
 */
export function libbpfToken(process: Process, path: string | undefined): Token | undefined {
  if (path === '') return undefined;
  try {
    const bpffsFd = process.openDirectory(path ?? BPFFS);
    return process.token(tokenCreate(process, { bpffsFd }));
  } catch (error) {
    if (path !== undefined || !(error instanceof KernelError)) throw error;
    return undefined;
  }
}

import { constants } from '../../abi/index.ts';
import { LD_IMM64, CALL } from '../../isa/index.ts';
import type { MapRelocation } from '../../object/index.ts';
import type { VerifierInput, VerifierMap } from '../../verifier/index.ts';
import type { MachineMap } from '../map.ts';
import type { Process } from './process.ts';

const {
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_VALUE,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_KFUNC_CALL,
} = constants;
/** Stands for a descriptor that is no map: no program has as many. */
const NO_MAP = 0x7ffffff0;

/** A program whose file descriptors are resolved. */
export interface BoundInsns {
  /** Loads of maps have the place in `maps`, as the verifier wants it. */
  readonly insns: Uint8Array;
  readonly maps: readonly MachineMap[];
  readonly relocations: readonly MapRelocation[];
  readonly modules: readonly string[];
  definition(map: MachineMap): VerifierMap;
  /** The errno, where the verifier stopped at a descriptor that is open, but no map. */
  wrongFile(input: VerifierInput, reason: string | undefined): string | undefined;
}

/** Looks up the maps and modules that instructions name by file descriptor. */
export function bindInsns(
  process: Process,
  insns: Uint8Array,
  fdArray: Uint8Array | undefined,
): BoundInsns {
  const binder = new Binder(process, insns, fdArray);
  for (let at = 0; at + 8 <= insns.length; at += 8) binder.look(at);
  const { maps, relocations, modules } = binder;
  return {
    insns,
    maps,
    relocations,
    modules,
    definition: definitionOf,
    wrongFile: (_, reason) => (reason?.includes(String(NO_MAP + 1)) ? 'EINVAL' : undefined),
  };
}

class Binder {
  readonly maps: MachineMap[] = [];
  readonly relocations: MapRelocation[] = [];
  readonly modules: string[] = [];
  readonly #process: Process;
  readonly #insns: Uint8Array;
  readonly #view: DataView;
  readonly #fds: DataView | undefined;

  constructor(process: Process, insns: Uint8Array, fdArray: Uint8Array | undefined) {
    this.#process = process;
    this.#insns = insns;
    this.#view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
    this.#fds = fdArray && new DataView(fdArray.buffer, fdArray.byteOffset, fdArray.byteLength);
  }

  look(at: number): void {
    const source = this.#insns[at + 1]! >> 4;
    if (this.#insns[at] === CALL && source === BPF_PSEUDO_KFUNC_CALL) {
      const index = this.#view.getInt16(at + 2, true);
      if (index > 0) this.#view.setInt16(at + 2, this.#module(this.#fdAt(index)), true);
    }
    if (this.#insns[at] !== LD_IMM64 || at + 16 > this.#insns.length) return;
    if (source === BPF_PSEUDO_BTF_ID) {
      const fd = this.#view.getInt32(at + 12, true);
      if (fd !== 0) this.#view.setInt32(at + 12, this.#module(fd), true);
    }
    const byIndex = source === BPF_PSEUDO_MAP_IDX || source === BPF_PSEUDO_MAP_IDX_VALUE;
    const asValue = source === BPF_PSEUDO_MAP_VALUE || source === BPF_PSEUDO_MAP_IDX_VALUE;
    if (source !== BPF_PSEUDO_MAP_FD && !byIndex && !asValue) return;
    // Without an array of descriptors the verifier says so.
    if (byIndex && !this.#fds) return;
    const number = this.#view.getInt32(at + 4, true);
    this.#map(at, byIndex ? this.#fdAt(number) : number, asValue);
  }

  #map(at: number, fd: number, asValue: boolean): void {
    this.#insns[at + 1] =
      (this.#insns[at + 1]! & 0x0f) | ((asValue ? BPF_PSEUDO_MAP_VALUE : BPF_PSEUDO_MAP_FD) << 4);
    const file = this.#process.file(fd);
    if (file?.kind !== 'map') {
      this.#view.setInt32(at + 4, NO_MAP + (file ? 1 : 0), true);
      return;
    }
    const map = this.#process.get(fd, 'map');
    let place = this.maps.indexOf(map);
    if (place < 0) place = this.maps.push(map) - 1;
    this.#view.setInt32(at + 4, place, true);
    const insn = at / 8;
    const name = String(place);
    const offset = this.#view.getUint32(at + 12, true);
    if (asValue) this.relocations.push({ kind: 'map_value', insn, map: name, offset });
    else this.relocations.push({ kind: 'map', insn, map: name });
  }

  #fdAt(index: number): number {
    const at = index * 4;
    const fits = this.#fds && at >= 0 && at + 4 <= this.#fds.byteLength;
    return fits ? this.#fds!.getInt32(at, true) : -1;
  }

  /** Place in `modules`, from 1; beyond them if the descriptor is none of a module. */
  #module(fd: number): number {
    const file = this.#process.file(fd);
    const name = file?.kind === 'btf' ? this.#process.get(fd, 'btf').name : '';
    if (name === '' || name === 'vmlinux') return 0x7fff;
    const place = this.modules.indexOf(name);
    return place >= 0 ? place + 1 : this.modules.push(name);
  }
}

/** What the verifier may know of a map. */
export function definitionOf(map: MachineMap): VerifierMap {
  const known = definitions.get(map);
  if (known) return { ...known, ...constantValue(map) };
  const { spec, flags, btf, inner } = map;
  const types = btf && spec.valueTypeId !== 0;
  const made: VerifierMap = {
    name: spec.name.slice(0, constants.BPF_OBJ_NAME_LEN - 1),
    type: spec.typeId,
    keySize: spec.keySize,
    valueSize: spec.valueSize,
    maxEntries: spec.maxEntries,
    flags,
    extra: spec.extra,
    btf: types ? btf.btf : undefined,
    keyTypeId: types ? spec.keyTypeId : 0,
    valueTypeId: types ? spec.valueTypeId : 0,
    ...(inner && { inner: { ...definitionOf(inner), name: '' } }),
  };
  definitions.set(map, made);
  return { ...made, ...constantValue(map) };
}

const definitions = new WeakMap<MachineMap, VerifierMap>();

/** A map that nobody can change any more: its value is known. */
function constantValue(map: MachineMap): { constantValue?: Uint8Array } {
  const constant = map.frozen && (map.flags & constants.BPF_F_RDONLY_PROG) !== 0;
  if (!constant || map.spec.maxEntries !== 1) return {};
  const value = new Uint8Array(map.userValueSize);
  return map.lookup(new Uint8Array(map.spec.keySize), value) === 0 ? { constantValue: value } : {};
}

import { constants, type MapTypeDef } from '../abi/index.ts';
import { mapTypes } from '../abi/maps/index.ts';
import type { Btf } from '../btf/index.ts';
import type { MapSpec } from '../object/index.ts';
import type { RuntimeMap } from '../runtime/index.ts';
import { refuse } from './errno.ts';
import { InsnArrayMap } from './insn-array.ts';
import type { Machine } from './machine.ts';
import { MachineMap } from './map.ts';
import type { BtfObject } from './objects/btf.ts';
import { recordReader } from './records.ts';
import { specialFields } from './special-fields.ts';
import { KeyMap } from './static-keys.ts';
import { kernelStructOf } from './struct-ops.ts';

const ACCESS = constants.BPF_F_RDONLY | constants.BPF_F_WRONLY;

/** What a map is made with besides its definition. */
export interface MapExtras {
  readonly inner?: MachineMap | undefined;
  /** Types of key and value; the map takes over the caller's hold. */
  readonly btf?: BtfObject | undefined;
  /** Its memory has been put back: it holds what it held. */
  readonly restored?: boolean;
  /** Who may read and write it is a matter of each file descriptor, not of the map's flags. */
  readonly openByFd?: boolean;
  /** Where the value's special fields are read from, if not from `btf`. */
  readonly types?: Btf | undefined;
}

/** BPF_MAP_CREATE. Throws KernelError. */
export function createMap(machine: Machine, spec: MapSpec, extras: MapExtras = {}): MachineMap {
  const { runtime, settings } = machine;
  const { inner, btf } = extras;
  const types = extras.types ?? btf?.btf;
  const facts = factsOf(spec);
  if (inner instanceof KeyMap)
    refuse('EINVAL', `map '${spec.name}': static keys are in no other map`);
  const kernelType = facts.needsKernelType ? kernelStructOf(spec, settings.rules) : undefined;
  const valueSize = typeof kernelType === 'object' ? kernelType.size : spec.valueSize;
  const special = types && specialFields(spec, types, settings.rules);
  const runtimeMap = runtime.createMap({
    name: spec.name,
    type: spec.typeId,
    keySize: spec.keySize,
    valueSize,
    maxEntries: spec.maxEntries,
    flags: extras.openByFd ? spec.flags & ~ACCESS : spec.flags,
    extra: spec.extra,
    ...(spec.fields ? { fields: spec.fields } : {}),
    ...(facts.needsTypes ? { keyTypeId: spec.keyTypeId, valueTypeId: spec.valueTypeId } : {}),
    ...(kernelType ? { kernelType } : {}),
    ...lockOf(spec, facts),
    ...(special ? { special } : {}),
    ...(inner ? { inner: inner.runtimeMap } : {}),
  });
  const known = valueSize === spec.valueSize ? spec : { ...spec, valueSize };
  return wrapMap(machine, known, runtimeMap, { inner: inner?.hold(), btf });
}

/** The object around a map of the runtime, under its id. */
export function wrapMap(
  machine: Machine,
  spec: MapSpec,
  runtimeMap: RuntimeMap,
  { inner, btf, restored = false }: MapExtras,
): MachineMap {
  const { runtime, objects, memory } = machine;
  const facts = factsOf(spec);
  const Kind = facts.staticKey ? KeyMap : facts.insnArray ? InsnArrayMap : MachineMap;
  const records = recordReader(runtime, runtimeMap, restored);
  const map = new Kind({
    runtime,
    spec,
    facts,
    runtimeMap,
    memory,
    records,
    inner,
    btf,
    program: (id) => objects.programs.get(id),
    ended: ({ id }) => objects.maps.remove(id),
    unreached: () => machine.sweep(),
  });
  objects.maps.put(map.id, map);
  return map;
}

/** Throws KernelError EINVAL for a type this machine has not got. */
export function factsOf(spec: Pick<MapSpec, 'name' | 'type' | 'typeId'>): MapTypeDef {
  const facts = mapTypes.find((type) => type.id === spec.typeId);
  if (facts) return facts;
  const type = spec.type ?? `number ${spec.typeId}`;
  return refuse('EINVAL', `map '${spec.name}': this machine has no maps of type ${type}`);
}

/**
 * The lock in values of a map. Linux refuses types with a lock where it cannot be, and loaders then
 * leave the types out.
 */
function lockOf({ spinLock, flags }: MapSpec, { mayLock }: MapTypeDef): { spinLock?: number } {
  const reachable = (flags & (constants.BPF_F_RDONLY_PROG | constants.BPF_F_WRONLY_PROG)) === 0;
  return mayLock && reachable && spinLock !== undefined ? { spinLock } : {};
}

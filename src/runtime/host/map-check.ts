import { BPF_F_VTYPE_BTF_OBJ_FD } from '../../abi/generated/6.12/constants.ts';
import { wrongMapSize } from '../../abi/map-sizes.ts';
import type { MapTypeDef } from '../../abi/types.ts';
import type { MapDefinition } from '../types.ts';
import { kernelError } from './errno.ts';

const BPF_F_ACCESS_PROG = (1 << 7) | (1 << 8);
const BPF_F_ACCESS_USER = (1 << 3) | (1 << 4);

/**
 * What BPF_MAP_CREATE refuses by a type's facts alone, in the kernel's order (map_create, then the
 * type's map_alloc_check). What depends on the machine is checked by the type's `_create`.
 */
export function checkMapDefinition(definition: MapDefinition, facts: MapTypeDef): void {
  const refuse = (code: string, what: string): never => {
    throw kernelError(code, `map '${definition.name}' (${facts.name}): ${what}`);
  };
  if (definition.extra && !facts.extra) refuse('EINVAL', `takes no map_extra`);
  typesGiven(definition, facts, refuse);
  if (both(definition.flags, BPF_F_ACCESS_USER)) refuse('EINVAL', 'read-only and write-only');
  const unknown = definition.flags & ~facts.flags;
  if (unknown !== 0) refuse('EINVAL', `does not take flags 0x${unknown.toString(16)}`);
  const missing = (facts.needsFlags ?? 0) & ~definition.flags;
  if (missing !== 0) refuse('EINVAL', `needs flags 0x${missing.toString(16)}`);
  if (both(definition.flags, BPF_F_ACCESS_PROG)) {
    refuse('EINVAL', 'read-only and write-only for programs');
  }
  const wrong = wrongMapSize(definition, facts);
  if (wrong) refuse(wrong.code, wrong.words);
  const { types, keySize, valueSize } = definition;
  if (types && (types.key !== keySize || types.value !== valueSize)) {
    refuse('EINVAL', `the types have ${types.key} and ${types.value} bytes`);
  }
  if (definition.spinLock === undefined) return;
  if (definition.flags & BPF_F_ACCESS_PROG) {
    refuse('EACCES', 'a lock in values that programs may not read and write');
  }
  if (!facts.mayLock) refuse('EOPNOTSUPP', 'values cannot hold a lock');
}

/** BTF types of key and value, or the kernel's struct that is the value. */
function typesGiven(
  { keyTypeId = 0, valueTypeId = 0, kernelType, valueSize, flags }: MapDefinition,
  facts: MapTypeDef,
  refuse: (code: string, what: string) => never,
): void {
  if (keyTypeId !== 0 && valueTypeId === 0) refuse('EINVAL', 'has a type for keys only');
  if (facts.needsTypes && keyTypeId === 0) refuse('EINVAL', 'needs types of key and value');
  if (kernelType && !facts.needsKernelType) refuse('EINVAL', 'holds no struct of the kernel');
  if (!facts.needsKernelType) return;
  if (!kernelType) refuse('EINVAL', 'needs the type of the kernel’s struct');
  if (flags & BPF_F_VTYPE_BTF_OBJ_FD) refuse('EINVAL', 'no kernel module has the struct');
  if (kernelType === 'unknown') refuse('ENOTSUPP', 'the kernel has no such table of functions');
  else if (kernelType!.size !== valueSize) {
    refuse('EINVAL', `the struct has ${kernelType!.size} bytes, not ${valueSize}`);
  }
}

function both(flags: number, mask: number): boolean {
  return (flags & mask) === mask;
}

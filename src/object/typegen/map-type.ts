import { mapTypes } from '../../abi/index.ts';
import type { Btf, TsTypes } from '../../btf/index.ts';
import type { MapSpec } from '../types.ts';

const definitions = new Map(mapTypes.map((definition) => [definition.id, definition]));

/** Text a key may be given as, by the bytes of an address. */
const ADDRESSES: ReadonlyMap<number, string> = new Map([
  [4, 'Ipv4'],
  [16, 'Address'],
]);
/** What stands before the address in the key of an LPM trie. */
const PREFIX_LENGTH = 4;

/**
 * The type of a loaded map, in the words of `client/typed.ts`. What a map type is (values per CPU,
 * objects as values, no keys) is asked of its definition. `records` names the structs that records
 * may be.
 */
export function mapType(
  map: MapSpec,
  types: TsTypes | undefined,
  btf: Btf | undefined,
  records: string,
): string {
  const definition = definitions.get(map.typeId);
  const hasNoKeys = definition?.keySize === 0;
  if (definition?.userWrites) return 'UserRing';
  if (definition?.unbounded) return generic('Arena', arenaVariables(types, btf));
  const hasRecords = (hasNoKeys && definition.valueSize === 0) || isPerf(definition?.valueIs);
  if (hasRecords) return `RecordMap<${btf ? records : '{}'}>`;
  const value = sideType(types, btf, map.valueTypeId, map.valueSize);
  if (hasNoKeys) return `Queue<${value}>`;
  const key = sideType(types, btf, map.keyTypeId, map.keySize);
  const text = keyText(map);
  const isObject = definition?.valueIs === 'map' || definition?.valueIs === 'program';
  if (isObject) return generic('ObjectMap', key, text);
  return generic(definition?.perCpu ? 'PerCpuMap' : 'MapOf', key, value, text);
}

/** Variables in address space 1, or nothing. */
function arenaVariables(types: TsTypes | undefined, btf: Btf | undefined): string {
  const section = btf?.resolved(btf.find('datasec', '.addr_space.1') ?? 0);
  return types && section?.kind === 'datasec' ? types.reference(section.id, 2) : '';
}

const isPerf = (valueIs: string | undefined): boolean => valueIs === 'perf_event';

function generic(name: string, ...parameters: string[]): string {
  const given = parameters.filter(Boolean);
  if (given.length === 0) return name;
  if (!given.some((one) => one.includes('\n'))) return `${name}<${given.join(', ')}>`;
  // As formatters have it: types of several lines on lines of their own.
  const lines = given.map((one) => `      ${one.replaceAll('\n', '\n  ')}`);
  return `${name}<\n${lines.join(',\n')}\n    >`;
}

/** Indexes of arrays are 4 bytes too, and no addresses. */
function keyText({ type, keySize, dataSection }: MapSpec): string {
  if (type === 'lpm_trie') {
    const address = ADDRESSES.get(keySize - PREFIX_LENGTH);
    return address ? `${address}Prefix` : '';
  }
  const isIndex = dataSection !== undefined || type?.includes('array') === true;
  return isIndex ? '' : (ADDRESSES.get(keySize) ?? '');
}

/** Keys or values: by their BTF type, or by their size where the object does not say the type. */
function sideType(
  types: TsTypes | undefined,
  btf: Btf | undefined,
  typeId: number,
  size: number,
): string {
  if (types && btf && typeId !== 0 && hasSize(btf, typeId, size)) return types.reference(typeId, 2);
  if (size === 1 || size === 2 || size === 4) return 'number';
  return size === 8 ? 'bigint' : 'Uint8Array';
}

function hasSize(btf: Btf, typeId: number, size: number): boolean {
  try {
    return btf.sizeOf(typeId) === size;
  } catch {
    return false;
  }
}

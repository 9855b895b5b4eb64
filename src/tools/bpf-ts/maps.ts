import { mustDescribe } from './annotations.ts';
import type { Call, Expression, Node } from './ast.ts';
import { type MapKind, MAPS } from './builtins.ts';
import { propertiesOf } from './construct.ts';
import type { MapSymbol, RingSymbol, Scope } from './scope.ts';
import { refuse } from './source-error.ts';
import { cStorage, type Type, typeName } from './types.ts';

export const mapKindOf = (builtin: string): MapKind | undefined => MAPS.get(builtin);

type NumberOf = (node: Expression) => bigint;

/** The members of a constructor's `{ … }`: only those it knows, all it needs. */
function optionsOf(
  node: Call,
  needed: readonly string[],
  optional: readonly string[],
): ReadonlyMap<string, Expression> {
  const [options] = node.arguments;
  const example = [...needed, ...optional].map((name) => `${name}: …`).join(', ');
  if (options?.type !== 'ObjectExpression' || node.arguments.length > 1) {
    refuse(node, 'a map takes its options', `{ ${example} }`);
  }
  const given = propertiesOf(options, { name: 'a map' });
  for (const { name, node: at } of given) {
    if (!needed.includes(name) && !optional.includes(name)) {
      refuse(at, `a map of this type has no option '${name}'`, `there are ${example}`);
    }
  }
  const all = new Map(given.map(({ name, value }) => [name, value]));
  const missing = needed.find((name) => !all.has(name));
  if (missing !== undefined) refuse(node, `the option '${missing}' is missing`, `{ ${example} }`);
  return all;
}

/** `const seen = hash({ key: u32, value: Seen, max_entries: 1024 })`. */
export function declareMap(
  name: string,
  map: MapKind,
  node: Call,
  scope: Scope,
  number: NumberOf,
): { symbol: MapSymbol; c: string } {
  const options = optionsOf(node, ['key', 'value', 'max_entries'], ['map_flags']);
  const key = plainType(options.get('key')!, scope, node);
  const value = plainType(options.get('value')!, scope, node);
  const flags = options.get('map_flags');
  const members = [
    `__uint(type, ${map.type});`,
    `__uint(max_entries, ${number(options.get('max_entries')!)});`,
    ...(flags ? [`__uint(map_flags, ${number(flags)});`] : []),
    `__type(key, ${cStorage(key, '').trim()});`,
    `__type(value, ${cStorage(value, '').trim()});`,
  ];
  return { symbol: { kind: 'map', name, map, key, value }, c: definition(name, members) };
}

function plainType(node: Expression, scope: Scope, parent: Node): Type {
  const type = mustDescribe(node, scope, parent);
  if (type.kind !== 'array' || type.element.kind !== 'array') return type;
  refuse(node, `${typeName(type)} in a map`, 'put it into a struct');
}

const definition = (name: string, members: readonly string[]): string =>
  `struct {\n${members.map((one) => `  ${one}`).join('\n')}\n} ${name} SEC(".maps");`;

/**
 * `const drops = ringbuf({ value: Event, max_entries: 1 << 20 })`. A ring buffer has no value type
 * in the kernel; the unused pointer puts the struct into the BTF for whoever reads the ring.
 */
export function declareRing(
  name: string,
  node: Call,
  scope: Scope,
  number: NumberOf,
): { symbol: RingSymbol; c: string } {
  const options = optionsOf(node, ['value', 'max_entries'], []);
  const value = mustDescribe(options.get('value'), scope, node);
  if (value.kind !== 'struct') refuse(node, `records of ${typeName(value)}`, 'declare a struct');
  const members = [
    '__uint(type, BPF_MAP_TYPE_RINGBUF);',
    `__uint(max_entries, ${number(options.get('max_entries')!)});`,
  ];
  const type = `const struct ${value.name} *${name}_value __attribute__((unused));`;
  return { symbol: { kind: 'ring', name, value }, c: `${definition(name, members)}\n${type}` };
}

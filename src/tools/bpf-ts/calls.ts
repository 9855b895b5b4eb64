import { described, mustDescribe } from './annotations.ts';
import type { Call, Expression, Member, Node } from './ast.ts';
import type { Body } from './body.ts';
import { BYTE_ORDER, HELPERS, MAPS, PROGRAMS, UPDATE_FLAGS } from './builtins.ts';
import { constructed } from './construct.ts';
import { convert, converted, pointer, refuseAbsent } from './convert.ts';
import { memberName } from './places.ts';
import { printk } from './printk.ts';
import type { Expr, FunctionSymbol, MapSymbol, RingSymbol } from './scope.ts';
import { refuse } from './source-error.ts';
import {
  type ArrayType,
  cScalar,
  cVariable,
  I32,
  isAggregate,
  isReference,
  nullable,
  referenceTo,
  sameType,
  type Type,
  typeName,
  U32,
  U8,
  VOID,
} from './types.ts';

/** A call of anything. */
export function call(body: Body, node: Call): Expr {
  if (node.typeArguments ?? node.typeParameters) {
    refuse(node, 'type arguments of calls cannot be compiled to BPF', 'leave them out');
  }
  const { callee } = node;
  const type = described(callee, body.scope);
  if (type && type.bits === undefined) return made(body, type.type, node);
  if (callee.type === 'Identifier') return named(body, callee.name, node);
  if (callee.type === 'MemberExpression' && !callee.computed) return method(body, callee, node);
  refuse(callee, 'only functions with a name can be called');
}

/** The arguments, as many as wanted. */
function args(node: Call, least: number, most = least): readonly Expression[] {
  const given = node.arguments;
  const spread = given.find((one) => (one.type as string) === 'SpreadElement');
  if (spread) refuse(spread, 'spread (…) cannot be compiled to BPF', 'name every argument');
  if (given.length >= least && given.length <= most) return given;
  const wanted = least === most ? `${least}` : `${least} to ${most}`;
  refuse(node, `${wanted} arguments are wanted, ${given.length} given`);
}

/** `u32(x)`, `Event({ … })`. */
function made(body: Body, type: Type, node: Call): Expr {
  if (isAggregate(type)) return constructed(body, type, args(node, 0, 1)[0]);
  if (type.kind === 'int') {
    const [value] = args(node, 1);
    return converted(body.compile(value!), type, value!);
  }
  const hint = type.kind === 'be' ? 'write htons() or htonl()' : 'write one of its members';
  refuse(node, `${typeName(type)} cannot be called`, hint);
}

function named(body: Body, name: string, node: Call): Expr {
  const symbol = body.scope.get(name, node.callee);
  if (symbol.kind === 'function') return userCall(body, symbol, node);
  if (symbol.kind !== 'builtin') refuse(node.callee, `'${name}' is no function`);
  const order = BYTE_ORDER.get(name);
  if (order) return swapped(body, order, node);
  if (HELPERS.has(name)) return helper(body, name, node);
  if (name === 'printk') return printk(body, args(node, 1)[0]!, node);
  if (name === 'sizeof') {
    const type = mustDescribe(args(node, 1)[0], body.scope, node);
    return { c: `((__u32)sizeof(${cStorageName(type)}))`, type: U32 };
  }
  if (name === 'range') refuse(node, 'range() exists only in for (const i of range(n))');
  if (name === 'atomic') refuse(node, 'atomic is no function', 'write atomic.add(…)');
  if (MAPS.has(name) || PROGRAMS.has(name) || name === 'ringbuf') {
    refuse(node, `${name}() stands at the top of the file`, `export const name = ${name}(…)`);
  }
  refuse(node, `${name}() stands at the top of the file`, `const name = ${name}(…)`);
}

const cStorageName = (type: Type): string =>
  type.kind === 'array'
    ? `${cStorageName(type.element)}[${type.length}]`
    : type.kind === 'struct'
      ? `struct ${type.name}`
      : cScalar(type);

/** An argument on a line of its own is marked so. */
function argument(body: Body, node: Expression, type: Type): Expr {
  const mark = body.mark(node);
  const value = convert(body.compile(node, type), type, node);
  return { ...value, c: mark + value.c };
}

function userCall(body: Body, fn: FunctionSymbol, node: Call): Expr {
  const given = args(node, fn.params.length);
  const list = fn.params.map(({ type }, i) => argument(body, given[i]!, type));
  const c = `${fn.name}(${list.map((value) => value.c).join(', ')})`;
  // It may give back what it was given.
  const stack = isReference(fn.result) && list.some((value) => value.stack) ? { stack: true } : {};
  return { c, type: fn.result, calls: true, ...stack };
}

function swapped(body: Body, order: readonly [Type, Type, string], node: Call): Expr {
  const [from, to, c] = order;
  const value = argument(body, args(node, 1)[0]!, from);
  return {
    c: `((${cScalar(to)})${c}(${value.c}))`,
    type: to,
    ...(value.calls ? { calls: true } : {}),
  };
}

function helper(body: Body, name: string, node: Call): Expr {
  const { params, result } = HELPERS.get(name)!;
  const given = args(node, params.length);
  const list = params.map((param, i) => argument(body, given[i]!, param).c);
  const c = result.kind === 'void' ? '' : `(${cScalar(result)})`;
  return { c: `(${c}${name}(${list.join(', ')}))`, type: result, calls: true };
}

/** `object.method(…)`. */
function method(body: Body, callee: Member, node: Call): Expr {
  const { object } = callee;
  const name = memberName(callee);
  if (object.type === 'Identifier') {
    const symbol = body.scope.find(object.name);
    if (symbol?.kind === 'map') return mapCall(body, symbol, name, node);
    if (symbol?.kind === 'ring') return ringCall(body, symbol, name, node);
    if (symbol?.kind === 'builtin' && symbol.name === 'atomic') return atomic(body, name, node);
  }
  const value = body.compile(object);
  if (value.type.kind === 'nullable') refuseAbsent(object);
  if (value.type.kind === 'context' && name === 'read') return packetRead(body, value, node);
  if (value.type.kind === 'array') return arrayCall(body, value, value.type, name, node);
  refuse(callee.property, `${typeName(value.type)} has no method '${name}'`);
}

/** C of a pointer to a value: helpers take keys and values by address. */
function address(body: Body, node: Expression, type: Type): string {
  const value = argument(body, node, type);
  if (isAggregate(type)) return value.c;
  const temp = body.temp(type);
  return `(${temp} = ${value.c}, &${temp})`;
}

const cast = (type: Type, c: string) => `((${cVariable(type, '')})${c})`;

function mapCall(body: Body, map: MapSymbol, name: string, node: Call): Expr {
  switch (name) {
    case 'get': {
      const key = address(body, args(node, 1)[0]!, map.key);
      const type = nullable(referenceTo(map.value));
      return { c: cast(type, `bpf_map_lookup_elem(&${map.name}, ${key})`), type, calls: true };
    }
    case 'update': {
      const [key, value, flags] = args(node, 2, 3);
      const k = address(body, key!, map.key);
      const v = address(body, value!, map.value);
      const c = `bpf_map_update_elem(&${map.name}, ${k}, ${v}, ${updateFlag(body, flags)})`;
      return { c: `((__s32)${c})`, type: I32, calls: true };
    }
    case 'delete': {
      const key = address(body, args(node, 1)[0]!, map.key);
      return { c: `((__s32)bpf_map_delete_elem(&${map.name}, ${key}))`, type: I32, calls: true };
    }
  }
  refuse(node.callee, `a map has no method '${name}'`, 'there are get, update and delete');
}

function updateFlag(body: Body, node: Expression | undefined): number {
  if (!node) return 0;
  const { type } = body.compile(node);
  const flag = type.kind === 'word' ? UPDATE_FLAGS.get(type.word) : undefined;
  if (flag !== undefined) return flag;
  refuse(node, `${typeName(type)} is no flag`, "write 'any', 'noexist' or 'exist'");
}

function ringCall(body: Body, ring: RingSymbol, name: string, node: Call): Expr {
  const { value } = ring;
  const size = `sizeof(struct ${value.name})`;
  if (name === 'reserve') {
    args(node, 0);
    const type = nullable(value);
    return { c: cast(type, `bpf_ringbuf_reserve(&${ring.name}, ${size}, 0)`), type, calls: true };
  }
  if (name === 'submit' || name === 'discard') {
    const record = argument(body, args(node, 1)[0]!, value);
    return { c: `bpf_ringbuf_${name}(${record.c}, 0)`, type: VOID, calls: true };
  }
  if (name === 'output') {
    const record = argument(body, args(node, 1)[0]!, value);
    const c = `((__s32)bpf_ringbuf_output(&${ring.name}, ${record.c}, ${size}, 0))`;
    return { c, type: I32, calls: true };
  }
  refuse(
    node.callee,
    `a ring buffer has no '${name}'`,
    'there are reserve, submit, discard, output',
  );
}

const ATOMICS: Readonly<Record<string, string>> = {
  add: '__sync_fetch_and_add',
  sub: '__sync_fetch_and_sub',
  and: '__sync_fetch_and_and',
  or: '__sync_fetch_and_or',
  xor: '__sync_fetch_and_xor',
  exchange: '__sync_lock_test_and_set',
};

/** `atomic.add(object, 'member', value)`, as JavaScript's Atomics. Gives the old value. */
function atomic(body: Body, name: string, node: Call): Expr {
  const c = ATOMICS[name];
  if (!c) refuse(node.callee, `there is no atomic.${name}`, Object.keys(ATOMICS).join(', '));
  const [object, key, operand] = args(node, 3);
  const place = atomicPlace(body, object!, key!);
  const value = argument(body, operand!, place.type);
  return { c: `${c}(&${place.c}, ${value.c})`, type: place.type, calls: true };
}

function atomicPlace(body: Body, object: Expression, key: Expression): Expr {
  const target = body.compile(object);
  if (target.type.kind === 'nullable') refuseAbsent(object);
  const word = body.compile(key).type;
  if (word.kind !== 'word')
    refuse(key, "the member's name is wanted", "atomic.add(x, 'count', 1n)");
  if (target.fixed) refuse(object, 'this cannot be assigned', target.fixed);
  const found = memberOf(target, word.word, key);
  const { type } = found;
  if (type.kind === 'int' && type.bits >= 32) return found;
  refuse(key, `${typeName(type)} is not changed atomically`, 'use u32, i32, u64 or i64');
}

function memberOf(target: Expr, name: string, node: Node): Expr {
  const { type } = target;
  if (type.kind === 'ref' && name === 'value') {
    return { c: `(*${target.c})`, type: type.target, place: true };
  }
  const field = type.kind === 'struct' ? type.fields.get(name) : undefined;
  if (!field || field.bits) refuse(node, `${typeName(type)} has no member '${name}' for this`);
  const c = `${target.c}${target.place ? '.' : '->'}${field.c ?? name}`;
  return { c, type: field.type, place: true };
}

/** `packet.read(Header, offset)`: the bounds check. */
function packetRead(body: Body, packet: Expr, node: Call): Expr {
  const [header, at] = args(node, 2);
  const of = mustDescribe(header, body.scope, node);
  const offset = argument(body, at!, U32);
  const struct = packet.type.kind === 'context' ? packet.type.struct : '';
  const size = `sizeof(${cStorageName(of)})`;
  const type = nullable(referenceTo(of));
  const c = `beeyard_read_${struct}(${packet.c}, ${offset.c}, ${size})`;
  return { c: cast(type, c), type, calls: true };
}

/** Typed arrays' methods, with positions known when compiling. */
function arrayCall(body: Body, target: Expr, type: ArrayType, name: string, node: Call): Expr {
  const base = target.place ? target.c : `(*${target.c})`;
  if (name === 'subarray') {
    const [from, to] = args(node, 2).map((one) => position(body, one));
    if (from! >= to! || to! > type.length) refuse(node, `${from} to ${to} of ${typeName(type)}`);
    const piece: Type = { kind: 'array', element: type.element, length: to! - from! };
    pointer(target, node);
    const { fixed, stack } = target;
    const inherited = { ...(fixed ? { fixed } : {}), ...(stack ? { stack } : {}) };
    return { c: cast(piece, `&${base}[${from}]`), type: piece, ...inherited };
  }
  if (target.fixed) refuse(node, 'this cannot be assigned', target.fixed);
  if (name === 'fill') {
    const value = argument(body, args(node, 1)[0]!, type.element);
    if (!sameType(type.element, U8)) refuse(node, `fill() of ${typeName(type)}`, 'use a loop');
    return {
      c: `((void)__builtin_memset(&${base}, ${value.c}, sizeof(${base})))`,
      type: VOID,
      calls: true,
    };
  }
  if (name === 'set') return arraySet(body, base, type, node);
  refuse(node.callee, `an array has no '${name}'`, 'there are set, fill, subarray and length');
}

function arraySet(body: Body, base: string, type: ArrayType, node: Call): Expr {
  const [from, at] = args(node, 1, 2);
  const offset = at ? position(body, at) : 0;
  const source = body.compile(from!);
  const length = lengthOf(source.type, type, from!);
  if (offset + length > type.length) {
    refuse(node, `${length} elements at ${offset} do not fit ${typeName(type)}`);
  }
  const where = bytesOf(body, source, from!);
  const size = `${length} * sizeof(${base}[0])`;
  const c = `((void)__builtin_memcpy(&${base}[${offset}], ${where}, ${size}))`;
  return { c, type: VOID, calls: true };
}

/** How many elements of the target a source fills: an array of the same, or a number's bytes. */
function lengthOf(source: Type, target: ArrayType, node: Node): number {
  if (source.kind === 'array' && sameType(source.element, target.element)) return source.length;
  if (source.kind === 'be' && sameType(target.element, U8)) return source.bits / 8;
  if (source.kind === 'nullable') refuseAbsent(node);
  refuse(node, `${typeName(source)} cannot be put into ${typeName(target)}`);
}

function bytesOf(body: Body, source: Expr, node: Node): string {
  if (source.type.kind === 'array' || (source.place && !source.volatile)) {
    return pointer(source, node);
  }
  const temp = body.temp(source.type);
  return `(${temp} = ${source.c}, &${temp})`;
}

function position(body: Body, node: Expression): number {
  const { type } = body.compile(node);
  if (type.kind === 'literal' && !type.big && type.value >= 0n) return Number(type.value);
  refuse(node, 'a position is a number known when compiling', 'use a loop for others');
}

import type { Btf } from './btf.ts';
import type { BtfType } from './types.ts';

/** Types nested deeper than this are refused (the kernel's own limit is 32). */
const MAX_DEPTH = 256;

/**
 * Checks what reading single records cannot: every id exists, references go to kinds that make
 * sense, and nothing contains itself, so that later walks over the types end.
 */
export function validate(btf: Btf): void {
  for (let id = btf.firstOwnId; id < btf.count; id++) checkReferences(btf, btf.type(id));
  // What a value contains, then what a declaration spells out: `ptr A → const B → ptr A` has a size
  // but no name.
  refuseCycles(btf, containedIds);
  refuseCycles(btf, spelledIds);
}

/** Checks that what `type` refers to exists and makes sense. */
export function checkReferences(btf: Btf, type: BtfType): void {
  for (const target of referencedIds(type)) {
    if (target >= btf.count) btf.fail(type.id, `refers to type ${target}, which does not exist`);
  }
  checkTarget(btf, type);
}

function checkTarget(btf: Btf, type: BtfType): void {
  if (type.kind === 'func' && btf.type(type.type).kind !== 'func_proto') {
    btf.fail(type.id, `func '${type.name}' has no prototype`);
  }
  if (type.kind === 'datasec') {
    for (const { type: id } of type.vars) {
      const { kind } = btf.type(id);
      if (kind !== 'var' && kind !== 'func') btf.fail(type.id, `datasec holds a ${kind}`);
    }
  }
}

function referencedIds(type: BtfType): readonly number[] {
  switch (type.kind) {
    case 'array':
      return [type.type, type.indexType];
    case 'func_proto':
      return [type.returns, ...type.params.map((param) => param.type)];
    default:
      return 'type' in type ? [type.type] : containedIds(type);
  }
}

/** Types whose bytes are part of this type's bytes. */
function containedIds(type: BtfType): readonly number[] {
  switch (type.kind) {
    case 'struct':
    case 'union':
      return type.members.map((member) => member.type);
    case 'datasec':
      return type.vars.map((variable) => variable.type);
    case 'ptr':
    case 'func':
    case 'decl_tag':
      return [];
    default:
      return 'type' in type ? [type.type] : [];
  }
}

/** Types one must spell to declare a value of this type. */
function spelledIds(type: BtfType): readonly number[] {
  switch (type.kind) {
    case 'struct':
    case 'union':
    case 'datasec':
    case 'func':
    case 'decl_tag':
      return [];
    default:
      return 'type' in type ? [type.type] : [];
  }
}

/**
 * Fails if following `next` from any type comes back to it, or goes too deep. Depth-first with an
 * explicit stack; `depth[id]` is the longest way down from a finished type, 0 while unknown.
 */
function refuseCycles(btf: Btf, next: (type: BtfType) => readonly number[]): void {
  const depth = new Uint16Array(btf.count);
  const open = new Uint8Array(btf.count);
  // Types of a base cannot refer to ours, and were checked.
  for (let start = btf.firstOwnId; start < btf.count; start++) {
    if (depth[start]) continue;
    const stack = [start];
    while (stack.length > 0) {
      const id = stack[stack.length - 1]!;
      if (open[id] === 0) {
        open[id] = 1;
        pushUnknown(btf, id, next(btf.type(id)), depth, open, stack);
      } else {
        stack.pop();
        if (depth[id]) continue;
        depth[id] = 1 + deepest(next(btf.type(id)), depth);
        if (depth[id] > MAX_DEPTH) btf.fail(id, 'types are nested too deep');
      }
    }
  }
}

function pushUnknown(
  btf: Btf,
  id: number,
  targets: readonly number[],
  depth: Uint16Array,
  open: Uint8Array,
  stack: number[],
): void {
  for (const target of targets) {
    if (depth[target]) continue;
    if (open[target] === 1) btf.fail(id, 'contains itself');
    if (target !== 0) stack.push(target);
  }
}

function deepest(ids: readonly number[], depth: Uint16Array): number {
  let deep = 0;
  for (const id of ids) deep = Math.max(deep, depth[id]!);
  return deep;
}

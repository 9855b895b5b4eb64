import type { Btf, BtfFunc, BtfFuncProto, BtfType } from '../../btf/index.ts';

/**
 * A function's declaration as bpftool prints it over a listing: 'int run(struct xdp_md * ctx)'.
 * Undefined for what bpftool has no words for (declaration tags inside).
 */
export function signature(btf: Btf, functionId: number): string | undefined {
  const type = btf.type(functionId);
  return type.kind === 'func' ? functionText(btf, type) : undefined;
}

function functionText(btf: Btf, func: BtfFunc): string | undefined {
  const proto = btf.type(func.type);
  return proto.kind === 'func_proto' ? protoText(btf, proto, func.name, 0) : undefined;
}

function protoText(btf: Btf, proto: BtfFuncProto, name: string, depth: number) {
  const returns = typeText(btf, proto.returns, depth);
  const params = proto.params.map((param) => {
    if (param.type === 0) return '...';
    const text = typeText(btf, param.type, depth);
    if (text === undefined) return undefined;
    return param.name ? `${text}${param.name}` : text.replace(/ $/, '');
  });
  if (returns === undefined || params.includes(undefined)) return undefined;
  return `${returns}${name}(${params.join(', ')})`;
}

const MAX_DEPTH = 32;

/** A type with a space behind it, as `__btf_dumper_type_only` leaves it. */
function typeText(btf: Btf, id: number, depth: number): string | undefined {
  if (id === 0) return 'void ';
  const type = btf.type(id);
  if (depth > MAX_DEPTH) return undefined;
  if (type.kind === 'func_proto') return protoText(btf, type, '', depth + 1);
  if (type.kind === 'ptr') return after(typeText(btf, type.type, depth + 1), '* ');
  if (type.kind === 'array') return after(typeText(btf, type.type, depth + 1), `[${type.count}]`);
  if (type.kind === 'const' || type.kind === 'volatile' || type.kind === 'restrict') {
    const inner = typeText(btf, type.type, depth + 1);
    return inner === undefined ? undefined : `${type.kind} ${inner}`;
  }
  return namedText(type);
}

const after = (text: string | undefined, more: string): string | undefined =>
  text === undefined ? undefined : text + more;

function namedText(type: BtfType): string | undefined {
  switch (type.kind) {
    case 'int':
    case 'typedef':
    case 'float':
      return `${type.name} `;
    case 'struct':
    case 'union':
      return `${type.kind} ${type.name} `;
    case 'fwd':
      return `${type.of} ${type.name} `;
    case 'enum':
    case 'enum64':
      return `enum ${type.name} `;
    default:
      return undefined;
  }
}

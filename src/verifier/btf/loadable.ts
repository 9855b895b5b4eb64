import type { Btf, BtfType } from '../../btf/index.ts';
import { isTransparent } from '../../btf/btf.ts';

const MAX_CHAIN = 32;
const verdicts = new WeakMap<Btf, boolean>();

/**
 * Would BPF_BTF_LOAD take these types, as libbpf hands them in? Checks what compilers get wrong:
 * parameters without names, type tags behind qualifiers, variables of which only a part was kept
 * (btf_func_check, btf_check_type_tags, btf_datasec_resolve).
 * libbpf itself mends functions of the kernel.
 */
export function btfLoads(btf: Btf): boolean {
  let verdict = verdicts.get(btf);
  if (verdict === undefined) {
    verdict = btf.types.every(
      (type) => functionIsNamed(btf, type) && tagsComeFirst(btf, type) && variablesFit(btf, type),
    );
    verdicts.set(btf, verdict);
  }
  return verdict;
}

function functionIsNamed(btf: Btf, type: BtfType): boolean {
  if (type.kind !== 'func' || type.linkage === 'extern') return true;
  const proto = btf.type(type.type);
  if (proto.kind !== 'func_proto') return false;
  return proto.params.every(({ name, type: param }) => name !== '' || param === 0);
}

/** libbpf writes the sections of externs anew. */
const EXTERNS: readonly string[] = ['.kconfig', '.ksyms'];

function variablesFit(btf: Btf, type: BtfType): boolean {
  if (type.kind !== 'datasec' || EXTERNS.includes(type.name)) return true;
  return type.vars.every(({ type: id, size }) => {
    const variable = btf.type(id);
    return (
      variable.kind === 'var' && hasSize(btf, variable.type) && btf.sizeOf(variable.type) <= size
    );
  });
}

function hasSize(btf: Btf, id: number): boolean {
  const { kind } = btf.resolved(id);
  return kind !== 'void' && kind !== 'fwd' && kind !== 'func_proto';
}

function tagsComeFirst(btf: Btf, type: BtfType): boolean {
  let inTags = type.kind === 'type_tag';
  let current = type;
  for (let length = 0; isTransparent(current); length++) {
    if (length >= MAX_CHAIN) return false;
    if (current.kind !== 'type_tag') inTags = false;
    else if (!inTags) return false;
    current = btf.type(current.type);
  }
  return true;
}

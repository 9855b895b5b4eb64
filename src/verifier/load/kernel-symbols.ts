import type { Btf } from '../../btf/index.ts';
import type { VerifierEnv } from '../env.ts';
import { btfWord, moduleAt } from '../btf/modules.ts';
import { gates } from '../gates.ts';
import { load } from '../messages/load.ts';
import { MEM_PERCPU, MEM_RDONLY, PTR_TO_BTF_ID, PTR_TO_MEM } from '../state/layout.ts';

/**
 * What register a load of the address of a variable or function of the kernel or of a module makes.
 * Mirrors check_pseudo_btf_id; that the symbol has an address is taken for granted: BTF lists no
 * other.
 */
export function resolveKernelSymbol(env: VerifierEnv, insn: number): void {
  const { imm } = env.code;
  const id = imm[insn]!;
  const place = imm[insn + 1]!;
  const module = place === 0 ? undefined : moduleAt(env, place);
  if (place !== 0 && !module) env.reject('EINVAL', load.symbol_btf());
  const btf = module?.btf() ?? env.profile.btf();
  env.aux.loadObject[insn] = btfWord(env, module);
  if (id < 0 || id >= btf.count) env.reject('ENOENT', load.symbol_id(id));
  const symbol = btf.type(id);
  if (symbol.kind === 'func' && gates.functionAddresses)
    return set(env, insn, PTR_TO_MEM | MEM_RDONLY, 0);
  if (symbol.kind !== 'var') {
    const reason = gates.functionAddresses ? load.symbol_kind : load.symbol_no_variable;
    env.reject('EINVAL', reason(id));
  }
  const resolved = btf.resolved(symbol.type);
  const composite = resolved.kind === 'struct' || resolved.kind === 'union';
  if (isPerCpu(btf, id)) set(env, insn, PTR_TO_BTF_ID | MEM_PERCPU, symbol.type);
  else if (composite) set(env, insn, PTR_TO_BTF_ID, symbol.type);
  else set(env, insn, PTR_TO_MEM | MEM_RDONLY, sizeOfVariable(env, btf, resolved.id));
}

function sizeOfVariable(env: VerifierEnv, btf: Btf, id: number): number {
  try {
    return btf.sizeOf(id);
  } catch {
    return env.reject('EINVAL', load.symbol_size(btf.type(id).name));
  }
}

function set(env: VerifierEnv, insn: number, type: number, value: number): void {
  env.aux.loadType[insn] = type;
  env.aux.loadValue[insn] = value;
}

const perCpu = new WeakMap<Btf, ReadonlySet<number>>();

/** Variables of the section `.data..percpu`. */
function isPerCpu(btf: Btf, id: number): boolean {
  let variables = perCpu.get(btf);
  if (!variables) {
    // The kernel and each module have a section of that name of their own.
    const own = btf.findAll('datasec', '.data..percpu').find((each) => each >= btf.firstOwnId);
    const section = btf.type(own ?? 0);
    variables = new Set(section.kind === 'datasec' ? section.vars.map(({ type }) => type) : []);
    perCpu.set(btf, variables);
  }
  return variables.has(id);
}

import { FormatError } from '../base/index.ts';
import type { KernelTypes } from '../abi/modules.ts';
import type { Btf } from '../btf/index.ts';
import type { Code } from '../isa/index.ts';
import { TooDeep } from './core-compat.ts';
import { type Candidate, candidatesOf } from './core-names.ts';
import { patchInsn } from './core-patch.ts';
import type { AccessSpec } from './core-spec.ts';
import { CoreError, localSpec, targetSpec } from './core-spec.ts';
import type { CoreResult } from './core-value.ts';
import { coreResult } from './core-value.ts';
import type { CoreRelocationSpec } from './types.ts';

/**
 * Adapts instructions to the layout of a kernel's types, as libbpf does (CO-RE). Instructions whose
 * field or value the kernel does not have are poisoned: the verifier refuses them if they can be
 * reached. Throws `FormatError` where libbpf gives up.
 */
export function relocateCore(
  code: Code,
  relocations: readonly CoreRelocationSpec[],
  local: Btf,
  kernel: KernelTypes,
): void {
  const candidates = new Map<number, readonly Candidate[]>();
  for (const relocation of relocations) {
    try {
      patchInsn(code, relocation.insn, resultOf(relocation, local, kernel, candidates));
    } catch (error) {
      if (!(error instanceof CoreError || error instanceof TooDeep)) throw error;
      const { insn, kind, type, access } = relocation;
      const what = `${kind} of '${local.type(type).name}' + ${access} at instruction ${insn}`;
      throw new FormatError('CO-RE', insn, `${what}: ${error.message}`, { cause: error });
    }
  }
}

/** The one result that all candidates agree on (bpf_core_calc_relo_insn). */
function resultOf(
  { type, access, kind }: CoreRelocationSpec,
  local: Btf,
  kernel: KernelTypes,
  known: Map<number, readonly Candidate[]>,
): CoreResult {
  const spec = localSpec(local, type, access, kind);
  if (kind === 'local_type_id') return coreResult(spec, undefined);
  const root = local.type(type);
  if (root.name === '') throw new CoreError('types without name cannot be looked up');
  const candidates = known.get(type) ?? candidatesOf(kernel, root);
  const matching: Candidate[] = [];
  let chosen: { target: AccessSpec; result: CoreResult } | undefined;
  for (const candidate of candidates) {
    const target = targetSpec(spec, candidate.btf, candidate.id);
    if (!target) continue;
    const result = coreResult(spec, target);
    if (chosen) checkAgreement(chosen, { target, result });
    else chosen = { target, result };
    matching.push(candidate);
  }
  known.set(type, matching.length > 0 ? matching : candidates);
  return chosen?.result ?? coreResult(spec, undefined);
}

interface Choice {
  readonly target: AccessSpec;
  readonly result: CoreResult;
}

function checkAgreement(first: Choice, other: Choice): void {
  if (first.target.bitOffset !== other.target.bitOffset) {
    const places = `${other.target.bitOffset} != ${first.target.bitOffset}`;
    throw new CoreError(`field offset ambiguity: ${places}`);
  }
  if (first.result.poison !== other.result.poison || first.result.after !== other.result.after) {
    throw new CoreError('relocation decision ambiguity');
  }
}

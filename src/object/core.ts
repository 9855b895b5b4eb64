import { FormatError } from '../base/index.ts';
import type { KernelTypes } from '../abi/modules.ts';
import type { Btf } from '../btf/index.ts';
import type { Code } from '../isa/index.ts';
import { TooDeep } from './core-compat.ts';
import { type Candidate, candidatesOf } from './core-names.ts';
import { isPoisoned, patchInsn } from './core-patch.ts';
import type { AccessSpec } from './core-spec.ts';
import { accessText, CoreError, localSpec, targetSpec } from './core-spec.ts';
import type { CoreResult } from './core-value.ts';
import { coreResult } from './core-value.ts';
import type { CoreRelocationSpec } from './types.ts';

/** What became of one compile-once place on one kernel, and why. */
export interface CoreDecision {
  readonly relocation: CoreRelocationSpec;
  /** What the program asks about: 'task_struct.comm[3]', 'pid_type PIDTYPE_TGID'. */
  readonly access: string;
  /** Types of that name, those of modules only when the kernel itself has none. */
  readonly candidates: readonly CoreCandidate[];
  /**
   * 'same': the compiler's value holds here; 'changed': another is put in; 'absent': the answer is
   * that the kernel has it not (0); 'poisoned': the verifier will refuse the instruction if it can
   * be reached; 'refused': libbpf does not load the object.
   */
  readonly outcome: 'same' | 'changed' | 'absent' | 'poisoned' | 'refused';
  /** The value the compiler put in and the one for this kernel; undefined if there is none. */
  readonly before: bigint | undefined;
  readonly after: bigint | undefined;
  /** Bytes the program reads or writes there, when the field has another size here. */
  readonly resized?: { readonly before: number; readonly after: number };
  /** Why it is poisoned or refused. */
  readonly reason?: string;
}

/** A type the program may mean. */
export interface CoreCandidate {
  readonly id: number;
  readonly name: string;
  readonly module: string | undefined;
  /** Where what is asked for is in it: 'task_struct.comm[3]'; undefined if it has it not. */
  readonly access: string | undefined;
}

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
  const search = searchFor(local, kernel);
  for (const relocation of relocations) {
    try {
      apply(code, relocation.insn, search.find(relocation));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const { insn, kind, type, access } = relocation;
      const what = `${kind} of '${local.type(type).name}' + ${access} at instruction ${insn}`;
      throw new FormatError('CO-RE', insn, `${what}: ${error.message}`, { cause: error });
    }
  }
}

/** The same as relocateCore, told: one decision per relocation, in order, refusals among them. */
export function decideCore(
  code: Code,
  relocations: readonly CoreRelocationSpec[],
  local: Btf,
  kernel: KernelTypes,
): CoreDecision[] {
  const search = searchFor(local, kernel);
  return relocations.map((relocation) => decide(code, relocation, search));
}

function apply(code: Code, insn: number, { result, disagreement }: Answer): void {
  if (disagreement) throw new CoreError(disagreement);
  patchInsn(code, insn, result);
}

const isRefusal = (error: unknown): error is Error =>
  error instanceof CoreError || error instanceof TooDeep;

function decide(code: Code, relocation: CoreRelocationSpec, search: Search): CoreDecision {
  const { type, access, kind } = relocation;
  const about = { relocation, access: search.local.type(type).name || access };
  let answer: Answer | undefined;
  try {
    about.access = accessText(localSpec(search.local, type, access, kind));
    answer = search.find(relocation);
    apply(code, relocation.insn, answer);
    return { ...about, ...told(answer, isPoisoned(code, relocation.insn)) };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const { candidates, before } = told(answer, false);
    const reason = error.message;
    return { ...about, candidates, before, after: undefined, outcome: 'refused', reason };
  }
}

type Told = Omit<CoreDecision, 'relocation' | 'access'>;

function told(answer: Answer | undefined, poisoned: boolean): Told {
  if (!answer) return { candidates: [], outcome: 'refused', before: undefined, after: undefined };
  const { result, considered } = answer;
  const { before, after, sizeBefore, sizeAfter } = result;
  const found = considered.some(({ target }) => target);
  const candidates = considered.map(({ candidate: { btf, id, module }, target }) => ({
    id,
    name: btf.type(id).name,
    module,
    access: target && accessText(target),
  }));
  const resized = sizeBefore !== sizeAfter && { resized: { before: sizeBefore, after: sizeAfter } };
  if (poisoned) {
    const reason = poisonReason(result, considered.length);
    return { candidates, outcome: 'poisoned', before, after: undefined, reason, ...resized };
  }
  const absent = !found && result.after === 0n && result.before !== 0n;
  const outcome = absent ? 'absent' : before === after && !resized ? 'same' : 'changed';
  return { candidates, outcome, before, after, ...resized };
}

function poisonReason({ badSize, sizeBefore, sizeAfter }: CoreResult, candidates: number): string {
  if (badSize) return `${sizeBefore} bytes there cannot be read as ${sizeAfter} here`;
  return candidates === 0 ? 'no type of that name' : 'no type of that name has it';
}

/** What the search for one relocation came to. */
interface Answer {
  readonly result: CoreResult;
  readonly considered: readonly {
    readonly candidate: Candidate;
    readonly target: AccessSpec | undefined;
  }[];
  /** Why libbpf does not choose: candidates give different values. */
  readonly disagreement: string | undefined;
}

/** The last kernel's, for each object: its programs ask the same things again and again. */
const searches = new WeakMap<Btf, Search>();

function searchFor(local: Btf, kernel: KernelTypes): Search {
  let search = searches.get(local);
  if (search?.kernel !== kernel) searches.set(local, (search = new Search(local, kernel)));
  return search;
}

/** Looks up what an object's relocations mean on a kernel; types that fit once are kept. */
class Search {
  readonly local: Btf;
  readonly kernel: KernelTypes;
  readonly #known = new Map<number, readonly Candidate[]>();
  /** By type, kind and access. */
  readonly #answers = new Map<string, Answer>();

  constructor(local: Btf, kernel: KernelTypes) {
    this.local = local;
    this.kernel = kernel;
  }

  find(relocation: CoreRelocationSpec): Answer {
    const key = `${relocation.type} ${relocation.kind} ${relocation.access}`;
    let answer = this.#answers.get(key);
    if (!answer) this.#answers.set(key, (answer = this.#calculate(relocation)));
    return answer;
  }

  /** The one result that all candidates agree on (bpf_core_calc_relo_insn). */
  #calculate({ type, access, kind }: CoreRelocationSpec): Answer {
    const spec = localSpec(this.local, type, access, kind);
    if (kind === 'local_type_id') {
      return { result: coreResult(spec, undefined), considered: [], disagreement: undefined };
    }
    const root = this.local.type(type);
    if (root.name === '') throw new CoreError('types without name cannot be looked up');
    const candidates = this.#known.get(type) ?? candidatesOf(this.kernel, root);
    const considered = candidates.map((candidate) => ({
      candidate,
      target: targetSpec(spec, candidate.btf, candidate.id),
    }));
    let chosen: Choice | undefined;
    let disagreement: string | undefined;
    for (const { target } of considered) {
      if (!target) continue;
      const choice = { target, result: coreResult(spec, target) };
      if (chosen) disagreement ??= disagreementOf(chosen, choice);
      else chosen = choice;
    }
    const matching = considered.filter(({ target }) => target).map(({ candidate }) => candidate);
    this.#known.set(type, matching.length > 0 ? matching : candidates);
    return { result: chosen?.result ?? coreResult(spec, undefined), considered, disagreement };
  }
}

interface Choice {
  readonly target: AccessSpec;
  readonly result: CoreResult;
}

function disagreementOf(first: Choice, other: Choice): string | undefined {
  if (first.target.bitOffset !== other.target.bitOffset) {
    return `field offset ambiguity: ${other.target.bitOffset} != ${first.target.bitOffset}`;
  }
  const { result } = first;
  if (result.poison !== other.result.poison || result.after !== other.result.after) {
    return 'relocation decision ambiguity';
  }
  return undefined;
}

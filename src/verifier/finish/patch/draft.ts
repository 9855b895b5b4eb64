import { BPF_PSEUDO_FUNC, LD_IMM64 } from '../../../isa/index.ts';
import { isSubprogCall } from '../../cfg/calls.ts';
import { findSubprog } from '../../cfg/subprograms.ts';
import { AUX_ZEXT_DST, type VerifierEnv } from '../../env.ts';
import { writesHalf } from './definition.ts';
import { Insn } from './insn.ts';

/**
 * An accepted program while it is rewritten: a list of instructions in which jumps name the
 * instruction they go to, so that nothing has to be adjusted when others come or go.
 */
export class Draft {
  readonly env: VerifierEnv;
  insns: Insn[];
  /** First instruction of each function of `env.subprogs`; undefined once it is taken out. */
  readonly starts: (Insn | undefined)[];
  /** What those that were taken out started with. */
  readonly #removed = new Map<number, Insn>();
  /** Bytes of stack by function, as the passes left them so far. */
  readonly stackDepths: number[];

  constructor(env: VerifierEnv, stackDepths: readonly number[]) {
    this.env = env;
    this.stackDepths = [...stackDepths];
    this.insns = insnsOf(env);
    this.starts = env.subprogs.map(({ start }) => this.insns[start]);
    for (const [index, insn] of this.insns.entries()) link(env, this.insns, insn, index);
    for (const line of env.input.btf ? env.input.lineInfo : []) {
      const insn = this.insns[line.insn];
      if (insn) insn.line = line;
    }
  }

  /** What stands now where `insn` stood. */
  now(insn: Insn): Insn {
    let found = insn;
    while (found.replacedBy) found = found.replacedBy;
    if (found !== insn) insn.replacedBy = found;
    return found;
  }

  /** Where a function starts, or what stands where it was. */
  start(subprog: number): Insn {
    return this.starts[subprog] ?? this.now(this.#removed.get(subprog)!);
  }

  /** Where a jump goes. */
  target(insn: Insn): Insn | undefined {
    return insn.target && this.now(insn.target);
  }

  /**
   * Puts the instructions `patch` gives in the place of each that it gives some for. It is told the
   * index of the function. The last one made gets the facts of what it replaces.
   */
  rewrite(patch: (insn: Insn, subprog: number) => Insn[] | undefined): void {
    const { insns } = this;
    const out: Insn[] = [];
    let subprog = 0;
    const places = this.#places();
    for (const [i, insn] of insns.entries()) {
      subprog = places.get(insn) ?? subprog;
      const made = patch(insn, subprog);
      if (made) out.push(...this.#settle(insn, made, insns[i + 1]));
      else out.push(insn);
    }
    this.insns = out;
  }

  /** Puts instructions in front of one; jumps to it do not go through them, calls do. */
  prepend(insn: Insn, made: readonly Insn[]): void {
    const copy = insn.copy();
    const all = this.#settle(insn, [...made, copy], undefined);
    insn.replacedBy = copy;
    this.insns.splice(this.insns.indexOf(insn), 1, ...all);
  }

  /** A function nobody wrote, behind all others. */
  append(made: readonly Insn[]): void {
    this.insns.push(...made);
    this.starts.push(made[0]);
    this.stackDepths.push(0);
  }

  /** Takes out what `isDead` says; what went there goes on behind it. */
  remove(isDead: (insn: Insn, next: Insn | undefined) => boolean): void {
    const places = this.#places();
    const kept: Insn[] = [];
    let gap: Insn[] = [];
    for (const [i, insn] of this.insns.entries()) {
      if (isDead(insn, this.insns[i + 1])) {
        gap.push(insn);
        // Jumps over it end behind it from now on.
        if (this.insns[i + 1]) insn.replacedBy = this.insns[i + 1];
        continue;
      }
      if (gap.length > 0) this.#closeGap(gap, insn, places);
      gap = [];
      kept.push(insn);
    }
    this.#closeGap(gap, undefined, places);
    this.insns = kept;
  }

  /** Functions and source lines that began among what was taken out. */
  #closeGap(gap: readonly Insn[], next: Insn | undefined, places: Map<Insn, number>): void {
    const begun = gap.flatMap((insn) => places.get(insn) ?? []);
    const isOwn = next !== undefined && !places.has(next);
    const cut = isOwn ? begun.pop() : undefined;
    for (const subprog of begun) {
      this.#removed.set(subprog, this.starts[subprog]!);
      this.starts[subprog] = undefined;
    }
    if (cut !== undefined) this.starts[cut] = next;
    const line = gap.findLast((insn) => insn.line)?.line;
    if (next && line) next.line ??= line;
  }

  #places(): Map<Insn, number> {
    return new Map(this.starts.flatMap((insn, index) => (insn ? [[insn, index]] : [])));
  }

  /** Ties made instructions to the place of `insn`. */
  #settle(insn: Insn, made: Insn[], after: Insn | undefined): Insn[] {
    for (const [i, one] of made.entries()) {
      one.origin = insn.origin;
      one.zext = writesHalf(one);
      if (one.jumps && !one.target) {
        one.target = made[i + 1 + (one.jumpsFar ? one.imm : one.off)] ?? after;
      }
    }
    const first = made[0]!;
    made.at(-1)!.facts = insn.facts;
    first.line = insn.line;
    insn.replacedBy = first;
    const subprog = this.starts.indexOf(insn);
    if (subprog >= 0) this.starts[subprog] = first;
    return made;
  }
}

function insnsOf({ code, aux }: VerifierEnv): Insn[] {
  return Array.from(code.op, (op, i) => {
    const insn = new Insn(op, code.dst[i]!, code.src[i]!, code.off[i]!, code.imm[i]!);
    insn.origin = insn.facts = i;
    insn.zext = (aux.flags[i]! & AUX_ZEXT_DST) !== 0;
    return insn;
  });
}

/** Distances and numbers become what they stand for. */
function link(env: VerifierEnv, insns: readonly Insn[], insn: Insn, index: number): void {
  if (insn.jumps) insn.target = insns[index + 1 + (insn.jumpsFar ? insn.imm : insn.off)];
  else if (isSubprogCall(env, index)) insn.subprog = findSubprog(env, index + 1 + insn.imm);
  else if (insn.op === LD_IMM64) linkLoad(env, insn, index);
}

function linkLoad(env: VerifierEnv, insn: Insn, index: number): void {
  const { aux } = env;
  if (insn.src === BPF_PSEUDO_FUNC) {
    const subprog = findSubprog(env, index + 1 + insn.imm);
    insn.address = { kind: 'function', subprog };
  } else if (aux.loadObject[index]! > 0 && insn.src <= 2 && insn.src > 0) {
    const map = aux.loadObject[index]! - 1;
    const value = insn.src === 2;
    insn.address = { kind: 'map', map, value, offset: aux.loadValue[index]! };
  } else if (insn.src !== 0) {
    insn.address = { kind: 'kernel', name: '' };
  }
}

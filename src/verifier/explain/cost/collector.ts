import { isJump, successors } from '../../../isa/index.ts';
import { subprogEnd } from '../../cfg/subprograms.ts';
import type { VerifierEnv } from '../../env.ts';
import type { VerifierState } from '../../state/state.ts';
import type { VerifierObserver } from '../../types.ts';
import { MissTable } from './misses.ts';

/** Packs two instruction indices, or a way of a branch and an index, into one number. */
export const PAIR = 2 ** 21;

/** Nothing branched yet on the path. */
const NO_FORK = -1;

/** Counts what the walk does, by instruction. */
export class CostCollector implements VerifierObserver {
  env!: VerifierEnv;
  processed!: Uint32Array;
  stateCount!: Uint32Array;
  coverCount!: Uint32Array;
  /** Comparisons with states kept there: with those walked to the end, and with open ones. */
  missCount!: Uint32Array;
  openCount!: Uint32Array;
  misses!: MissTable;
  /** By from * PAIR + to: jumps that were taken. */
  readonly jumps = new Map<number, number>();
  /** By (branch * 2 + way) * PAIR + branch: the second was the next that was gone both ways. */
  readonly forks = new Map<number, number>();
  /** By function: processed in it and what it calls; times it was entered; calls of it. */
  readonly total: number[] = [];
  readonly entered: number[] = [];
  readonly callsites: (Set<number> | undefined)[] = [];
  #lastFork = NO_FORK;

  start(env: VerifierEnv): void {
    const count = env.length;
    this.env = env;
    this.processed = new Uint32Array(count);
    this.stateCount = new Uint32Array(count);
    this.coverCount = new Uint32Array(count);
    this.missCount = new Uint32Array(count);
    this.openCount = new Uint32Array(count);
    this.misses = new MissTable(env);
  }

  /** Words are none of its business. */
  message(): void {}

  functionStart(): void {
    this.#lastFork = NO_FORK;
    this.misses.functionStart();
  }

  insn(): void {
    this.#arrive(this.env.insnIdx);
  }

  pruned(): void {
    this.#arrive(this.env.insnIdx);
    this.coverCount[this.env.insnIdx]!++;
    this.misses.settle();
  }

  kept(insn: number): void {
    this.stateCount[insn]!++;
  }

  missed(old: VerifierState): void {
    if (this.misses.add(old)) this.missCount[this.env.insnIdx]!++;
    else this.openCount[this.env.insnIdx]!++;
  }

  covered(old: VerifierState): void {
    this.misses.covered(old);
  }

  marked(checkpoint: VerifierState): void {
    this.misses.marked(checkpoint);
  }

  /** Another branch is gone both ways; the number tells the path that waits where it left. */
  pushed(): number {
    const { insnIdx } = this.env;
    if (this.#lastFork !== NO_FORK) bump(this.forks, this.#lastFork * PAIR + insnIdx);
    this.#lastFork = insnIdx * 2;
    return insnIdx;
  }

  popped(branch: number): void {
    this.#lastFork = branch * 2 + 1;
  }

  #arrive(insn: number): void {
    const { state, prevInsnIdx: from } = this.env;
    this.processed[insn]!++;
    for (let i = 0; i <= state.curframe; i++) {
      const { subprogno } = state.frameAt(i);
      this.total[subprogno] = (this.total[subprogno] ?? 0) + 1;
    }
    if (from >= 0 && from !== insn - 1 && isJump(this.env.code.op[from]!)) {
      bump(this.jumps, from * PAIR + insn);
    }
    const { subprogno, callsite } = state.frame;
    if (insn !== this.env.subprogs[subprogno]!.start) return;
    if (from >= insn && from < subprogEnd(this.env, subprogno)) return;
    this.entered[subprogno] = (this.entered[subprogno] ?? 0) + 1;
    (this.callsites[subprogno] ??= new Set()).add(callsite);
  }
}

function bump(counts: Map<number, number>, key: number): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** Where control goes from `insn` if it stays in the function; of static branches both ways. */
export function nextOf({ code, staticBranches }: VerifierEnv, insn: number): number[] {
  const next = successors(code, insn);
  return staticBranches?.has(insn) ? [insn + 1, ...next] : next;
}

import { errnos } from '../../abi/index.ts';
import type { HookPoint, PointAttach, PointDetach, PointMember } from '../objects/hook-point.ts';
import type { MachineProgram } from '../program.ts';
import type { AttachPoint } from './attach-point.ts';

/** A classic filter: `tc filter add ... prio PRIORITY handle HANDLE bpf direct-action`. */
export interface ClassicMember extends PointMember {
  readonly priority: number;
  readonly handle: number;
}

/** The first priority Linux gives a filter without one; the next ones get smaller. */
const FIRST_PRIORITY = 0xc000;
const no = (name: string): number => -errnos[name]!;

/**
 * The filters of one direction of a clsact qdisc (net/sched/cls_bpf.c): by priority, and in one
 * priority the newest first. They run when tcx says NEXT.
 */
export class ClassicFilters implements HookPoint {
  members: readonly ClassicMember[] = [];
  programs: readonly MachineProgram[] = [];
  readonly revision = 1n;
  readonly #entry: AttachPoint;

  /** `entry`: the tcx programs of the same direction, whose entry a qdisc keeps. */
  constructor(entry: AttachPoint) {
    this.#entry = entry;
  }

  attach({ program, filter = {}, replaces }: PointAttach): number {
    const priority = filter.priority ?? this.#freePriority();
    const same = this.members.filter((one) => one.priority === priority);
    const handle = filter.handle ?? Math.max(0, ...same.map((one) => one.handle)) + 1;
    const made = { program, link: undefined, priority, handle };
    const at = this.members.findIndex((one) => one.priority === priority && one.handle === handle);
    if (at >= 0 && replaces === undefined) return no('EEXIST');
    if (at >= 0) this.#set(this.members.with(at, made));
    else {
      const place = this.members.findIndex((one) => one.priority >= priority);
      this.#set(this.members.toSpliced(place < 0 ? this.members.length : place, 0, made));
    }
    return 0;
  }

  #freePriority(): number {
    const lowest = this.members[0]?.priority;
    return lowest === undefined ? FIRST_PRIORITY : lowest - 1;
  }

  detach({ program, filter = {} }: PointDetach): number {
    const found = this.members.find(
      (one) =>
        (program === undefined || one.program === program) &&
        (filter.priority === undefined || one.priority === filter.priority) &&
        (filter.handle === undefined || one.handle === filter.handle),
    );
    if (!found) return no('ENOENT');
    this.#set(this.members.filter((one) => one !== found));
    return 0;
  }

  clear(): void {
    this.#set([]);
  }

  resumeAt(): void {}

  #set(members: readonly ClassicMember[]): void {
    this.members = members;
    this.programs = members.map(({ program }) => program);
    this.#entry.keep(members.length > 0);
  }
}

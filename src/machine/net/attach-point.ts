import { errnos } from '../../abi/index.ts';
import type { HookPoint, PointAttach, PointDetach, PointMember } from '../objects/hook-point.ts';
import { OrderedPrograms } from '../mprog.ts';
import type { MachineProgram } from '../program.ts';
import type { MachineLink } from '../objects/link.ts';

/** What becomes of the revision when the last program has left. */
export type WhenEmpty =
  /** tcx: forgotten, unless classic filters keep the entry. */
  | 'forgotten'
  /** netkit: no query tells it, and the next program goes on with it. */
  | 'hidden';

/** The programs at one hook of one device, in the order they run (struct bpf_mprog_entry). */
export class AttachPoint implements HookPoint {
  /** Never changed in place: a run under way goes on with the list it began with. */
  programs: readonly MachineProgram[] = [];
  readonly #whenEmpty: WhenEmpty;
  #order = new OrderedPrograms<MachineProgram, MachineLink>();
  #kept = false;

  constructor(whenEmpty: WhenEmpty = 'forgotten') {
    this.#whenEmpty = whenEmpty;
  }

  get members(): readonly PointMember[] {
    return this.#order.members;
  }

  get revision(): bigint {
    return this.#active ? this.#order.revision : 1n;
  }

  /** There is an entry that commands find. */
  get #active(): boolean {
    return this.members.length > 0 || this.#kept;
  }

  attach(request: PointAttach): number {
    return this.#after(this.#order.attach(request));
  }

  detach(request: PointDetach): number {
    return this.#active ? this.#after(this.#order.detach(request)) : -errnos['ENOENT']!;
  }

  clear(): void {
    this.#order = new OrderedPrograms();
    this.programs = [];
  }

  resumeAt(revision: bigint): void {
    this.#order.resumeAt(revision);
  }

  /** Somebody else needs the entry too (a clsact qdisc), or no longer. */
  keep(kept: boolean): void {
    this.#kept = kept;
    this.#forget();
  }

  #after(result: number): number {
    if (result !== 0) return result;
    this.programs = this.members.map(({ program }) => program);
    this.#forget();
    return 0;
  }

  #forget(): void {
    if (!this.#active && this.#whenEmpty === 'forgotten') this.#order = new OrderedPrograms();
  }
}

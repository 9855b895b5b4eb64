import { constants, errnos } from '../abi/index.ts';

const { BPF_F_AFTER, BPF_F_BEFORE, BPF_F_REPLACE } = constants;

/** Programs of one attach point (bpf_mprog_max). */
export const MAX_PROGRAMS = 63;

/** A program of an attach point, and the link that holds it there, if one does. */
export interface Member<Program, Link> {
  readonly program: Program;
  readonly link: Link | undefined;
}

/** What a request's relative_fd or relative_id names; undefined: it names nothing. */
export type Anchor<Program, Link> = Member<Program, Link> | undefined;

/** Where a program is to go, or which is to leave. */
export interface Request<Program, Link> {
  readonly link?: Link | undefined;
  /** BPF_F_BEFORE, BPF_F_AFTER, BPF_F_REPLACE, BPF_F_ID, BPF_F_LINK. Default 0. */
  readonly flags?: number;
  /** Finds the anchor, or says with a negative errno why it cannot. Default: there is none. */
  readonly anchor?: () => Anchor<Program, Link> | number;
  /** The revision that the caller has seen; 0 or absent: whichever. */
  readonly revision?: bigint;
}

export interface AttachRequest<Program, Link> extends Request<Program, Link> {
  readonly program: Program;
  /** With BPF_F_REPLACE: the program whose place it takes. */
  readonly replaces?: Program | undefined;
}

export interface DetachRequest<Program, Link> extends Request<Program, Link> {
  /** Default: whichever the rules name. */
  readonly program?: Program | undefined;
}

/**
 * A place on the way through an attach point: 0 is before the first program, i + 1 the program at
 * i, and one more than the number of programs behind the last. Negative: an errno.
 */
type Place = number;

/**
 * The programs of an attach point in the order they run in, as bpf_mprog of kernel/bpf/mprog.c
 * orders them. Each rule of a request (replace, before, after) names a place; all must name the
 * same. Whatever changes the order or a program makes a new revision.
 *
 * @example
 * const point = new OrderedPrograms<string, never>();
 * point.attach({ program: 'first' }); point.attach({ program: 'second', flags: BPF_F_BEFORE });
 * point.members.map(({ program }) => program); // ['second', 'first']
 */
export class OrderedPrograms<Program, Link> {
  #members: readonly Member<Program, Link>[] = [];
  #revision = 1n;

  get members(): readonly Member<Program, Link>[] {
    return this.#members;
  }

  get revision(): bigint {
    return this.#revision;
  }

  /** As if so much had happened already: the point of a saved machine goes on. */
  resumeAt(revision: bigint): void {
    this.#revision = revision;
  }

  /** Returns 0, or -ESTALE, -EEXIST, -ENOENT, -EBUSY, -ERANGE, -EINVAL, or the anchor's errno. */
  attach(request: AttachRequest<Program, Link>): number {
    const { program, link, flags = 0, replaces } = request;
    if (this.#isStale(request)) return error('ESTALE');
    if (this.#members.some((member) => member.program === program)) return error('EEXIST');
    const anchor = request.anchor?.();
    if (typeof anchor === 'number') return anchor;
    const replacing = (flags & BPF_F_REPLACE) !== 0;
    if (!replacing && this.#members.length === MAX_PROGRAMS) return error('ERANGE');
    const exact = replacing ? this.#placeOf(replaces, link) : undefined;
    const place = this.#agree(exact, flags, anchor);
    if (place < 0) return place;
    const made = { program, link };
    this.#commit(
      replacing
        ? this.#members.with(place - 1, made)
        : this.#members.toSpliced(this.#insertAt(place, flags), 0, made),
    );
    return 0;
  }

  /** Returns 0, or -EINVAL, -ESTALE, -ENOENT, -EBUSY, -ERANGE, or the anchor's errno. */
  detach(request: DetachRequest<Program, Link>): number {
    const { program, link, flags = 0 } = request;
    if ((flags & BPF_F_REPLACE) !== 0) return error('EINVAL');
    if (this.#isStale(request)) return error('ESTALE');
    if (this.#members.length === 0) return error('ENOENT');
    const anchor = request.anchor?.();
    if (typeof anchor === 'number') return anchor;
    const exact = program === undefined ? undefined : this.#placeOf(program, link);
    const place = this.#agree(exact, flags, anchor);
    if (place < 0) return place;
    const index = Math.min(Math.max(place - 1, 0), this.#members.length - 1);
    if (this.#members[index]!.link !== undefined && link === undefined) return error('EBUSY');
    this.#commit(this.#members.toSpliced(index, 1));
    return 0;
  }

  #isStale({ revision = 0n }: Request<Program, Link>): boolean {
    return revision !== 0n && revision !== this.#revision;
  }

  #commit(members: readonly Member<Program, Link>[]): void {
    this.#members = members;
    this.#revision++;
  }

  /** The place that all rules agree on. */
  #agree(exact: Place | undefined, flags: number, anchor: Anchor<Program, Link>): Place {
    let place = exact;
    if (place !== undefined && place < 0) return place;
    for (const [rule, step] of [
      [BPF_F_BEFORE, -1],
      [BPF_F_AFTER, 1],
    ] as const) {
      if ((flags & rule) === 0) continue;
      const named = this.#beside(anchor, step);
      if (named < 0) return named;
      if (place !== undefined && place !== named) return error('ERANGE');
      place = named;
    }
    if (place !== undefined) return place;
    return anchor || flags !== 0 ? error('EINVAL') : this.#members.length + 1;
  }

  /** Where exactly this program with exactly this link is. */
  #placeOf(program: Program | undefined, link: Link | undefined): Place {
    const index = this.#members.findIndex((member) => member.program === program);
    if (index < 0) return error('ENOENT');
    return this.#members[index]!.link === link ? index + 1 : error('EBUSY');
  }

  /** The place one step from an anchor; without one, either end. */
  #beside(anchor: Anchor<Program, Link>, step: -1 | 1): Place {
    if (!anchor) return step < 0 ? 0 : this.#members.length + 1;
    const index = this.#members.findIndex(
      ({ program, link }) =>
        program === anchor.program && (anchor.link === undefined || link === anchor.link),
    );
    return index < 0 ? error('ENOENT') : index + 1 + step;
  }

  /** Where in the list a program goes that is to be at a place. */
  #insertAt(place: Place, flags: number): number {
    const last = place === this.#members.length + 1;
    return last || (flags & BPF_F_BEFORE) === 0 ? place - 1 : place;
  }
}

const error = (name: string): number => -errnos[name]!;

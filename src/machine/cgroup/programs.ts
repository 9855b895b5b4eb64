/** Programs of one cgroup at one attach type: attach and detach in the kernel's order of checks. */
import { constants } from '../../abi/index.ts';
import { refuse } from '../errno.ts';
import type { Anchor } from '../mprog.ts';
import type { MachineLink } from '../objects/link.ts';
import type { MachineProgram } from '../program.ts';
import { type Entry, type OwnPrograms, programOf } from './effective.ts';
import type { CgroupLink } from './link.ts';
import type { Storages } from './storage.ts';

const {
  BPF_F_AFTER,
  BPF_F_ALLOW_MULTI,
  BPF_F_ALLOW_OVERRIDE,
  BPF_F_BEFORE,
  BPF_F_ID,
  BPF_F_LINK,
  BPF_F_PREORDER,
  BPF_F_REPLACE,
} = constants;
const KIND = BPF_F_ALLOW_OVERRIDE | BPF_F_ALLOW_MULTI;
/** BPF_CGROUP_MAX_PROGS */
export const MAX_PROGRAMS = 64;

/** What is to be attached: a program by itself, or a link. */
export interface CgroupAttach {
  readonly program?: MachineProgram | undefined;
  readonly link?: CgroupLink | undefined;
  /** With BPF_F_REPLACE: the program whose place it takes. */
  readonly replaces?: MachineProgram | undefined;
  readonly flags: number;
  /** relative_fd or relative_id. */
  readonly relative: number;
  /** The revision that the caller has seen; 0n: whichever. */
  readonly revision: bigint;
  /** Finds what `relative` names. Throws KernelError. */
  readonly anchor: () => Anchor<MachineProgram, MachineLink>;
}

/** The list of a cgroup and an attach type (progs, flags and revisions of struct cgroup_bpf). */
export class CgroupPrograms implements OwnPrograms {
  #entries: Entry[] = [];
  #flags = 0;
  revision = 1n;

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  get flags(): number {
    return this.#flags;
  }

  /**
   * Checks a request, calls `storages` for what the program needs, and puts it into the list. The
   * entry that had its place is returned. `above`: lists of the ancestors, the nearest first.
   * Throws KernelError.
   */
  attach(
    request: CgroupAttach,
    above: Iterable<OwnPrograms>,
    storages: () => Storages,
  ): Entry | undefined {
    checkFlags(request);
    const { program, link, flags, revision } = request;
    if (revision !== 0n && revision !== this.revision) refuse('ESTALE', 'the revision moved on');
    if (!hierarchyAllows(above)) refuse('EPERM', 'a cgroup above allows no others');
    const kind = flags & KIND;
    if (this.#entries.length > 0 && this.#flags !== kind) {
      refuse('EPERM', 'programs are there that were attached in another way');
    }
    if (this.#entries.length >= MAX_PROGRAMS) refuse('E2BIG', 'there are 64 programs');
    const old = this.#replaced(request);
    const at = old ? this.#entries.indexOf(old) : undefined;
    const entry = { program, link, flags, storages: storages() };
    if (at === undefined) this.#entries.splice(this.#placeFor(request), 0, entry);
    else this.#entries[at] = entry;
    this.#flags = kind;
    this.revision++;
    return old;
  }

  /** find_attach_entry: the entry whose place a program takes. */
  #replaced({ program, link, replaces, flags }: CgroupAttach): Entry | undefined {
    if ((flags & BPF_F_ALLOW_MULTI) === 0) return this.#entries[0];
    for (const one of this.#entries) {
      const twice = program !== undefined && one.program === program && program !== replaces;
      if (twice || (link && one.link === link)) refuse('EINVAL', 'it is there already');
    }
    if (!replaces) return undefined;
    const found = this.#entries.find((one) => one.program === replaces);
    return found ?? refuse('ENOENT', 'what it is to replace is not there');
  }

  /** get_prog_list: the index that a new entry gets. */
  #placeFor({ program, link, flags, relative, anchor }: CgroupAttach): number {
    const [before, after] = [(flags & BPF_F_BEFORE) !== 0, (flags & BPF_F_AFTER) !== 0];
    const byLink = (flags & BPF_F_LINK) !== 0;
    if (byLink || flags & BPF_F_ID || relative !== 0) {
      if (before === after) refuse('EINVAL', 'an anchor needs one of BEFORE and AFTER');
      if (byLink ? !link : !program) refuse('EINVAL', 'the anchor is of another kind');
    } else if (this.#entries.length > 0 && before && after) {
      refuse('EINVAL', 'before and after');
    }
    const named = anchor();
    if (!named) return before ? 0 : this.#entries.length;
    const at = this.#entries.findIndex((one) =>
      named.link ? one.link === named.link : one.program === named.program,
    );
    if (at < 0) refuse('ENOENT', 'the anchor is not there');
    if ((this.#entries[at]!.flags ^ flags) & BPF_F_PREORDER) {
      refuse('EINVAL', 'the anchor runs in another order');
    }
    return before ? at : at + 1;
  }

  /** Takes an entry out of the list. Throws KernelError ESTALE, ENOENT, EINVAL. */
  detach(
    program: MachineProgram | undefined,
    link: CgroupLink | undefined,
    revision: bigint,
  ): Entry {
    if (revision !== 0n && revision !== this.revision) refuse('ESTALE', 'the revision moved on');
    const entry = this.#leaving(program, link);
    this.#entries.splice(this.#entries.indexOf(entry), 1);
    this.revision++;
    if (this.#entries.length === 0) this.#flags = 0;
    return entry;
  }

  /** find_detach_entry: alone at its place, a program needs no name. */
  #leaving(program: MachineProgram | undefined, link: CgroupLink | undefined): Entry {
    if ((this.#flags & BPF_F_ALLOW_MULTI) === 0) {
      return this.#entries[0] ?? refuse('ENOENT', 'nothing is attached');
    }
    if (!program && !link) refuse('EINVAL', 'of several programs one must be named');
    const found = this.#entries.find((one) => one.program === program && one.link === link);
    return found ?? refuse('ENOENT', 'it is not attached');
  }

  /** A link has another program now. Throws KernelError ENOENT. */
  updated(link: CgroupLink): void {
    if (!this.#entries.some((one) => one.link === link)) refuse('ENOENT', 'it is not attached');
    this.revision++;
  }

  /** The cgroup has gone: everybody leaves. */
  clear(): readonly Entry[] {
    const entries = this.#entries;
    this.#entries = [];
    this.#flags = 0;
    return entries;
  }

  /** Ids of programs, in the order of the list. */
  get ids(): number[] {
    return this.#entries.map((one) => programOf(one).id);
  }
}

function checkFlags({ flags, replaces }: CgroupAttach): void {
  const replace = (flags & BPF_F_REPLACE) !== 0;
  const multi = (flags & BPF_F_ALLOW_MULTI) !== 0;
  if ((flags & KIND) === KIND || (replace && !multi)) refuse('EINVAL', 'flags');
  if (replace && flags & (BPF_F_BEFORE | BPF_F_AFTER)) refuse('EINVAL', 'replaced, or ordered');
  if (replace !== (replaces !== undefined)) refuse('EINVAL', 'what does it replace?');
}

/** hierarchy_allows_attach: the nearest ancestor with programs says whether others may be below. */
function hierarchyAllows(above: Iterable<OwnPrograms>): boolean {
  for (const { entries, flags } of above) {
    if (flags & BPF_F_ALLOW_MULTI) return true;
    if (entries.length > 0) return (flags & BPF_F_ALLOW_OVERRIDE) !== 0;
  }
  return true;
}

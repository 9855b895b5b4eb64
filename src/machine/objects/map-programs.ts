import { constants } from '../../abi/index.ts';
import { refuse } from '../errno.ts';
import type { MachineProgram } from '../program.ts';
import type { MachineLink } from './link.ts';

const {
  BPF_SK_MSG_VERDICT,
  BPF_SK_SKB_STREAM_PARSER,
  BPF_SK_SKB_STREAM_VERDICT,
  BPF_SK_SKB_VERDICT,
} = constants;

/** Where programs can be at a map of sockets (struct sk_psock_progs), by BPF attach type. */
export type MapPlace =
  | typeof BPF_SK_MSG_VERDICT
  | typeof BPF_SK_SKB_STREAM_PARSER
  | typeof BPF_SK_SKB_STREAM_VERDICT
  | typeof BPF_SK_SKB_VERDICT;

const PLACES: ReadonlySet<number> = new Set([
  BPF_SK_MSG_VERDICT,
  BPF_SK_SKB_STREAM_PARSER,
  BPF_SK_SKB_STREAM_VERDICT,
  BPF_SK_SKB_VERDICT,
]);

/** Two verdicts on the same data: of these a map has one. */
const RIVAL: ReadonlyMap<number, number> = new Map([
  [BPF_SK_SKB_STREAM_VERDICT, BPF_SK_SKB_VERDICT],
  [BPF_SK_SKB_VERDICT, BPF_SK_SKB_STREAM_VERDICT],
]);

/**
 * The programs of a map of sockets (net/core/sock_map.c, sock_map_prog_update). A socket gets those
 * that are here when it comes in, and keeps them.
 */
export class MapPrograms {
  readonly #programs = new Map<number, MachineProgram>();
  readonly #links = new Map<number, MachineLink>();

  /** The program at a place, if any. */
  at(place: MapPlace): MachineProgram | undefined {
    return this.#programs.get(place);
  }

  /** Attach type, program, and the link that holds it there. */
  *all(): IterableIterator<readonly [number, MachineProgram, MachineLink | undefined]> {
    for (const [place, program] of this.#programs) yield [place, program, this.#links.get(place)];
  }

  /** What BPF_PROG_QUERY tells. Throws KernelError EOPNOTSUPP, EBUSY. */
  query(attachType: number): MachineProgram | undefined {
    return this.#programs.get(this.#place(attachType));
  }

  #place(attachType: number): number {
    if (!PLACES.has(attachType)) refuse('EOPNOTSUPP', 'no place at a map');
    const rival = RIVAL.get(attachType);
    if (rival !== undefined && this.#programs.has(rival)) {
      refuse('EBUSY', 'the map has another kind of verdict program');
    }
    return attachType;
  }

  /** Throws KernelError EOPNOTSUPP, EBUSY (a link is there). Without one it replaces what is. */
  attach(program: MachineProgram, attachType: number, link?: MachineLink): void {
    const place = this.#place(attachType);
    if (this.#links.has(place)) refuse('EBUSY', 'a link is there');
    this.#set(place, program);
    if (link) this.#links.set(place, link);
  }

  /** BPF_PROG_DETACH. Throws KernelError EOPNOTSUPP, EBUSY, ENOENT (it is not there). */
  detach(program: MachineProgram, attachType: number): void {
    const place = this.#place(attachType);
    if (this.#links.has(place)) refuse('EBUSY', 'a link holds it');
    if (this.#programs.get(place) !== program) refuse('ENOENT', 'the program is not there');
    this.#set(place, undefined);
  }

  /** A link goes. */
  unlink(link: MachineLink, attachType: number): void {
    if (this.#links.get(attachType) !== link) return;
    this.#links.delete(attachType);
    if (this.#programs.get(attachType) === link.program) this.#set(attachType, undefined);
  }

  /** BPF_LINK_UPDATE. Throws KernelError EBUSY (another link is there), ENOENT. */
  replace(
    link: MachineLink,
    attachType: number,
    next: MachineProgram,
    old: MachineProgram | undefined,
  ): void {
    const place = this.#place(attachType);
    if (this.#links.get(place) !== link) refuse('EBUSY', 'another link is there');
    if (old && this.#programs.get(place) !== old) refuse('ENOENT', 'the program is not there');
    this.#set(place, next);
  }

  #set(place: number, program: MachineProgram | undefined): void {
    const old = this.#programs.get(place);
    if (program) this.#programs.set(place, program.hold());
    else this.#programs.delete(place);
    old?.drop();
  }

  /** Nobody outside reaches the map any more (map_release_uref). */
  release(): void {
    for (const place of PLACES) this.#set(place, undefined);
  }
}

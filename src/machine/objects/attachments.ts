import { errnos } from '../../abi/index.ts';
import { KernelError } from '../../base/index.ts';
import type { AttachOptions } from '../../kernel/index.ts';
import type { MachineProgram } from '../program.ts';
import type { DeviceLink, DevicePlace } from './device-link.ts';
import type { HookPoint, PointAttach, PointDetach, PointMember } from './hook-point.ts';
import type { MachineLink } from './link.ts';

/** A program at a device. */
export interface Attachment {
  readonly program: MachineProgram;
  readonly place: DevicePlace;
  /** What puts it there again, at the end. */
  readonly options: AttachOptions;
  /** Undefined: no link holds it (BPF_PROG_ATTACH). */
  readonly link: MachineLink | undefined;
}

/** What a caller says of the order. */
export type OrderRules = Omit<PointAttach, 'program' | 'link'>;

/** Programs at devices: each point knows its order, here is who holds them. */
export class Attachments {
  readonly #places = new Map<HookPoint, DevicePlace>();

  /**
   * Puts a program at a place, and holds it there until it is detached. With a program that it
   * replaces, that one leaves. Throws KernelError.
   */
  attach(program: MachineProgram, place: DevicePlace, rules: OrderRules = {}): void {
    const before = place.point.members;
    check(place.point.attach({ ...rules, ...place.more, program }));
    program.hold();
    this.#places.set(place.point, place);
    this.#letGo(before, place.point);
  }

  /** Takes a program off that no link holds there. Throws KernelError. */
  detach(point: HookPoint, request: PointDetach): void {
    const before = point.members;
    check(point.detach(request));
    this.#letGo(before, point);
    this.#tidy(point);
  }

  /** Programs that no link held and that are there no longer. */
  #letGo(before: HookPoint['members'], { members }: HookPoint): void {
    for (const one of before) {
      if (!one.link && !members.some((other) => same(one, other))) one.program.drop();
    }
  }

  /** Links hold their program themselves. Throws KernelError. */
  addLink(link: DeviceLink, rules: OrderRules): void {
    const { place, program } = link;
    check(place.point.attach({ ...rules, ...place.more, program, link }));
    this.#places.set(place.point, place);
  }

  removeLink(link: DeviceLink): void {
    const { place, program } = link;
    check(place.point.detach({ program, link }));
    this.#tidy(place.point);
  }

  /** A device goes: links stay without a place, programs without a link are let go of. */
  forget(point: HookPoint): void {
    const { members } = point;
    point.clear();
    this.#places.delete(point);
    for (const { program, link } of members) {
      if (link) link.loseDevice?.();
      else program.drop();
    }
  }

  at({ point }: DevicePlace): Attachment[] {
    const place = this.#places.get(point)!;
    return point.members.map((member) => {
      const { program, link } = member;
      return { program, link, place, options: place.options(member) };
    });
  }

  /** All of them, place by place in the order they run. */
  *[Symbol.iterator](): IterableIterator<Attachment> {
    for (const place of this.#places.values()) yield* this.at(place);
  }

  #tidy(point: HookPoint): void {
    if (point.members.length === 0) this.#places.delete(point);
  }
}

/** Members are made anew when they are asked for; classic filters have more than a program. */
function same(one: PointMember, other: PointMember): boolean {
  return one === other || (one.program === other.program && one.link === other.link);
}

const NAMES = new Map(Object.entries(errnos).map(([name, number]) => [number, name]));

/** Throws KernelError for a negative errno. */
export function check(result: number, what = 'the place is refused'): void {
  if (result >= 0) return;
  throw new KernelError(
    NAMES.get(-result) ?? 'EINVAL',
    -result,
    WORDS[NAMES.get(-result)!] ?? what,
  );
}

const WORDS: Readonly<Record<string, string>> = {
  EBUSY: 'a link or another program holds the place',
  EEXIST: 'the program is there already, or another than expected is',
  EINVAL: 'the flags and what they name make no sense together',
  ENOENT: 'what the command names is not there',
  ERANGE: 'there is no room, or the rules of order contradict each other',
  ESTALE: 'the revision has moved on',
};

import type { AttachOptions } from '../../kernel/index.ts';
import type { MachineProgram } from '../program.ts';
import type { Subsystem } from '../subsystem.ts';
import type { DevicePlace, DeviceLink } from './device-link.ts';

/** A program at a device that no link holds there (BPF_PROG_ATTACH). */
export interface Attachment {
  readonly program: MachineProgram;
  readonly place: DevicePlace;
  readonly options: AttachOptions;
  readonly link: DeviceLink | undefined;
}

interface Direct extends Attachment {
  off(): void;
}

/** Programs at devices, in the order they came, and how often each place changed. */
export class Attachments {
  readonly #all: Attachment[] = [];
  readonly #revisions = new Map<string, number>();

  /** Holds the program there until it is detached. */
  attach(
    program: MachineProgram,
    subsystem: Subsystem,
    options: AttachOptions,
    place: DevicePlace,
  ): void {
    const off = subsystem.attach(program, options);
    const one: Direct = { program: program.hold(), place, options, link: undefined, off };
    this.#add(one);
  }

  detach(one: Attachment): void {
    (one as Direct).off();
    this.#remove(one);
    one.program.drop();
  }

  addLink(link: DeviceLink): void {
    const one = {
      get program() {
        return link.program;
      },
      place: link.place,
      options: link.options,
      link,
    };
    this.#add(one);
  }

  removeLink(link: DeviceLink): void {
    const one = this.#all.find((each) => each.link === link);
    if (one) this.#remove(one);
  }

  at(place: Pick<DevicePlace, 'ifindex' | 'attachType'>): Attachment[] {
    return this.#all.filter((each) => keyOf(each.place) === keyOf(place));
  }

  /** From 1; one more with each change. */
  revision(place: Pick<DevicePlace, 'ifindex' | 'attachType'>): number {
    return this.#revisions.get(keyOf(place)) ?? 1;
  }

  changed(place: DevicePlace): void {
    this.#revisions.set(keyOf(place), this.revision(place) + 1);
  }

  /** All of them. */
  [Symbol.iterator](): IterableIterator<Attachment> {
    return this.#all[Symbol.iterator]();
  }

  #add(one: Attachment): void {
    this.#all.push(one);
    this.changed(one.place);
  }

  #remove(one: Attachment): void {
    this.#all.splice(this.#all.indexOf(one), 1);
    if (this.at(one.place).length === 0) this.#revisions.delete(keyOf(one.place));
    else this.changed(one.place);
  }
}

const keyOf = ({ ifindex, attachType }: Pick<DevicePlace, 'ifindex' | 'attachType'>): string =>
  `${ifindex} ${attachType ?? ''}`;

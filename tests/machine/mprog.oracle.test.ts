import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { constants, errnos } from '../../src/abi/index.ts';
import { type Anchor, MAX_PROGRAMS, OrderedPrograms } from '../../src/machine/mprog.ts';

interface Step {
  readonly kind: 'attach' | 'link' | 'detach' | 'close' | 'detachLink' | 'update';
  readonly program: number | null;
  readonly link: number;
  readonly old: number | null;
  readonly flags: number;
  readonly replaces?: number;
  readonly revision: number;
  readonly anchor?: { readonly of: 'program' | 'link'; readonly by: string } & (
    | { readonly wrong: true }
    | { readonly wrong?: undefined; readonly number: number }
  );
  readonly answer: { readonly result: number; readonly revision: number; readonly order: string };
}

interface Link {
  readonly number: number;
  program: number;
  attached: boolean;
}

/** The last program is for XDP: it fits nowhere here. */
const TC_PROGRAMS = 12;
const no = (name: string): number => -errnos[name]!;

/** A tcx attach point as drivers of bpf_mprog have it: an empty one is forgotten. */
class Tcx {
  #point: OrderedPrograms<number, Link> | undefined;
  readonly #links = new Map<number, Link>();

  get order(): string {
    const members = this.#point?.members ?? [];
    const word = (program: number, link: Link | undefined) =>
      link ? `${program}/${link.number}` : `${program}`;
    return members.map(({ program, link }) => word(program, link)).join(' ');
  }

  get revision(): number {
    return Number(this.#point?.revision ?? 1n);
  }

  run(step: Step): number {
    switch (step.kind) {
      case 'attach':
        return this.#attach(step);
      case 'link':
        return this.#link(step);
      case 'detach':
        return this.#detach(step);
      case 'update':
        return this.#update(step);
      case 'close':
        this.#release(step.link);
        this.#links.delete(step.link);
        return 0;
      case 'detachLink':
        this.#release(step.link);
        return 0;
    }
  }

  #rules({ flags, anchor, revision, program }: Step) {
    const known = anchor && { anchor: this.#anchor(anchor, program !== null) };
    return { flags, revision: BigInt(revision), ...known };
  }

  #anchor(
    anchor: NonNullable<Step['anchor']>,
    typed: boolean,
  ): () => Anchor<number, Link> | number {
    return () => {
      if (anchor.wrong) return no(anchor.by === 'id' ? 'ENOENT' : 'EBADF');
      if (anchor.of === 'program') {
        const fits = anchor.number < TC_PROGRAMS || !typed;
        return fits ? { program: anchor.number, link: undefined } : no('EINVAL');
      }
      const link = this.#links.get(anchor.number);
      return link ? { program: link.program, link } : no('ENOENT');
    };
  }

  #attach(step: Step, link?: Link): number {
    const program = step.program!;
    if (program >= TC_PROGRAMS) return no('EINVAL');
    const known = constants.BPF_F_ID | constants.BPF_F_LINK | 0x1c;
    if (!link && (step.flags & ~known) !== 0) return no('EINVAL');
    if (step.replaces !== undefined && step.replaces >= TC_PROGRAMS) return no('EINVAL');
    const point = this.#point ?? new OrderedPrograms<number, Link>();
    const bare = (step.flags & constants.BPF_F_LINK) !== 0 && !step.anchor;
    const anchor = bare ? { anchor: () => no('EINVAL') } : {};
    const { replaces } = step;
    const request = { program, replaces, link, ...this.#rules(step), ...anchor };
    const result = point.attach(request);
    if (result === 0) this.#point = point;
    return result;
  }

  #link(step: Step): number {
    const link = { number: step.link, program: step.program!, attached: true };
    const result = this.#attach(step, link);
    if (result === 0) this.#links.set(link.number, link);
    return result;
  }

  #detach(step: Step): number {
    const program = step.program ?? undefined;
    const known = constants.BPF_F_ID | constants.BPF_F_LINK | 0x1c;
    if ((step.flags & ~known) !== 0 || program === TC_PROGRAMS) return no('EINVAL');
    if (!this.#point) return no('ENOENT');
    const bare = (step.flags & constants.BPF_F_LINK) !== 0 && !step.anchor;
    const anchor = bare ? { anchor: () => no('EINVAL') } : {};
    const result = this.#point.detach({ program, ...this.#rules(step), ...anchor });
    this.#forget();
    return result;
  }

  #release(number: number): void {
    const link = this.#links.get(number);
    if (!link?.attached) return;
    link.attached = false;
    expect(this.#point!.detach({ program: link.program, link })).toBe(0);
    this.#forget();
  }

  #update({ link: number, program, old }: Step): number {
    const link = this.#links.get(number)!;
    if (!link.attached) return no('ENOLINK');
    if (old !== null && old !== link.program) return no('EPERM');
    if (program === link.program) return 0;
    // The program that leaves is its own anchor, and an anchor has the type of who comes.
    if (program! >= TC_PROGRAMS) return no('EINVAL');
    const flags = constants.BPF_F_REPLACE;
    const result = this.#point!.attach({ program: program!, replaces: link.program, link, flags });
    if (result === 0) link.program = program!;
    return result;
  }

  #forget(): void {
    if (this.#point?.members.length === 0) this.#point = undefined;
  }
}

const path = '../fixtures/oracle/mprog-6.12.117.json.gz';
const { sequences } = JSON.parse(
  gunzipSync(readFileSync(new URL(path, import.meta.url))).toString(),
) as { sequences: (readonly Step[])[] };

describe('programs in order at an attach point', () => {
  test('errno, revision and order are those of Linux in 1,000 random sequences', () => {
    const differences: string[] = [];
    sequences.forEach((steps, sequence) => {
      const tcx = new Tcx();
      steps.forEach((step, i) => {
        const result = tcx.run(step);
        const ours = { result, revision: tcx.revision, order: tcx.order };
        if (JSON.stringify(ours) !== JSON.stringify(step.answer)) {
          differences.push(`${sequence}.${i} ${JSON.stringify(step)}: ${JSON.stringify(ours)}`);
        }
      });
    });
    expect(sequences.length).toBe(1000);
    expect(differences.slice(0, 10)).toEqual([]);
  });

  test('there is room for 63', () => {
    const point = new OrderedPrograms<number, never>();
    for (let program = 0; program < MAX_PROGRAMS; program++) {
      expect(point.attach({ program })).toBe(0);
    }
    expect(point.attach({ program: 63 })).toBe(no('ERANGE'));
    const flags = constants.BPF_F_REPLACE;
    expect(point.attach({ program: 63, replaces: 62, flags })).toBe(0);
    expect(point.members.at(-1)!.program).toBe(63);
  });
});

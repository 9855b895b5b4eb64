import { describe, expect, it } from 'vitest';
import { type OrderStep, planOrder } from '../../src/index.ts';

/** Does one step on a list as bpf_mprog would; throws where it would refuse. */
function follow(order: readonly number[], step: OrderStep): number[] {
  if (step.do !== 'detach' && order.includes(step.program)) throw new Error('EEXIST');
  const at = (program: number) => {
    const found = order.indexOf(program);
    if (found < 0) throw new Error('ENOENT');
    return found;
  };
  if (step.do === 'detach') return order.toSpliced(at(step.program), 1);
  if (step.do === 'replace') return order.with(at(step.replaces), step.program);
  const place = step.after === undefined ? 0 : at(step.after) + 1;
  return order.toSpliced(place, 0, step.program);
}

/** All orders of some of the programs. */
function orders(programs: readonly number[]): number[][] {
  return programs.reduce<number[][]>(
    (all, _, i) =>
      i === 0
        ? [[], ...programs.map((one) => [one])]
        : [
            ...all,
            ...all
              .filter(({ length }) => length === i)
              .flatMap((order) =>
                programs.filter((one) => !order.includes(one)).map((one) => [...order, one]),
              ),
          ],
    [],
  );
}

/** Fewest commands from one order to every other, by trying all of them. */
function fewest(from: readonly number[], programs: readonly number[]): Map<string, number> {
  const found = new Map([[from.join(), 0]]);
  let now: number[][] = [[...from]];
  for (let steps = 1; now.length > 0; steps++) {
    const next: number[][] = [];
    for (const order of now) {
      const gone = order.map((_, i) => order.toSpliced(i, 1));
      const come = programs
        .filter((one) => !order.includes(one))
        .flatMap((one) => [
          ...Array.from({ length: order.length + 1 }, (_, i) => order.toSpliced(i, 0, one)),
          ...order.map((_, i) => order.with(i, one)),
        ]);
      for (const one of [...gone, ...come]) {
        if (found.has(one.join())) continue;
        found.set(one.join(), steps);
        next.push(one);
      }
    }
    now = next;
  }
  return found;
}

const PROGRAMS = [1, 2, 3, 4];
const present = (programs: readonly number[]) => ({
  revision: 7,
  programs: programs.map((program) => ({ program })),
});

describe('a plan from one order to another', () => {
  it('leads there, with as few commands as there can be, for all orders of four programs', () => {
    const wrong: string[] = [];
    for (const from of orders(PROGRAMS)) {
      const best = fewest(from, PROGRAMS);
      for (const to of orders(PROGRAMS)) {
        const plan = planOrder(present(from), to);
        const reached = plan.reduce<number[]>(follow, from);
        if (reached.join() !== to.join()) wrong.push(`${from} to ${to}: ${reached}`);
        const least = best.get(to.join())!;
        if (plan.length !== least) wrong.push(`${from} to ${to}: ${plan.length}, not ${least}`);
      }
    }
    expect(wrong.slice(0, 10)).toEqual([]);
  });

  it('says the revision each command meets, from 1 again when a place was empty', () => {
    const revisions = (keepsRevision: boolean) =>
      planOrder(present([1, 2]), [1, 3, 4], { keepsRevision }).map((one) => one.expectedRevision);
    expect(revisions(false)).toEqual([7n, 8n]);
    const emptied = planOrder(present([1]), []);
    expect(emptied).toEqual([{ do: 'detach', program: 1, expectedRevision: 7n }]);
  });

  it('names the link that holds a program', () => {
    const state = { revision: 1n, programs: [{ program: 1, link: 9 }, { program: 2 }] };
    expect(planOrder(state, [5, 2])).toEqual([
      { do: 'replace', program: 5, replaces: 1, link: 9, expectedRevision: 1n },
    ]);
    expect(() => planOrder(state, [2, 2])).toThrow(RangeError);
  });
});

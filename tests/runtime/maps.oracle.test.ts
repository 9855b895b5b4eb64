import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { isExtensionMap } from '../../src/abi/extensions.ts';
import { mapTypes } from '../../src/abi/index.ts';
import { type Answer, type AskedStep, Replay, created, recordedTypes } from './map-replay.ts';

/** Where this runtime answers otherwise than Linux, by the name of the question, with the reason. */
const known: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(new URL('../fixtures/oracle/maps-known.json', import.meta.url), 'utf8'),
);

const types = recordedTypes();

/** Of the kernel's answer only what is not hidden counts. */
function agrees(ours: Answer, kernel: Answer): boolean {
  return kernel.every((one, index) => one === null || one === ours[index]);
}

const textOf = ({ op, ...rest }: AskedStep): string => {
  const short = Object.entries(rest).filter(([name]) => name !== 'keys' && name !== 'values');
  return `${op} ${JSON.stringify(Object.fromEntries(short))}`;
};

/** What differs, as `name: ours, not the kernel's`. */
const differences = new Map<string, string>();
let asked = 0;

function compare(name: string, ours: Answer, kernel: Answer): void {
  asked++;
  if (!agrees(ours, kernel)) differences.set(name, `${ours.join(' ')}, not ${kernel.join(' ')}`);
}

for (const { type, usual, create, runs } of types) {
  for (const [changes, errno] of create) {
    const ours = created(type, { ...usual, ...withoutNull(changes) });
    compare(`${type} create ${JSON.stringify(changes)}`, [ours], [errno]);
  }
  for (const run of runs) {
    const definition = { ...usual, ...run.changes };
    if (run.made !== 0) continue;
    for (const shared of [false, true]) {
      const replay = new Replay(type, definition, shared);
      for (const [index, [step, ...answer]] of run.steps.entries()) {
        compare(`${type} ${run.name} ${index} ${textOf(step)}`, replay.answer(step), answer);
      }
    }
  }
}

/** JSON has no undefined: null takes a member away. */
function withoutNull<T extends object>(changes: T): T {
  const entries = Object.entries(changes).map(([key, value]) => [key, value ?? undefined]);
  return Object.fromEntries(entries) as T;
}

test('every map type of Linux 6.12 was asked about', () => {
  const linux = mapTypes.filter(({ id }) => !isExtensionMap(id));
  expect(types.map(({ type }) => type).toSorted()).toEqual(
    linux.map(({ name }) => name).toSorted(),
  );
  expect(asked).toBeGreaterThan(4000);
});

test('creations and commands are answered as Linux 6.12.117 does', () => {
  const news = [...differences].filter(([name]) => !(name in known));
  expect(Object.fromEntries(news)).toEqual({});
});

test('what is listed as different still is', () => {
  expect(Object.keys(known).filter((name) => !differences.has(name))).toEqual([]);
});

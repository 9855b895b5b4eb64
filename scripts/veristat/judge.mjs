/** Two tables held against each other, and against the list of known differences. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../lib.mjs';

const KNOWN = join(root, 'tests/fixtures/kernel/veristat-differences.json');

/** Figures that have to be equal, and their heads. */
const FIGURES = [
  ['insns', 'instructions'],
  ['states', 'states'],
  ['peakStates', 'peak states'],
  ['maxStatesPerInsn', 'states of one instruction'],
  ['markRead', 'read marks'],
];

/**
 * `rows` are those of `compareRecords`, Linux's first; `names` the objects that were asked.
 * Returns the counts, the differences that are not listed, and what is listed and does not differ.
 */
export function judgeRows(rows, names) {
  const known = new Set(knownDifferences(names));
  const judged = rows.filter(({ base, comp }) => base && comp);
  const open = judged.filter((row) => !known.has(nameOf(row)));
  const equal = open.filter(({ base, comp }) => base.verdict === comp.verdict);
  const differing = rows.filter((row) => difference(row) !== undefined);
  const found = new Set(differing.map(nameOf));
  const counts = [
    ['objects asked', names.length],
    ['programs both judge', judged.length],
    ['of them listed as different', judged.length - open.length],
    ['the others', open.length],
    ['verdict equal', equal.length],
    ...FIGURES.map(([field, head]) => [
      `${head} equal`,
      equal.filter(({ base, comp }) => base[field] === comp[field]).length,
    ]),
    ['user space cannot make ready', rows.filter(({ comp }) => !comp).length],
  ];
  return {
    counts,
    unlisted: differing
      .filter((row) => !known.has(nameOf(row)))
      .map((row) => `${nameOf(row)}: ${difference(row)}`),
    settled: [...known].filter((name) => !found.has(name)),
  };
}

const nameOf = ({ file, prog }) => `${file}:${prog}`;

/** How a program is judged otherwise, in words, or undefined. */
function difference({ base, comp }) {
  if (!base) return 'veristat does not open the object';
  if (!comp) {
    const isUnseen = base.verdict === 'failure' && base.insns === 0;
    return isUnseen ? undefined : `Linux says ${base.verdict}, beeyard does not load it`;
  }
  if (base.verdict !== comp.verdict) return `Linux says ${base.verdict}, beeyard ${comp.verdict}`;
  const other = FIGURES.find(([field]) => base[field] !== comp[field]);
  return other && `${other[1]}: ${base[other[0]]} on Linux, ${comp[other[0]]}`;
}

/** Listed programs of these objects, as OBJECT:PROGRAM. */
function knownDifferences(names) {
  const list = JSON.parse(readFileSync(KNOWN, 'utf8'));
  return Object.values(list)
    .flatMap((objects) => Object.entries(objects))
    .filter(([file]) => names.includes(file))
    .flatMap(([file, programs]) => programs.map((prog) => nameOf({ file, prog })));
}

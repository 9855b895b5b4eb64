#!/usr/bin/env node
/**
 * Holds our relocation against libbpf's: every program of the kernel's selftests and of Debian's BPF
 * tools is brought to BPF_PROG_LOAD by the kernel's own libbpf (which is given no kernel, see
 * relocations/) and by `relocateProgram`, against the same BTF; the instructions must be the same.
 *
 *   node scripts/relocations.mjs [--list] [--check | --bless]
 *
 * --check: fail unless the result is the recorded one (tests/fixtures/kernel/relocations.json).
 * --bless: record it.  --list: name every program that differs, with the first difference.
 */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { openBeeyard } from './corpus/beeyard.mjs';
import { compiledSelftests } from './corpus/compile.mjs';
import { findObjects, installPackages } from './debian-objects.mjs';
import { root } from './lib.mjs';
import { compareObject } from './relocations/compare.mjs';
import { relocateWithLibbpf } from './relocations/libbpf.mjs';
import { symbolsOf } from './relocations/symbols.mjs';

const RECORD = join(root, 'tests/fixtures/kernel/relocations.json');
/** Part of the programs that must be equal. */
const BAR = 0.995;

const { values: options } = parseArgs({
  options: {
    list: { type: 'boolean' },
    check: { type: 'boolean' },
    bless: { type: 'boolean' },
  },
});

/** Paths of all objects. */
async function collect(work) {
  const folder = await compiledSelftests();
  const names = readdirSync(folder).filter((name) => name.endsWith('.bpf.o'));
  const selftests = names.sort().map((name) => join(folder, name));
  installPackages();
  const debian = findObjects().map(({ name, bytes }) => {
    const path = join(work, name.replaceAll(/[ #]/g, '_').replace(/(\.o)?$/, '.o'));
    writeFileSync(path, bytes);
    return path;
  });
  return [...selftests, ...debian];
}

async function compareAll(work) {
  const beeyard = await openBeeyard();
  const paths = await collect(work);
  const rows = relocateWithLibbpf(paths, symbolsOf(beeyard, paths));
  const byPath = groupByPath(rows);
  const results = [...byPath].flatMap(([path, theirs]) =>
    compareObject(beeyard, path, theirs).map((each) => ({ ...each, object: basename(path) })),
  );
  return {
    objects: paths.length,
    opened: paths.filter((path) => opens(beeyard, path)).length,
    results,
  };
}

function opens({ parseObject }, path) {
  try {
    return parseObject(readFileSync(path)) !== undefined;
  } catch {
    return false;
  }
}

function groupByPath(rows) {
  const groups = new Map();
  for (const row of rows) groups.set(row.path, [...(groups.get(row.path) ?? []), row]);
  return groups;
}

function summary({ objects, opened, results }) {
  const count = (outcome) => results.filter((each) => each.outcome === outcome).length;
  const missed = results.filter(({ outcome }) => outcome === 'differs');
  const compared = count('equal') + count('refused') + missed.length;
  return {
    objects,
    opened,
    compared,
    equal: count('equal'),
    bothRefuse: count('refused'),
    misses: Object.fromEntries(
      missed.map(({ object, program, why }) => [`${object} ${program}`.trim(), why.trim()]),
    ),
  };
}

function print(found, results) {
  const agree = found.equal + found.bothRefuse;
  const share = ((100 * agree) / found.compared).toFixed(2);
  process.stdout.write(
    `${found.opened} of ${found.objects} objects open, ${found.compared} programs: ${found.equal} have the instructions ` +
      `libbpf gives them, ${found.bothRefuse} are refused by both (${share} %)\n`,
  );
  if (!options.list) return;
  for (const { object, program, outcome, why } of results) {
    if (outcome === 'differs') process.stdout.write(`  ${object} ${program}: ${why}\n`);
  }
}

const work = mkdtempSync(join(tmpdir(), 'beeyard-relocations-'));
try {
  const all = await compareAll(work);
  const found = summary(all);
  print(found, all.results);
  const text = `${JSON.stringify(found, undefined, 1)}\n`;
  if (options.bless) writeFileSync(RECORD, text);
  if (options.check && readFileSync(RECORD, 'utf8') !== text) {
    process.stderr.write('not what is recorded: see --list, then --bless\n');
    process.exitCode = 1;
  }
  if ((found.equal + found.bothRefuse) / found.compared < BAR) {
    process.stderr.write(`less than ${100 * BAR} % are equal\n`);
    process.exitCode = 1;
  }
} finally {
  rmSync(work, { recursive: true });
}

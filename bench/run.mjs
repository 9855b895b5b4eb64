#!/usr/bin/env node
// npm run bench [-- OPTIONS]: the figures of the README, all sides in one run.
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadBeeyard, VARIANTS } from './lib/beeyard.mjs';
import { nativeCompiler } from './lib/native.mjs';
import { makePackets, writePackets } from './lib/packets.mjs';
import * as cli from './sections/cli.mjs';
import * as codemem from './sections/codemem.mjs';
import * as codememObjects from './sections/codemem-objects.mjs';
import * as compile from './sections/compile.mjs';
import * as entry from './sections/entry.mjs';
import * as hashes from './sections/hashes.mjs';
import * as net from './sections/net.mjs';
import * as maps from './sections/maps.mjs';
import * as htabMem from './sections/htab-mem.mjs';
import * as objects from './sections/objects.mjs';
import * as packets from './sections/packets.mjs';
import * as programs from './sections/programs.mjs';
import * as quantiles from './sections/quantiles.mjs';
import * as sockets from './sections/sockets.mjs';
import * as staticKeys from './sections/static-keys.mjs';
import * as verifier from './sections/verifier.mjs';
import * as wildcard from './sections/wildcard.mjs';

const SECTIONS = {
  programs,
  packets,
  maps,
  quantiles,
  wildcard,
  hashes,
  'static-keys': staticKeys,
  'htab-mem': htabMem,
  net,
  sockets,
  entry,
  compile,
  codemem,
  'codemem-objects': codememObjects,
  objects,
  verifier,
  cli,
};

const HELP = `npm run bench -- [options]

  --section NAME,…   programs, packets, maps, quantiles, wildcard, hashes,
                     static-keys, htab-mem, net, sockets, entry, compile,
                     codemem, codemem-objects, objects, verifier, cli
                     (default: all)
  --only NAME,…      these programs
  --variant NAME,…   unchecked, checked, interpreter (default: all)
  --rounds N         rounds over all sides (default 3)
  --quick            one round of few samples
  --dist FOLDER      another build of beeyard (default dist)
  -j, --json         figures as JSON`;

const list = (text) => text?.split(',').filter(Boolean);

function readOptions() {
  const { values } = parseArgs({
    options: {
      section: { type: 'string' },
      only: { type: 'string' },
      variant: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      quick: { type: 'boolean', default: false },
      dist: { type: 'string' },
      json: { type: 'boolean', short: 'j', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  return {
    ...values,
    sections: list(values.section) ?? Object.keys(SECTIONS),
    only: list(values.only),
    variants: list(values.variant) ?? Object.keys(VARIANTS),
    rounds: values.quick ? 1 : Number(values.rounds),
  };
}

function makeContext(options, beeyard, scratch) {
  const context = {
    beeyard,
    scratch,
    native: nativeCompiler() !== undefined,
    quick: options.quick,
    variants: options.variants,
    packets: makePackets(),
    packetFile: join(scratch, 'packets.bin'),
    timing: {
      rounds: options.rounds,
      samples: options.quick ? 20 : 40,
      sampleNs: 2.5e6,
      warmup: options.quick ? 120 : 250,
    },
    measured: {},
    wants: (name) => !options.only || options.only.includes(name),
    progress: (what) => {
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${what} …`);
    },
  };
  writePackets(context.packetFile, context.packets);
  return context;
}

function machine(native) {
  const clang = native ? `clang ${nativeCompiler()}` : 'no clang';
  return `${cpus()[0].model.trim()} x ${cpus().length}, Node ${process.versions.node}, ${clang}`;
}

async function main() {
  const options = readOptions();
  if (options.help) return console.log(HELP);
  const scratch = mkdtempSync(join(tmpdir(), 'beeyard-bench-'));
  const print = options.json ? () => {} : (line) => console.log(line);
  try {
    const context = makeContext(options, await loadBeeyard(options.dist), scratch);
    print(machine(context.native));
    if (!context.native) print('clang-19 is not installed: no native side, times are in ns.');
    for (const name of options.sections) {
      const results = await SECTIONS[name].run(context);
      context.measured[name] = results;
      context.progress('');
      if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
      print(`\n${SECTIONS[name].title}\n`);
      for (const line of SECTIONS[name].render(results, context)) print(line);
    }
    if (options.json) {
      console.log(JSON.stringify({ machine: machine(context.native), ...context.measured }));
    }
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

await main();

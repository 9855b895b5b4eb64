#!/usr/bin/env node
/**
 * Objects made to make a reader take memory: small records that name large things, again and again.
 * Each is read in a thread that may have ten times the file's size (and a base for the reader
 * itself); a thread that needs more is ended, and so is this script, with 1.
 *
 *   node scripts/hostile-memory.mjs
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { load } from './corpus/source.mjs';
import { root } from './lib.mjs';

/** MB that a thread has with the modules loaded, before it reads anything. */
const BASE = 40;
const TIMES = 10;
const SIZE = 4 << 20;

// ---------------------------------------------------------------- making them

/**
 * The object with the data of a section replaced: put behind the end of the file. `make` is the data,
 * or makes it from what was there.
 */
function withSection(file, name, make) {
  const headers = Number(file.readBigUInt64LE(40));
  const count = file.readUInt16LE(60);
  const names = Number(file.readBigUInt64LE(headers + 64 * file.readUInt16LE(62) + 24));
  for (let i = 0; i < count; i++) {
    const at = headers + 64 * i;
    const start = names + file.readUInt32LE(at);
    if (file.toString('latin1', start, file.indexOf(0, start)) !== name) continue;
    const [offset, size] = [24, 32].map((field) => Number(file.readBigUInt64LE(at + field)));
    const data = typeof make === 'function' ? make(file.subarray(offset, offset + size)) : make;
    const out = Buffer.concat([file, Buffer.alloc(-file.length & 7), data]);
    out.writeBigUInt64LE(BigInt(out.length - data.length), at + 24);
    out.writeBigUInt64LE(BigInt(data.length), at + 32);
    return { file: out, index: i };
  }
  throw new Error(`no section ${name}`);
}

const words = (...list) => Buffer.from(Uint32Array.from(list).buffer);

/** A long string of which every part is a string too. */
const longText = (length) =>
  Buffer.concat([Buffer.alloc(1), Buffer.alloc(length, 'a'), Buffer.alloc(1)]);

function btf(types, strings) {
  const header = words(0x0001eb9f, 24, 0, types.length, types.length, strings.length);
  return Buffer.concat([header, types, strings]);
}

const INT = (name) => words(name, 1 << 24, 4, 0x20);

/** Types, each named by another part of one string. */
function longNames(file) {
  const count = SIZE / 2 / 16;
  const types = Buffer.concat(Array.from({ length: count }, (_, i) => INT(i + 1)));
  return withSection(file, '.BTF', btf(types, longText(SIZE / 2))).file;
}

/** As many types with names of their own as fit. */
function manyTypes(file) {
  const count = Math.floor(SIZE / 19);
  const types = Buffer.concat(Array.from({ length: count }, (_, i) => INT(1 + 3 * i)));
  const names = Buffer.from(`\0${'ab\0'.repeat(count)}`);
  return withSection(file, '.BTF', btf(types, names)).file;
}

/** Line records with parts of one string, or with texts of their own. */
const longLines = (file) => withLines(file, longText(SIZE / 2), (i) => i + 1);
const manyLines = (file) => {
  const texts = Buffer.from(`\0${'ab\0'.repeat(SIZE / 32)}xdp\0`);
  return withLines(file, texts, (i) => 1 + 3 * i);
};

/** The program is at byte 0 of 'xdp': every record is about its first instruction. */
function withLines(file, strings, textOf) {
  const count = SIZE / 2 / 16 - 1;
  const types = Buffer.concat([INT(0), words(0, 13 << 24, 1), words(1, (12 << 24) | 1, 2)]);
  const described = withSection(file, '.BTF', btf(types, strings)).file;
  const section = Math.max(1, strings.length - 5 + strings.subarray(-5).indexOf('xdp'));
  const lines = Array.from({ length: count }, (_, i) => words(0, 1, textOf(i), 0));
  const info = Buffer.concat([words(16, section, count), ...lines]);
  const functions = words(8);
  const header = words(0x0001eb9f, 32, 0, 4, 4, info.length, 4 + info.length, 0);
  return withSection(described, '.BTF.ext', Buffer.concat([header, functions, info])).file;
}

/** Symbols, each named by another part of one string. */
function longSymbols(file) {
  const count = Math.floor(SIZE / 2 / 24);
  const symbols = Buffer.alloc(24 * count);
  for (let i = 1; i < count; i++) symbols.writeUInt32LE(1024 + i, 24 * i);
  const named = withSection(file, '.symtab', symbols).file;
  const text = (old) => Buffer.concat([old, Buffer.alloc(1024 - old.length), longText(SIZE / 2)]);
  return withSection(named, '.strtab', text).file;
}

/** Many small programs that all call one large function. */
function sharedFunction(file) {
  const count = 4096;
  const large = SIZE / 2 / 8;
  const code = Buffer.alloc(16 * count + 8 * large);
  const symbols = Buffer.alloc(24 * (count + 2));
  const { file: coded, index } = withSection(file, 'xdp', code);
  const put = (i, info, start, size) => {
    symbols.writeUInt32LE(1, 24 * i);
    symbols[24 * i + 4] = info;
    symbols.writeUInt16LE(index, 24 * i + 6);
    symbols.writeBigUInt64LE(BigInt(start), 24 * i + 8);
    symbols.writeBigUInt64LE(BigInt(size), 24 * i + 16);
  };
  const at = coded.length - code.length;
  for (let i = 0; i < count; i++) {
    coded.set([0x85, 0x10], at + 16 * i);
    coded.writeInt32LE(2 * count - 2 * i - 1, at + 16 * i + 4);
    coded[at + 16 * i + 8] = 0x95;
    put(i + 1, 0x12, 16 * i, 16);
  }
  for (let i = 0; i < large; i++) coded[at + 16 * count + 8 * i] = i + 1 < large ? 0xb7 : 0x95;
  put(count + 1, 0x02, 16 * count, 8 * large);
  return withSection(coded, '.symtab', symbols).file;
}

/** A data section of which only the size is in the file. */
function largeZeros(file) {
  const { file: out, index } = withSection(file, '.bss', Buffer.alloc(0));
  const at = Number(out.readBigUInt64LE(40)) + 64 * index;
  out.writeBigUInt64LE(1n << 28n, at + 32);
  return out;
}

const fixture = (name) => readFileSync(join(root, 'tests/fixtures', name));

const OBJECTS = {
  'types named by parts of a string': () => longNames(fixture('plain.bpf.o')),
  'lines with parts of a string': () => longLines(fixture('plain.bpf.o')),
  'symbols named by parts of a string': () => longSymbols(fixture('plain.bpf.o')),
  'a large function in every program': () => sharedFunction(fixture('plain.bpf.o')),
  'zeros that are not in the file': () => largeZeros(fixture('adapted.bpf.o')),
  'as many types as fit': () => manyTypes(fixture('plain.bpf.o')),
  'as many lines as fit': () => manyLines(fixture('plain.bpf.o')),
};

// ---------------------------------------------------------------- reading them

/** In a thread of its own: how it ended, and the bytes outside of the heap. */
async function readOne(bytes) {
  const { parseObject } = await load('src/object/index.ts');
  globalThis.kept = parseObject(fixture('counter.bpf.o'));
  const before = process.memoryUsage().arrayBuffers;
  let outcome;
  try {
    globalThis.kept = parseObject(bytes);
    const { programs, btf } = globalThis.kept;
    const lines = programs.reduce((sum, program) => sum + program.lines.length, 0);
    outcome = `read: ${btf?.count} types, ${lines} lines`;
  } catch (error) {
    if (error.name !== 'FormatError') throw error;
    outcome = error.message;
  }
  const outside = process.memoryUsage().arrayBuffers - before;
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has no origin
  parentPort.postMessage({ outcome, outside });
}

function readApart(bytes) {
  const limit = (TIMES * bytes.length) / 2 ** 20;
  const worker = new Worker(fileURLToPath(import.meta.url), {
    workerData: bytes,
    resourceLimits: { maxOldGenerationSizeMb: BASE + limit, maxYoungGenerationSizeMb: 8 },
  });
  return new Promise((resolve) => {
    let result;
    worker.on('message', (message) => (result = message));
    worker.on('error', (error) => resolve({ outcome: error.message, failed: true }));
    worker.on('exit', () => {
      const failed = !result || result.outside > TIMES * bytes.length;
      resolve({ outcome: 'ended', ...result, failed });
    });
  });
}

if (isMainThread) {
  for (const [name, make] of Object.entries(OBJECTS)) {
    const bytes = new Uint8Array(make());
    const { outcome, outside = 0, failed } = await readApart(bytes);
    const sizes = `${(bytes.length / 1e6).toFixed(1)} MB, ${(outside / 1e6).toFixed(1)} MB of arrays`;
    process.stdout.write(`${failed ? 'TOO MUCH' : 'fine'}  ${name} (${sizes}): ${outcome}\n`);
    if (failed) process.exitCode = 1;
  }
} else {
  await readOne(workerData);
}

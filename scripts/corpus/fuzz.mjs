/**
 * Objects for comparing with a real kernel: compiled selftests with instructions changed, and
 * programs made from pieces, wrapped into C and compiled.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../lib.mjs';
import { load } from './source.mjs';
import { generatedHeaders, kernelTree } from './tree.mjs';

const SHF_EXECINSTR = 4;
const SHT_REL = 9;
const INSN_SIZE = 8;
const CALL = 0x85;
const LD_IMM64 = 0x18;

/** Programs of one generated object. */
const PER_OBJECT = 250;

export async function openFuzz() {
  const [elf, generate] = await Promise.all([
    load('src/elf/index.ts'),
    load('tests/verifier/generate.ts'),
  ]);
  return { ...elf, ...generate };
}

/**
 * A copy of an object with about `percent` of its functions' instructions changed here and there.
 * What relocations write to and what calls functions of the program stays.
 */
export function mutatedObject(fuzz, bytes, random) {
  const copy = Uint8Array.from(bytes);
  const elf = fuzz.parseElf(copy);
  const relocated = relocatedPlaces(fuzz, elf);
  for (const symbol of elf.symbols) {
    if (symbol.type !== 'function' || symbol.size === 0) continue;
    const section = elf.sections[symbol.section];
    if (!section || !(section.flags & SHF_EXECINSTR) || random.chance(10)) continue;
    const at = section.offset + symbol.value;
    const insns = copy.slice(at, at + symbol.size);
    const isFixed = (insn) =>
      relocated.has(at + insn * INSN_SIZE) || isInnerCall(insns, insn * INSN_SIZE);
    const changed = fuzz.mutated(insns, random, isFixed);
    for (let i = 0; i < changed.length; i += INSN_SIZE) {
      // What the loader reads as a reference of its own stays what it was.
      if (isReference(changed, i)) changed.set(insns.subarray(i, i + INSN_SIZE), i);
    }
    copy.set(changed, at);
  }
  return copy;
}

const isInnerCall = (insns, at) => insns[at] === CALL && insns[at + 1] >> 4 !== 0;

const isReference = (insns, at) =>
  isInnerCall(insns, at) || (insns[at] === LD_IMM64 && insns[at + 1] >> 4 !== 0);

/** Offsets in the file of what relocations change. */
function relocatedPlaces(fuzz, elf) {
  const places = new Set();
  for (const section of elf.sections) {
    if (section.type !== SHT_REL) continue;
    const target = elf.sections[section.info];
    for (const { offset } of fuzz.readRelocations(elf, section)) {
      places.add(target.offset + Number(offset));
    }
  }
  return places;
}

/** Writes changed copies of objects in `source` until there are `count` programs; their number. */
export function writeMutants(fuzz, source, files, folder, count, random) {
  let programs = 0;
  for (let round = 1; programs < count; round++) {
    for (const file of files) {
      if (programs >= count) break;
      const bytes = new Uint8Array(readFileSync(join(source, file)));
      const name = file.replace('.bpf.o', `__m${round}.bpf.o`);
      writeFileSync(join(folder, name), mutatedObject(fuzz, bytes, random));
      programs += programCount(fuzz, bytes);
    }
  }
  return programs;
}

function programCount(fuzz, bytes) {
  const elf = fuzz.parseElf(bytes);
  const isProgram = ({ type, binding, section, size }) =>
    type === 'function' &&
    binding === 'global' &&
    size > 0 &&
    elf.sections[section]?.name !== '.text';
  return elf.symbols.filter(isProgram).length;
}

/** Objects small enough to be loaded many times. */
export function smallObjects(folder) {
  return readdirSync(folder).filter((name) =>
    /^verifier_(?!bits_iter|loops1|search).*\.bpf\.o$/.test(name),
  );
}

/** Compiles `count` programs made from pieces into objects in `folder`. */
export async function writeGenerated(fuzz, folder, count, random) {
  const include = await generatedHeaders(kernelTree());
  for (let first = 0; first < count; first += PER_OBJECT) {
    const name = join(folder, `generated_${first / PER_OBJECT}`);
    const programs = Math.min(PER_OBJECT, count - first);
    const source = Array.from({ length: programs }, (_, i) => programText(fuzz, random, first + i));
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${name}.c`, HEAD(fuzz.MAP_VALUES) + source.join('\n'));
    const args = ['-g', '-w', '-O2', '--target=bpf', '-mcpu=v3', `-I${include}`];
    const clang = spawnSync('clang-19', [...args, '-c', `${name}.c`, '-o', `${name}.bpf.o`], {
      encoding: 'utf8',
    });
    if (clang.status !== 0) fail(`generated programs do not compile: ${clang.stderr}`, 4);
    rmSync(`${name}.c`);
  }
}

const HEAD = (values) => `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
char _license[] SEC("license") = "GPL";
${values
  .map(
    (size, i) => `struct value${i} { char bytes[${size}]; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2);
  __type(key, __u32); __type(value, struct value${i}); } map${i} SEC(".maps");`,
  )
  .join('\n')}
`;

/** A naked function of bytes; only addresses of maps are left to the assembler. */
function programText(fuzz, random, number) {
  const kind = random.pick(fuzz.KINDS);
  const pieces = new fuzz.Generator(random, kind).program();
  const maps = new Set();
  const lines = pieces.map((piece) => {
    if (piece.map === undefined) {
      const view = new DataView(fuzz.encoded([piece]).buffer);
      return `".8byte ${view.getBigUint64(0, true)}\\n"`;
    }
    maps.add(piece.map);
    return `"r${piece.dst} = %[map${piece.map}] ll\\n"`;
  });
  const operands = [...maps].map((map) => `[map${map}] "i"(&map${map})`).join(', ');
  return `SEC("${kind.section}") __attribute__((naked)) int g${number}(void) {
  asm volatile (${lines.join('\n')} : : ${operands} : "memory"); }`;
}

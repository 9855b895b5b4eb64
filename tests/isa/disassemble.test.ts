/**
 * Our texts against expectations in tests/filetests/isa:
 *
 * - gas.txt, gas-alu32.txt, *.objdump: printed by llvm-objdump-19. BLESS=1 prints them anew with the
 *   installed LLVM; where it is installed, a test compares them with it live.
 * - kernel.txt: first printed by Linux 6.12.117's own kernel/bpf/disasm.c, run in userspace over the
 *   same bytes. BLESS=1 rewrites it with our text: read the diff.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  Code,
  type CodeSymbol,
  decodeCode,
  encodeCode,
  gasListing,
  gasText,
  kernelListing,
  kernelText,
} from '../../src/isa/index.ts';
import {
  bless,
  everyInsn,
  filetests,
  fromHex,
  hasTool,
  readExpectations,
  toHex,
  writeExpectations,
} from './helpers.ts';
import { CLANG, listC, listCode, OBJDUMP } from './llvm.ts';

const llvm = hasTool(OBJDUMP) && hasTool(CLANG);

/** All instructions of the table one after the other, and at which slot each starts. */
function concatenated(): { code: Code; starts: number[] } {
  const insns = everyInsn();
  const starts: number[] = [];
  let length = 0;
  for (const { code } of insns) {
    starts.push(length);
    length += code.length;
  }
  const bytes = new Uint8Array(length * 8);
  insns.forEach(({ code }, i) => bytes.set(encodeCode(code), starts[i]! * 8));
  return { code: decodeCode(bytes), starts };
}

/** LLVM's text per slot, without the names of jump targets. */
function llvmTexts(code: Code, mcpu: string | undefined): Map<number, string> {
  const lines = listCode(code, mcpu).matchAll(/^ *(\d+):\t[^\t]*\t(.*?)(?: <prog.*>)?$/gm);
  const texts = new Map<number, string>();
  for (const [line, slot, text] of lines) {
    texts.set(Number(slot), line.endsWith('<unknown>') ? '<unknown>' : text!.trimEnd());
  }
  return texts;
}

const variants = [
  { file: 'gas.txt', mcpu: undefined, alu32: false },
  { file: 'gas-alu32.txt', mcpu: 'v4', alu32: true },
] as const;

describe.each(variants)('LLVM text: $file', ({ file, mcpu, alu32 }) => {
  const command = `llvm-objdump-19 -d${mcpu === undefined ? '' : ` --mcpu=${mcpu}`}`;

  test.runIf(llvm)('is what the installed LLVM prints', () => {
    const { code, starts } = concatenated();
    const texts = llvmTexts(code, mcpu);
    const lines = everyInsn().map((insn, i) => ({
      bytes: encodeCode(insn.code),
      text: texts.get(starts[i]!) ?? '<unknown>',
    }));
    if (bless) writeExpectations(file, `Printed by ${command}: wire format, text.`, lines);
    expect(readExpectations(file)).toEqual(lines);
  });

  test('covers every instruction of the table', () => {
    const found = readExpectations(file).map(({ bytes }) => toHex(bytes));
    expect(found).toEqual(everyInsn().map(({ code }) => toHex(encodeCode(code))));
  });

  test('is what gasText prints', () => {
    for (const { bytes, text } of readExpectations(file)) {
      expect(gasText(decodeCode(bytes), 0, { alu32 }), toHex(bytes)).toBe(text);
    }
  });
});

const programs = [
  { source: 'sample.c', cpu: 'v1', mcpu: undefined, alu32: false },
  { source: 'sample.c', cpu: 'v3', mcpu: 'v3', alu32: true },
  { source: 'sample.c', cpu: 'v4', mcpu: 'v4', alu32: true },
  { source: 'atomics.c', cpu: 'v3', mcpu: 'v3', alu32: true },
] as const;

describe.each(programs)('listing of $source for $cpu', ({ source, cpu, mcpu, alu32 }) => {
  const path = join(filetests, source.replace('.c', `.${cpu}.objdump`));

  if (llvm && bless) writeFileSync(path, listC(join(filetests, source), cpu, mcpu));

  test('equals llvm-objdump -d, symbols and jump targets included', () => {
    const sections = readFileSync(path, 'utf8')
      .split(/^Disassembly of section .*\n/m)
      .slice(1);
    expect(sections.length).toBeGreaterThan(0);
    for (const section of sections) {
      const expected = section.trimEnd();
      const { code, symbols } = parseListing(expected);
      expect(gasListing(code, { alu32, symbols }).trimEnd()).toBe(expected);
    }
  });
});

describe('symbols of a listing', () => {
  const code = decodeCode(
    fromHex('05 00 01 00 00 00 00 00 b7 00 00 00 00 00 00 00 95 00 00 00 00 00 00 00'),
  );
  const at = (address: number, ...names: string[]) => names.map((name) => ({ name, address }));

  test('of several at one address the last by name is shown', () => {
    const text = gasListing(code, {
      symbols: [...at(0, 'main', 'entry'), ...at(16, 'b', 'c', 'a')],
    });
    expect(text).toContain('<main>:');
    expect(text).toContain('goto +0x1 <c>');
    expect(text).not.toContain('<a>');
  });

  test('code before the first symbol is named after its section', () => {
    const text = gasListing(code, { section: '.text', symbols: at(16, 'end') });
    expect(text.split('\n').slice(0, 2)).toEqual(['', '0000000000000000 <.text>:']);
    expect(gasListing(code, { section: '.text', symbols: at(0, 'main') })).not.toContain('.text');
  });
});

/** The bytes and symbols a listing shows. */
function parseListing(listing: string): { code: Code; symbols: CodeSymbol[] } {
  const symbols = [...listing.matchAll(/^([0-9a-f]{16}) <(.*)>:$/gm)].map(([, address, name]) => ({
    name: name!,
    address: Number.parseInt(address!, 16),
  }));
  const bytes = [...listing.matchAll(/^ *\d+:\t([0-9a-f ]+)\t/gm)].map(([, hex]) => hex);
  return { code: decodeCode(fromHex(bytes.join(''))), symbols };
}

describe('kernel text', () => {
  const file = 'kernel.txt';
  const helper = (id: number) =>
    ({ 0: 'bpf_unspec', 1: 'bpf_map_lookup_elem', 5: 'bpf_ktime_get_ns' })[id];
  const text = (code: Code) => kernelText(code, 0, { helper });

  if (bless) {
    const lines = everyInsn().map(({ code }) => ({ bytes: encodeCode(code), text: text(code) }));
    writeExpectations(file, "Text of Linux 6.12.117's disasm.c: wire format, text.", lines);
  }

  test('covers every instruction of the table', () => {
    const found = readExpectations(file).map(({ bytes }) => toHex(bytes));
    expect(found).toEqual(everyInsn().map(({ code }) => toHex(encodeCode(code))));
  });

  test('equals what the kernel prints', () => {
    for (const expected of readExpectations(file)) {
      expect(text(decodeCode(expected.bytes)), toHex(expected.bytes)).toBe(expected.text);
    }
  });

  test.each([
    ['bc 21 20 00 00 00 00 00', '(bc) w1 = (s32)w2'],
    ['37 01 02 00 05 00 00 00', '(37) r1 /= 5'],
    ['d4 01 00 00 07 00 00 00', '(d4) r1 = le7 r1'],
    ['db 21 00 00 10 00 00 00', 'BUG_db'],
    ['e4 01 00 00 05 00 00 00', '(e4) w1 (null) 5'],
    ['e5 01 03 00 00 00 00 00', '(e5) may_goto pc+3'],
    ['e5 11 03 00 00 00 00 00', '(e5) if r1 (null) 0x0 goto pc+3'],
    ['0d 21 03 00 00 00 00 00', '(0d) if r1 jmp r2 goto pc+3'],
    ['85 30 00 00 07 00 00 00', '(85) call unknown#7'],
  ])('prints invalid code as the kernel would: %s', (hex, expected) => {
    expect(kernelText(decodeCode(fromHex(hex)), 0)).toBe(expected);
  });

  test('takes names from its caller', () => {
    const code = decodeCode(
      fromHex(`
        85 00 00 00 01 00 00 00   85 10 00 00 05 00 00 00   85 20 00 00 09 00 00 00
        18 11 00 00 07 00 00 00   00 00 00 00 00 00 00 00   95 00 00 00 00 00 00 00`),
    );
    const options = {
      helper,
      callee: (all: Code, i: number) => (all.src[i] === 1 ? '+5#sub' : 'bpf_kfunc'),
      constant: () => 'map[id:7]',
    };
    expect(kernelListing(code, options).split('\n')).toEqual([
      '   0: (85) call bpf_map_lookup_elem#1',
      '   1: (85) call pc+5#sub',
      '   2: (85) call bpf_kfunc#9',
      '   3: (18) r1 = map[id:7]',
      '   5: (95) exit',
      '',
    ]);
  });
});

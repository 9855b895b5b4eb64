/**
 * The object doctor: every code it has is provoked by an object that is broken in that way, and
 * sound objects are called sound.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadKernelProfile } from '../../src/abi/index.ts';
import { FormatError } from '../../src/base/index.ts';
import { parseElf } from '../../src/elf/index.ts';
import { FINDING_CODES, type FindingCode } from '../../src/tools/doctor/codes.ts';
import { diagnose } from '../../src/tools/doctor/diagnose.ts';
import { fixture } from '../fixtures/read.ts';

const folder = join(import.meta.dirname, '..', 'fixtures', 'broken');
const broken = (name: string) => new Uint8Array(readFileSync(join(folder, `${name}.bpf.o`)));
const kernel = await loadKernelProfile();

/** Fields of a section header by their offset. */
const SH_TYPE = 4;
const SH_OFFSET = 24;
const SH_SIZE = 32;
const SH_ENTSIZE = 56;

/** A copy of an object whose bytes can be changed by place. */
class Patient {
  bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes.slice();
  }
  get view() {
    return new DataView(this.bytes.buffer);
  }
  section(name: string) {
    return parseElf(this.bytes).sections.find((one) => one.name === name)!;
  }
  header(name: string): number {
    return Number(this.view.getBigUint64(40, true)) + 64 * this.section(name).index;
  }
  u16(at: number, value: number): this {
    this.view.setUint16(at, value, true);
    return this;
  }
  u32(at: number, value: number): this {
    this.view.setUint32(at, value, true);
    return this;
  }
  field(section: string, field: number, value: number): this {
    return this.u32(this.header(section) + field, value);
  }
  /** Changes one letter of a name among the strings of .BTF. */
  rename(from: string, to: string): this {
    const { offset, data } = this.section('.BTF');
    const at = Buffer.from(data).indexOf(`\0${from}\0`);
    expect(at).toBeGreaterThan(0);
    this.bytes.set(Buffer.from(to), offset + at + 1);
    return this;
  }
}

const counter = () => new Patient(fixture('counter.bpf.o'));
const strings = () => new Patient(broken('strings'));

function manyInsns(): Uint8Array {
  const patient = strings();
  const count = 1_000_001;
  const code = new Uint8Array(8 * count).fill(0);
  for (let at = 0; at < code.length; at += 8) code[at] = 0x05;
  code[code.length - 8] = 0x95;
  const { length } = patient.bytes;
  patient.bytes = Uint8Array.from(Buffer.concat([patient.bytes, code]));
  const symbols = parseElf(patient.bytes);
  const symtab = patient.section('.symtab');
  const run = symbols.symbols.find(({ name }) => name === 'run')!;
  patient.u32(symtab.offset + 24 * run.index + 16, code.length);
  patient.field('xdp', SH_OFFSET, length).field('xdp', SH_SIZE, code.length);
  patient.field('.relxdp', SH_SIZE, 0);
  return patient.bytes;
}

/** For each code an object that has it. */
const CASES: Readonly<Record<FindingCode, () => Uint8Array>> = {
  'not-bpf': () => counter().u16(18, 62).bytes,
  linked: () => counter().u16(16, 2).bytes,
  'byte-order': () => fixture('counter.bpfeb.o'),
  'no-symbols': () => strings().field('.symtab', SH_TYPE, 1).bytes,
  'rela-relocations': () =>
    strings().field('.relxdp', SH_TYPE, 4).field('.relxdp', SH_ENTSIZE, 24).bytes,
  unreadable: () => strings().field('.symtab', SH_ENTSIZE, 7).bytes,
  'broken-btf': () => {
    const patient = strings();
    return patient.u16(patient.section('.BTF').offset, 0).bytes;
  },
  'broken-btf-ext': () => {
    const patient = strings();
    return patient.u16(patient.section('.BTF.ext').offset, 0).bytes;
  },
  'no-btf': () => fixture('no-debug.bpf.o'),
  'no-btf-ext': () => fixture('gcc.bpf.o'),
  'functions-undescribed': () => {
    const patient = strings();
    const { offset } = patient.section('.BTF.ext');
    // Header, size of a record, section name, count; then the place of the first function.
    return patient.u32(offset + patient.view.getUint32(offset + 4, true) + 12, 8).bytes;
  },
  'legacy-maps': () => fixture('legacy-maps.bpf.o'),
  'maps-need-btf': () => broken('maps_need_btf'),
  'maps-undescribed': () => new Patient(broken('map_surprises')).rename('.maps', '.mapz').bytes,
  'static-map': () => broken('static_map'),
  'map-name-cut': () => broken('map_surprises'),
  'map-pinned': () => broken('map_surprises'),
  'unknown-section': () => broken('unknown_section'),
  'loose-section': () => broken('loose_section'),
  'static-program': () => broken('static_program'),
  'call-outside-text': () => broken('call_outside_text'),
  'code-size': () => {
    const patient = new Patient(broken('no_programs'));
    return patient.field('.text', SH_SIZE, patient.section('.text').size - 4).bytes;
  },
  'no-programs': () => broken('no_programs'),
  'attach-target-open': () => broken('attach_target_open'),
  'struct-ops-unused': () => broken('struct_ops_unused'),
  'not-autoloaded': () => broken('not_autoloaded'),
  'undefined-function': () => broken('undefined_memcpy'),
  'undefined-symbol': () => broken('undefined_symbol'),
  'extern-section': () => broken('extern_section'),
  'common-symbol': () => broken('common_symbol'),
  'data-unmapped': () => broken('data_unmapped'),
  'data-addresses': () => broken('data_addresses'),
  'strings-map': () => broken('strings'),
  'const-in-data': () => broken('gcc'),
  'data-undescribed': () => counter().rename('.data', '.datb').bytes,
  'doubled-address': () => broken('gcc'),
  'stack-overflow': () => broken('stack_overflow'),
  'not-optimised': () => broken('not_optimised'),
  'lost-zero-extension': () => broken('gcc_masks'),
  'indirect-call': () => broken('indirect_call'),
  'bad-instruction': () => {
    const patient = strings();
    patient.bytes[patient.section('xdp').offset] = 0xff;
    return patient.bytes;
  },
  'too-many-insns': manyInsns,
  'no-license': () => broken('needs_gpl'),
  'needs-gpl': () => broken('needs_gpl'),
  'unknown-helper': () => broken('unknown_helper'),
  'helper-not-allowed': () => broken('helper_not_allowed'),
  'kernel-lacks': () => broken('kernel_lacks'),
  rejected: () => broken('rejected'),
};

describe('each finding', () => {
  it.each(Object.keys(FINDING_CODES) as FindingCode[])(
    '%s is made of an object with it',
    (code) => {
      const { findings } = diagnose(CASES[code](), { kernel });
      expect(findings.map((one) => one.code)).toContain(code);
      for (const { message } of findings) expect(message).not.toMatch(/undefined|\[object/);
    },
  );

  it('stands by what libbpf would say', () => {
    const says = (name: string) => diagnose(broken(name)).findings.map((one) => one.says);
    expect(says('static_map')).toEqual(["map 'hidden': unsupported map linkage static."]);
    expect(says('unknown_section')).toEqual([
      "prog 'run': missing BPF prog type, check ELF section name 'xpd'",
    ]);
    expect(says('undefined_memcpy')).toEqual([
      "failed to find BTF for extern 'memcpy' [13] section: -2",
    ]);
  });

  it('is not made of sound objects', () => {
    const sound = ['subprograms.bpf.o', 'core.bpf.o', 'nested-maps.bpf.o'];
    for (const name of sound) {
      const { findings } = diagnose(fixture(name));
      expect(
        findings.filter(({ severity }) => severity === 'error'),
        name,
      ).toEqual([]);
    }
    const firewall = readFileSync('examples/firewall/firewall.bpf.o');
    expect(diagnose(firewall, { kernel }).findings).toEqual([]);
  });

  it('is a mistake of the kernel side only where a kernel is asked', () => {
    expect(diagnose(broken('rejected')).findings).toEqual([]);
    expect(diagnose(broken('kernel_lacks')).findings).toEqual([]);
  });
});

describe('the report', () => {
  it('tells the compiler by its own words', () => {
    expect(diagnose(fixture('counter.bpf.o')).producer).toMatchObject({
      name: 'clang',
      version: '19.1.7',
      evidence: ['.debug_str'],
    });
    expect(diagnose(fixture('gcc.bpf.o')).producer).toMatchObject({
      name: 'gcc',
      version: '12.2.0',
      evidence: ['.comment'],
    });
  });

  it('tells the family where the compiler left no words', () => {
    expect(diagnose(broken('strings')).producer).toMatchObject({
      name: 'clang',
      version: undefined,
    });
    const nothing = diagnose(strings().u16(18, 62).bytes).producer;
    expect(nothing.text).toBe('');
  });

  it('gives every section its meaning', () => {
    const { sections } = diagnose(fixture('counter.bpf.o'));
    const roles = Object.fromEntries(sections.map(({ name, role }) => [name, role]));
    expect(roles).toMatchObject({
      xdp: 'program',
      '.text': 'empty',
      '.maps': 'maps',
      '.rodata': 'data',
      '.data.custom': 'data',
      '.bss': 'data',
      license: 'license',
      version: 'version',
      '.BTF': 'btf',
      '.relxdp': 'relocations',
      '.debug_info': 'debug',
      '.symtab': 'symbols',
    });
    const { sections: wrong } = diagnose(broken('unknown_section'));
    expect(wrong.find(({ name }) => name === 'xpd')).toMatchObject({ role: 'refused' });
  });

  it('counts relocations by what they refer to', () => {
    const { relocations } = diagnose(fixture('subprograms.bpf.o'));
    const own = relocations.filter(({ section }) => !section.startsWith('.BTF'));
    expect(own.map((one) => [one.section, one.kind, one.type, one.count])).toEqual([
      ['.text', 'global', 'R_BPF_64_64', 3],
      ['.text', 'call', 'R_BPF_64_32', 1],
      ['xdp', 'map', 'R_BPF_64_64', 2],
      ['xdp', 'function address', 'R_BPF_64_64', 3],
      ['xdp', 'call', 'R_BPF_64_32', 4],
    ]);
    const externs = diagnose(fixture('externs.bpf.o')).relocations.map(({ kind }) => kind);
    expect(externs).toEqual(expect.arrayContaining(['kfunc', 'ksym', 'kconfig']));
  });

  it('counts CO-RE relocations by kind', () => {
    const { btfExt } = diagnose(fixture('core.bpf.o'));
    expect(Object.keys(btfExt!.core).length).toBeGreaterThan(3);
  });

  it("lists what libbpf does, in libbpf's order", () => {
    const { steps } = diagnose(fixture('counter.bpf.o'));
    const order = ['extern', 'relocate', 'btf', 'map', 'program'];
    const places = steps.map(({ action }) => order.indexOf(action));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(steps.find(({ what }) => what === '.rodata')?.detail).toMatch(/filled and frozen$/);
  });

  it('tells the least CPU version', () => {
    expect(diagnose(broken('rejected')).cpu).toBe(1);
    expect(diagnose(broken('gcc')).cpu).toBe(3);
  });

  it('adds the stack of called functions', () => {
    const [run] = diagnose(broken('stack_overflow')).programs;
    expect(run).toMatchObject({ stack: 640, subprograms: ['deep'] });
  });
});

describe('whatever the bytes', () => {
  it('answers, or throws FormatError', () => {
    let seed = 7;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % below;
    };
    const names = readdirSync(folder).filter((name) => name.endsWith('.o'));
    for (let round = 0; round < 600; round++) {
      const patient = broken(names[round % names.length]!.replace('.bpf.o', ''));
      for (let change = 0; change < 1 + random(4); change++) {
        patient[random(patient.length)] = random(256);
      }
      try {
        diagnose(patient, round % 6 === 0 ? { kernel } : {});
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
      }
    }
  });
});

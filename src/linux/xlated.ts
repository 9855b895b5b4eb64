/** Code of programs as the running kernel keeps it, and the names of what it calls. */
import { readFileSync } from 'node:fs';
import { KernelError } from '../base/index.ts';
import type { Btf } from '../btf/index.ts';
import type { SourceLine } from '../object/index.ts';
import { typesOf } from './ids.ts';
import { Info, infoPart, type InfoPart, type System } from './system.ts';

const FUNC_INFO = 8;
const LINE_INFO = 16;
const SYMBOLS = '/proc/kallsyms';
const CALL_BASE = '__bpf_call_base';

/** What BPF_OBJ_GET_INFO_BY_FD tells of a program's code. */
export interface LoadedCode {
  readonly insns: Uint8Array;
  readonly btf: Btf | undefined;
  /** Where functions start, and their types; none without BTF. */
  readonly functions: readonly { readonly start: number; readonly typeId: number }[];
  readonly lines: readonly SourceLine[];
  /** The function a call's `imm` stands for: a symbol, or its address. */
  called(imm: number): string;
  /** Machine code of a function of the program, likewise; undefined: it is interpreted. */
  jited(index: number): string | undefined;
}

/** Throws KernelError EPERM: this process may not see it. */
export function loadedCode(system: System, fd: number): LoadedCode {
  const part = (asked: InfoPart): Uint8Array => infoPart(system, fd, 'prog', asked);
  const insns = part({ at: 'xlated_prog_insns', size: 'xlated_prog_len' });
  if (insns.length === 0) throw new KernelError('EPERM', 1, 'the kernel does not show its code');
  const btf = typesOf(system, new Info(system, fd, 'prog').number('btf_id'));
  const starts = part({ at: 'jited_ksyms', size: 'nr_jited_ksyms', unit: 8 });
  const symbols = kernelSymbols();
  const code = new BigUint64Array(starts.buffer);
  return {
    insns,
    btf,
    functions: functionsOf(
      part({
        at: 'func_info',
        size: 'nr_func_info',
        unit: FUNC_INFO,
        unitAt: 'func_info_rec_size',
      }),
    ),
    lines: linesOf(
      part({
        at: 'line_info',
        size: 'nr_line_info',
        unit: LINE_INFO,
        unitAt: 'line_info_rec_size',
      }),
      btf,
    ),
    called: (imm) => symbols.nameOf(symbols.callBase + BigInt(imm)),
    jited: (index) => (index < code.length ? symbols.nameOf(code[index]!) : undefined),
  };
}

function functionsOf(records: Uint8Array) {
  const words = new Uint32Array(records.buffer);
  return Array.from({ length: words.length / 2 }, (_, i) => ({
    start: words[2 * i]!,
    typeId: words[2 * i + 1]!,
  }));
}

function linesOf(records: Uint8Array, btf: Btf | undefined): SourceLine[] {
  const words = new Uint32Array(records.buffer);
  if (!btf) return [];
  return Array.from({ length: words.length / 4 }, (_, i) => {
    const [insn, file, text, place] = words.subarray(4 * i, 4 * i + 4) as unknown as number[];
    return {
      insn: insn!,
      file: btf.stringAt(file!),
      text: btf.stringAt(text!),
      line: place! >>> 10,
      column: place! & 1023,
    };
  });
}

/** kallsyms: looked through for each address, as a program calls few functions. */
function kernelSymbols() {
  const text = `\n${readFileSync(SYMBOLS, 'latin1')}`;
  const base = new RegExp(`\n([0-9a-f]+) \\w ${CALL_BASE}\n`).exec(text)?.[1] ?? '0';
  return {
    callBase: BigInt(`0x${base}`),
    nameOf(address: bigint): string {
      const hex = BigInt.asUintN(64, address).toString(16);
      const at = text.indexOf(`\n${hex.padStart(16, '0')} `);
      return at < 0 ? `0x${hex}` : text.slice(at + 20, text.indexOf('\n', at + 1)).split('\t')[0]!;
    },
  };
}

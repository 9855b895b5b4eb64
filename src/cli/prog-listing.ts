import { hexBytes } from '../base/index.ts';
import type { Btf } from '../btf/index.ts';
import { type Code, decodeCode, insnSlots, kernelText } from '../isa/index.ts';
import {
  type FunctionSpec,
  instructionSymbols,
  type ProgramSpec,
  type SourceLine,
} from '../object/index.ts';
import type { Style } from './io.ts';
import { signature } from './signature.ts';

/** What bpftool's words after PROG ask for. */
export interface ListingOptions {
  readonly opcodes: boolean;
  readonly linum: boolean;
}

/** A program ready to be printed instruction by instruction. */
export interface Listing {
  readonly program: ProgramSpec;
  readonly code: Code;
  /** The kernel's text of an instruction; symbols stand where a kernel puts addresses. */
  readonly text: (insn: number) => string;
  /** Declaration of the function that starts at an instruction (its name, without types). */
  readonly proto: ReadonlyMap<number, string>;
  readonly lines: ReadonlyMap<number, SourceLine>;
}

export function listingOf(program: ProgramSpec, btf: Btf | undefined): Listing {
  const code = decodeCode(program.insns);
  const symbols = instructionSymbols(program, code);
  return {
    program,
    code,
    text: (insn) => kernelText(code, insn, symbols),
    proto: protosOf(program.functions, btf),
    lines: new Map(program.lines.map((one) => [one.insn, one])),
  };
}

/** Declarations by the instruction functions start at. */
export function protosOf(
  functions: readonly FunctionSpec[],
  btf: Btf | undefined,
): ReadonlyMap<number, string> {
  const typed = functions.map(({ start, name, btfId }): [number, string] => {
    const words = btf && btfId > 0 ? signature(btf, btfId) : undefined;
    return [start, words ?? name];
  });
  return new Map(typed);
}

/** Every instruction but the second halves of ld_imm64. */
export function* insnsOf({ code }: Listing, from = 0, to = code.length): Generator<number> {
  for (let insn = from; insn < to; insn += insnSlots(code, insn)) yield insn;
}

/** The listing as bpftool prints it (dump_xlated_plain). */
export function plainListing(listing: Listing, options: ListingOptions, style: Style): string {
  let out = '';
  let last: SourceLine | undefined;
  for (const insn of insnsOf(listing)) {
    const proto = listing.proto.get(insn);
    if (proto !== undefined) out += `${style.bold(`${proto}:`)}\n`;
    const line = listing.lines.get(insn);
    if (line && (options.linum || !sameLine(line, last))) out += sourceText(line, options, style);
    last = line ?? last;
    out += `${String(insn).padStart(4)}: ${listing.text(insn)}\n`;
    if (options.opcodes) out += `       ${style.dim(hexBytes(bytesOf(listing, insn), ' '))}\n`;
  }
  return out;
}

/** Columns of one line are told apart only where they are shown. */
function sameLine(a: SourceLine, b: SourceLine | undefined): boolean {
  return a.line === b?.line && a.file === b.file;
}

function sourceText(line: SourceLine, { linum }: ListingOptions, style: Style): string {
  const place = linum ? ` [file:${line.file} line_num:${line.line} line_col:${line.column}]` : '';
  const text = line.text.trim();
  return text || place ? `${style.accent(`; ${text}`)}${style.dim(place)}\n` : '';
}

function bytesOf({ program, code }: Listing, insn: number): Uint8Array {
  return program.insns.subarray(8 * insn, 8 * (insn + insnSlots(code, insn)));
}

/** The listing with the keys bpftool has (dump_xlated_json). */
export function jsonListing(listing: Listing, { opcodes, linum }: ListingOptions): object[] {
  return Array.from(insnsOf(listing), (insn) => {
    const line = listing.lines.get(insn);
    const place = line && {
      file: line.file,
      line_num: line.line || undefined,
      line_col: line.column || undefined,
    };
    return {
      proto: listing.proto.get(insn),
      src: line?.text.trimStart(),
      ...(linum ? place : {}),
      disasm: listing.text(insn),
      ...(opcodes ? { opcodes: opcodesOf(listing, insn) } : {}),
    };
  });
}

function opcodesOf(listing: Listing, insn: number): object {
  const bytes = bytesOf(listing, insn);
  const { code } = listing;
  return {
    code: `0x${hexBytes(bytes.subarray(0, 1))}`,
    src_reg: `0x${code.src[insn]!.toString(16)}`,
    dst_reg: `0x${code.dst[insn]!.toString(16)}`,
    off: bytes.subarray(2, 4),
    imm: bytes.subarray(4),
  };
}

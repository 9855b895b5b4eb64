import { hexBytes } from '../base/index.ts';
import { insnSlots } from '../isa/index.ts';
import type { SourceLine } from '../object/index.ts';
import { insnsOf, type Listing } from '../tools/index.ts';
import type { Style } from './io.ts';

/** What bpftool's words after PROG ask for. */
export interface ListingOptions {
  readonly opcodes: boolean;
  readonly linum: boolean;
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

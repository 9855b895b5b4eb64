import { hexBytes } from '../base/index.ts';
import { type Code, encodeCode, INSN_SIZE } from './code.ts';
import { insnRows, insnSlots, looseInsnInfo } from './lookup.ts';
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_CALL,
  BPF_FETCH,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_MOV,
  BPF_ST,
  BPF_STX,
  BPF_X,
  classOf,
  LD_IMM64,
} from './opcodes.ts';
import type { InsnInfo } from './insn.ts';
import { fillTemplate, type Placeholder, signedHex, wideConstant, withSign } from './text.ts';

/** What the kernel's text says about things only the caller knows. */
export interface KernelTextOptions {
  /** Name of a helper by id; 'unknown' stands where it gives undefined. */
  readonly helper?: (id: number) => string | undefined;
  /** Name after `call` for bpf-to-bpf and kfunc calls; `pc+N` and `kernel-function` without. */
  readonly callee?: (code: Code, i: number) => string | undefined;
  /** Text of an ld_imm64's constant, e.g. `map[id:5]`; hexadecimal without. */
  readonly constant?: (code: Code, i: number) => string | undefined;
}

/**
 * The kernel's text of the instruction at slot `i`, as in the verifier's log and in `bpftool prog
 * dump xlated` (kernel/bpf/disasm.c): `(b7) r0 = 1`. Equal to the kernel's for every opcode that
 * exists, whatever its other fields; of opcodes that do not exist (refused before they would be
 * printed) a few odd sizes print as BUG here.
 */
export function kernelText(code: Code, i: number, options: KernelTextOptions = {}): string {
  const op = code.op[i]!;
  const hex = op.toString(16).padStart(2, '0');
  const info =
    looseInsnInfo(op, code.off[i]!, code.src[i]!, code.imm[i]!) ?? kernelFallback(op, code.off[i]!);
  if (info === undefined) return kernelUnknown(op, hex, code, i);
  const show = (hole: Placeholder) => kernelHole(hole, code, i, options);
  return `(${hex}) ${fillTemplate(info.kernel, code, i, show)}`;
}

/** With an unknown selector the kernel prints the plain form; atomics and may_goto have none. */
function kernelFallback(op: number, off: number): InsnInfo | undefined {
  const first = insnRows(op)[0];
  if (first?.kind === 'atomic' || first?.kind === 'may_goto') return undefined;
  const odd = op === (BPF_ALU | BPF_MOV | BPF_X) && off === 32;
  return odd && first ? { ...first, kernel: '{wd} = (s32){ws}' } : first;
}

function kernelUnknown(op: number, hex: string, code: Code, i: number): string {
  switch (classOf(op)) {
    case BPF_LD:
      return `BUG_ld_${hex}`;
    case BPF_LDX:
      return `BUG_ldx_${hex}`;
    case BPF_ST:
      return `BUG_st_${hex}`;
    case BPF_STX:
      return `BUG_${hex}`;
  }
  return `(${hex}) ${kernelOddText(op, code, i)}`;
}

/** Arithmetic and jumps whose operation does not exist: printf shows its missing word as (null). */
function kernelOddText(op: number, code: Code, i: number): string {
  const cls = classOf(op);
  const letter = cls === BPF_ALU || cls === BPF_JMP32 ? 'w' : 'r';
  const dst = `${letter}${code.dst[i]}`;
  const src = `${letter}${code.src[i]}`;
  if (cls === BPF_ALU || cls === BPF_ALU64) return kernelOddAlu(op, code, i, dst, src, letter);
  if ((op & 0xf0) === BPF_CALL) return `call unknown#${code.imm[i]}`;
  const word = JUMP_WORDS[op >> 4] ?? '(null)';
  const right = op & BPF_X ? src : `0x${(code.imm[i]! >>> 0).toString(16)}`;
  return `if ${dst} ${word} ${right} goto ${jumpText(code.off[i]!)}`;
}

/** Words the kernel has for jump operations that take no operands in valid code. */
const JUMP_WORDS: Record<number, string> = { 0x0: 'jmp', 0x8: 'call', 0x9: 'exit' };

function kernelOddAlu(
  op: number,
  code: Code,
  i: number,
  dst: string,
  src: string,
  letter: string,
): string {
  const operation = op & 0xf0;
  if (operation === 0x80) return `${dst} = -${dst}`;
  if (operation === 0xd0) {
    return `r${code.dst[i]} = bswap${code.imm[i]} r${code.dst[i]}`;
  }
  return `${dst} (null) ${op & BPF_X ? src : code.imm[i]}`.replace(/^[rw]/, letter);
}

const jumpText = (distance: number) => `pc${withSign(distance, String)}`;

function kernelHole(hole: Placeholder, code: Code, i: number, options: KernelTextOptions): string {
  const imm = code.imm[i]!;
  switch (hole) {
    case 'o':
      return ` ${withSign(code.off[i]!, String)}`;
    case 'i':
    case 'n':
      return String(imm);
    case 'c':
      return `0x${(imm >>> 0).toString(16)}`;
    case 'q':
      return (
        options.constant?.(code, i) ?? `0x${BigInt.asUintN(64, wideConstant(code, i)).toString(16)}`
      );
    case 'j':
      return jumpText(code.off[i]!);
    case 'l':
      return jumpText(imm);
    case 'high':
      return String(imm >>> 16);
    case 'low':
      return String(imm & 0xffff);
    case 'helper':
    case 'local':
    case 'kfunc':
      return calleeText(code, i, options);
    default:
      return registerText(hole, code, i, false);
  }
}

function calleeText(code: Code, i: number, options: KernelTextOptions): string {
  const imm = code.imm[i]!;
  const src = code.src[i]!;
  const named = src === 0 ? options.helper?.(imm) : undefined;
  const name = named ?? options.callee?.(code, i);
  if (src === 1) return `pc${name ?? withSign(imm, String)}`;
  return `${name ?? (src === 2 ? 'kernel-function' : 'unknown')}#${imm}`;
}

function registerText(hole: Placeholder, code: Code, i: number, alu32: boolean): string {
  const number = hole.endsWith('d') ? code.dst[i] : code.src[i];
  const half = hole[0] === 'w' || (hole[0] === 'm' && alu32);
  return `${half ? 'w' : 'r'}${number}`;
}

/** Choices of the LLVM text. */
export interface GasTextOptions {
  /**
   * True: as `llvm-objdump --mcpu=v3` (or v4) prints: 32-bit loads, stores and atomics name wN.
   * False (default): as plain `llvm-objdump-19 -d`, which knows no 32-bit atomics but add.
   */
  readonly alu32?: boolean;
}

const UNKNOWN = '<unknown>';

/**
 * LLVM's text of the instruction at slot `i`, the syntax clang's assembler reads:
 * `r0 = 0x1`, `if r1 == 0x0 goto +0x5`. '<unknown>' for what LLVM 19 does not decode.
 */
export function gasText(code: Code, i: number, options: GasTextOptions = {}): string {
  const alu32 = options.alu32 === true;
  const info = gasInfo(code, i, alu32);
  if (info === undefined) return UNKNOWN;
  const show = (hole: Placeholder) => gasHole(hole, code, i, alu32);
  return fillTemplate(info.gas, code, i, show);
}

/** The row LLVM would decode; it ignores many fields that should be zero, so this does too. */
function gasInfo(code: Code, i: number, alu32: boolean): InsnInfo | undefined {
  const op = code.op[i]!;
  const first = insnRows(op)[0];
  const info =
    first?.kind === 'atomic'
      ? gasAtomic(first, code, i, alu32)
      : (looseInsnInfo(op, code.off[i]!, code.src[i]!, code.imm[i]!) ?? gasFallback(op));
  if (info === undefined || info.kind === 'internal') return undefined;
  return gasFields(info, code, i) && gasRegisters(info, code, i) ? info : undefined;
}

/** LLVM does not look at src of these. */
function gasFallback(op: number): InsnInfo | undefined {
  const rows = insnRows(op);
  const kind = rows[0]?.kind;
  if (kind === 'call_helper' || kind === 'may_goto') return rows[0];
  return kind === 'ld_imm64' ? rows[1] : undefined;
}

/**
 * LLVM looks at the low byte of an atomic's imm only, and not at its low nibble when that is not
 * BPF_FETCH. Without 32-bit registers the one 32-bit atomic it knows is add, fetch or not.
 */
function gasAtomic(add: InsnInfo, code: Code, i: number, alu32: boolean): InsnInfo | undefined {
  const selector = code.imm[i]! & 0xff;
  if (add.bits === 32 && !alu32) return selector >> 4 === 0 ? add : undefined;
  const imm = (selector & 0xf) === BPF_FETCH ? selector : selector & 0xf0;
  return looseInsnInfo(add.op, 0, 0, imm);
}

function gasFields(info: InsnInfo, code: Code, i: number): boolean {
  switch (info.kind) {
    case 'alu':
    case 'movsx':
      return info.off === code.off[i];
    case 'exit':
      return code.imm[i] === 0;
    case 'ld_imm64':
      return i + 1 < code.length && code.off[i] === 0;
    default:
      return true;
  }
}

/** LLVM knows r0 to r11. */
function gasRegisters(info: InsnInfo, code: Code, i: number): boolean {
  return (info.dst !== 'reg' || code.dst[i]! < 12) && (info.src !== 'reg' || code.src[i]! < 12);
}

function gasHole(hole: Placeholder, code: Code, i: number, alu32: boolean): string {
  const imm = code.imm[i]!;
  switch (hole) {
    case 'o': {
      const off = code.off[i]!;
      return off < 0 ? ` - 0x${(-off).toString(16)}` : ` + 0x${off.toString(16)}`;
    }
    case 'i':
    case 'c':
    case 't':
      return signedHex(imm);
    case 'n':
      return String(imm);
    case 'q':
      return signedHex(wideConstant(code, i));
    case 'u':
      return signedHex(imm >>> 0);
    case 'src':
      return signedHex(code.src[i]!);
    case 'high':
      return signedHex(imm >>> 16);
    case 'low':
      return signedHex(imm & 0xffff);
    case 'j':
      return withSign(code.off[i]!, signedHex);
    case 'l':
      return withSign(imm, signedHex);
    default:
      return registerText(hole, code, i, alu32);
  }
}

/** A name for an address in a code section, in bytes from its start. */
export interface CodeSymbol {
  readonly name: string;
  readonly address: number;
}

export interface GasListingOptions extends GasTextOptions {
  readonly symbols?: readonly CodeSymbol[];
  /** Name of the section: stands for the code before its first symbol. */
  readonly section?: string;
}

/** By address, then name: of several symbols at one address the last names it. */
function sortedSymbols({ symbols = [], section }: GasListingOptions): CodeSymbol[] {
  const all = [...symbols];
  if (section !== undefined && !all.some(({ address }) => address === 0)) {
    all.push({ name: section, address: 0 });
  }
  return all.sort((a, b) => a.address - b.address || (a.name < b.name ? -1 : 1));
}

/**
 * The lines `llvm-objdump -d` prints for a section after its "Disassembly of section" line: symbol
 * headers, slot numbers, raw bytes, text, and the symbol each jump goes to.
 */
export function gasListing(code: Code, options: GasListingOptions = {}): string {
  const symbols = sortedSymbols(options);
  const bytes = encodeCode(code);
  const lines: string[] = [];
  let next = 0;
  for (let i = 0; i < code.length; ) {
    while (next < symbols.length && symbols[next]!.address <= i * INSN_SIZE) {
      const { name, address } = symbols[next++]!;
      if (symbols[next]?.address === address) continue;
      lines.push('', `${address.toString(16).padStart(16, '0')} <${name}>:`);
    }
    const text = gasText(code, i, options);
    const slots = text === UNKNOWN ? 1 : insnSlots(code, i);
    const raw = bytes.subarray(i * INSN_SIZE, (i + slots) * INSN_SIZE);
    const target = targetText(gasInfo(code, i, options.alu32 === true), code, i, symbols);
    lines.push(`${String(i).padStart(8)}:\t${hexBytes(raw, ' ')}\t${text}${target}`);
    i += slots;
  }
  return `${lines.join('\n')}\n`;
}

/** ` <symbol+0x10>` behind a jump: the last symbol at or before its target. */
function targetText(
  info: InsnInfo | undefined,
  code: Code,
  i: number,
  symbols: readonly CodeSymbol[],
): string {
  if (info === undefined || info.kind === 'call_local') return '';
  const distance =
    info.off === 'jump' ? code.off[i]! : info.imm === 'jump' ? code.imm[i]! : undefined;
  if (distance === undefined) return '';
  const target = (i + 1 + distance) * INSN_SIZE;
  // Addresses are unsigned: a target before the section is behind its last symbol.
  const symbol = target < 0 ? symbols.at(-1) : symbols.findLast(({ address }) => address <= target);
  if (symbol === undefined) return '';
  const inside = BigInt.asUintN(64, BigInt(target - symbol.address));
  return inside === 0n ? ` <${symbol.name}>` : ` <${symbol.name}+0x${inside.toString(16)}>`;
}

/**
 * The whole program in the kernel's text, numbered as `bpftool prog dump xlated` does:
 * `   0: (b7) r0 = 1`. The second slot of ld_imm64 has a number but no line.
 */
export function kernelListing(code: Code, options: KernelTextOptions = {}): string {
  const lines: string[] = [];
  for (let i = 0; i < code.length; i += code.op[i] === LD_IMM64 ? 2 : 1) {
    lines.push(`${String(i).padStart(4)}: ${kernelText(code, i, options)}`);
  }
  return `${lines.join('\n')}\n`;
}

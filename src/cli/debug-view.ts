/** What a debugger shows: places, registers, stack, maps, as text. */
import { hexBytes } from '../base/index.ts';
import { readable } from '../client/index.ts';
import { bpfHelperName } from '../abi/names.ts';
import {
  contextPacket,
  type DebugSession,
  lookUp,
  partsOf,
  pointed,
  type RecordedFrame,
  stackOf,
  codeOf,
  linesOf,
  textOf,
  type TypedValue,
} from '../debug/index.ts';
import { declareC } from '../btf/index.ts';
import type { ProgramImage } from '../engine/index.ts';
import { kernelText, LD_IMM64 } from '../isa/index.ts';
import type { Debuggee } from './debuggee.ts';
import type { Style } from './io.ts';
import { MapContents } from './map-contents.ts';
import { mapText } from './map-report.ts';
import { grouped } from './table.ts';

const ROW = 16;
const AROUND = 5;
const SHOWN_ENTRIES = 20;
/** Between the columns of variables. */
const ROW_GAPS = 4;
const LEAST_VALUE = 24;
const NO_INFO =
  'the object has no debugging information: compile with clang -g, and do not strip it\n';

/** Text of one thing after the other; the session says where. */
export class DebugView {
  readonly #session: DebugSession;
  readonly #target: Debuggee;
  readonly #style: Style;
  readonly #width: number;

  constructor(session: DebugSession, target: Debuggee, style: Style, width: number) {
    this.#session = session;
    this.#target = target;
    this.#style = style;
    this.#width = width;
  }

  /** The line and the instruction that come next. */
  where(): string {
    const { image, insn, frame, line, step } = this.#session.place();
    const style = this.#style;
    const total = grouped(this.#session.recording.length);
    const at = style.dim(`step ${grouped(step)} of ${total}, frame ${frame} of ${image.name}`);
    const source = line ? `${style.bold(`${line.file}:${line.line}`)}  ${line.text.trim()}\n` : '';
    return `${source}  ${insnText(image, insn)}  ${at}\n`;
  }

  /** r0 to r10, and what they point to. */
  registers(frame = 0): string {
    const frames = this.#session.frames();
    const found = frames[frame];
    if (!found) return `there are frames 0 to ${frames.length - 1}\n`;
    const { registers, image } = found;
    const rows = registers.map((value, r) => {
      const name = `r${r}`.padEnd(3);
      return `  ${this.#style.bold(name)} ${this.#value(image, value)}\n`;
    });
    return rows.join('');
  }

  /** What a 64-bit value is: a number, or a pointer into something that has a name. */
  describe(image: ProgramImage, value: bigint): string | undefined {
    const found = pointed(this.#target.machine.runtime, image, value);
    if (!found) return undefined;
    const offset = found.offset < 0 ? `-${-found.offset}` : `+${found.offset}`;
    if (found.map === undefined)
      return found.to === 'stack' ? `fp${offset}` : `${found.to}${offset}`;
    const name = this.#mapName(found.map);
    return found.to === 'map' ? `map ${name}` : `value of ${name} ${offset}`;
  }

  #value(image: ProgramImage, value: bigint): string {
    const hex = `0x${value.toString(16).padStart(16, '0')}`;
    const described = this.describe(image, value);
    if (described !== undefined) return `${hex}  ${this.#style.accent(described)}`;
    const signed = BigInt.asIntN(64, value);
    return `${hex}  ${signed}`;
  }

  #mapName(id: number): string {
    const maps = Object.values(this.#target.maps);
    return maps.find(({ kernelMap }) => kernelMap.id === id)?.name ?? `map ${id}`;
  }

  /** Open calls, the innermost first. */
  backtrace(): string {
    return this.#session
      .frames()
      .map(({ image, insn, frame }, i) => {
        const name = image.functions.findLast(({ start }) => start <= insn)?.name ?? image.name;
        const line = linesOf(image).at(insn);
        const where = line ? ` at ${line.file}:${line.line}` : '';
        return `  #${i} ${name}${where}  insn ${insn}, frame ${frame}\n`;
      })
      .join('');
  }

  /** Variables of a frame by function, with those of functions that were put in place. */
  locals(frame = 0): string {
    const found = this.#session.frames()[frame];
    if (!found) return 'there is no such frame\n';
    const scopes = this.#target.variables(found, frame);
    if (!scopes) return NO_INFO;
    if (scopes.length === 0) return 'nothing is known of the variables of this function\n';
    return scopes
      .map(({ function: name, inlined, variables }) => {
        const head = `${this.#style.bold(name)}${inlined ? ' (inlined)' : ''}\n`;
        return head + this.#rows(variables, found);
      })
      .join('');
  }

  /** A variable or a part of one, and what is in it. Throws TypeError if there is none. */
  print(expression: string, frame = 0): string {
    const found = this.#session.frames()[frame]!;
    const scopes = this.#target.variables(found, frame);
    if (!scopes) return NO_INFO;
    const variables = scopes.flatMap((scope) => scope.variables);
    const memory = this.#target.memory(found);
    const typed = lookUp(expression, variables, memory);
    const parts = partsOf(typed, memory).slice(0, SHOWN_ENTRIES);
    return this.#rows([typed], found) + this.#rows(parts, found, '    ');
  }

  /** A value of a program in one line, addresses and numbers of the network made readable. */
  valueText(image: ProgramImage, typed: TypedValue): string {
    return textOf(typed, {
      pointer: (pointer) => this.describe(image, pointer),
      value: ({ btf, type, name }, value) => readable(btf, type, value, name.match(/\w*$/)![0]),
    });
  }

  #rows(variables: readonly TypedValue[], { image }: RecordedFrame, indent = '  '): string {
    const width = Math.max(0, ...variables.map(({ name }) => name.length));
    return variables
      .map((one) => {
        const value = this.valueText(image, one);
        const type = declareC(one.btf, one.type, '').trim();
        const room = this.#width - indent.length - width - type.length - ROW_GAPS;
        const shown = shortened(value, room);
        return `${indent}${one.name.padEnd(width)}  ${shown}  ${this.#style.dim(type)}\n`;
      })
      .join('');
  }

  /** The stack of a frame, rows that are all zero left out. */
  stack(frame = 0): string {
    const found = this.#session.frames()[frame];
    if (!found) return 'there is no such frame\n';
    const bytes = stackOf(this.#target.machine.runtime, found);
    return hexRows(bytes, (at) => `fp-${bytes.length - at}`, true) || '  all zero\n';
  }

  /** The packet as it is at this step: between data and data_end of the context. */
  packet(): string {
    const [innermost] = this.#session.frames();
    const packet = contextPacket(this.#target.machine.runtime, innermost!.image);
    if (!packet) return 'the program sees no packet\n';
    return hexRows(packet, (at) => String(at).padStart(4), false);
  }

  /** A map as it is at this step. */
  map(name: string): string {
    const map = this.#target.maps[name];
    if (!map) return `there is no map '${name}': ${Object.keys(this.#target.maps).join(', ')}\n`;
    this.#session.frames();
    const dump = new MapContents(map.kernelMap, map.btf, this.#target.machine.cpus);
    return mapText(dump, SHOWN_ENTRIES, this.#width, this.#style);
  }

  /** Instructions around the one that comes next. */
  disassembly(): string {
    const { image, insn } = this.#session.place();
    const code = codeOf(image);
    const lines: string[] = [];
    for (let i = Math.max(0, insn - AROUND); i < Math.min(code.length, insn + AROUND + 1); i++) {
      if (i > 0 && code.op[i - 1] === LD_IMM64) continue;
      lines.push(`${i === insn ? this.#style.bold('→') : ' '} ${insnText(image, i)}\n`);
    }
    return lines.join('');
  }

  /** Lines that have code around the one that comes next, as the object has them. */
  listing(): string {
    const { image, line } = this.#session.place();
    if (!line) return 'the object has no source lines\n';
    const texts = new Map<number, string>();
    for (const one of image.lines) if (one.file === line.file) texts.set(one.line, one.text);
    const numbers = [...texts.keys()].sort((a, b) => a - b);
    const here = numbers.indexOf(line.line);
    return numbers
      .slice(Math.max(0, here - AROUND), here + AROUND + 1)
      .map((n) => {
        const mark = n === line.line ? this.#style.bold('→') : ' ';
        return `${mark} ${String(n).padStart(4)} ${texts.get(n)}\n`;
      })
      .join('');
  }
}

function shortened(text: string, room: number): string {
  const most = Math.max(LEAST_VALUE, room);
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

export function insnText(image: ProgramImage, insn: number): string {
  const text = kernelText(codeOf(image), insn, { helper: bpfHelperName });
  return `${String(insn).padStart(4)}: ${text}`;
}

function hexRows(bytes: Uint8Array, label: (at: number) => string, skipZeros: boolean): string {
  const rows: string[] = [];
  for (let at = 0; at < bytes.length; at += ROW) {
    const row = bytes.subarray(at, at + ROW);
    if (skipZeros && row.every((byte) => byte === 0)) continue;
    const digits = hexBytes(row, ' ');
    rows.push(`  ${label(at).padStart(7)}  ${digits}\n`);
  }
  return rows.join('');
}

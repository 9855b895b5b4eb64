import { helperName } from '../abi/names.ts';
import { type Code, decodeCode, kernelText } from '../isa/index.ts';
import type { ObjectFile, ProgramSpec, Relocation, SourceLine } from '../object/index.ts';
import type { CommandCall } from './command.ts';
import { EXIT, usageError } from './exit.ts';
import { readObject } from './files.ts';
import { type CliIo, type Style, styleFor } from './io.ts';
import { didYouMean } from './suggest.ts';
import { hex, toJson } from './values.ts';

const LD_IMM64 = 0x18;
const PSEUDO_CALL = 1;

/**
 * `beeyard prog dump xlated`: the listing bpftool prints, before a kernel has rewritten anything.
 */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const object = readObject(call.operands[0]!, io);
  const programs = choose(object, call.operands[1]);
  if (call.json) {
    const json = programs.map((one) => ({ name: one.name, insns: jsonLines(one) }));
    io.out(`${toJson(json, call.flag('pretty'))}\n`);
    return EXIT.ok;
  }
  const style = styleFor(io.color);
  const options = { opcodes: call.flag('opcodes'), linum: call.flag('linum') };
  const texts = programs.map((one) => {
    const heading = programs.length > 1 ? `${style.bold(`${one.section}: ${one.name}`)}\n` : '';
    return heading + listing(one, options, style);
  });
  io.out(texts.join('\n'));
  return EXIT.ok;
}

function choose(object: ObjectFile, name: string | undefined): readonly ProgramSpec[] {
  if (name === undefined) return object.programs;
  const found = object.programs.filter((one) => one.name === name);
  if (found.length > 0) return found;
  const names = object.programs.map((one) => one.name);
  throw usageError(`the object has no program '${name}'${didYouMean(name, names)}`);
}

/** Text of one instruction; symbols stand where a kernel would put addresses. */
function textOf(program: ProgramSpec): (code: Code, i: number) => string {
  const relocations = new Map(program.relocations.map((one) => [one.insn, one]));
  const functions = new Map(program.functions.map((one) => [one.start, one.name]));
  return (code, i) =>
    kernelText(code, i, {
      helper: (id) => helperName(id) && `bpf_${helperName(id)}`,
      callee: (_, at) => {
        const relocation = relocations.get(at);
        if (relocation) return symbolOf(relocation);
        return code.src[at] === PSEUDO_CALL ? functions.get(at + 1 + code.imm[at]!) : undefined;
      },
      constant: (_, at) => {
        const relocation = relocations.get(at);
        return relocation && symbolOf(relocation);
      },
    });
}

function symbolOf(relocation: Relocation): string {
  switch (relocation.kind) {
    case 'map':
      return `map[${relocation.map}]`;
    case 'map_value':
      return `map[${relocation.map}][0]+${relocation.offset}`;
    case 'extern':
      return relocation.extern;
  }
}

interface ListingOptions {
  readonly opcodes: boolean;
  readonly linum: boolean;
}

function listing(program: ProgramSpec, options: ListingOptions, style: Style): string {
  const code = decodeCode(program.insns);
  const text = textOf(program);
  const functions = new Map(program.functions.map((one) => [one.start, one.name]));
  const lines = new Map(program.lines.map((one) => [one.insn, one]));
  let out = '';
  let last: SourceLine | undefined;
  for (let i = 0; i < code.length; i += code.op[i] === LD_IMM64 ? 2 : 1) {
    const name = functions.get(i);
    if (name !== undefined) out += `${style.bold(`${name}:`)}\n`;
    const line = lines.get(i);
    if (line && (options.linum || !sameLine(line, last))) out += sourceText(line, options, style);
    last = line ?? last;
    out += `${String(i).padStart(4)}: ${text(code, i)}\n`;
    if (options.opcodes) out += `       ${style.dim(opcodes(program, code, i))}\n`;
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

function opcodes(program: ProgramSpec, code: Code, i: number): string {
  const size = code.op[i] === LD_IMM64 ? 16 : 8;
  return hex(program.insns.subarray(8 * i, 8 * i + size), ' ');
}

function jsonLines(program: ProgramSpec): object[] {
  const code = decodeCode(program.insns);
  const text = textOf(program);
  const lines = new Map(program.lines.map((one) => [one.insn, one]));
  const all: object[] = [];
  for (let i = 0; i < code.length; i += code.op[i] === LD_IMM64 ? 2 : 1) {
    const line = lines.get(i);
    all.push({
      ...(line ? { src: line.text.trim(), file: line.file, line_num: line.line } : {}),
      insn: i,
      disasm: text(code, i),
    });
  }
  return all;
}

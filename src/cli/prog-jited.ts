import { KernelError, VerifierError } from '../base/index.ts';
import { loadObject } from '../client/index.ts';
import { functionText, keepingEngine, wasmFunctions } from '../engine/wasm/index.ts';
import { bootMachine } from '../machine/index.ts';
import type { ObjectFile } from '../object/index.ts';
import type { CommandCall } from './command.ts';
import { EXIT, usageError } from './exit.ts';
import { readObject, writeBytes } from './files.ts';
import { type CliIo, styleFor } from './io.ts';
import { type NumberedProgram, numberedPrograms, takePrograms } from './prog-choice.ts';
import { headerJson } from './prog-show.ts';
import { toJson } from './values.ts';

/**
 * `beeyard prog dump jited`: what a program is compiled to. A kernel's JIT makes machine code, ours
 * WebAssembly; this is its text, with bpftool's keys.
 */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const object = readObject(call.operands[0]!, io);
  const words = call.operands.slice(1);
  const all = await numberedPrograms(object);
  const { chosen, named } = takePrograms(all, words, ['file']);
  const file = fileOf(call, words);
  if (file !== undefined && chosen.length !== 1) {
    throw usageError("'file' is for one program: name it");
  }
  const { modules, refused } = await compileAll(object, chosen);
  for (const error of refused) {
    if (named) throw error;
    io.err(`${error.message}\n`);
  }
  if (file !== undefined) {
    writeBytes(file, modules[0]!.bytes, io);
    if (call.json) io.out('null\n');
  } else if (call.json) {
    const json = modules.map((one) => functionsJson(one.bytes));
    const full = modules.map(({ program }, i) => {
      return { ...headerJson(program, object), insns: json[i] };
    });
    io.out(`${toJson(named ? json[0] : full, call.flag('pretty'))}\n`);
  } else {
    const style = styleFor(io.color);
    io.out(modules.map((one) => moduleText(one, style.bold)).join('\n'));
  }
  return refused.length > 0 ? EXIT.finding : EXIT.ok;
}

function fileOf(call: CommandCall, words: readonly string[]): string | undefined {
  const [word, path, more] = words;
  if (word === undefined) return call.text('file');
  if (word === '' || !'file'.startsWith(word)) {
    throw usageError(`after PROG comes 'file FILE', not '${word}'`);
  }
  if (path === undefined) throw usageError("'file' needs a path");
  if (more !== undefined) throw usageError(`what is '${more}' behind the file?`);
  return path;
}

interface CompiledProgram {
  readonly program: NumberedProgram;
  readonly bytes: Uint8Array;
}

interface Compilation {
  readonly modules: readonly CompiledProgram[];
  /** Why a kernel or this machine does not load a program. */
  readonly refused: readonly Error[];
}

async function compileAll(
  object: ObjectFile,
  chosen: readonly NumberedProgram[],
): Promise<Compilation> {
  const modules: CompiledProgram[] = [];
  const refused: Error[] = [];
  for (const program of chosen) {
    try {
      modules.push({ program, bytes: await compiled(object, program.program.name) });
    } catch (error) {
      if (!(error instanceof KernelError) && !(error instanceof VerifierError)) throw error;
      refused.push(error);
    }
  }
  return { modules, refused };
}

/** Loads one program on a machine of its own, whose engine keeps what it compiles. */
async function compiled(object: ObjectFile, name: string): Promise<Uint8Array> {
  let bytes: Uint8Array = new Uint8Array();
  const engine = keepingEngine((program, module) => {
    if (program === name) bytes = module;
  });
  const { machine } = await bootMachine({ engine });
  loadObject(machine, object, { programs: [name] });
  return bytes;
}

/** Functions and instructions with the keys bpftool has for a JIT's. */
function functionsJson(bytes: Uint8Array): object[] {
  return wasmFunctions(bytes).map(({ name, insns }) => ({
    name,
    insns: insns.map(({ offset, text }) => {
      const [operation, ...operands] = text.replace(/ +(;;.*|\(;.*)$/, '').split(' ');
      return { pc: `0x${offset.toString(16)}`, operation, operands };
    }),
  }));
}

function moduleText({ program, bytes }: CompiledProgram, bold: (text: string) => string): string {
  const { section, name } = program.program;
  const head = bold(`${section}: ${name}: WebAssembly, ${bytes.length} bytes`);
  return `${head}\n${wasmFunctions(bytes).map(functionText).join('')}`;
}

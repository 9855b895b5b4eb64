#!/usr/bin/env node
/**
 * `beeyard-conformance`: the plug-in that the public bpf_conformance suite starts once per test.
 *
 *     beeyard-conformance [MEMORY] [--elf] [--program NAME] [--engine wasm|interpreter]
 *
 * The program comes as hex on standard input (instructions, or an ELF object with --elf), the
 * memory r1 points to as hex in the argument; r2 is its length. r0 goes to standard output in hex.
 * When the program faults or the input is wrong, a message goes to standard error and the exit code
 * is not 0.
 */
import { readFileSync, realpathSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { ProgramTypeDef } from '../abi/index.ts';
import { FormatError, KernelError } from '../base/index.ts';
import { BareFault, runBare } from '../engine/index.ts';
import { engineNamed } from '../machine/create.ts';
import { link } from '../machine/link.ts';
import { Machine } from '../machine/machine.ts';
import {
  type ObjectFile,
  parseObject,
  type ProgramSpec,
  relocateProgram,
} from '../object/index.ts';
import { EXIT } from './exit.ts';

interface Call {
  readonly memory: Uint8Array;
  readonly elf: boolean;
  readonly program: string | undefined;
  readonly engine: 'wasm' | 'interpreter';
}

/** Bytes written as hex digits, white space anywhere. Throws `FormatError`. */
export function parseHex(text: string, what: string): Uint8Array {
  const digits = text.replace(/\s|\b0x/g, '');
  const bad = digits.search(/[^0-9a-fA-F]/);
  if (bad >= 0) throw new FormatError(what, bad >> 1, `'${digits[bad]}' is no hex digit`);
  if (digits.length % 2 !== 0) {
    throw new FormatError(what, digits.length >> 1, 'an odd number of hex digits');
  }
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

class UsageError extends Error {}

/** `--elf` may be followed by true or false, as some runners write it. */
function parseCall(args: readonly string[]): Call {
  const { values, positionals } = parseArgs({
    args: args.flatMap((arg, i) => (isElfValue(args, i) ? [] : [arg])),
    allowPositionals: true,
    options: {
      elf: { type: 'boolean' },
      program: { type: 'string' },
      engine: { type: 'string', default: 'wasm' },
    },
  });
  if (positionals.length > 1) throw new UsageError('more than one argument: memory is one word');
  if (values.engine !== 'wasm' && values.engine !== 'interpreter') {
    throw new UsageError(`there is no engine '${values.engine}': wasm or interpreter`);
  }
  return {
    memory: parseHex(positionals[0] ?? '', 'memory'),
    elf: values.elf === true && args[args.indexOf('--elf') + 1] !== 'false',
    program: values.program,
    engine: values.engine,
  };
}

const isElfValue = (args: readonly string[], i: number) =>
  args[i - 1] === '--elf' && (args[i] === 'true' || args[i] === 'false');

/** The program as instructions and functions; of an object, with its maps made and linked. */
function loadInput(bytes: Uint8Array, call: Call, machine: Machine) {
  if (!call.elf) return { insns: bytes };
  const object = parseObject(bytes);
  const spec = chooseProgram(object, call.program);
  const maps = new Map(object.maps.map((map) => [map.name, machine.createMap(map).runtimeMap]));
  for (const { name, initialValue } of object.maps) {
    if (initialValue) maps.get(name)!.valueBytes(0).set(initialValue);
  }
  const { insns, functions } = link(spec, relocateProgram(object, spec, undefined), 1, BARE_TYPE, {
    runtime: machine.runtime,
    mapAddress: (name) => maps.get(name)!.address,
  });
  return { insns, functions };
}

const BARE_TYPE: ProgramTypeDef = {
  name: 'bare',
  id: 0,
  context: { struct: 'memory', size: 0, allocated: 0, fields: [] },
};

function chooseProgram(object: ObjectFile, name: string | undefined): ProgramSpec {
  const found = object.programs.find((program) => name === undefined || program.name === name);
  if (found) return found;
  const what = name === undefined ? 'no program' : `no program '${name}'`;
  throw new FormatError('ELF', 0, `the object has ${what}`);
}

/** One call of the plug-in: what goes to standard output, or throws. */
export async function conformance(args: readonly string[], input: string): Promise<string> {
  const call = parseCall(args);
  const bytes = parseHex(input, 'program');
  const engine = await engineNamed(call.engine);
  const machine = new Machine({ engine, subsystems: [] });
  const program = loadInput(bytes, call, machine);
  const { memory } = call;
  const { r0 } = runBare(engine, machine.runtime, { ...program, memory, checks: true });
  return `${r0.toString(16)}\n`;
}

function exitCodeOf(error: unknown): number {
  if (error instanceof BareFault || error instanceof KernelError) return EXIT.finding;
  if (error instanceof FormatError) return EXIT.input;
  const usage = error instanceof UsageError || error instanceof TypeError;
  return usage ? EXIT.usage : EXIT.bug;
}

const HELP = `beeyard-conformance – run one BPF program for the public bpf_conformance suite

Usage: beeyard-conformance [MEMORY] [--elf] [--program NAME] [--engine wasm|interpreter]

Reads the program as hex from standard input (instructions, or an ELF object with
--elf). r1 points to MEMORY, given as hex; r2 is its length. Prints r0 as hex.

Example:
  echo 'b7 00 00 00 2a 00 00 00 95 00 00 00 00 00 00 00' | beeyard-conformance
`;

async function runProcess(): Promise<void> {
  if (process.argv.includes('--help')) {
    process.stdout.write(HELP);
    return;
  }
  try {
    process.stdout.write(await conformance(process.argv.slice(2), readFileSync(0, 'latin1')));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = exitCodeOf(error);
  }
}

const started = process.argv[1];
if (started && import.meta.url === pathToFileURL(realpathSync(started)).href) await runProcess();

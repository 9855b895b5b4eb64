import { FormatError } from '../../base/index.ts';
import { readCode } from '../callee.ts';
import type { CompileOptions, ProgramImage } from '../types.ts';
import { defineBatch, defineCallback, defineRun } from './entries.ts';
import { type Facts, World } from './facts.ts';
import { compileChunk, compileFunction } from './function.ts';
import { buildGraph } from './graph.ts';
import { inlinePolicy } from './inline.ts';
import { ModuleContext } from './module.ts';
import { analyseProgram, type Program } from './program.ts';
import { describeSubprograms } from './subprograms.ts';

/** What must be kept with a module's bytes to use them. Plain data: JSON, postMessage. */
export interface ModuleMetadata {
  /** Subprograms that are callbacks: exports `callback<k>`, imports `slot.<k>`. */
  readonly callbacks: readonly number[];
  /** Loop iterations a run of a callback by itself (a timer's) may make; absent: as by default. */
  readonly fuel?: number;
  /** First instruction and one past the last, of each counter. Empty unless profiling. */
  readonly counters: readonly (readonly [number, number])[];
}

export interface CompiledModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly metadata: ModuleMetadata;
}

/**
 * Compiles a program to a WebAssembly module. A pure function: the same image, options and facts
 * give the same bytes, so the result may be cached and sent to workers.
 *
 * Throws FormatError when there is no instruction at all; anything else that cannot run becomes a
 * fault at run time.
 */
export function compileToWasm(
  image: ProgramImage,
  options: CompileOptions,
  facts: Facts,
): CompiledModule {
  const code = readCode(image);
  if (code.length === 0) throw new FormatError('BPF code', 0, 'a program has no instructions');
  const world = new World(image, options, facts);
  const program = analyseProgram(code, image.functions, {
    throws: (id) => world.helper(id)?.throws === true,
    callback: image.exceptionCallback,
  });
  const infos = describeSubprograms(world, program);
  const module = new ModuleContext(world, program, infos);
  compileAll(module);
  return { bytes: module.builder.finish(), metadata: metadataOf(world, program) };
}

/** Changes whenever the same input may give other bytes than before. */
const COMPILER_VERSION = 4;

/**
 * Everything the bytes of `compileToWasm` depend on, as text: bytes that were made for one key may
 * be used wherever the key is the same. Long; hash it (SHA-256) to name a file.
 */
export function cacheKey(image: ProgramImage, options: CompileOptions, facts: Facts): string {
  const { name, id, programType, functions, context, exceptionCallback } = image;
  const { checks, profile, fuel, watch } = options;
  const insns = Array.from(image.insns, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const program = { name, id, programType, functions, context, exceptionCallback, insns };
  return JSON.stringify([COMPILER_VERSION, program, { checks, profile, fuel, watch }, facts]);
}

function compileAll(module: ModuleContext): void {
  const { builder, program } = module;
  const policy = inlinePolicy(program, module.infos);
  builder.exportFunction('entry', module.entry);
  builder.define(module.entry, compileFunction(module, buildGraph(program, 0, policy), true));
  for (const k of program.callbacks) defineCallback(module, k);
  const done = new Set<number>();
  for (let todo = module.declared(); todo.length > 0; ) {
    for (const k of todo) {
      const body = compileFunction(module, buildGraph(program, k, policy), false);
      builder.define(module.signature(k).index, body);
      done.add(k);
    }
    todo = module.declared().filter((k) => !done.has(k));
  }
  defineRun(module);
  defineBatch(module, compileChunk(module, buildGraph(program, 0, policy)));
}

function metadataOf(world: World, program: Program): ModuleMetadata {
  const { start, end, count } = program.blocks;
  const counters = Array.from(
    { length: world.options.profile ? count : 0 },
    (_, b) => [start[b], end[b]] as const,
  );
  const { fuel } = world.options;
  const callbacks = [...program.callbacks];
  return { callbacks, counters, ...(fuel === undefined ? {} : { fuel }) };
}

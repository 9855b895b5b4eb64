import { hexBytes } from '../../base/index.ts';
import type { CompileOptions, ProgramImage } from '../types.ts';
import { type Draft, draftOf, metadataOf, type ModuleMetadata } from './draft.ts';
import { ModuleBuilder } from './encoder.ts';
import { defineBatch, defineCallback, defineRun } from './entries.ts';
import type { Facts } from './facts.ts';
import { compileChunk, compileFunction } from './function.ts';
import { buildGraph } from './graph.ts';
import { ModuleImports } from './imports.ts';
import { inlinePolicy } from './inline.ts';
import { ModuleContext } from './module.ts';
import { namesFor } from './names.ts';

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
  const draft = draftOf(image, options, facts);
  return { bytes: compilePack([draft]).bytes, metadata: metadataOf(draft) };
}

/** Where the functions of a program are in its module. */
export interface Span {
  readonly offset: number;
  readonly bytes: number;
}

/** Compiles several programs to one module, which each has its functions in, side by side. */
export function compilePack(drafts: readonly Draft[]): {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly spans: readonly Span[];
} {
  const builder = new ModuleBuilder();
  const names = namesFor(drafts.map(({ world }) => world.image));
  const imports = drafts.map((draft, k) => new ModuleImports(builder, draft, names[k]));
  const starts = drafts.map((draft, k) => {
    const start = builder.declared;
    compileAll(new ModuleContext(imports[k], draft));
    return start;
  });
  const bytes = builder.finish();
  const spans = starts.map((start, k) => {
    const offset = builder.offsetOf(start);
    return { offset, bytes: builder.offsetOf(starts[k + 1] ?? builder.declared) - offset };
  });
  return { bytes, spans };
}

/** Changes whenever the same input may give other bytes than before. */
const COMPILER_VERSION = 6;

/**
 * Everything the bytes of `compileToWasm` depend on, as text: bytes that were made for one key may
 * be used wherever the key is the same. Long; hash it (SHA-256) to name a file.
 */
export function cacheKey(image: ProgramImage, options: CompileOptions, facts: Facts): string {
  const { name, id, programType, functions, context, exceptionCallback } = image;
  const { checks, profile, fuel, watch } = options;
  const insns = hexBytes(image.insns);
  const program = { name, id, programType, functions, context, exceptionCallback, insns };
  return JSON.stringify([COMPILER_VERSION, program, { checks, profile, fuel, watch }, facts]);
}

function compileAll(module: ModuleContext): void {
  const { builder, program } = module;
  const policy = inlinePolicy(program, module.infos);
  module.exportFunction('entry', module.entry);
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

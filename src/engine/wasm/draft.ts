import { FormatError } from '../../base/index.ts';
import { readCode } from '../callee.ts';
import type { CompileOptions, ProgramImage } from '../types.ts';
import { type Facts, World } from './facts.ts';
import { analyseProgram, type Program } from './program.ts';
import { describeSubprograms, type SubprogramInfo } from './subprograms.ts';

/** A program read and cut into blocks: all that can be known before it has a place in a module. */
export interface Draft {
  readonly world: World;
  readonly program: Program;
  readonly infos: readonly SubprogramInfo[];
}

/** Throws FormatError when there is no instruction at all. */
export function draftOf(image: ProgramImage, options: CompileOptions, facts: Facts): Draft {
  const code = readCode(image);
  if (code.length === 0) throw new FormatError('BPF code', 0, 'a program has no instructions');
  const world = new World(image, options, facts);
  const program = analyseProgram(code, image.functions, {
    throws: (id) => world.helper(id)?.throws === true,
    callback: image.exceptionCallback,
  });
  return { world, program, infos: describeSubprograms(world, program) };
}

/** What must be kept with a module's bytes to use them. Plain data: JSON, postMessage. */
export interface ModuleMetadata {
  /** Subprograms that are callbacks: exports `callback<k>`, imports `slot.<k>`. */
  readonly callbacks: readonly number[];
  /** Loop iterations a run of a callback by itself (a timer's) may make; absent: as by default. */
  readonly fuel?: number;
  /** First instruction and one past the last, of each counter. Empty unless profiling. */
  readonly counters: readonly (readonly [number, number])[];
}

export function metadataOf({ world, program }: Draft): ModuleMetadata {
  const { start, end, count } = program.blocks;
  const counters = Array.from(
    { length: world.options.profile ? count : 0 },
    (_, b) => [start[b], end[b]] as const,
  );
  const { fuel } = world.options;
  const callbacks = [...program.callbacks];
  return { callbacks, counters, ...(fuel === undefined ? {} : { fuel }) };
}

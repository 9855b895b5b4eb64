import {
  type CompileOptions,
  type Engine,
  type EngineCodeMemory,
  type LoadedCode,
  type ProgramImage,
} from '../../src/engine/index.ts';
import { wasmEngine } from '../../src/engine/wasm/index.ts';
import { assemble, encodeCode } from '../../src/isa/index.ts';
import type { Runtime } from '../../src/runtime/types.ts';

const memories = new WeakMap<Runtime, EngineCodeMemory>();

const memoryOf = (runtime: Runtime): EngineCodeMemory => {
  const known = memories.get(runtime);
  const memory = known ?? wasmEngine.codeMemory!(runtime, { packSize: 3 });
  memories.set(runtime, memory);
  return memory;
};

let nextNeighbour = 1_000_000;

/** A small program of another type, with a callback, that calls helpers others call too. */
function neighbour(context: ProgramImage['context']): ProgramImage {
  const { code } = assemble('call 5\ncall 8\ncall 7\nr1 = 2 ll\nr0 = 0\nexit\nr0 = 1\nexit');
  code.src[3] = 4;
  code.imm[3] = 3;
  const insns = encodeCode(code);
  const functions = [{ name: 'neighbour', start: 0 }];
  return { name: 'neighbour', id: nextNeighbour++, insns, functions, lines: [], context };
}

/**
 * The wasm engine, with each program between two others in its module. With `moved` the one before
 * it is then unloaded and the pack packed anew.
 */
function engineOf(moved: boolean): Engine {
  const load = (image: ProgramImage, runtime: Runtime, options: CompileOptions): LoadedCode => {
    const memory = memoryOf(runtime);
    const aside = () => memory.load(neighbour(image.context), options);
    const [before, code] = memory.together(() => {
      const before = aside();
      const code = memory.load(image, options);
      aside();
      return [before, code] as const;
    });
    if (moved) {
      before.dispose();
      memory.recompact({ waste: 0 });
    }
    return code;
  };
  return { name: 'wasm', load };
}

export const packedEngine = engineOf(false);
export const movedEngine = engineOf(true);

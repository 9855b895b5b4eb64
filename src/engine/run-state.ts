import {
  C_CTX,
  C_FUEL,
  C_INTERPRETER,
  C_STACK_END,
  C_STACK_TOP,
  CPU_REGIONS,
  REGION_CTX,
  REGION_PACKET,
  REGION_SIZE,
} from '../runtime/layout.ts';
import type { Runtime } from '../runtime/types.ts';

/** Words C_CTX .. C_FUEL of the CPU block: what a run changes there. */
const STATE_WORDS = (C_FUEL + 8 - C_CTX) >>> 2;
const REGION_WORDS = ((Math.max(REGION_PACKET, REGION_CTX) + 1) * REGION_SIZE) >>> 2;

/** Whether a program runs on this CPU. */
export function isRunning(runtime: Runtime): boolean {
  const { cpuBlock } = runtime;
  return runtime.u32()[(cpuBlock + C_STACK_TOP) >>> 2] !== cpuBlock + C_STACK_END;
}

/**
 * What a run on this CPU will change and must put back, if it starts while another one is going on
 * (a helper's body in JavaScript may run programs), else undefined.
 */
export function saveRun(runtime: Runtime): Uint32Array | undefined {
  if (!isRunning(runtime)) return undefined;
  const words = runtime.u32();
  const block = runtime.cpuBlock >>> 2;
  const saved = new Uint32Array(STATE_WORDS + REGION_WORDS + 1);
  const state = block + (C_CTX >>> 2);
  const regions = block + (CPU_REGIONS >>> 2);
  saved.set(words.subarray(state, state + STATE_WORDS));
  saved.set(words.subarray(regions, regions + REGION_WORDS), STATE_WORDS);
  saved[STATE_WORDS + REGION_WORDS] = words[block + (C_INTERPRETER >>> 2)]!;
  return saved;
}

/** Puts back what `saveRun` found. Needed after a nested run, and after any run that trapped. */
export function restoreRun(runtime: Runtime, saved: Uint32Array | undefined): void {
  const words = runtime.u32();
  const block = runtime.cpuBlock >>> 2;
  if (saved === undefined) {
    words[block + (C_STACK_TOP >>> 2)] = runtime.cpuBlock + C_STACK_END;
    words[block + (C_INTERPRETER >>> 2)] = 0;
    return;
  }
  words.set(saved.subarray(0, STATE_WORDS), block + (C_CTX >>> 2));
  words.set(saved.subarray(STATE_WORDS, STATE_WORDS + REGION_WORDS), block + (CPU_REGIONS >>> 2));
  words[block + (C_INTERPRETER >>> 2)] = saved[STATE_WORDS + REGION_WORDS]!;
}

import {
  C_CTX,
  C_FUEL,
  C_INTERPRETER,
  C_STACK_END,
  C_STACK_TOP,
  CPU_REGIONS,
  REGION_CTX,
  REGION_OBJECT,
  REGION_PACKET,
  REGION_SIZE,
} from '../runtime/layout.ts';
import type { Runtime } from '../runtime/types.ts';

/** Words C_CTX .. C_FUEL of the CPU block: what a run changes there. */
const STATE_WORDS = (C_FUEL + 8 - C_CTX) >>> 2;
/** Regions that hooks and helpers define anew for a run. */
const OF_A_RUN = [REGION_PACKET, REGION_CTX, REGION_OBJECT].map(
  (region) => (CPU_REGIONS + region * REGION_SIZE) >>> 2,
);
const REGION_WORDS = REGION_SIZE >>> 2;
const SAVED_REGIONS = STATE_WORDS + 1;

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
  const saved = new Uint32Array(SAVED_REGIONS + OF_A_RUN.length * REGION_WORDS);
  const state = block + (C_CTX >>> 2);
  saved.set(words.subarray(state, state + STATE_WORDS));
  saved[STATE_WORDS] = words[block + (C_INTERPRETER >>> 2)]!;
  OF_A_RUN.forEach((region, i) => {
    const record = words.subarray(block + region, block + region + REGION_WORDS);
    saved.set(record, SAVED_REGIONS + i * REGION_WORDS);
  });
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
  words[block + (C_INTERPRETER >>> 2)] = saved[STATE_WORDS]!;
  OF_A_RUN.forEach((region, i) => {
    const at = SAVED_REGIONS + i * REGION_WORDS;
    words.set(saved.subarray(at, at + REGION_WORDS), block + region);
  });
}

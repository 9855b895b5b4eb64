/**
 * What one instance of the module knows of itself: the CPU it works for. These two globals are set
 * once, when the instance is made; everything else is in linear memory, shared with the others.
 */
import {
  CPU_BLOCK_SIZE,
  CPU_REGIONS,
  C_CPU,
  C_PRANDOM,
  C_STACK,
  C_STACK_END,
  C_STACK_TOP,
  FIRST_SHARED_REGION,
  GLOBALS,
  G_CPUS,
  G_CPU_BLOCKS,
  G_HEAP_END,
  G_HEAP_NEXT,
  G_RANDOM,
  G_REGION_NEXT,
  G_SEED,
  G_TIMER_DUE,
  HEAP_START,
  REGION_SIZE,
  REGION_STACK,
  R_END,
  R_START,
} from '../layout';
import { heap_alloc } from './memory';

/** Address of this CPU's block. */
export let cpu_block: u32 = 0;
/** This CPU's number. */
export let cpu_number: u32 = 0;

/** splitmix64: the step of all seeding streams. `state` is the address of a u64. */
export function random_next(state: u32): u64 {
  const s = load<u64>(state) + 0x9e3779b97f4a7c15;
  store<u64>(state, s);
  let z = (s ^ (s >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

function initCpu(block: u32, cpu: u32): void {
  store<u32>(block, cpu, C_CPU);
  store<u32>(block, block + C_STACK_END, C_STACK_TOP);
  const stack = block + CPU_REGIONS + REGION_STACK * REGION_SIZE;
  store<u32>(stack, block + C_STACK, R_START);
  store<u32>(stack, block + C_STACK_END, R_END);
  store<u64>(block, random_next(GLOBALS + G_RANDOM), C_PRANDOM);
  store<u64>(block, random_next(GLOBALS + G_RANDOM), C_PRANDOM + 8);
}

/** Makes fresh memory a machine of `cpus` CPUs. Returns 0, or a negative errno. */
export function runtime_init(cpus: u32, seed: u64): i32 {
  store<u32>(GLOBALS, HEAP_START, G_HEAP_NEXT);
  store<u32>(GLOBALS, (<u32>memory.size()) << 16, G_HEAP_END);
  store<u32>(GLOBALS, FIRST_SHARED_REGION, G_REGION_NEXT);
  store<u32>(GLOBALS, cpus, G_CPUS);
  store<u64>(GLOBALS, seed, G_SEED);
  store<u64>(GLOBALS, seed, G_RANDOM);
  store<i64>(GLOBALS, i64.MAX_VALUE, G_TIMER_DUE);
  const blocks = heap_alloc(cpus * CPU_BLOCK_SIZE, 0x1000);
  if (blocks == 0) return -12;
  store<u32>(GLOBALS, blocks, G_CPU_BLOCKS);
  for (let cpu: u32 = 0; cpu < cpus; cpu++) initCpu(blocks + cpu * CPU_BLOCK_SIZE, cpu);
  return 0;
}

/** From now on this instance works for `cpu`. Returns the address of its block. */
export function runtime_enter(cpu: u32): u32 {
  cpu_number = cpu;
  cpu_block = load<u32>(GLOBALS, G_CPU_BLOCKS) + cpu * CPU_BLOCK_SIZE;
  return cpu_block;
}

/** Programs that begin now are on that CPU; they use the block of this one. */
export function runtime_act_as(cpu: u32): void {
  cpu_number = cpu;
  store<u32>(cpu_block, cpu, C_CPU);
}

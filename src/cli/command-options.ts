/** Options that several commands have. */
import type { OptionDef } from './command.ts';

export const ENGINE: OptionDef = {
  type: 'string',
  value: 'NAME',
  choices: ['wasm', 'interpreter'],
  help: 'wasm (compiled, default) or interpreter',
};

export const GLOBALS: OptionDef = {
  type: 'string',
  short: 'g',
  multiple: true,
  value: 'NAME=VALUE',
  help: 'set a global variable or a member of one (config.limit=5) before loading',
};

export const MAP_ENTRIES: OptionDef = {
  type: 'string',
  short: 'm',
  multiple: true,
  value: 'MAP:KEY=VALUE',
  help: 'put an entry into a map before running',
};

export const BASE_BTF: OptionDef = {
  type: 'string',
  short: 'B',
  value: 'FILE',
  help: 'the BTF that this one continues (of a kernel, for a module)',
};
/** Read by map-hash.ts. */
export const MAP_HASH: OptionDef = {
  type: 'string',
  value: 'NAME',
  choices: ['jhash', 'xxh32', 'xxh3', 'siphash', 'murmur3'],
  help: "hash of hash maps' keys: jhash (as Linux, default), xxh32, xxh3, siphash, murmur3",
};
export const SEED: OptionDef = {
  type: 'string',
  value: 'N',
  help: 'seed of the machine, so of its hash maps and random numbers (default 0)',
};
export const KFUNCS: OptionDef = {
  type: 'string',
  value: 'FILE',
  help: 'kernel functions of your own: a module that exports what kfunc() made',
};
/** Read by kernel-parts.ts. */
export const WITH: OptionDef = {
  type: 'string',
  value: 'FEATURE',
  choices: ['sched_ext', 'uptr'],
  help: "sched_ext: the kernel is built with it, too, which Debian's is not; uptr: it has 6.13's",
};
/** Read by machine-file.ts. */
export const MACHINE: OptionDef = {
  type: 'string',
  value: 'FILE',
  help: 'the machine that is kept in this file',
};
export const PROG =
  'PROG is NAME, name NAME, tag TAG or id ID; ids are places in the object, from 1.';

export const TARGET: OptionDef = {
  type: 'string',
  value: 'KERNEL',
  choices: ['linux'],
  help: "linux: this computer's kernel, by bpf(2) (as root, with the package koffi)",
};

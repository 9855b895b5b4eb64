export type { BpfSyscall } from '../../kernel/index.ts';
export { type OpenFile, Process } from './process.ts';
export { bpfRaw } from './raw.ts';
export { bpfSyscall } from './syscall.ts';

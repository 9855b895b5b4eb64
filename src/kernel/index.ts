export type * from './cgroup.ts';
export type * from './commands.ts';
export type * from './net.ts';
export type * from './nic.ts';
export type * from './rdma.ts';
export type * from './sockets.ts';
export type * from './types.ts';
export type * from './xsk.ts';

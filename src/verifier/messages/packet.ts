import { defineMessages } from './message.ts';

/** Packets, flow keys and sockets. */
export const packetMessages = defineMessages('packet', {
  no_write: () => 'cannot write into packet',
  outside: (reg: number) => `R${reg} offset is outside of the packet`,
  flow_keys: (off: number, size: number) => `invalid access to flow keys off=${off} size=${size}`,
  socket: (reg: number, type: string, off: number, size: number) =>
    `R${reg} invalid ${type} access off=${off} size=${size}`,
});

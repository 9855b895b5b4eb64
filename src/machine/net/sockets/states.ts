import type { SocketState } from '../../../kernel/index.ts';

// Numbers of include/net/tcp_states.h, which programs see.
export const ESTABLISHED = 1;
export const SYN_SENT = 2;
export const SYN_RECV = 3;
export const FIN_WAIT1 = 4;
export const FIN_WAIT2 = 5;
export const TIME_WAIT = 6;
export const CLOSE = 7;
export const CLOSE_WAIT = 8;
export const LAST_ACK = 9;
export const LISTEN = 10;
export const CLOSING = 11;
export const NEW_SYN_RECV = 12;

const WORDS: readonly SocketState[] = [
  'close',
  'established',
  'syn_sent',
  'syn_recv',
  'fin_wait1',
  'fin_wait2',
  'time_wait',
  'close',
  'close_wait',
  'last_ack',
  'listen',
  'closing',
  'new_syn_recv',
];

export const stateWord = (state: number): SocketState => WORDS[state]!;

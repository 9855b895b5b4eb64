import { MONITOR } from './generated/monitor.ts';

/** The compiled examples/vf-monitor/monitor.bpf.c. */
export const monitorObject = (): Uint8Array =>
  Uint8Array.from(atob(MONITOR), (char) => char.charCodeAt(0));
